// SPDX-License-Identifier: Apache-2.0
// Tables and events.
#include <algorithm>
#include <utility>

#include "registry/compile_context.h"
#include "registry/nearest_name.h"

namespace larder::registry {
namespace {

struct UnitName {
  std::string_view name;
  Source::TimeUnit unit;
};
constexpr UnitName kUnits[] = {
    {"s", Source::TimeUnit::kSeconds},
    {"ms", Source::TimeUnit::kMilliseconds},
    {"us", Source::TimeUnit::kMicroseconds},
};

// Compiles one `table` or `events` document.
class SourceCompiler {
 public:
  SourceCompiler(const Document& document, SourceModel& model, CompileContext& context)
      : document_(document),
        model_(model),
        context_(context),
        what_(Concat(document.kind_name(), " ", document.name().text)) {}

  void Compile() {
    model_.document = &document_;
    model_.source.name = document_.name().text;
    model_.source.table = document_.kind() == DocumentKind::kTable;
    ReadColumns();
    if (model_.source.table) {
      AddTableKey();
    } else {
      AddEventKeys();
    }
    ReadStamped();
    AddTime();
    ReadOptions();
    Finish();
  }

 private:
  void Complain(const SourceText& at, std::string_view message) {
    context_.Complain(at, Concat(what_, ": ", message));
  }

  SourceColumn* Find(std::string_view name) {
    for (SourceColumn& column : model_.source.columns) {
      if (column.name == name) return &column;
    }
    return nullptr;
  }

  void AddColumn(const SourceText& name, Type type, std::string_view entity) {
    model_.source.columns.push_back({name.text, std::move(type), std::string(entity)});
  }

  void ReadColumns() {
    const YamlNode* columns = document_.Map("columns");
    if (columns == nullptr) {
      model_.broken = document_.Has("columns");
      return;
    }
    const auto read = registry::ReadColumns(*columns, what_, context_, model_.unknown);
    model_.broken = !read;
    if (!read) return;
    for (const NamedType& column : *read) AddColumn(column.name, column.type, "");
  }

  // Columns of `with:` are not supported yet; that was said, so their uses are passed over.
  void ReadStamped() {
    const YamlNode* with = document_.Map("with");
    if (with == nullptr) return;
    for (const YamlEntry& entry : with->entries) {
      if (!CheckName(entry.key, what_, context_.diagnostics)) continue;
      if (Find(entry.key.text) == nullptr) model_.unknown.insert(entry.key.text);
      if (entry.value.kind == YamlNode::Kind::kScalar && !entry.value.broken) {
        ReadExpression(entry.value.text, Concat(what_, ", with ", entry.key.text), context_);
      }
    }
  }

  void AddTableKey() {
    const SourceText* of = document_.Text("of");
    const bool broken = std::exchange(model_.broken, true);
    if (of == nullptr || !context_.Require(*of, {DocumentKind::kEntity}, what_)) return;
    const EntityModel& entity = context_.entities.at(of->text);
    if (entity.broken) return;
    model_.broken = broken;
    model_.source.entity = of->text;
    AddKey({entity.entity.key, of->file, of->positions}, of->text);
  }

  void AddEventKeys() {
    const YamlNode* keys = document_.Map("keys");
    if (keys == nullptr) {
      model_.broken = true;
      return;
    }
    if (keys->entries.empty()) Complain(keys->text, "'keys:' must name at least one column");
    for (const YamlEntry& entry : keys->entries) {
      if (!CheckName(entry.key, what_, context_.diagnostics)) continue;
      if (entry.value.kind != YamlNode::Kind::kScalar || entry.value.broken) {
        Complain(entry.value.text, "'keys:' maps a column to an entity");
        continue;
      }
      const SourceText& entity = entry.value.text;
      if (!context_.Require(entity, {DocumentKind::kEntity}, what_)) {
        model_.unknown.insert(entry.key.text);
        continue;
      }
      AddKey(entry.key, entity.text);
    }
  }

  // A key that also stands in `columns:` keeps the declared type; the key is its text (L1.2).
  void AddKey(const SourceText& name, std::string_view entity) {
    SourceColumn* declared = Find(name.text);
    if (declared == nullptr) {
      model_.unknown.erase(name.text);
      AddColumn(name, MakeType(Kind::kKey, entity), entity);
      return;
    }
    const Type& type = declared->type;
    if (type.list) {
      Complain(name, Concat("column '", name.text,
                            "': a key column that is a list is not supported yet"));
    } else if (type.kind == Kind::kKey ? type.of != entity
                                       : type.kind != Kind::kString && type.kind != Kind::kInt64) {
      Complain(name, Concat("column '", name.text, "' is a key of ", entity, " but has type ",
                            type.Name(), "; expected string, int64 or key<", entity, ">"));
    }
    declared->entity = entity;
  }

  void AddTime() {
    const SourceText* time = document_.Text("time");
    if (time == nullptr || !CheckName(*time, what_, context_.diagnostics)) {
      model_.broken = true;
      return;
    }
    if (const SourceColumn* declared = Find(time->text)) {
      const bool good = declared->type == MakeType(Kind::kTimestamp) && declared->entity.empty();
      if (!good) {
        Complain(*time, Concat("time column '", time->text, "' must have type timestamp, not ",
                               declared->type.Name()));
      }
    } else if (!model_.unknown.contains(time->text)) {
      AddColumn(*time, MakeType(Kind::kTimestamp), "");
    }
  }

