// SPDX-License-Identifier: Apache-2.0
// Definitions that ask for too much: they are refused, quickly and whatever their order.
#include "registry/compile.h"

#include <algorithm>

#include "registry/source_text.h"
#include "tests/registry/compile_testing.h"

namespace larder::registry {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::string_view kBase = R"yaml(entity: item
key: item_id
---
table: catalog
of: item
time: updated_at
columns: {price: double, stock: int64, left: key<item>, right: key<item>}
---
events: clicks
keys: {item_id: item}
time: at
columns: {dwell: double}
---
request: page
keys: {seed: item}
columns: {query: string}
---
encoder: titles
path: encoders/titles
---
)yaml";

std::vector<Diagnostic> Said(const std::string& text) {
  return CompileText(std::string(kBase) + text).diagnostics;
}

std::string Repeated(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

// A view over the catalog with these definitions.
std::string View(const std::vector<std::string>& lines) {
  std::string text = "view: v\nof: item\nfrom: catalog\ndefine:\n";
  for (const std::string& line : lines) text += "  " + line + "\n";
  return text;
}

// f0 … f{count - 1}, each `rest` more than the one before.
std::vector<std::string> ChainOf(int count, const std::string& rest) {
  std::vector<std::string> lines = {"f0: price"};
  for (int i = 1; i < count; ++i) {
    lines.push_back("f" + std::to_string(i) + ": f" + std::to_string(i - 1) + rest);
  }
  return lines;
}

TEST(CompileLimits, TypesDoNotNest) {
  for (const size_t times : {2, 40, 150'000}) {
    const std::vector<Diagnostic> said =
        Said("table: t\nof: item\ntime: at\ncolumns:\n  a: " + Repeated("list<", times) + "bool" +
             Repeated(">", times) + "\n");
    ASSERT_THAT(said, SizeIs(1));
    EXPECT_THAT(said[0].message, times < 50 ? HasSubstr("a list holds scalars")
                                            : HasSubstr("at most 256 bytes"));
    EXPECT_LT(said[0].message.size(), 200u);
  }
}

TEST(CompileLimits, ChainsOfFeaturesAreRefusedInAnyOrder) {
  std::vector<std::string> lines = ChainOf(32, " + 1");
  EXPECT_EQ(Text(Said(View(lines))), "");
  std::reverse(lines.begin(), lines.end());
  EXPECT_EQ(Text(Said(View(lines))), "");
  for (const int count : {33, 40, 1'000}) {
    lines = ChainOf(count, " + 1");
    const std::vector<Diagnostic> said = Said(View(lines));
    ASSERT_THAT(said, SizeIs(1));
    EXPECT_EQ(said[0].message, "view v: f32: definitions by definitions deeper than 32");
    std::reverse(lines.begin(), lines.end());
    EXPECT_FALSE(Said(View(lines)).empty());
  }
}

// They would nest thousands of calls of the compiler.
TEST(CompileLimits, HighExpressionsInEachOtherAreRefused) {
  std::vector<std::string> lines = ChainOf(100, Repeated(" + stock", 300));
  EXPECT_THAT(Said(View(lines)).at(0).message, HasSubstr("higher than 640 operators"));
  std::reverse(lines.begin(), lines.end());
  EXPECT_THAT(Said(View(lines)).at(0).message, HasSubstr("higher than 640 operators"));

  std::string set = "set: s\nfor: page\ncandidate: item\ncolumns:\n";
  for (int i = 31; i > 0; --i) {
    set += "  - c" + std::to_string(i) + ": c" + std::to_string(i - 1) +
           Repeated(" + candidate.catalog.stock", 150) + "\n";
  }
  EXPECT_THAT(Said(set + "  - c0: candidate.catalog.price\n").at(0).message,
              HasSubstr("higher than 640 operators"));
}

TEST(CompileLimits, ChainsOfColumnsAreRefusedInAnyOrder) {
  for (const bool reversed : {false, true}) {
    for (const int count : {32, 33}) {
      std::vector<std::string> lines = ChainOf(count, " + 1");
      lines[0] = "f0: candidate.catalog.price";
      if (reversed) std::reverse(lines.begin(), lines.end());
      std::string set = "set: s\nfor: page\ncandidate: item\ncolumns:\n";
      for (const std::string& line : lines) set += "  - " + line + "\n";
      const std::vector<Diagnostic> said = Said(set);
      ASSERT_THAT(said, SizeIs(count == 32 ? 0 : 1));
      for (const Diagnostic& one : said) EXPECT_THAT(one.message, HasSubstr("deeper than 32"));
    }
  }
}

// Two keys at each step: the 20th feature is a million look-ups.
TEST(CompileLimits, FeaturesThatMultiplyAreRefused) {
  std::vector<std::string> lines = {"f0: price"};
  for (int i = 1; i < 30; ++i) {
    const std::string before = "v.f" + std::to_string(i - 1);
    lines.push_back("f" + std::to_string(i) + ": catalog.left." + before + " + catalog.right." +
                    before);
  }
  const std::vector<Diagnostic> said = Said(View(lines));
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_THAT(said[0].ToString(), HasSubstr("a.yaml:"));
  EXPECT_THAT(said[0].message, HasSubstr("makes more than 20000 steps"));
  lines.resize(10);
  EXPECT_EQ(Text(Said(View(lines))), "");
}

TEST(CompileLimits, MessagesQuoteLittleOfWhatIsLong) {
  const std::string key(100'000, 'x');
  std::string text = "view: v\nof: item\ndefine:\n  ? " + key + "\n  :\n    is: a\n";
  for (int i = 0; i < 20'000; ++i) text += "    k" + std::to_string(i) + ": b\n";
  text += "---\nretrieval: r\nfor: page\ncandidate: item\nchannels:\n  ? " + key +
          "\n  : {sample: none}\n---\n? " + key + "\n: c\n---\nentity: a\nkey: a\n? " + key +
          "\n: x\n";
  const std::vector<Diagnostic> said = Said(text);
  EXPECT_THAT(said, SizeIs(4));
  for (const Diagnostic& diagnostic : said) EXPECT_LT(diagnostic.message.size(), 300u);
}

TEST(CompileLimits, ClipsBetweenCodePoints) {
  EXPECT_EQ(Clipped("short"), "short");
  EXPECT_EQ(Clipped(std::string(64, 'a')), std::string(64, 'a'));
  EXPECT_EQ(Clipped(std::string(65, 'a')), std::string(64, 'a') + "…");
  EXPECT_EQ(Clipped(std::string(63, 'a') + "ß…"), std::string(63, 'a') + "…");
}

TEST(CompileLimits, CountsTheComplaintsThatItDoesNotKeep) {
  std::string text = "entity: a\nkey: a\n";
  for (int i = 0; i < 20'000; ++i) text += "k" + std::to_string(i) + ": b\n";
  const std::vector<Diagnostic> said = Said(text);
  ASSERT_THAT(said, SizeIs(1'001));
  EXPECT_EQ(said.back().ToString(), "and 19000 more");
}

// What a suggestion costs grows with the number of names, so they end after some complaints.
TEST(CompileLimits, SuggestsForTheFirstComplaintsOnly) {
  std::string text = View(ChainOf(2, " + 1")) + "---\nview: w\nof: item\ndefine:\n";
  for (int i = 0; i < 200; ++i) text += "  g" + std::to_string(i) + ": v.f_1\n";
  const std::vector<Diagnostic> said = Said(text);
  ASSERT_THAT(said, SizeIs(200));
  const auto suggests = [](const Diagnostic& diagnostic) {
    return diagnostic.message.find("did you mean") != std::string::npos;
  };
  EXPECT_EQ(std::count_if(said.begin(), said.end(), suggests), 50);
}

TEST(CompileLimits, WindowsAndNamesOfAFanOut) {
  std::string windows = "1s";
  for (int i = 2; i <= 33; ++i) windows += ", " + std::to_string(i) + "s";
  const std::string head = "view: v\nof: item\nfrom: clicks\ndefine:\n";
  EXPECT_EQ(Text(Said(head + "  n: count(over [" + windows + "])\n  m: n_1s + 1\n")),
            "a.yaml:25:3: view v: n: at most 32 windows in one `over`, got 33\n");
  const std::string name(62, 'n');
  EXPECT_EQ(Text(Said(head + "  " + name + ": count(over [1h])\n")),
            "a.yaml:25:3: view v: feature '" + name + "_1…': a name has at most 64 bytes, with its "
            "window\n");
}

TEST(CompileLimits, NamesBeforeAWildcard) {
  const std::string text = View({"a: price"}) + "---\nset: s\nfor: page\ncandidate: item\n" +
                           "columns: [candidate." + Repeated("catalog.left.", 500) + "v.*]\n";
  const std::vector<Diagnostic> said = Said(text);
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_THAT(said[0].message, HasSubstr("expected role.view.*, of at most 32 names"));
}

TEST(CompileLimits, FieldsOfEmbed) {
  const auto set = [](size_t texts) {
    return "set: s\nfor: page\ncandidate: item\ncolumns:\n  - a: known(embed(titles" +
           Repeated(", page.query", texts) + "))\n";
  };
  EXPECT_EQ(Text(Said(set(16))), "");
  EXPECT_THAT(Said(set(17)).at(0).message, HasSubstr("an encoder and 1 to 16 texts, got 18"));
}

}  // namespace
}  // namespace larder::registry
