// SPDX-License-Identifier: Apache-2.0
#include "serving/text/pending_texts.h"

#include <algorithm>
#include <unordered_map>

#include "base/bytes.h"
#include "base/parallel.h"
#include "serving/caught.h"

namespace larder::serving {
namespace {

// What is split or encoded between two looks at the deadline: at most so many texts, and no further
// text once there are so many bytes.
constexpr size_t kTextsAtATime = 4'096;
constexpr size_t kBytesAtATime = size_t{256} << 10;
// So many texts take a fast encoder a fraction of a millisecond, many times what a thread costs.
constexpr size_t kTextsPerThread = 64;

size_t NextTexts(std::span<const std::string_view> texts) {
  size_t n = 0;
  for (size_t bytes = 0; n < std::min(texts.size(), kTextsAtATime) && bytes < kBytesAtATime; ++n) {
    bytes += texts[n].size();
  }
  return n;
}

// Calls `work(begin, count)` for piece after piece while somebody waits.
template <typename Work>
Status InPieces(std::span<const std::string_view> texts, const EmbedCall& call, Work&& work) {
  for (size_t begin = 0; begin < texts.size();) {
    LARDER_RETURN_IF_ERROR(CheckDeadline(call));
    const size_t n = NextTexts(texts.subspan(begin));
    LARDER_RETURN_IF_ERROR(work(begin, n));
    begin += n;
  }
  return OkStatus();
}

void Clear(std::span<int8_t> codes) { std::fill(codes.begin(), codes.end(), int8_t{0}); }

}  // namespace

PendingTexts::PendingTexts(const EncoderUse& use, size_t texts, EmbedPriority priority)
    : use_(use), priority_(priority) {
  result_.codes.resize(texts * use.encoder.info().code_size());
  result_.outcomes.resize(texts);
}

std::span<int8_t> PendingTexts::CodesOf(size_t row) {
  const size_t size = use_.encoder.info().code_size();
  return std::span(result_.codes).subspan(row * size, size);
}

StatusOr<PendingTexts> PendingTexts::Start(const EncoderUse& use,
                                           std::span<const std::string_view> texts,
                                           const EmbedCall& call) {
  PendingTexts pending(use, texts.size(), call.priority);
  if (use.encoder.info().element() == text::VectorElement::kInt8) {
    LARDER_RETURN_IF_ERROR(pending.EncodeNow(texts, call));
    return pending;
  }
  LARDER_RETURN_IF_ERROR(pending.TakeTexts(texts, call));
  LARDER_RETURN_IF_ERROR(pending.Submit(call));
  return pending;
}

StatusOr<PendingTexts> PendingTexts::StartTokens(const EncoderUse& use,
                                                 std::vector<std::vector<int32_t>> ids,
                                                 const EmbedCall& call) {
  LARDER_RETURN_IF_ERROR(CheckDeadline(call));
  PendingTexts pending(use, ids.size(), call.priority);
  const int32_t vocab = use.encoder.tokenizer().vocab_size();
  const size_t max_tokens = use.encoder.max_tokens();
  for (size_t i = 0; i < ids.size(); ++i) {
    TextOutcome& outcome = pending.result_.outcomes[i];
    outcome.tokens = static_cast<uint32_t>(ids[i].size());
    const auto known = [&](int32_t id) { return id >= 0 && id < vocab; };
    if (!std::all_of(ids[i].begin(), ids[i].end(), known)) {
      outcome.status = InvalidArgument("a token is not in the vocabulary, whose ids are 0 to ",
                                       vocab - 1);
    } else if (ids[i].size() > max_tokens && call.refuse_truncation) {
      outcome.status = OutOfRange(ids[i].size(), " tokens, the encoder reads ", max_tokens);
    }
    pending.Refuse(call, outcome);
    if (pending.refused_) break;
    if (!outcome.status.ok()) continue;
    outcome.truncated = ids[i].size() > max_tokens;
    ids[i].resize(std::min(ids[i].size(), max_tokens));
    outcome.tokens = static_cast<uint32_t>(ids[i].size());
    pending.tokens_.push_back({std::move(ids[i]), outcome.truncated});
    pending.rows_.push_back({.row = i, .key = std::nullopt});
  }
  LARDER_RETURN_IF_ERROR(pending.Submit(call));
  return pending;
}

Status PendingTexts::EncodeNow(std::span<const std::string_view> texts, const EmbedCall& call) {
  return InPieces(texts, call, [&](size_t first, size_t count) {
    if (refused_) return OkStatus();
    ParallelPieces(count, kTextsPerThread, [&](size_t begin, size_t end) {
      text::TokenizedText tokens;
      for (size_t row = first + begin; row < first + end; ++row) {
        EncodeRow(row, texts[row], call, tokens);
      }
    });
    for (size_t row = first; row < first + count; ++row) Refuse(call, result_.outcomes[row]);
    return OkStatus();
  });
}

// Throws nothing: it may be a helper's.
void PendingTexts::EncodeRow(size_t row, std::string_view text, const EmbedCall& call,
                             text::TokenizedText& tokens) {
  TextOutcome& outcome = result_.outcomes[row];
  const Status status = Caught([&]() -> Status {
    outcome = TokenizeText(use_.encoder, text, call, tokens);
    LARDER_RETURN_IF_ERROR(outcome.status);
    return use_.encoder.EncodeTokens(std::span(&tokens, 1), CodesOf(row));
  });
  if (status.ok()) return;
  outcome.status = status;
  Clear(CodesOf(row));
}

Status PendingTexts::TakeTexts(std::span<const std::string_view> texts, const EmbedCall& call) {
  struct Seen {
    size_t row;
    uint64_t bytes;
  };
  std::unordered_map<Hash128, Seen> seen;
  uint64_t hits = 0;
  uint64_t misses = 0;
  const Status status = InPieces(texts, call, [&](size_t begin, size_t count) -> Status {
    for (size_t row = begin; row < begin + count && !refused_; ++row) {
      const VectorCache::Key key{.text = HashTo128(texts[row]),
                                 .text_bytes = texts[row].size(),
                                 .encoder = use_.number,
                                 .role = call.role};
      const auto [first, is_new] = seen.try_emplace(key.text, Seen{row, key.text_bytes});
      if (!is_new && first->second.bytes == key.text_bytes) {
        copies_.emplace_back(row, first->second.row);
        continue;
      }
      TextOutcome& outcome = result_.outcomes[row];
      VectorCache::Facts facts;
      // What is refused may be there all the same, for calls that take it.
      if (!(call.refuse_invalid_utf8 && !IsUtf8(texts[row]))) {
        const bool found = use_.cache.Find(key, CodesOf(row), facts);
        if (!found) ++misses;
        if (found && !(facts.truncated && call.refuse_truncation)) {
          ++hits;
          outcome.tokens = facts.tokens;
          outcome.truncated = facts.truncated;
          continue;
        }
        if (found) Clear(CodesOf(row));
      }
      text::TokenizedText tokens;
      outcome = TokenizeText(use_.encoder, texts[row], call, tokens);
      Refuse(call, outcome);
      if (!outcome.status.ok()) continue;
      tokens_.push_back(std::move(tokens));
      rows_.push_back({.row = row, .key = key});
    }
    return OkStatus();
  });
  use_.counts.cache_hits.fetch_add(hits, std::memory_order_relaxed);
  use_.counts.cache_misses.fetch_add(misses, std::memory_order_relaxed);
  return status;
}

Status PendingTexts::Submit(const EmbedCall& call) {
  if (tokens_.empty() || refused_) return OkStatus();
  if (use_.encoder.info().element() == text::VectorElement::kInt8) {
    codes_.resize(tokens_.size() * use_.encoder.info().code_size());
    return use_.encoder.EncodeTokens(tokens_, std::span(codes_));
  }
  if (call.priority == EmbedPriority::kBackground) {
    LARDER_ASSIGN_OR_RETURN(codes_, use_.batcher.EncodeInBackground(use_.encoder, tokens_,
                                                                    call.deadline, call.cancelled));
    return OkStatus();
  }
  LARDER_ASSIGN_OR_RETURN(Batcher::Ticket ticket,
                          use_.batcher.Submit(use_.encoder, std::move(tokens_), call.deadline,
                                              call.cancelled));
  ticket_.emplace(std::move(ticket));
  return OkStatus();
}

StatusOr<EmbeddedTexts> PendingTexts::Wait() {
  if (refused_) return std::move(result_);
  if (ticket_.has_value()) {
    LARDER_ASSIGN_OR_RETURN(codes_, ticket_->Wait());
    ticket_.reset();
  }
  const size_t size = use_.encoder.info().code_size();
  for (size_t i = 0; i < rows_.size(); ++i) {
    const auto codes = std::span(codes_).subspan(i * size, size);
    std::copy(codes.begin(), codes.end(), CodesOf(rows_[i].row).begin());
    if (!rows_[i].key.has_value()) continue;
    const TextOutcome& outcome = result_.outcomes[rows_[i].row];
    use_.cache.Insert(*rows_[i].key, codes, {outcome.tokens, outcome.truncated},
                      priority_ == EmbedPriority::kLive);
  }
  for (const auto& [row, first] : copies_) {
    result_.outcomes[row] = result_.outcomes[first];
    const auto codes = CodesOf(first);
    std::copy(codes.begin(), codes.end(), CodesOf(row).begin());
  }
  uint64_t texts = 0;
  uint64_t tokens = 0;
  for (const TextOutcome& outcome : result_.outcomes) {
    if (!outcome.status.ok()) continue;
    ++texts;
    tokens += outcome.tokens;
  }
  use_.counts.texts.fetch_add(texts, std::memory_order_relaxed);
  use_.counts.tokens.fetch_add(tokens, std::memory_order_relaxed);
  return std::move(result_);
}

}  // namespace larder::serving
