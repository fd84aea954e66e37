#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The quickstart leaves alone what others use or edited, and no server behind."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import quickstart  # noqa: E402
import quickstart_data  # noqa: E402
import quickstart_home as home  # noqa: E402

# A server that never answers: it writes its process id and waits.
FAKE_LARDER = """#!/bin/sh
[ "$1" = serve ] || exit 1
echo $$ > server.pid
exec sleep 600
"""
FAKE_RUN = """
import sys
sys.path.insert(0, "{tools}")
import quickstart
quickstart.HOME, quickstart.LARDER = ".", "./larder"
quick = quickstart.Quickstart()
with quickstart.no_orphan(quick):
    quickstart.start_server(quick)
"""


class Folder(unittest.TestCase):
    """Tests in a temporary folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def path(self, *parts):
        """A path in the folder, whose parents exist."""
        path = os.path.join(self.root, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def write(self, text, *parts):
        """Puts a file there."""
        with open(self.path(*parts), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, *parts):
        """What the file holds."""
        with open(self.path(*parts), encoding="utf-8") as file:
            return file.read()


class RemoveDataTest(Folder):
    """--refresh and servers."""

    def test_data_that_a_server_has_locked_stays(self):
        self.write("", "data", "serve.lock")
        self.write("rows", "data", "blob")
        with open(self.path("data", "serve.lock"), "rb") as server:
            fcntl.flock(server, fcntl.LOCK_EX)
            with self.assertRaises(SystemExit) as refused:
                home.remove_data(self.path("data"))
        self.assertIn(self.path("data", "serve.lock"), str(refused.exception))
        self.assertEqual(self.read("data", "blob"), "rows")

    def test_data_that_nobody_uses_goes(self):
        self.write("", "data", "serve.lock")
        self.write("rows", "data", "blob")
        home.remove_data(self.path("data"))
        self.assertFalse(os.path.exists(os.path.join(self.root, "data")))
        home.remove_data(self.path("data"))  # nothing there: nothing to do


class CopyDefinitionsTest(Folder):
    """What people edit is theirs."""

    def copy(self, copied):
        """One run of the quickstart."""
        return home.copy_definitions(self.path("from"), self.path("to"), copied)

    def setUp(self):
        super().setUp()
        self.write("a1", "from", "a.yaml")
        self.write("b1", "from", "b.yaml")
        self.copied, _ = self.copy({})

    def test_untouched_files_follow_the_example(self):
        self.write("a2", "from", "a.yaml")
        os.remove(self.path("from", "b.yaml"))
        copied, edited = self.copy(self.copied)
        self.assertEqual(self.read("to", "a.yaml"), "a2")
        self.assertEqual(os.listdir(self.path("to", "")), ["a.yaml"])
        self.assertEqual((list(copied), edited), (["a.yaml"], []))

    def test_edited_and_added_files_stay(self):
        self.write("mine", "to", "a.yaml")
        self.write("new", "to", "c.yaml")
        self.write("a2", "from", "a.yaml")
        for _ in range(2):
            self.copied, edited = self.copy(self.copied)
            self.assertEqual(edited, ["a.yaml"])
            self.assertEqual(self.read("to", "a.yaml"), "mine")
            self.assertEqual(self.read("to", "c.yaml"), "new")

    def test_a_deleted_file_comes_back(self):
        os.remove(self.path("to", "a.yaml"))
        self.copy(self.copied)
        self.assertEqual(self.read("to", "a.yaml"), "a1")

    def test_without_a_memory_a_different_file_counts_as_edited(self):
        self.write("mine", "to", "a.yaml")
        copied, edited = self.copy({})
        self.assertEqual((list(copied), edited), (["b.yaml"], ["a.yaml"]))


class FetchTest(Folder):
    """apt-get is a stand-in here."""

    RELEASE = "Origin: Debian\nDate: Sat, 01 Jun 2024 00:00:00 UTC\nSHA256:\n"

    def fetch(self, code, files):
        """Fetches with an apt-get that writes these list files and exits with `code`."""
        def run(command, **_):
            lists = next(word for word in command if word.startswith("Dir::State::lists="))
            for name, text in files.items():
                with open(os.path.join(lists.split("=")[1], name), "w", encoding="utf-8") as file:
                    file.write(text)
            return subprocess.CompletedProcess(command, code, stdout="Temporary failure resolving")
        with mock.patch.object(subprocess, "run", run):
            quickstart_data.fetch(self.root)

    def test_a_failed_fetch_leaves_nothing_and_the_next_one_works(self):
        for code, files in ((100, {"d_Release": self.RELEASE}), (0, {"d_Release": self.RELEASE})):
            with self.assertRaises(SystemExit) as failed:
                self.fetch(code, files)
            self.assertIn("network", str(failed.exception))
            self.assertFalse(quickstart_data.have_lists(self.root))
            self.assertEqual(os.listdir(self.root), [])
        self.fetch(0, {"d_Release": self.RELEASE, "d_main_Packages": "Package: a\n"})
        self.assertTrue(quickstart_data.have_lists(self.root))
        self.assertEqual(os.listdir(self.root), ["apt"])

    def test_an_interrupted_fetch_does_not_count(self):
        self.write(self.RELEASE, "apt", "lists", "d_Release")
        self.write(self.RELEASE, "fetching", "apt", "lists", "d_Release")
        self.assertFalse(quickstart_data.have_lists(self.root))
        self.fetch(0, {"d_Release": self.RELEASE, "d_main_Packages": "Package: a\n"})
        self.assertTrue(quickstart_data.have_lists(self.root))


class ServerTest(Folder):
    """Starting one, and being stopped meanwhile."""

    def start(self, larder):
        """The quickstart's server step with this program as larder."""
        self.write(larder, "larder")
        os.chmod(self.path("larder"), 0o755)
        script = FAKE_RUN.format(tools=os.path.join(ROOT, "tools"))
        return subprocess.Popen([sys.executable, "-c", script], cwd=self.root, text=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def test_no_server_outlives_a_signal(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with self.subTest(number.name), self.start(FAKE_LARDER) as run:
                pid = os.path.join(self.root, "server.pid")
                while not (os.path.exists(pid) and self.read("server.pid").strip()):
                    self.assertIsNone(run.poll())
                    time.sleep(0.01)
                server = int(self.read("server.pid"))
                os.remove(pid)
                run.send_signal(number)
                self.assertIn(number.name, run.communicate()[1])
                self.assertNotEqual(run.returncode, 0)
                self.assertRaises(ProcessLookupError, os.kill, server, 0)

    def test_a_server_that_does_not_start_is_quoted(self):
        refuses = '#!/bin/sh\n[ "$1" = serve ] && echo first && echo no room on disk\nexit 1\n'
        with self.start(refuses) as run:
            told = run.communicate()[1]
        self.assertIn("no room on disk", told)
        self.assertNotIn("first", told)
        self.assertIn("./server.log", told)

    def test_help_and_wrong_usage_install_nothing(self):
        # Without a PATH there is no apt-get: anything but an early answer fails.
        for arguments, code in ((["--help"], 0), (["-h"], 0), (["--refersh"], 2)):
            told = subprocess.run([os.path.join(ROOT, "tools", "quickstart"), *arguments],
                                  check=False, capture_output=True, text=True)
            self.assertEqual(told.returncode, code)
            self.assertIn("--refresh", told.stdout + told.stderr)
            self.assertNotIn("tools/setup", told.stdout + told.stderr)


class IndexNoteTest(unittest.TestCase):
    """What is said about an index."""

    def test_an_index_without_a_graph_has_no_recall(self):
        index = {"feature": "facts.vec", "vectors": 300, "base_vectors": 0}
        self.assertNotIn("recall", quickstart.index_note(index))
        self.assertIn("0.9876", quickstart.index_note(index | {"recall_at_10": 0.9876}))


if __name__ == "__main__":
    unittest.main()
