// SPDX-License-Identifier: Apache-2.0
#include "registry/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "registry/scalar_positions.h"

namespace larder::registry {
namespace {

// Thrown through the parser to stop it: yaml-cpp has no other way out.
struct StopReading {};

size_t OffsetOf(const YAML::Mark& mark) {
  return mark.pos < 0 ? 0 : static_cast<size_t>(mark.pos);
}

// Builds the tree of one file from the parser's events.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const DefinitionFile& file, std::vector<Diagnostic>& diagnostics)
      : file_(file),
        positions_(SourceText::Plain(file.text).positions),
        diagnostics_(diagnostics) {}

  void Report(size_t offset, std::string message) {
    const SourcePosition at = PositionAt(offset);
    AddDiagnostic(diagnostics_, {file_.path, at.line, at.column, std::move(message)});
  }

  std::vector<YamlNode> TakeDocuments() { return std::move(documents_); }

  void OnDocumentStart(const YAML::Mark&) override { open_.clear(); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const size_t offset = OffsetOf(mark);
    if (open_.empty() && anchor == 0) return;  // nothing between two `---`
    RejectProperties(offset, "?", anchor);
    if (const std::string_view word = NullWord(offset); !word.empty()) {
      Report(offset, Concat("'", word, "' means nothing in YAML, and nulls are not part of the "
                            "language; quote it if the word is meant"));
    } else if (IsKeyNext()) {
      Report(offset, "a key is missing before ':'");
    } else {
      ReportMissingValue(offset);
    }
    YamlNode node = NewNode(YamlNode::Kind::kScalar, offset);
    node.broken = true;
    Add(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Report(OffsetOf(mark), "aliases (*name) are not part of the language; write it out");
    YamlNode node = NewNode(YamlNode::Kind::kScalar, OffsetOf(mark));
    node.broken = true;
    Add(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const size_t offset = OffsetOf(mark);
    YamlNode node = NewNode(YamlNode::Kind::kScalar, offset);
    node.broken = RejectProperties(offset, tag, anchor);
    node.text = TextAt(offset, value);
    if (!IsClosed(offset)) {
      Report(offset, "the quote that begins here is not closed");
      throw StopReading();
    }
    Add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    Open(YamlNode::Kind::kList, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    Open(YamlNode::Kind::kMap, mark, tag, anchor, style);
  }
  void OnMapEnd() override { Close(); }

 private:
  // A map or list that is still being read.
  struct OpenNode {
    YamlNode node;
    std::optional<YamlNode> key;  // of the entry whose value comes next
    std::unordered_map<std::string, size_t> seen;  // key -> index of its entry
  };

  YamlNode NewNode(YamlNode::Kind kind, size_t offset) const {
    YamlNode node;
    node.kind = kind;
    node.text = {"", file_.path, {PositionAt(offset)}};
    return node;
  }

  SourcePosition PositionAt(size_t offset) const {
    return positions_[std::min(offset, positions_.size() - 1)];
  }

  // yaml-cpp takes the end of the file for a closing quote.
  bool IsClosed(size_t offset) const {
    const std::string_view text = file_.text;
    const char quote = offset < text.size() ? text[offset] : '\0';
    if (quote != '"' && quote != '\'') return true;
    for (size_t i = offset + 1; i < text.size(); ++i) {
      if (quote == '"' && text[i] == '\\') {
        ++i;
      } else if (quote == '\'' && text.substr(i, 2) == "''") {
        ++i;
      } else if (text[i] == quote) {
        return true;
      }
    }
    return false;
  }

  SourceText TextAt(size_t offset, const std::string& value) const {
    SourceText text{value, file_.path, {}};
    text.positions.reserve(value.size() + 1);
    for (const uint32_t at : ScalarPositions(file_.text, offset, value)) {
      text.positions.push_back(PositionAt(at));
    }
    return text;
  }

  // In a flow mapping the cause is most likely a comma: one complaint, and the map means nothing.
  void ReportMissingValue(size_t offset) {
    const bool flow_map = !open_.empty() && open_.back().node.flow &&
                          open_.back().node.kind == YamlNode::Kind::kMap;
    if (flow_map && std::exchange(open_.back().node.broken, true)) return;
    Report(offset, Concat("a value is missing here; nulls are not part of the language",
                          flow_map ? kCommaHint : std::string_view()));
  }

  // The word for null that stands at `offset`, or empty.
  std::string_view NullWord(size_t offset) const {
    for (const std::string_view word : {"null", "Null", "NULL"}) {
      if (std::string_view(file_.text).substr(std::min(offset, file_.text.size()))
              .starts_with(word)) {
        return word;
      }
    }
    return {};
  }

  bool IsKeyNext() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap && !open_.back().key;
  }

  // True if there was an anchor or a tag: both are said once, the content is still read.
  bool RejectProperties(size_t offset, const std::string& tag, YAML::anchor_t anchor) {
    const bool bang = offset < file_.text.size() && file_.text[offset] == '!';
    if (anchor != 0) {
      Report(offset, "anchors (&name) are not part of the language");
    } else if (bang || (tag != "?" && tag != "!" && !tag.empty())) {
      Report(offset, "tags (!name) are not part of the language; every value is text");
    } else {
      return false;
    }
    return true;
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
    const size_t offset = OffsetOf(mark);
    if (open_.size() >= kMaxYamlDepth) {
      Report(offset, Concat("nested deeper than ", kMaxYamlDepth, " levels"));
      throw StopReading();
    }
    RejectProperties(offset, tag, anchor);
    OpenNode open{NewNode(kind, offset), std::nullopt, {}};
    open.node.flow = style == YAML::EmitterStyle::Flow;
    open_.push_back(std::move(open));
  }

  void Close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    Add(std::move(node));
  }

  void Add(YamlNode node) {
    if (open_.empty()) {
      documents_.push_back(std::move(node));
    } else if (open_.back().node.kind == YamlNode::Kind::kList) {
      open_.back().node.items.push_back(std::move(node));
    } else if (!open_.back().key) {
      open_.back().key = std::move(node);
    } else {
      AddEntry(open_.back(), std::move(node));
    }
  }

  void AddEntry(OpenNode& open, YamlNode value) {
    YamlNode key = *std::exchange(open.key, std::nullopt);
    if (key.kind != YamlNode::Kind::kScalar) {
      Complain(diagnostics_, key.text, "a key must be one word, not a list or a map");
      return;
    }
    if (key.broken) return;
    const std::string& name = key.text.text;
    if (name == "<<") {
      Complain(diagnostics_, key.text,
               "merge keys (<<) are not part of the language; write the keys out");
      return;
    }
    const auto [first, is_new] = open.seen.emplace(name, open.node.entries.size());
    if (!is_new) {
      const YamlEntry& earlier = open.node.entries[first->second];
      Complain(diagnostics_, key.text,
               Concat("key '", Clipped(name), "' appears twice; first on line ",
                      earlier.key.positions.front().line,
                      open.node.flow ? kCommaHint : std::string_view()));
      return;
    }
    open.node.entries.push_back({std::move(key.text), std::move(value)});
  }

  const DefinitionFile& file_;
  const std::vector<SourcePosition> positions_;
  std::vector<Diagnostic>& diagnostics_;
  std::vector<OpenNode> open_;
  std::vector<YamlNode> documents_;
};

// Control characters would move yaml-cpp's positions or hide what a reader sees.
bool IsBadByte(char c) {
  const unsigned char byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7F;
}

// Complains about the first line that is not text; true if the bytes may go to the parser.
bool CheckLines(const DefinitionFile& file, std::vector<Diagnostic>& diagnostics) {
  const std::string_view text = file.text;
  int line = 1;
  for (size_t begin = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view bytes = text.substr(begin, end - begin);
    if (!IsUtf8(bytes)) {
      diagnostics.push_back({file.path, line, 1, "this line is not valid UTF-8"});
      return false;
    }
    if (std::any_of(bytes.begin(), bytes.end(), IsBadByte)) {
      diagnostics.push_back({file.path, line, 1, "this line has a control character"});
      return false;
    }
    if (bytes.find('\r') < bytes.size() - 1) {
      diagnostics.push_back({file.path, line, 1, "this line has a carriage return inside; lines "
                                                 "end in \\n or \\r\\n"});
      return false;
    }
    begin = end + 1;
  }
  return true;
}

bool CheckBytes(const DefinitionFile& file, std::vector<Diagnostic>& diagnostics) {
  if (file.text.size() > kMaxYamlBytes) {
    diagnostics.push_back({file.path, 0, 0, Concat("the file has ", file.text.size(),
                                                   " bytes; at most ", kMaxYamlBytes,
                                                   " are allowed; split it")});
    return false;
  }
  if (file.text.starts_with("\xEF\xBB\xBF")) {
    diagnostics.push_back({file.path, 1, 1, "the file starts with a byte order mark; remove it"});
    return false;
  }
  return CheckLines(file, diagnostics);
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key.text == key) return &entry.value;
  }
  return nullptr;
}

