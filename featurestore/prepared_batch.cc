// SPDX-License-Identifier: Apache-2.0
#include "featurestore/prepared_batch.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/fixed_point.h"
#include "featurestore/vector_text.h"
#include "registry/program.h"

namespace larder::featurestore {

using registry::Column;
using registry::Kind;
using registry::kNoOrdinal;
using registry::Node;
using registry::Ordinal;

namespace {

constexpr size_t kMaxKeyBytes = 256;  // S1.3

class Preparer {
 public:
  Preparer(const Entry& entry, StoreState& state, StateDb& db, registry::TextEmbedder& embedder)
      : state_(state), db_(db), embedder_(embedder), batch_(entry.batch) {
    out_.entry = &entry;
  }

  StatusOr<PreparedBatch> Run() {
    out_.source = state_.FindSource(batch_.source);
    // The validator knows only sources of revisions that apply has passed.
    if (out_.source == nullptr) {
      return DataLoss("entry ", out_.entry->number, ": source '", batch_.source,
                      "' is defined in no revision before it");
    }
    LARDER_RETURN_IF_ERROR(ResolveKeys());
    LARDER_RETURN_IF_ERROR(RunAggregates());
    if (out_.source->rows != nullptr) {
      PackRows();
      for (const SourceState::VectorUse& use : out_.source->vectors) {
        LARDER_RETURN_IF_ERROR(MakeVectors(use));
      }
      std::stable_sort(out_.vector_changes.begin(), out_.vector_changes.end(),
                       [](const auto& a, const auto& b) { return a.row < b.row; });
    }
    return std::move(out_);
  }

 private:
  Status ResolveKeys() {
    out_.keys.resize(out_.source->key_uses.size());
    for (size_t use = 0; use < out_.keys.size(); ++use) {
      const std::string& name = out_.source->key_uses[use].column;
      PreparedBatch::Keys& keys = out_.keys[use];
      keys.texts.resize(batch_.size());
      keys.ordinals.assign(batch_.size(), kNoOrdinal);
      const auto found = std::find(batch_.names.begin(), batch_.names.end(), name);
      if (found == batch_.names.end()) continue;  // added by a later revision: null
      FillTexts(batch_.columns[static_cast<size_t>(found - batch_.names.begin())], keys);
      LARDER_RETURN_IF_ERROR(FindOrdinals(*out_.source->key_uses[use].entity, keys));
    }
    return OkStatus();
  }

  // A key is its text; integers become decimal (S1.3, L1.2).
  static void FillTexts(const Column& column, PreparedBatch::Keys& keys) {
    const bool text = column.type.kind == Kind::kString || column.type.kind == Kind::kKey;
    if (column.type.list) return;
    for (size_t row = 0; row < keys.texts.size(); ++row) {
      if (!column.valid(row)) continue;
      if (text) {
        const std::string_view key = column.strings[row];
        if (!key.empty() && key.size() <= kMaxKeyBytes) keys.texts[row] = key;
      } else if (column.type.kind == Kind::kInt64) {
        keys.texts[row] = keys.owned.emplace_back(std::to_string(column.ints[row]));
      }
    }
  }

  Status FindOrdinals(EntityState& entity, PreparedBatch::Keys& keys) {
    std::as_const(entity).keys().FindAll(keys.texts, keys.ordinals);
    if (entity.complete()) return OkStatus();
    std::set<std::string_view>& asked = asked_[&entity];
    for (size_t row = 0; row < keys.texts.size(); ++row) {
      const std::string_view key = keys.texts[row];
      if (key.data() == nullptr || keys.ordinals[row] != kNoOrdinal) continue;
      if (!asked.insert(key).second) continue;
      LARDER_ASSIGN_OR_RETURN(std::optional<LoadedKey> loaded, LoadKey(db_, state_, entity, key));
      if (loaded.has_value()) out_.loaded.push_back(*std::move(loaded));
    }
    return OkStatus();
  }

  std::span<const Column> Aligned(const registry::Source& schema) {
    for (const auto& [known, columns] : aligned_) {
      if (known == &schema) return columns;
    }
    std::vector<Column>& storage = out_.columns.emplace_back();
    const std::span<const Column> columns =
        AlignColumns(schema, batch_.names, batch_.columns, batch_.size(), storage);
    aligned_.emplace_back(&schema, columns);
    return columns;
  }

  Status RunAggregates() {
    for (const SourceState::AggregateUse& use : out_.source->aggregates) {
      LARDER_ASSIGN_OR_RETURN(const PreparedBatch::Inputs inputs, InputsOf(use));
      out_.inputs.push_back(inputs);
    }
    return OkStatus();
  }

  StatusOr<PreparedBatch::Inputs> InputsOf(const SourceState::AggregateUse& use) {
    const registry::Aggregate& aggregate = *use.aggregate;
    PreparedBatch::Inputs inputs;
    if (!aggregate.has_argument && !aggregate.has_where) return inputs;
    const std::span<const Column> record = Aligned(*use.schema);
    const registry::Program& program = aggregate.program;
    const Node& first = program.nodes[static_cast<size_t>(program.outputs[0])];
    if (program.outputs.size() == 1 && first.op == Node::Op::kRecordColumn) {
      const Column& column = record[static_cast<size_t>(first.index)];
      (aggregate.has_argument ? inputs.argument : inputs.condition) = &column;
      return inputs;
    }
    registry::ProgramInput input;
    input.rows = batch_.size();
    input.record = record;
    LARDER_ASSIGN_OR_RETURN(std::vector<Column> outputs, registry::Run(program, input));
    const std::vector<Column>& kept = out_.columns.emplace_back(std::move(outputs));
    size_t next = 0;
    if (aggregate.has_argument) inputs.argument = &kept[next++];
    if (aggregate.has_where) inputs.condition = &kept[next];
    return inputs;
  }

