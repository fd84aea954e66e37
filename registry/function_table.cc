// SPDX-License-Identifier: Apache-2.0
#include "registry/function_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "registry/internal/kernels.h"

namespace larder::registry {
namespace {

struct Later {
  std::string_view name;
  std::string_view usage;
  std::string_view doc;
};

// In the language (L4, L5), but not in this version: a use says so, with its position.
constexpr Later kLater[] = {
    {"pow", "pow(x, y)", "x to the power y."},
    {"floor", "floor(x)", "The largest integer that is not above x."},
    {"ceil", "ceil(x)", "The smallest integer that is not below x."},
    {"round", "round(x)", "The nearest integer."},
    {"sigmoid", "sigmoid(x)", "1 / (1 + exp(-x))."},
    {"clamp", "clamp(x, low, high)", "x, but at least low and at most high."},
    {"trim", "trim(text)", "Without blanks at both ends."},
    {"normalize", "normalize(text)", "The text as the tokenizer sees it."},
    {"words", "words(text)", "The words of a text."},
    {"ngrams", "ngrams(text, n)", "The character n-grams of a text."},
    {"starts_with", "starts_with(text, part)", "Whether text begins with part."},
    {"url_host", "url_host(text)", "The host of a URL."},
    {"hash", "hash(x)", "A stable 64-bit hash."},
    {"bucket", "bucket(x, edges)", "Which interval x lies in."},
    {"edges", "edges(...)", "The borders of buckets."},
    {"get", "get(map, key, default)", "A value of a map."},
    {"share", "share(map, key)", "A value of a map, divided by their sum."},
    {"top", "top(map, n)", "The n keys with the largest values."},
    {"tally", "tally(list)", "How often each value occurs, as a map."},
    {"size", "size(map)", "How many keys a map has."},
    {"pick", "pick(list, list<bool>)", "The elements for which a condition holds."},
    {"each", "each(list)", "Counts once per element (in by)."},
    {"distinct", "distinct(list)", "Each value once."},
    {"jaccard", "jaccard(a, b)", "Common values of two lists over all their values."},
    {"overlap", "overlap(a, b)", "How many values two lists have in common."},
    {"distance_km", "distance_km(lat, lon, lat, lon)", "The distance of two places."},
    {"weekday", "weekday(t, zone)", "The day of the week."},
    {"sample", "sample(p, column)", "Keeps a share p of the rows, by hash."},
    {"rank", "rank(x, over candidates)", "The place of x among the candidates."},
    {"next", "next(score)", "The score of the next candidate."},
    {"variance", "variance(x)", "Aggregate: variance of the population."},
    {"count_distinct", "count_distinct(x, ...)", "Aggregate: how many different values."},
    {"quantile", "quantile(x, q)", "Aggregate: the value below which a share q lies."},
};

// Not in a part of its own: they have no kernels here, the feature store folds them.
constexpr Later kAggregates[] = {
    {"first", "first(x, where c, over w) -> T", "Aggregate: the oldest value in the window."},
    {"last", "last(x, n, distinct, where c, over w) -> T | list<T>",
     "Aggregate: the newest value, or a list of the newest n."},
};

struct Table {
  std::vector<Function> functions;  // the listed ones, then the internal ones
  size_t listed = 0;
};

Table MakeTable() {
  Table table;
  for (std::vector<Function> part :
       {internal::NumberFunctions(), internal::LogicFunctions(), internal::TextFunctions(),
        internal::ListFunctions(), internal::VectorFunctions(), internal::TimeFunctions()}) {
    std::move(part.begin(), part.end(), std::back_inserter(table.functions));
  }
  for (const Later& aggregate : kAggregates) {
    Function function;
    function.name = aggregate.name;
    function.kind = Function::Kind::kAggregate;
    function.usage = aggregate.usage;
    function.nulls = "null arguments are skipped; of nothing null `empty`, a list is empty";
    function.doc = aggregate.doc;
    table.functions.push_back(std::move(function));
  }
  for (const Later& later : kLater) {
    Function function;
    function.name = later.name;
    function.kind = Function::Kind::kUnsupported;
    function.usage = later.usage;
    function.doc = later.doc;
    table.functions.push_back(std::move(function));
  }
  const auto internal = std::stable_partition(
      table.functions.begin(), table.functions.end(),
      [](const Function& f) { return f.kind != Function::Kind::kInternal; });
  table.listed = static_cast<size_t>(internal - table.functions.begin());
  return table;
}

const Table& TheTable() {
  static const Table* const table = new Table(MakeTable());  // never destroyed: programs point here
  return *table;
}

}  // namespace

std::span<const Function> Functions() {
  return std::span(TheTable().functions).first(TheTable().listed);
}

const Function* FindFunction(std::string_view name) {
  for (const Function& function : Functions()) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

const Function& WidenFunction() { return TheTable().functions[TheTable().listed]; }

}  // namespace larder::registry