const SourceText* YamlNode::Text(std::string_view key) const {
  const YamlNode* value = Find(key);
  return value != nullptr && value->kind == Kind::kScalar && !value->broken ? &value->text
                                                                             : nullptr;
}

YamlFile ReadYaml(const DefinitionFile& file, std::vector<Diagnostic>& diagnostics) {
  YamlFile read;
  read.complete = CheckBytes(file, diagnostics);
  if (!read.complete) return read;
  TreeBuilder builder(file, diagnostics);
  try {
    std::istringstream stream(file.text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const StopReading&) {
    read.complete = false;  // said already
  } catch (const YAML::Exception& error) {
    read.complete = false;
    builder.Report(OffsetOf(error.mark), Concat("not valid YAML: ", error.msg));
  }
  read.documents = builder.TakeDocuments();
  return read;
}

void AddDiagnostic(std::vector<Diagnostic>& diagnostics, Diagnostic diagnostic) {
  constexpr size_t kMaxKept = 10'000;
  if (diagnostics.size() >= kMaxKept) diagnostic = {};
  diagnostics.push_back(std::move(diagnostic));
}

void Complain(std::vector<Diagnostic>& diagnostics, const SourceText& at, std::string message) {
  const SourcePosition begin = at.positions.empty() ? SourcePosition{} : at.positions.front();
  AddDiagnostic(diagnostics, {at.file, begin.line, begin.column, std::move(message)});
}

}  // namespace larder::registry
