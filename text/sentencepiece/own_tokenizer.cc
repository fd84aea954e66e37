// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/own_tokenizer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "text/sentencepiece/bpe.h"
#include "text/sentencepiece/chunk.h"
#include "text/sentencepiece/unigram.h"
#include "text/sentencepiece/utf8.h"

namespace larder::text::internal {
namespace {

// The limit of what segmenter.h's trust holds for; see unigram.h.
constexpr size_t kMaxTextByWords = 256u << 10;
// A thread keeps the working memory of texts up to so many bytes.
constexpr size_t kKept = 1u << 18;

}  // namespace

struct OwnTokenizer::Work {
  std::string padded;  // a text with kChunkPadding zeros behind it
  std::string normalized;
  std::string word;
  std::vector<uint32_t> origin;
  std::vector<Piece> pieces;
  std::vector<int32_t> ids;
};

OwnTokenizer::Work& OwnTokenizer::ThreadWork() {
  thread_local Work work;
  if (work.normalized.capacity() > kKept) work = Work();
  return work;
}

bool OwnTokenizer::Covers(const Model& model) {
  if (model.type == ModelType::kUnigram) return true;
  if (model.type != ModelType::kBpe) return false;
  std::unordered_set<std::string_view> texts;
  for (const Model::Piece& piece : model.pieces) {
    if (IsTextPiece(piece.type)) texts.insert(piece.text);
  }
  return std::none_of(model.pieces.begin(), model.pieces.end(), [&](const Model::Piece& piece) {
    if (IsTextPiece(piece.type)) return false;
    const bool character = CharacterLength(piece.text) == piece.text.size();
    return texts.contains(piece.text) || (character && piece.type != PieceType::kUnknown);
  });
}

OwnTokenizer::OwnTokenizer(const Model& model, Normalizer normalizer)
    : Tokenizer(static_cast<int32_t>(model.pieces.size()), model.unknown_id),
      vocabulary_(model),
      normalizer_(std::move(normalizer)),
      byte_ids_(model.byte_ids),
      engine_(Concat("own ", ModelTypeName(model.type))),
      suffix_(model.treat_whitespace_as_suffix),
      add_dummy_prefix_(model.add_dummy_prefix),
      remove_extra_whitespaces_(model.remove_extra_whitespaces) {}

StatusOr<std::unique_ptr<const OwnTokenizer>> OwnTokenizer::Create(const Model& model,
                                                                   std::string_view name) {
  LARDER_ASSIGN_OR_RETURN(Normalizer normalizer, Normalizer::Create(model, name));
  std::unique_ptr<OwnTokenizer> tokenizer(new OwnTokenizer(model, std::move(normalizer)));
  if (model.type == ModelType::kBpe) {
    LARDER_ASSIGN_OR_RETURN(Bpe bpe,
                            Bpe::Create(model, tokenizer->normalizer_.user_symbols(), name));
    tokenizer->segmenter_ = std::make_unique<const Bpe>(std::move(bpe));
  } else {
    LARDER_ASSIGN_OR_RETURN(Unigram unigram, Unigram::Create(model, name));
    tokenizer->segmenter_ = std::make_unique<const Unigram>(std::move(unigram));
  }
  // Without a space behind the last word of all, that one would be another word than elsewhere.
  const bool last_word_is_different = model.treat_whitespace_as_suffix && !model.add_dummy_prefix;
  if (PiecesKeepToWords(model) && !last_word_is_different) {
    tokenizer->cache_ = std::make_unique<WordCache>();
  }
  return std::unique_ptr<const OwnTokenizer>(std::move(tokenizer));
}

bool OwnTokenizer::PassesSelfTest(const Model& model) const {
  return std::all_of(model.samples.begin(), model.samples.end(), [&](const Model::Sample& sample) {
    Work& work = ThreadWork();
    normalizer_.Normalize(sample.input, work.normalized);
    segmenter_->Segment(work.normalized, work.pieces);
    std::string spelled;
    uint32_t begin = 0;
    for (const Piece& piece : work.pieces) {
      if (!spelled.empty()) spelled.push_back(' ');
      spelled.append(work.normalized, begin, piece.end - begin);
      begin = piece.end;
    }
    return spelled == sample.expected;
  });
}

// Unknown pieces become the pieces of their bytes, or else one with the unknown piece before them.
void OwnTokenizer::AppendIds(std::string_view normalized, const std::vector<Piece>& pieces,
                             std::vector<int32_t>& ids) const {
  uint32_t begin = 0;
  for (const Piece& piece : pieces) {
    if (piece.id != unknown_id()) {
      ids.push_back(piece.id);
    } else if (byte_ids_.empty()) {
      if (ids.empty() || ids.back() != unknown_id()) ids.push_back(unknown_id());
    } else {
      for (const char c : normalized.substr(begin, piece.end - begin)) {
        ids.push_back(byte_ids_[static_cast<unsigned char>(c)]);
      }
    }
    begin = piece.end;
  }
}

// One text on its way by words.
class OwnTokenizer::ByWords {
 public:
  ByWords(const OwnTokenizer& tokenizer, std::string_view text, Work& work,
          std::vector<int32_t>& ids)
      : tokenizer_(tokenizer),
        text_(Padded(text, tokenizer, work.padded)),
        work_(work),
        ids_(ids) {}