  // Which rows become current when their turn comes: at or after the row of their key so far. (At:
  // a replayed row, whose vector may not have been stored with it.)
  void PackRows() {
    const RowLayout& layout = state_.layouts().Get(batch_.names, batch_.columns);
    const PreparedBatch::Keys& keys = out_.keys[out_.source->row_key];
    std::unordered_map<std::string_view, EventKey> newest;
    out_.rows.resize(batch_.size());
    for (size_t row = 0; row < batch_.size(); ++row) {
      const RecordInfo& info = batch_.infos[row];
      const EventKey key{info.event_time, info.original_event_time, info.id};
      if (keys.texts[row].data() == nullptr) continue;
      const auto found = newest.find(keys.texts[row]);
      if (found != newest.end()) {
        if (key < found->second) continue;
      } else if (const Row* current = CurrentRow(keys.ordinals[row])) {
        if (key < current->key()) continue;
      }
      newest[keys.texts[row]] = key;
      out_.rows[row] = Row::Pack(layout, batch_.columns, row, info);
    }
  }

  const Row* CurrentRow(Ordinal ordinal) const {
    return ordinal == kNoOrdinal ? nullptr : std::as_const(*out_.source->rows).Find(ordinal);
  }

  Status MakeVectors(const SourceState::VectorUse& use) {
    if (use.feature->column >= 0) {
      TakeExternal(use);
      return OkStatus();
    }
    LARDER_ASSIGN_OR_RETURN(
        const auto texts, VectorTexts(use, Aligned(*use.schema), batch_.size(), embedder_));
    std::vector<size_t> encode;  // indexes of vector_changes
    std::unordered_map<std::string_view, std::optional<Hash128>> contents;
    for (size_t row = 0; row < batch_.size(); ++row) {
      if (out_.rows[row] == nullptr) continue;
      std::optional<Hash128> content;
      if (!out_.rows[row]->deleted() && texts[row].has_value()) content = ContentHash(*texts[row]);
      if (!ContentChanges(*use.vectors, row, content, contents)) {
        if (content.has_value()) ++use.vectors->reused;
        continue;
      }
      const bool deferred = content.has_value() && use.feature->deferred();
      if (content.has_value() && !deferred) encode.push_back(out_.vector_changes.size());
      out_.vector_changes.push_back(
          {row, use.vectors, content.value_or(Hash128{}), deferred});
    }
    return Encode(use, texts, encode);
  }

  // Whether the row's content differs from what its key's vector is, or will be, made of at that
  // moment.
  bool ContentChanges(
      const VectorTable& vectors, size_t row, const std::optional<Hash128>& content,
      std::unordered_map<std::string_view, std::optional<Hash128>>& contents) const {
    const PreparedBatch::Keys& keys = out_.keys[out_.source->row_key];
    const auto [at, first] = contents.try_emplace(keys.texts[row]);
    if (first && keys.ordinals[row] != kNoOrdinal) {
      at->second = vectors.LatestContent(keys.ordinals[row]);
    }
    if (at->second == content) return false;
    at->second = content;
    return true;
  }

  // Every text can be encoded (JoinFields cuts it), so an error is the artifact's. Going on without
  // vectors would make their loss part of the state (R3, R4).
  Status Encode(const SourceState::VectorUse& use,
                const std::vector<std::optional<std::string>>& texts,
                const std::vector<size_t>& changes) {
    if (changes.empty()) return OkStatus();
    const size_t size = use.feature->code_size();
    std::vector<std::string_view> views;
    for (const size_t change : changes) views.push_back(*texts[out_.vector_changes[change].row]);
    std::vector<int8_t> codes(changes.size() * size);
    const Status status = embedder_.Embed(use.feature->space, registry::TextRole::kDocument, views,
                                          codes);
    if (!status.ok()) {
      return Annotate(status, Concat("vector feature '", use.feature->name, "': encoder artifact ",
                                     use.feature->space.Hex()));
    }
    use.vectors->encoded += changes.size();
    for (size_t i = 0; i < changes.size(); ++i) {
      const auto vector = std::span(codes).subspan(i * size, size);
      out_.vector_changes[changes[i]].codes.assign(vector.begin(), vector.end());
    }
    return OkStatus();
  }

  void TakeExternal(const SourceState::VectorUse& use) {
    for (size_t row = 0; row < batch_.size(); ++row) {
      if (out_.rows[row] == nullptr) continue;
      const std::vector<float> values = ExternalVector(use, *out_.rows[row]);
      PreparedBatch::VectorChange change{.row = row, .table = use.vectors, .content = {}};
      if (!values.empty()) {
        change.content = HashTo128(AsBytes(std::span<const float>(values)));
        change.codes = ToFixedPoint(values);
      }
      out_.vector_changes.push_back(std::move(change));
    }
  }

  StoreState& state_;
  StateDb& db_;
  registry::TextEmbedder& embedder_;
  const RecordBatch& batch_;
  PreparedBatch out_;
  std::vector<std::pair<const registry::Source*, std::span<const Column>>> aligned_;
  std::unordered_map<EntityState*, std::set<std::string_view>> asked_;
};

}  // namespace

StatusOr<PreparedBatch> Prepare(const Entry& entry, StoreState& state, StateDb& db,
                                registry::TextEmbedder& embedder) {
  return Preparer(entry, state, db, embedder).Run();
}

}  // namespace larder::featurestore