  void ReadOptions() {
    if (const SourceText* unit = document_.Text("unit")) ReadUnit(*unit);
    if (const SourceText* delay = document_.Text("delay")) {
      if (const auto read = ReadDuration(*delay, Concat(what_, ", delay"), context_)) {
        model_.source.delay = *read;
      }
    }
    if (const SourceText* extra = document_.Text("extra")) {
      model_.source.ignore_extra = extra->text == "ignore";
      if (!model_.source.ignore_extra) {
        Complain(*extra, Concat("'extra:' can only be ignore, not '", extra->text, "'"));
      }
    }
    if (const YamlNode* list = document_.List("id")) {
      Complain(list->text, "an id of several columns is not supported yet");
    }
  }

  void ReadUnit(const SourceText& text) {
    for (const UnitName& unit : kUnits) {
      if (unit.name == text.text) {
        model_.source.unit = unit.unit;
        return;
      }
    }
    Complain(text, Concat("'unit:' must be s, ms or us, not '", text.text, "'"));
  }

  // Sorts the columns and finds the indexes of those with a meaning.
  void Finish() {
    Source& source = model_.source;
    std::sort(source.columns.begin(), source.columns.end(),
              [](const SourceColumn& a, const SourceColumn& b) { return a.name < b.name; });
    const auto index_of = [&](std::string_view name) {
      return static_cast<size_t>(std::max(0, source.FindColumn(name)));
    };
    if (const SourceText* time = document_.Text("time")) source.time_column = index_of(time->text);
    if (source.table && !model_.broken) {
      source.key_column = index_of(context_.entities.at(source.entity).entity.key);
    }
    if (const SourceText* id = document_.Text("id")) ReadId(*id);
  }

  void ReadId(const SourceText& id) {
    if (model_.unknown.contains(id.text)) return;
    const int column = model_.source.FindColumn(id.text);
    if (column < 0) {
      Complain(id, Concat("'id:' names no column: '", Clipped(id.text), "'",
                          context_.SuggestOf(id.text, model_.source.columns)));
      return;
    }
    const Type& type = model_.source.columns[static_cast<size_t>(column)].type;
    const bool good = !type.list && (type.kind == Kind::kString || type.kind == Kind::kInt64 ||
                                     type.kind == Kind::kKey);
    if (!good) {
      Complain(id, Concat("id column '", id.text, "' must be string, int64 or a key, not ",
                          type.Name()));
    }
    model_.source.id_column = static_cast<size_t>(column);
  }

  const Document& document_;
  SourceModel& model_;
  CompileContext& context_;
  const std::string what_;
};

std::string_view UnitText(Source::TimeUnit unit) {
  for (const UnitName& name : kUnits) {
    if (name.unit == unit) return name.name;
  }
  return "";
}

// Only what is not a default, so that saying a default changes no digest.
void DefineSource(const SourceModel& model, CompileContext& context) {
  const Source& source = model.source;
  JsonObject object, columns, keys;
  Usage usage;
  for (size_t i = 0; i < source.columns.size(); ++i) {
    const SourceColumn& column = source.columns[i];
    const bool implied_key =
        !column.entity.empty() && column.type == MakeType(Kind::kKey, column.entity);
    if (i != source.time_column && !implied_key) columns.SetText(column.name, column.type.Name());
    if (!column.entity.empty() && !source.table) keys.SetText(column.name, column.entity);
    for (const std::string& name : {column.entity, column.type.of}) {
      const auto used = context.definitions.find(name);
      if (used == context.definitions.end()) continue;
      usage.names.insert(name);
      usage.parts[Concat(used->second.kind, " ", name)] = used->second.digest;
    }
  }
  if (source.table) {
    object.SetText("of", source.entity);
  } else {
    object.Set("keys", keys.ToString());
  }
  object.SetText("time", source.columns[source.time_column].name);
  const std::string_view unit = UnitText(source.unit);
  if (!unit.empty()) object.SetText("unit", unit);
  if (source.id_column) object.SetText("id", source.columns[*source.id_column].name);
  if (source.delay > 0) object.SetText("delay", FormatDuration(source.delay));
  if (source.ignore_extra) object.SetText("extra", "ignore");
  if (!columns.empty() || source.table) object.Set("columns", columns.ToString());
  const std::string canonical = object.ToDocument(source.table ? "table" : "events", source.name);
  context.Define(*model.document, canonical, canonical, usage);
}

}  // namespace

void CompileSources(CompileContext& context) {
  for (const auto& [name, document] : context.by_name) {
    const bool table = document->kind() == DocumentKind::kTable;
    if (!table && document->kind() != DocumentKind::kEvents) continue;
    SourceModel& model = context.sources[name];
    const size_t before = context.diagnostics.size();
    SourceCompiler(*document, model, context).Compile();
    if (context.diagnostics.size() == before && !model.broken) DefineSource(model, context);
  }
}

}  // namespace larder::registry