  // Returns false if the text has to go the whole way; `ids` is of no use then.
  bool Run() {
    ids_.resize(text_.size() / 4 + 2 * WordCache::kMaxIds);
    size_t at = SkipSeparators(0, 0);
    bool bare = !tokenizer_.add_dummy_prefix_;  // the first word has no space
    while (at < text_.size()) {
      // Where the next words would be is under way while the first is looked at.
      size_t count = 0;
      for (; count < kAhead && at < text_.size(); ++count) {
        Chunk& chunk = ahead_[count];
        const size_t end = ReadChunk(text_, at, tokenizer_.normalizer_, chunk.word);
        chunk.text = text_.substr(at, end - at);
        chunk.hash = WordCache::Hash(chunk.word);
        tokenizer_.cache_->Prefetch(chunk.hash);
        at = SkipSeparators(end, 1);
      }
      if (failed_) return false;
      for (size_t i = 0; i < count; ++i) {
        if (!Add(ahead_[i], bare)) return false;
        bare = false;
      }
    }
    ids_.resize(size_);
    return !failed_;
  }

 private:
  static constexpr size_t kAhead = 16;
  struct Chunk {
    std::string_view text;
    WordCache::Word word;
    uint64_t hash;
  };

  static std::string_view Padded(std::string_view text, const OwnTokenizer& tokenizer,
                                 std::string& padded) {
    tokenizer.normalizer_.SpaceSeparators(text, padded);
    padded.append(kChunkPadding, '\0');
    return std::string_view(padded).substr(0, text.size());
  }

  bool Add(const Chunk& chunk, bool bare) {
    Reserve(WordCache::kMaxIds);
    WordCache::Entry entry;
    if (bare || chunk.word.size == 0 ||
        !tokenizer_.cache_->Find(chunk.word, chunk.hash, ids_.data() + size_, entry)) {
      return Split(chunk, bare);
    }
    Append(entry.count);
    return Trust(entry.trust);
  }

  // Where spaces count, there must be exactly as many as expected between two words.
  size_t SkipSeparators(size_t at, size_t expected) {
    // Mostly there is one.
    if (at < text_.size() && static_cast<unsigned char>(text_.data()[at + 1]) > ' ' &&
        expected == 1) [[likely]] {
      return at + 1;
    }
    const size_t begin = at;
    while (at < text_.size() &&
           tokenizer_.normalizer_.IsSeparator(static_cast<unsigned char>(text_[at]))) {
      ++at;
    }
    if (!tokenizer_.remove_extra_whitespaces_) {
      const bool at_end = begin == text_.size();
      failed_ |= !at_end && (at - begin != expected || at == text_.size());
    }
    return at;
  }

  bool Trust(RoundedTrust trust) {
    lost_ += trust.cost;
    return lost_ >> trust.limit == 0;
  }

  void Reserve(size_t more) {
    if (size_ + more + WordCache::kMaxIds > ids_.size()) ids_.resize(2 * ids_.size() + more);
  }

  bool MeetsUnknown(int32_t first) const {
    const int32_t unknown = tokenizer_.unknown_id();
    return first == unknown && size_ > 0 && ids_[size_ - 1] == unknown;
  }

  // Of the ids behind the last, `count` become more of them.
  void Append(size_t count) {
    if (count > 0 && MeetsUnknown(ids_[size_])) {
      const auto first = ids_.begin() + static_cast<std::ptrdiff_t>(size_);
      std::copy_n(first + 1, --count, first);
    }
    size_ += count;
  }

