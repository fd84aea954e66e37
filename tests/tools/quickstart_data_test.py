#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The quickstart's data: what is read from apt's fields, and that sessions can be repeated."""

import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import quickstart_data as data  # noqa: E402

SMALL = os.path.join(ROOT, "tests", "testdata", "debian_small")


class QuickstartDataTest(unittest.TestCase):
    """Pure functions; nothing here runs apt."""

    def test_descriptions_join_paragraphs_and_keep_lists(self):
        text = "synopsis\nfirst line\nsecond line\n.\n * item\n.\nend"
        self.assertEqual(data.description_text(text), "first line second line\n* item\nend")

    def test_the_first_real_alternative_is_needed(self):
        known = {"libc6", "exim4", "perl"}
        field = "libc6 (>= 2.34), mail-transport-agent | exim4, perl:any, ghost"
        self.assertEqual(list(data.needed_packages(field, known)), ["libc6", "exim4", "perl"])

    def test_tags_in_braces_are_unfolded(self):
        self.assertEqual(data.tag_list("role::program, use::{editing,viewing},\n culture::TODO"),
                         ["role::program", "use::editing", "use::viewing"])

    def test_edges_have_explicit_ids_and_no_repeats(self):
        catalog = {"a": {}, "b": {"maintainer": "M"}}
        packages = [{"Package": "a", "Pre-Depends": "b", "Depends": "b (>= 1), a"}]
        edges = list(data.edge_records(packages, catalog, "2024-01-01T00:00:00Z"))
        self.assertEqual([(e["edge_id"], e["kind"], e["needs_maintainer"]) for e in edges],
                         [("a>b", "pre-depends", "M")])

    def test_addresses_of_maintainers_are_left_out(self):
        self.assertEqual(data.maintainer_name('"A. Person" <a@example.org>'), "A. Person")

    def test_the_same_seed_gives_the_same_sessions_in_their_30_days(self):
        catalog = data.read_lines(os.path.join(SMALL, "catalog.jsonl"))
        edges = data.read_lines(os.path.join(SMALL, "edges.jsonl"))
        until = 1_700_000_000

        first = data.simulate(catalog, edges, 50, until, seed=7)

        self.assertEqual(first, data.simulate(catalog, edges, 50, until, seed=7))
        self.assertNotEqual(first, data.simulate(catalog, edges, 50, until, seed=8))
        times = [event["viewed_at"] for event in first]
        self.assertEqual(times, sorted(times))
        self.assertLess(times[-1], data.rfc3339(until))
        self.assertGreaterEqual(times[0], data.rfc3339(until - 30 * data.DAY_S))
        self.assertEqual(len({event["view_id"] for event in first}), len(first))


if __name__ == "__main__":
    unittest.main()
