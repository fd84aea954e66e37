// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_REGISTRY_COMPILE_TESTING_H_
#define LARDER_TESTS_REGISTRY_COMPILE_TESTING_H_

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "registry/compile.h"

namespace larder::registry {

// Facts of an encoder at `path`, its digest made from `version`.
inline EncoderFacts FactsOf(std::string path, std::string_view version = "1") {
  return {path, Sha256(path + std::string(version)), 64};
}

// The encoder that the test definitions name.
inline std::vector<EncoderFacts> TestEncoders() { return {FactsOf("encoders/titles")}; }

inline CompileResult CompileText(std::string_view text) {
  return Compile({{"a.yaml", std::string(text)}}, TestEncoders());
}

// All complaints, one per line.
inline std::string Text(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += diagnostic.ToString() + "\n";
  return text;
}

// Compiles what must compile.
inline std::shared_ptr<const CompiledRegistry> MustCompile(
    const std::vector<DefinitionFile>& files,
    const std::vector<EncoderFacts>& encoders = TestEncoders()) {
  CompileResult result = Compile(files, encoders);
  EXPECT_EQ(Text(result.diagnostics), "");
  return result.registry;
}
inline std::shared_ptr<const CompiledRegistry> MustCompile(std::string_view text) {
  return MustCompile({{"a.yaml", std::string(text)}});
}

// A file of the source tree; empty if it is absent.
inline std::string ReadTestFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::string ItemsYaml() {
  std::string text = ReadTestFile("tests/testdata/registry/items.yaml");
  EXPECT_FALSE(text.empty()) << "tests run in the repository's root";
  return text;
}

// `text` with the first `from` replaced by `to`; fails the test if it is not there.
inline std::string Replace(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

}  // namespace larder::registry

#endif  // LARDER_TESTS_REGISTRY_COMPILE_TESTING_H_
