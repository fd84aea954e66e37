// SPDX-License-Identifier: Apache-2.0
// Bad definitions: a snippet beside a good base, and exactly what is said about it.
#include "registry/compile.h"

#include <random>

#include "tests/registry/compile_testing.h"

namespace larder::registry {
namespace {

constexpr std::string_view kBase = R"yaml(entity: user
key: user_id
---
entity: item
key: item_id
---
entity: creator
key: creator_id
---
encoder: titles
path: encoders/titles
---
encoder: tower
external: 8
---
encoder: other
external: 8
---
table: catalog
of: item
time: updated_at
columns: {title: string, creator: key<creator>, related: list<key<item>>, price: double,
          stock: int64, hidden: bool, tower_vec: vector<tower>}
---
events: clicks
keys: {user_id: user, item_id: item, seed_id: item}
time: clicked_at
delay: 1h
columns: {dwell_s: double, valid: bool, page: string}
---
view: text
of: item
from: catalog
define: {vec: "embed(titles, title)", price_log: log1p(price)}
---
view: quality
of: item
key: item_id
from: clicks
define:
  clicks: count(over [1h, 7d])
  rate: clicks_1h / clicks_7d
---
view: taste
of: user
from: clicks
define: {recent: "last(item_id, 20)", since: "age(last(clicked_at))"}
---
request: page
keys: {user: user, seed: item}
columns: {hour: int64, query: string, tower_vec: vector<tower>, other_vec: vector<other>}
---
set: base_set
for: page
candidate: item
columns: [candidate.quality.rate]
)yaml";

struct Case {
  std::string_view snippet;
  std::string_view expected;  // "line:column: message", one per line
};

// What is said about `snippet`, without the file's name.
std::string Said(std::string_view snippet) {
  const CompileResult result =
      Compile({{"a.yaml", std::string(snippet)}, {"base.yaml", std::string(kBase)}},
              TestEncoders());
  EXPECT_EQ(result.registry == nullptr, !result.diagnostics.empty());
  std::string said;
  for (const Diagnostic& d : result.diagnostics) {
    const std::string text = d.ToString();
    said += (said.empty() ? "" : "\n") +
            (d.file == "a.yaml" ? text.substr(text.find(':') + 1) : text);
  }
  return said;
}

class Check : public testing::TestWithParam<Case> {};

TEST_P(Check, SaysWhatIsWrongAndWhere) { EXPECT_EQ(Said(GetParam().snippet), GetParam().expected); }

const Case kDocuments[] = {
    {"", ""},
    {"veiw: x\nof: item",
     "1:1: a document must start with one of entity encoder table events view label request set "
     "retrieval; it starts with 'veiw'; did you mean 'view'?"},
    {"[a]", "1:1: a document must be a map, not a list"},
    {"set: s\nfor: pgae_view\ncandidate: item\ncolumns: [candidate.v.a]\n---\nveiw: v\n---\n"
     "requets: pgae_view",
     "6:1: a document must start with one of entity encoder table events view label request set "
     "retrieval; it starts with 'veiw'; did you mean 'view'?\n"
     "8:1: a document must start with one of entity encoder table events view label request set "
     "retrieval; it starts with 'requets'; did you mean 'request'?"},
    {"entity: a\n---\nset: [", "3:7: not valid YAML: end of sequence flow not found"},
    {"entity: Item\nkey: a", "1:9: entity: 'Item' is not a name; names are [a-z][a-z0-9_]*"},
    {"entity: over\nkey: a", "1:9: entity: 'over' is a reserved word, not a name"},
    {"entity: item\nkey: a", "base.yaml:4:9: entity item: the name is taken by the entity at "
                             "a.yaml:1"},
    {"view: clicks\nof: item\ndefine: {a: quality.rate}",
     "base.yaml:25:9: events clicks: the name is taken by the view at a.yaml:1\n"
     "base.yaml:39:7: view quality: 'clicks' is a view, expected table or events\n"
     "base.yaml:46:7: view taste: 'clicks' is a view, expected table or events"},
    {"entity: a\nkye: b",
     "1:1: entity a: 'key:' is missing\n2:1: entity a: unknown key 'kye'; did you mean 'key'?"},
    {"entity: a\nkey: [b]", "2:6: entity a: 'key:' must be text, not a list"},
    {"encoder: a", "1:1: encoder a: needs either 'path:' or 'external:'"},
    {"encoder: a\nexternal: many",
     "2:11: encoder a, external: expected a whole number from 1 to 4096, got 'many'"},
    {"encoder: a\npath: encoders/none",
     "2:7: encoder a: there is no encoder at 'encoders/none'; train one with `larder encoder train "
     "--out encoders/none`"},
    {"encoder: a\npath: ../titles",
     "2:7: encoder a: path '../titles' must be relative and stay inside the registry's directory"},
};
INSTANTIATE_TEST_SUITE_P(Documents, Check, testing::ValuesIn(kDocuments));

const Case kSources[] = {
    {"table: t\nof: itme\ntime: at\ncolumns: {a: bool}",
     "2:5: table t: no entity 'itme'; did you mean 'item'?"},
    {"table: t\nof: clicks\ntime: at\ncolumns: {a: bool}",
     "2:5: table t: 'clicks' is events, expected entity"},
    {"table: t\nof: item\ncolumns: {a: bool}", "1:1: table t: 'time:' is missing"},
    {"table: t\nof: item\ntime: at\nunit: sec\ndelay: 5x\nextra: keep\ncolumns: {at: string}",
     "3:7: table t: time column 'at' must have type timestamp, not string\n"
     "4:7: table t: 'unit:' must be s, ms or us, not 'sec'\n"
     "5:8: table t, delay: expected a duration such as 90s, 10m, 6h or 7d, got '5x'\n"
     "6:8: table t: 'extra:' can only be ignore, not 'keep'"},
    {"table: t\nof: item\ntime: at\nid: idd\ncolumns: {id: string}",
     "4:5: table t: 'id:' names no column: 'idd'; did you mean 'id'?"},
    {"table: t\nof: item\ntime: at\nid: [a, b]\ncolumns: {a: string, b: string}",
     "4:5: table t: an id of several columns is not supported yet"},
    {"table: t\nof: item\ntime: at\ncolumns: {a: text, b: key<user>, c: list<list<bool>>}",
     "4:14: table t, column a: unknown type 'text' (bool int64 float double string timestamp "
     "duration key<entity> list<T> vector<encoder or n>)\n"
     "4:37: table t, column c: list<list<bool>>: a list holds scalars, not lists or vectors"},
    {"table: t\nof: item\ntime: at\ncolumns: {a: key<usr>, b: map<string>, c: vector<titles>}",
     "4:14: table t, column a: no entity 'usr'; did you mean 'user'?\n"
     "4:27: table t, column b: type 'map<string>': maps are not supported yet\n"
     "4:43: table t, column c: vector<titles>: a column can only hold vectors of an encoder that "
     "is external; those of 'titles' come from embed(titles, text)"},
    {"events: e\nkeys: {item_id: item}\ntime: at\ncolumns: {item_id: bool}",
     "2:8: events e: column 'item_id' is a key of item but has type bool; expected string, int64 "
     "or key<item>"},
    {"events: e\nkeys: {a: item}\ntime: at\nwith: {c: a.catalog.creator}\nretain: 7d",
     "4:1: events e: 'with:' is not supported yet\n5:1: events e: 'retain:' is not supported yet"},
    {"request: r\nkeys: {r: item, a: usr}\ncolumns: {b: strin}",
     "2:8: request r: a role may not have the request's own name\n"
     "2:20: request r: no entity 'usr'; did you mean 'user'?\n"
     "3:14: request r, column b: unknown type 'strin'; did you mean 'string'? (bool int64 float "
     "double string timestamp duration key<entity> list<T> vector<encoder or n>)"},
};
INSTANTIATE_TEST_SUITE_P(Sources, Check, testing::ValuesIn(kSources));

const Case kViews[] = {
    {"view: v\nof: item\nfrom: clicks\ndefine:\n  n: count()",
     "3:7: view v: several columns of clicks are keys of item (item_id, seed_id): say which with "
     "'key:'"},
    {"view: v\nof: item\nfrom: clicks\nkey: user_id\ndefine:\n  n: count()",
     "4:6: view v: 'user_id' is no key of item in clicks; expected item_id, seed_id"},
    {"view: v\nof: creator\nfrom: clicks\ndefine:\n  n: count()",
     "3:7: view v: events clicks has no key of entity creator; its keys are {item_id: item, "
     "seed_id: item, user_id: user}"},
    {"view: v\nof: user\nfrom: catalog\ndefine:\n  n: stock",
     "3:7: view v: table catalog is of entity item, not user"},
    {"view: v\nof: item\nfrom: catalog\ndefine:\n  n: last(stock)\n  title: length(title)",
     "5:6: view v: n: aggregate last(…) needs a view 'from:' events; this view is over the table "
     "catalog\n6:3: view v: feature 'title' has the name of a column of catalog"},
    {"view: v\nof: user\nfrom: clicks\ndefine:\n  a: dwell_s + 1\n  b: sum(dwel_s)",
     "5:6: view v: a: 'dwell_s' is a column of events clicks: it can only be used inside an "
     "aggregate, such as last(dwell_s)\n"
     "6:10: view v: b: events clicks has no column 'dwel_s'; did you mean 'dwell_s'?"},
    {"view: v\nof: user\nfrom: clicks\ndefine:\n  a: b + 1\n  b: c * 2\n  c: count() + a",
     "7:16: view v: c: a cycle of definitions: v.a -> v.b -> v.c -> v.a"},
    {"view: v\nof: user\nfrom: clicks\nttl: 10m\ndefine:\n  a: count()",
     "4:6: view v: ttl 10m is shorter than the delay of clicks, 1h: its values would expire before "
     "they arrive"},
    {"view: v\nof: user\nfrom: clicks\ndefine:\n  a: count(over [1h, 1h])\n"
     "  b: count(over [1h, 2h]) / count(over [1h, 2h])",
     "5:3: view v: feature 'a_1h' is defined twice\n"
     "6:3: view v: b: at most one `over [...]` in a definition"},
    {"view: v\nof: user\nfrom: clicks\nrepeat: {w: [1h]}\ndefine:\n  a_{w}: count(over {w})\n"
     "expect: [a]",
     "4:1: view v: 'repeat:' is not supported yet\n7:1: view v: 'expect:' is not supported yet"},
    {"view: v\nof: user\nfrom: clicks\ndefine:\n  a: count_distinct(item_id, over 7d)\n"
     "  b: count(by page)\n  c: count(over 1d, half_life 1h)\n  d: a + b_7d",
     "5:6: view v: a: aggregate 'count_distinct' is not supported yet\n"
     "6:12: view v: b: 'by' is not supported yet\n"
     "7:21: view v: c: 'half_life' is not supported yet\n"
     "8:10: view v: d: unknown name 'b_7d'"},
    {"view: v\nof: item\ndefine:\n  a: quality.clicks_7d + page.hour\n  b: quality.clicks_2d\n"
     "  c: taste.recent\n  d: nothing.x\n  e: count()",
     "4:26: view v: a: 'page' is a request, and a view is stored before anybody asks: use the "
     "request's columns in a set\n"
     "5:14: view v: b: view quality has no feature 'clicks_2d'; did you mean 'clicks_7d'?\n"
     "6:6: view v: c: 'taste' is of entity user, but the key is a key of item\n"
     "7:6: view v: d: no view or table 'nothing'\n"
     "8:6: view v: e: aggregate count(…) needs a view 'from:' events; this view is derived from "
     "other views"},
    {"view: v\nof: user\nfrom: clicks\ndefine:\n  a: max(age(clicked_at))\n"
     "  b: last(item_id.catalog.price)\n  c: embed(titles, page)",
     "5:6: view v: a: now and age(…) cannot be used inside an aggregate, which is stored; finish "
     "it at read, as in age(last(t))\n"
     "6:11: view v: b: inside an aggregate only columns of clicks can be used: apply touches only "
     "the record's own keys (R5)\n"
     "7:6: view v: c: embed can be used in a view over a table, or in a set"},
    {"view: v\nof: item\nfrom: catalog\ndefine:\n  a: cosine(embed(titles, title), vec)\n"
     "  b: embed(title, title)\n  c: embed(tower, title)\n  d: embed(titles, stock)",
     "5:13: view v: a: embed(…) must be the whole of its definition: give it a name of its own and "
     "use that\n"
     "5:35: view v: a: unknown name 'vec'\n"
     "6:12: view v: b: no encoder 'title'; did you mean 'titles'?\n"
     "7:12: view v: c: encoder tower is external: its vectors come with the rows, it cannot embed "
     "text\n"
     "8:20: view v: d: embed: expected string, got int64"},
    {"view: v\nof: item\nfrom: catalog\nwhere: hidden\ndefine:\n  a: {is: price, as: int64}",
     "4:8: view v: 'where:' over a table is not supported yet\n"
     "6:3: view v: a: 'as: int64' does not fit double; nothing is narrowed but double to float"},
    {"view: v\nof: user\nfrom: clicks\nwhere: dwel_s > 1\ndefine:\n  a: count()\n  b: sum(dwell_s)",
     "4:8: view v: events clicks has no column 'dwel_s'; did you mean 'dwell_s'?"},
    {"view: v\nof: user\nfrom: clicks\nwhere: dwell_s\ndefine: {a: count()}",
     "4:8: view v: where: expected bool, got double"},
    {"view: v\nof: user\nfrom: clicks\nwhere: age(clicked_at) < 1h\ndefine: {a: count()}",
     "4:24: view v: now and age(…) cannot be used in 'where:': what it keeps is stored"},
    {"view: v\nof: user\nfrom: clicks\nwhere: valid\ndefine: {a: hours(taste.since)}",
     "4:8: view v: 'where:' does nothing here: no definition of this view aggregates records"},
    {"view: v\nof: user\nfrom: clicks\ndefine:\n  a: mean(last(dwell_s, 5))\n"
     "  b: sum(count(where valid))",
     "5:11: view v: a: inside an aggregate there cannot be another aggregate: give each a name, "
     "and use the names in a view without 'from:'\n"
     "6:10: view v: b: inside an aggregate there cannot be another aggregate: give each a name, "
     "and use the names in a view without 'from:'"},
    {"view: v\nof: user\nfrom: clicks\nttl: 5us\ndefine: {a: count()}",
     "4:6: view v, ttl: durations end in ms, s, m (minutes), h, d or w, got '5us'"},
    {"view: v\nof: item\nfrom: catalog\nabout: null\ndefine: {a: stock, null: stock}",
     "4:8: 'null' means nothing in YAML, and nulls are not part of the language; quote it if the "
     "word is meant\n"
     "5:20: 'null' means nothing in YAML, and nulls are not part of the language; quote it if the "
     "word is meant"},
    {"entity: a\rkey: b\r",
     "1:1: this line has a carriage return inside; lines end in \\n or \\r\\n"},
    {"view: v\nof: item\nfrom: catalog\ndefine: {a: if(hidden, 1, 2)}",
     "4:25: a value is missing here; nulls are not part of the language (is a comma inside an "
     "expression? quote it or use block style)"},
};
INSTANTIATE_TEST_SUITE_P(Views, Check, testing::ValuesIn(kViews));

const Case kSets[] = {
    {"set: s\nfor: pag\ncandidate: itm\ncolumns: [a.b]",
     "2:6: set s: no request 'pag'; did you mean 'page'?\n"
     "3:12: set s: no entity 'itm'; did you mean 'item'?"},
    {"set: s\nfor: page\ncandidate: item\ncolumns: []",
     "1:1: set s: 'columns:' must list at least one column"},
    {"set: s\nfor: page\ncandidate: item\ncolumns:\n  - quality.rate\n  - usr.taste.recent\n"
     "  - candidate.quality\n  - page.hours\n  - candidate.quality.rat",
     "5:5: set s: quality.rate: 'quality' is of kind view: a path starts with the role whose "
     "quality is meant (seed, user, candidate, page)\n"
     "6:5: set s: usr.taste.recent: unknown name 'usr': expected one of seed, user, candidate, "
     "page; did you mean 'user'?\n"
     "7:15: set s: candidate.quality: 'candidate.quality' is no value: expected quality.feature\n"
     "8:10: set s: page.hours: request page has no column 'hours'; did you mean 'hour'?\n"
     "9:23: set s: candidate.quality.rat: view quality has no feature 'rat'; did you mean 'rate'?"},
    {"set: s\nfor: page\ncandidate: item\ncolumns:\n  - a: user.quality.rate\n"
     "  - b: candidate.catalog.title.x.y\n  - c: candidate.catalog.related.quality.rate",
     "5:13: set s: a: 'quality' is of entity item, but 'user' is a key of user\n"
     "6:32: set s: b: 'candidate.catalog.title' has type string; only a key<entity> can be "
     "followed\n"
     "7:34: set s: c: 'candidate.catalog.related' is a list of keys: use "
     "gather(candidate.catalog.related, view.feature)"},
    {"set: s\nfor: page\ncandidate: item\ncolumns:\n  - candidate.quality.*\n"
     "  - candidate.quality.rate\n  - a: page.hour\n  - a: page.hour\n  - user: page.hour\n"
     "  - 1 + 2\n  - candidate.qualty.*",
     "6:5: set s: column 'candidate.quality.rate' is there twice; first at 5:5\n"
     "8:5: set s: column 'a' is there twice; first at 7:5\n"
     "9:5: set s: column 'user' has the name of a role\n"
     "10:5: set s: a column that is not a path needs a name: `- name: expression`\n"
     "11:5: set s: no view 'qualty'; did you mean 'quality'?"},
    {"set: s\nfor: page\ncandidate: item\ncolumns:\n  - a: b\n  - b: a + 1\n"
     "  - c: user.taste.since\n  - d: {is: page.hour, as: text}\n  - e: count(over 7d)\n"
     "  - f: embed(titles, candidate.catalog.title)",
     "6:8: set s: b: a cycle of columns: a -> b -> a\n"
     "7:5: set s: c: a duration has no unit on the wire: use hours(…) or days(…)\n"
     "8:28: set s: d: 'as:' must be float, double or int64, not 'text'\n"
     "9:8: set s: e: aggregate count(…) needs records: define it in a view 'from:' events and use "
     "it here by its path\n"
     "10:5: set s: f: embed of a candidate's text belongs in a view, where it is computed once per "
     "row"},
    {"set: s\nfor: page\ncandidate: item\ncolumns:\n"
     "  - a: cosine(page.tower_vec, candidate.text.vec)\n"
     "  - b: dot(page.tower_vec, page.other_vec)\n"
     "  - c: max(gather(user.taste.recent, taste.recent))\n  - d: embed(tower, page.query)",
     "5:8: set s: a: 'cosine': vector<tower> and vector<titles> are vectors of two spaces\n"
     "6:8: set s: b: 'dot': vector<tower> and vector<other> are vectors of two spaces\n"
     "7:38: set s: c: 'taste' is of entity user, but the key is a key of item\n"
     "8:14: set s: d: embed: encoder 'tower' is external: its vectors come with the rows, in a "
     "column of type vector<tower>"},
    {"set: s\nfor: page\ncandidate: item\ncolumns:\n  - a: embed(title, page.query)",
     "5:14: set s: a: no encoder 'title'; did you mean 'titles'?"},
    {"set: s\nfor: page\ncandidate: item\nroles: {maker: candidate.catalog.creator}\n"
     "include: [base_set]\nrows: {from: clicks}\nlabels: [x]\n"
     "columns: [maker.x.y, {a: b}]",
     "4:1: set s: 'roles:' is not supported yet\n5:1: set s: 'include:' is not supported yet\n"
     "6:1: set s: 'rows:' is not supported yet\n7:1: set s: 'labels:' is not supported yet"},
    {"label: l\nof: clicks\nwhen: clicks\nmatch: [page]\nwithin: 1d\nvalue: count() > 0",
     "1:1: label l: labels are not supported yet"},
};
INSTANTIATE_TEST_SUITE_P(Sets, Check, testing::ValuesIn(kSets));

// A retrieval with these lines after its head.
#define RETRIEVAL(lines) "retrieval: r\nfor: page\ncandidate: item\n" lines

const Case kRetrievals[] = {
    {RETRIEVAL("channels:\n  a: {near: text.vec, take: 5}\n  b: {top: quality.rate}\n"
               "  c: {sample: 5, take: 5}\n  d: {take: 5}\n  e: {near: text.vec, top: a.b, to: c, "
               "take: 5}"),
     "5:6: retrieval r, channel a: 'near:' needs 'to:'\n"
     "6:6: retrieval r, channel b: 'top:' needs 'take:'\n"
     "7:18: retrieval r, channel c: 'take:' does not go with 'sample:'\n"
     "8:6: retrieval r, channel d: needs one of 'near:', 'top:' and 'sample:'\n"
     "9:6: retrieval r, channel e: has both 'near:' and 'top:'"},
    {RETRIEVAL("channels:\n  a: {near: text.vec, to: page.tower_vec, take: 5}\n"
               "  b: {near: catalog.title, to: page.tower_vec, take: 5}\n"
               "  c: {near: text.vec, to: page.query, take: 5}\n"
               "  d: {near: text.vec, to: candidate.text.vec, take: 0}"),
     "5:27: retrieval r, channel a, to: a query must be in the space of its vectors: got "
     "vector<tower>, expected vector<titles>\n"
     "6:13: retrieval r, channel b, near: 'catalog.title' has type string; expected a vector of "
     "the candidate: an embed(…) of a view, or a column of type vector<encoder> of a table\n"
     "7:27: retrieval r, channel c, to: expected a vector, got string\n"
     "8:27: retrieval r, channel d, to: a query must not depend on the candidate\n"
     "8:53: retrieval r, channel d, take: expected a whole number from 1 to 10000, got '0'"},
    {RETRIEVAL("channels:\n  a: {top: catalog.title, take: 5}\n"
               "  b: {match: catalog.creator, in: seed.catalog.creator, newest: 5}\n"
               "  c: {from: user.taste.recent, take: 5}\n  d: {sample: 5, deadline: soon}"),
     "5:12: retrieval r, channel a, top: expected a number, got string\n"
     "6:7: retrieval r, channel b: 'match:' is not supported yet\n"
     "7:7: retrieval r, channel c: 'from:' is not supported yet\n"
     "8:28: retrieval r, channel d, deadline: expected a duration such as 90s, 10m, 6h or 7d, got "
     "'soon'"},
    {RETRIEVAL("channels: {a: {sample: 5}}\nwhere: candidate.quality.rate > 1\n"
               "exclude: [user, candidate, seed.catalog.title]\nscore: rrf(a)\nlimit: 5000"),
     "5:26: retrieval r, where: 'quality.rate' is computed at read: a condition on it is applied "
     "after the union (S9.1), which is not supported yet; write the condition over stored columns\n"
     "6:11: retrieval r, exclude: expected keys of item, got key<user>\n"
     "6:17: retrieval r, exclude: must not depend on the candidate; use 'where:' for that\n"
     "6:28: retrieval r, exclude: expected keys of item, got string\n"
     "7:12: retrieval r, score: channel 'a' is a sample, which has no ranks (S9.2)\n"
     "8:8: retrieval r, limit: expected a whole number from 1 to 2000, got '5000'"},
    {RETRIEVAL("channels: {hot: {top: quality.rate, take: 5}}\nwhere: page.hour\n"
               "score: 2 * rrf(hot)\nreturn: base"),
     "5:8: retrieval r, where: condition: expected bool, got int64\n"
     "6:8: retrieval r, score: expressions other than rrf(channel, …) are not supported yet\n"
     "7:9: retrieval r, return: no set 'base'"},
    {RETRIEVAL("channels: {hot: {top: quality.rate, take: 5}}\nscore: rrf(hott, hot, hot)\n"
               "define: {x: 1}\ndiverse: {by: x, at_most: 1}\nat_least: 1\nprice: {y: 1}"),
     "5:12: retrieval r, score: no channel 'hott'; did you mean 'hot'?\n"
     "5:23: retrieval r, score: channel 'hot' is named twice\n"
     "6:1: retrieval r: 'define:' is not supported yet\n"
     "7:1: retrieval r: 'diverse:' is not supported yet\n"
     "8:1: retrieval r: 'at_least:' is not supported yet\n"
     "9:1: retrieval r: 'price:' is not supported yet"},
    {"retrieval: r\nfor: page\ncandidate: user\nchannels: {a: {sample: 5}}\nreturn: base_set",
     "5:9: retrieval r: set base_set is for page with candidate item; this is for page "
     "with candidate user"},
};
INSTANTIATE_TEST_SUITE_P(Retrievals, Check, testing::ValuesIn(kRetrievals));

// A view whose features f1 … are each twice the one before.
std::string Chain(int links) {
  std::string text = "view: v\nof: user\nfrom: clicks\ndefine:\n  f0: count()\n";
  for (int i = 1; i <= links; ++i) {
    const std::string before = "f" + std::to_string(i - 1);
    text += "  f" + std::to_string(i) + ": " + before + " + " + before + "\n";
  }
  return text;
}

TEST(CompileErrors, BoundsChainsOfDefinitionsButNotTheirSharing) {
  EXPECT_EQ(Said(Chain(30)), "");
  // Checked from the top, where nothing below is known yet.
  std::string reversed = "view: w\nof: user\ndefine:\n";
  for (int i = 40; i >= 1; --i) {
    reversed += "  f" + std::to_string(i) + ": f" + std::to_string(i - 1) + " + 1\n";
  }
  reversed += "  f0: hours(taste.since)\n";
  EXPECT_EQ(Said(reversed), "35:7: view w: f9: definitions by definitions deeper than 32");
}

TEST(CompileErrors, ReportsAtMostAThousand) {
  std::string text(kBase);
  for (const std::string view : {"v", "w"}) {
    text += "---\nview: " + view + "\nof: item\ndefine:\n";
    for (int i = 0; i < 800; ++i) text += "  f" + std::to_string(i) + ": nothing\n";
  }
  const CompileResult result = CompileText(text);
  ASSERT_EQ(result.diagnostics.size(), 1'001u);
  EXPECT_EQ(result.diagnostics[999].line, result.diagnostics[0].line + 999 + 4);
  EXPECT_EQ(result.diagnostics.back().ToString(), "and 600 more");
  EXPECT_EQ(result.registry, nullptr);
}

// Once, where the document says it, and with the cause: it lies there.
TEST(CompileErrors, SaysWhyAnEncoderCannotBeRead) {
  const std::string text =
      "encoder: a\npath: encoders/a\n---\nencoder: b\npath: encoders/b\n---\n" +
      std::string(kBase) +
      "---\nview: v\nof: item\nfrom: catalog\ndefine: {x: \"embed(a, title)\"}\n";
  const CompileResult result =
      Compile({{"a.yaml", text}}, TestEncoders(), {{"encoders/a", "encoder.json is damaged"}});
  EXPECT_EQ(Text(result.diagnostics),
            "a.yaml:2:7: encoder a: the encoder at 'encoders/a' cannot be read: encoder.json is "
            "damaged\n"
            "a.yaml:5:7: encoder b: there is no encoder at 'encoders/b'; train one with `larder "
            "encoder train --out encoders/b`\n");
}

TEST(CompileErrors, RefusesTooManyBytes) {
  const std::vector<DefinitionFile> files(9, {"a.yaml", std::string(size_t{1} << 20, '#')});
  EXPECT_EQ(Text(Compile(files, {}).diagnostics),
            "definitions are limited to 1000 files of 8388608 bytes together; these are 9 files "
            "of 9437184 bytes\n");
}

// Whatever is wrong, compiling ends with a registry or with complaints that have positions.
TEST(CompileErrors, SurvivesDamagedDefinitions) {
  const std::string good = ItemsYaml();
  constexpr uint64_t kSeed = 20240502;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  std::vector<std::string> words;
  for (size_t begin = 0; begin < good.size();) {
    const size_t end = std::min(good.find_first_of(" \n.,()[]", begin), good.size());
    if (end > begin) words.push_back(good.substr(begin, end - begin));
    begin = end + 1;
  }
  for (int round = 0; round < 150; ++round) {
    std::string text = good;
    for (uint64_t edit = 0; edit <= random() % 4; ++edit) {
      const std::string& from = words[random() % words.size()];
      const std::string& to = words[random() % words.size()];
      std::vector<size_t> places;
      for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + 1)) {
        places.push_back(at);
      }
      if (!places.empty()) text.replace(places[random() % places.size()], from.size(), to);
    }
    const CompileResult result = CompileText(text);
    EXPECT_EQ(result.registry == nullptr, !result.diagnostics.empty());
    for (const Diagnostic& diagnostic : result.diagnostics) {
      EXPECT_GT(diagnostic.line, 0) << diagnostic.ToString();
      EXPECT_GT(diagnostic.column, 0) << diagnostic.ToString();
      EXPECT_FALSE(diagnostic.message.empty());
    }
  }
}

}  // namespace
}  // namespace larder::registry
