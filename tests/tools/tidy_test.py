#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each rule of tools/tidy.py finds what it is for, and nothing in the right way of doing it."""

import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import tidy  # noqa: E402

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"
PROTO = LICENCE + 'syntax = "proto3";\n\npackage larder.v1;\n\n'


class TidyTest(unittest.TestCase):
    """Runs the checks on small trees."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def write(self, name, text):
        """Puts a file into the tree."""
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def findings(self):
        """All errors of the tree, as text."""
        return [str(f) for f in tidy.check_tree(self.root) if not f.warning]

    def assert_finds(self, name, text, part):
        """The file has exactly one finding, with this in it."""
        self.write(name, text)
        found = self.findings()
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def assert_clean(self, name, text):
        """The file has no finding."""
        self.write(name, text)
        self.assertEqual(self.findings(), [])

    # Includes.

    def test_a_layer_may_not_include_one_above_or_beside(self):
        self.assert_finds("ann/a.cc", LICENCE + '#include "text/encoder.h"\n',
                          "ann/a.cc:2: includes: ann may not include text/encoder.h")

    def test_a_layer_may_include_what_it_stands_on(self):
        self.assert_clean("featurestore/a.cc", LICENCE + '#include "registry/type.h"\n')

    def test_internal_headers_are_private_but_for_the_folders_tests(self):
        self.write("text/a.cc", LICENCE + '#include "text/internal/random.h"\n')
        self.write("tests/text/a_test.cc", LICENCE + '#include "text/internal/random.h"\n')
        self.assert_finds("serving/a.cc", LICENCE + '#include "text/internal/random.h"\n',
                          "is private to text")

    def test_third_party_headers_stay_in_their_family(self):
        self.write("featurestore/rocksdb_log.cc", LICENCE + "#include <rocksdb/db.h>\n")
        self.assert_finds("featurestore/log.cc", LICENCE + "#include <rocksdb/db.h>\n",
                          "third-party")

    def test_generated_headers_stay_at_the_edges(self):
        self.write("text/proto_codec.cc", LICENCE + '#include "larder/v1/common.pb.h"\n')
        self.assert_finds("text/a.cc", LICENCE + '#include "larder/v1/common.pb.h"\n',
                          "generated headers")

    # Source text.

    def test_guards_are_named_by_path(self):
        good = LICENCE + "#ifndef LARDER_ANN_A_B_H_\n#define LARDER_ANN_A_B_H_\n#endif\n"
        self.write("ann/a_b.h", good)
        self.assert_finds("ann/c.h", good, "#ifndef LARDER_ANN_C_H_")

    def test_banned_calls_name_their_replacement(self):
        for code, instead in (("std::atomic<std::shared_ptr<int>> x;", "larder::Mutex"),
                              ("absl::Mutex mu;", "larder::Mutex"),
                              ("int x = rand();", "seeded generator"),
                              ("std::regex r;", "parser"),
                              ("printf(x);", "never print"),
                              ("std::cout << 1;", "never print"),
                              ("assert(x);", "LARDER_CHECK")):
            with self.subTest(code=code):
                self.assert_finds("ann/a.cc", LICENCE + code + "\n", instead)

    def test_banned_words_in_comments_and_text_are_fine(self):
        self.assert_clean("ann/a.cc", LICENCE + '// absl::Mutex is not used\nauto s = "rand()";\n'
                          "int operand(int);\n")

    def test_tests_do_not_sleep(self):
        self.assert_finds("tests/ann/a_test.cc", LICENCE + "std::this_thread::sleep_for(x);\n",
                          "ManualClock")

    def test_the_command_line_may_print(self):
        self.assert_clean("cli/a.cc", LICENCE + "std::cout << 1;\n")

    def test_a_todo_needs_an_issue(self):
        self.write("ann/b.cc", LICENCE + "// TODO(#12): later\n")
        self.assert_finds("ann/a.cc", LICENCE + "// TODO: later\n", "TODO(#ISSUE)")

    def test_long_functions_are_named(self):
        body = "  x();\n" * 80
        self.write("ann/b.cc", LICENCE + "void Short() {\n" + "  x();\n" * 60 + "}\n")
        self.assert_finds("ann/a.cc", LICENCE + "void Long(int a,\n          int b) {\n" + body
                          + "}\n", "Long has 83 lines")

    def test_long_files_fail_and_growing_ones_warn(self):
        self.write("ann/a.cc", LICENCE + "\n" * 450)
        self.assertEqual(self.findings(), [])
        self.assertTrue(any(f.warning for f in tidy.check_tree(self.root)))
        self.assert_finds("ann/a.cc", LICENCE + "\n" * 650, "split the file")

    def test_tests_may_be_longer(self):
        self.assert_clean("tests/ann/a_test.cc", LICENCE + "\n" * 750)

    def test_lines_have_100_columns(self):
        self.write("ann/b.cc", LICENCE + "// " + "é" * 97 + "\n")
        self.assert_finds("ann/a.cc", LICENCE + "// " + "x" * 98 + "\n", "101 columns")

    def test_test_names_have_no_underscores(self):
        self.assert_finds("tests/ann/a_test.cc", LICENCE + "TEST(Unit, Does_this) {}\n",
                          "test-name")

    # Every file.

    def test_the_first_line_says_the_licence(self):
        self.write("tools/run", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n")
        self.assert_finds("ann/a.cc", "int x;\n", "spdx")

    def test_no_path_of_one_machine(self):
        self.write("docs/a.md", "see /etc/os-release and `/home`\n")
        self.assert_finds("docs/b.md", "see /home/me/larder\n", "machine-path")

    # Protos.

    def test_a_well_kept_proto_is_fine(self):
        self.assert_clean("proto/larder/v1/a.proto", PROTO + (
            "// A.\nservice AService {\n  // B.\n  rpc Get(GetRequest) returns (GetResponse);\n}\n"
            "// C.\nmessage GetRequest {\n  // D.\n  repeated string names = 1;\n}\n"
            "// E.\nmessage GetResponse {}\n"
            "// F.\nenum SomeKind {\n  // G.\n  SOME_KIND_UNSPECIFIED = 0;\n}\n"))

    def test_protos_comment_every_field(self):
        self.assert_finds("proto/larder/v1/a.proto", PROTO + "// A.\nmessage M {\n  int32 a = 1;\n}\n",
                          "'int32 a = 1;' has no comment")

    def test_services_end_in_service(self):
        self.assert_finds("proto/larder/v1/a.proto", PROTO + "// A.\nservice Thing {\n}\n",
                          "must end in Service")

    def test_each_rpc_has_its_own_messages(self):
        self.assert_finds("proto/larder/v1/a.proto", PROTO + "// A.\nservice AService {\n  // B.\n"
                          "  rpc Get(Empty) returns (GetResponse);\n}\n", "GetRequest")

    def test_enum_values_carry_the_enums_name(self):
        self.assert_finds("proto/larder/v1/a.proto", PROTO + "// A.\nenum SomeKind {\n  // B.\n"
                          "  SOME_KIND_UNSPECIFIED = 0;\n  // C.\n  OTHER = 1;\n}\n",
                          "must begin with SOME_KIND_")

    # Documents.

    def test_relative_links_lead_to_files(self):
        self.write("docs/a.md", "[x](https://example.org) [y](b.md#part) [z](#here)\n")
        self.write("docs/b.md", "text\n")
        self.assert_finds("docs/c.md", "[x](missing.md)\n", "missing.md leads nowhere")

    def test_every_option_of_a_command_is_documented(self):
        self.write("docs/reference/cli.md", "`--limit N` and `--batch-size N`\n")
        self.write("cli/commands/a.cc", LICENCE + 'c->add_option("--limit,-n", x);\n')
        self.assert_finds("cli/commands/b.cc", LICENCE + 'c->add_flag(\n    "--batch", x);\n',
                          "--batch is not in docs/reference/cli.md")

    def test_every_server_option_is_documented(self):
        self.write("docs/reference/configuration.md", "`data_dir`\n")
        self.assert_finds(
            "serving/server_options.h",
            LICENCE + "#ifndef LARDER_SERVING_SERVER_OPTIONS_H_\n"
            "#define LARDER_SERVING_SERVER_OPTIONS_H_\nstruct ServerOptions {\n"
            "  std::string data_dir;\n  size_t threads = 4;\n  Status Validate() const;\n};\n"
            "#endif\n", "ServerOptions::threads")


if __name__ == "__main__":
    unittest.main()