  // What is not in the cache; it is there afterwards if it fits.
  bool Split(const Chunk& chunk, bool bare) {
    Work& work = work_;
    std::string& normalized = work.normalized;
    normalized.clear();
    if (!tokenizer_.suffix_ && !bare) normalized = kSpaceSymbol;
    const size_t before = normalized.size();
    if (!tokenizer_.normalizer_.NormalizeChunk(chunk.text, normalized)) return false;
    if (normalized.find(' ', before) != std::string::npos) {
      return !bare && SplitWords(std::string_view(normalized).substr(before));
    }
    work.ids.clear();
    RoundedTrust trust;
    if (normalized.size() > before) {
      if (tokenizer_.suffix_) normalized += kSpaceSymbol;
      trust = Segment(normalized);
    } else if (!tokenizer_.remove_extra_whitespaces_ || tokenizer_.suffix_ || bare) {
      // Nothing, but the spaces around it count, or there is one behind nothing but such, or the
      // next word is the first one.
      return false;
    }
    if (!bare && chunk.word.size > 0) {
      tokenizer_.cache_->Insert(chunk.word, chunk.hash, work.ids, trust);
    }
    if (!Trust(trust)) return false;
    AppendWork();
    return true;
  }

  // What lies between two separators and has more spaces in normal form: "a—b" where dashes are
  // spaces. Each of its words is one.
  bool SplitWords(std::string_view normalized) {
    if (!tokenizer_.remove_extra_whitespaces_ || tokenizer_.suffix_) return false;
    for (size_t begin = 0, end; begin < normalized.size(); begin = end + 1) {
      end = std::min(normalized.find(' ', begin), normalized.size());
      if (end == begin) continue;
      work_.word = kSpaceSymbol;
      work_.word += normalized.substr(begin, end - begin);
      if (!Trust(Segment(work_.word))) return false;
      AppendWork();
    }
    return true;
  }

  // Makes the word's ids those in work_.
  RoundedTrust Segment(std::string_view word) {
    const RoundedTrust trust(tokenizer_.segmenter_->SegmentWord(word, work_.pieces));
    work_.ids.clear();
    tokenizer_.AppendIds(word, work_.pieces, work_.ids);
    return trust;
  }

  // The ids in work_ are the next ones.
  void AppendWork() {
    Reserve(work_.ids.size());
    std::copy(work_.ids.begin(), work_.ids.end(),
              ids_.begin() + static_cast<std::ptrdiff_t>(size_));
    Append(work_.ids.size());
  }

  const OwnTokenizer& tokenizer_;
  const std::string_view text_;
  Work& work_;
  std::vector<int32_t>& ids_;
  size_t size_ = 0;     // of ids_, as far as they are known
  uint64_t lost_ = 0;   // what the words have cost so far, in quarters
  bool failed_ = false;
  std::array<Chunk, kAhead> ahead_;
};

Status OwnTokenizer::EncodeText(std::string_view text, std::vector<int32_t>& ids) const {
  Work& work = ThreadWork();
  if (cache_ != nullptr && text.size() <= kMaxTextByWords &&
      ByWords(*this, text, work, ids).Run()) {
    return OkStatus();
  }
  ids.clear();
  normalizer_.Normalize(text, work.normalized);
  segmenter_->Segment(work.normalized, work.pieces);
  AppendIds(work.normalized, work.pieces, ids);
  return OkStatus();
}

Status OwnTokenizer::EncodeTextWithOffsets(std::string_view text,
                                           std::vector<Token>& tokens) const {
  Work& work = ThreadWork();
  normalizer_.Normalize(text, work.normalized, work.origin);
  segmenter_->Segment(work.normalized, work.pieces);
  uint32_t begin = 0;
  bool after_unknown = false;
  for (const Piece& piece : work.pieces) {
    const Token token = {piece.id, work.origin[begin], work.origin[piece.end]};
    const bool unknown = piece.id == unknown_id();
    if (unknown && !byte_ids_.empty()) {
      for (uint32_t i = begin; i < piece.end; ++i) {
        const auto byte = static_cast<unsigned char>(work.normalized[i]);
        tokens.push_back({byte_ids_[byte], token.begin, token.begin});
      }
      tokens.back().end = token.end;
    } else if (unknown && after_unknown) {
      tokens.back().end = token.end;
    } else {
      tokens.push_back(token);
    }
    after_unknown = unknown;
    begin = piece.end;
  }
  return OkStatus();
}

}  // namespace larder::text::internal
