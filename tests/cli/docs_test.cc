// SPDX-License-Identifier: Apache-2.0
// docs/reference/cli.md and --help say the same.
#include <gmock/gmock.h>

#include <cctype>
#include <fstream>
#include <sstream>

#include "cli/cli.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;

std::string Document() {
  std::ifstream file("docs/reference/cli.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// What stands under the heading of a command; empty if there is none.
std::string SectionOf(const std::string& document, const std::string& command) {
  const std::string heading = "\n### " + command + "\n";
  const size_t begin = document.find(heading);
  if (begin == std::string::npos) return "";
  const size_t end = document.find("\n### ", begin + heading.size());
  return document.substr(begin + heading.size(), end - begin - heading.size());
}

struct Command {
  std::string name;  // "larder registry log"
  const CLI::App* app;
};

// Commands that do something: the leaves.
std::vector<Command> Commands(const CLI::App& app, const std::string& prefix) {
  std::vector<Command> commands;
  const auto children = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children) {
    const auto below = Commands(*child, prefix + " " + child->get_name());
    commands.insert(commands.end(), below.begin(), below.end());
    if (below.empty()) commands.push_back({prefix + " " + child->get_name(), child});
  }
  return commands;
}

// Options that every command has; described once.
bool IsShared(const std::string& name) {
  return name == "help" || name == "json" || name == "server" || name == "timeout";
}

class DocsTest : public testing::Test {
 protected:
  DocsTest() : cli_{.io = {out_, out_}, .action = {}} { BuildApp(app_, cli_); }

  std::ostringstream out_;
  Cli cli_;
  CLI::App app_;
  const std::string document_ = Document();
};

TEST_F(DocsTest, EveryCommandHasASectionThatNamesItsOptions) {
  ASSERT_FALSE(document_.empty());
  for (const Command& command : Commands(app_, "larder")) {
    const std::string section = SectionOf(document_, command.name);
    EXPECT_FALSE(section.empty()) << "no section '### " << command.name << "'";
    for (const CLI::Option* option : command.app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        if (IsShared(name)) continue;
        EXPECT_THAT(section, HasSubstr("`--" + name)) << "in section " << command.name;
      }
    }
  }
}

// What stands in brackets at the end of a description: the default.
std::string DefaultOf(const CLI::Option& option) {
  const std::string& text = option.get_description();
  const size_t open = text.rfind('[');
  return text.ends_with("]") && open != std::string::npos
             ? text.substr(open + 1, text.size() - open - 2)
             : "";
}

TEST_F(DocsTest, NumbersAndDurationsHaveTheDefaultsOfTheHelp) {
  size_t compared = 0;
  for (const Command& command : Commands(app_, "larder")) {
    const std::string section = SectionOf(document_, command.name);
    for (const CLI::Option* option : command.app->get_options()) {
      const std::string value = DefaultOf(*option);
      if (option->get_lnames().empty() || IsShared(option->get_lnames()[0])) continue;
      if (value.empty() || std::isdigit(static_cast<unsigned char>(value[0])) == 0) continue;
      const size_t row = section.find("| `--" + option->get_lnames()[0]);
      ASSERT_NE(row, std::string::npos) << command.name << " " << option->get_name();
      const std::string line = section.substr(row, section.find('\n', row) - row);
      EXPECT_TRUE(line.find("| " + value + " |") != std::string::npos ||
                  line.find("| `" + value + "` |") != std::string::npos)
          << command.name << ": " << line << ", expected the default " << value;
      ++compared;
    }
  }
  EXPECT_GT(compared, 20u);
}

TEST_F(DocsTest, EverySectionIsACommand) {
  std::vector<std::string> names;
  for (const Command& command : Commands(app_, "larder")) names.push_back(command.name);
  for (size_t at = 0; (at = document_.find("\n### larder", at)) != std::string::npos;) {
    at += 5;
    const std::string name = document_.substr(at, document_.find('\n', at) - at);
    EXPECT_THAT(names, testing::Contains(name));
  }
}

TEST_F(DocsTest, EveryCommandHasExamplesAndDescribesItsOptions) {
  for (const Command& command : Commands(app_, "larder")) {
    EXPECT_THAT(command.app->get_footer(), HasSubstr(command.name)) << command.name;
    for (const CLI::Option* option : command.app->get_options()) {
      EXPECT_FALSE(option->get_description().empty()) << command.name << " " << option->get_name();
    }
  }
}

}  // namespace
}  // namespace larder::cli
