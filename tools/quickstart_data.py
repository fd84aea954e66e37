#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the quickstart's data from the package catalog of this Debian machine.

    quickstart_data.py fetch DIR       apt's package lists, with descriptions, into DIR/apt
    quickstart_data.py catalog DIR     DIR/apt -> catalog.jsonl, edges.jsonl, tags.jsonl
    quickstart_data.py sessions DIR    catalog.jsonl, edges.jsonl -> sessions.jsonl (simulated)
    quickstart_data.py sample DIR OUT  a small catalog of the same form, for tests

Only the standard library; only `fetch` uses the network. The same lists and seed give the same
bytes (sessions end at --until, by default now).
"""

import argparse
import bisect
import collections
import datetime
import email.utils
import glob
import itertools
import json
import os
import random
import shutil
import subprocess
import sys

APT_HELPER = "/usr/lib/apt/apt-helper"
DAY_S = 86_400
SESSION_DAYS = 30


# ---- apt ---------------------------------------------------------------------------------------


def apt_options(apt):
    """Options that keep apt's lists and cache in a private folder and want English descriptions."""
    apt = os.path.abspath(apt)
    return ["-o", "Acquire::Languages=en", "-o", f"Dir::State::lists={apt}/lists",
            "-o", f"Dir::Cache={apt}/cache"]


def have_lists(folder):
    """True if `fetch` has succeeded."""
    return any(glob.glob(glob.escape(prefix) + "*_Packages*")
               for prefix in distribution_releases(os.path.join(folder, "apt")))


def fetch(folder):
    """Downloads the lists of the configured sources: all of them, or nothing is kept.

    Nothing on the system changes.
    """
    apt, partial = os.path.join(folder, "apt"), os.path.join(folder, "fetching")
    shutil.rmtree(partial, ignore_errors=True)
    for part in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(partial, "apt", part))
    done = subprocess.run(["apt-get", "update", "-q", *apt_options(os.path.join(partial, "apt"))],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0 or not have_lists(partial):
        shutil.rmtree(partial, ignore_errors=True)
        sys.exit(f"{done.stdout}\nquickstart: apt-get could not fetch Debian's package lists; what "
                 "it said is above. It needs the network, and main of Debian in /etc/apt: see to "
                 "that and run tools/quickstart again. Nothing was kept.")
    shutil.rmtree(apt, ignore_errors=True)
    os.rename(os.path.join(partial, "apt"), apt)
    os.rmdir(partial)


def release_fields(path):
    """The header of a Release or InRelease file, as a dictionary."""
    fields = {}
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith(("MD5Sum:", "SHA256:")):
                break
            name, colon, value = line.partition(":")
            if colon and not line.startswith((" ", "-")):
                fields[name] = value.strip()
    return fields


def distribution_releases(apt):
    """Prefix of the list files -> release date (POSIX seconds), of Debian's own archives only."""
    releases = {}
    for path in glob.glob(os.path.join(glob.escape(apt), "lists/*Release")):
        fields = release_fields(path)
        if fields.get("Origin") == "Debian" and "Date" in fields:
            date = email.utils.parsedate_to_datetime(fields["Date"])
            releases[path.removesuffix("InRelease").removesuffix("Release")] = date.timestamp()
    return releases


def stanzas(command):
    """Yields the paragraphs that a command prints, as dictionaries."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8",
                               errors="replace")
    fields, name = {}, ""
    for line in process.stdout:
        if line == "\n":
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            fields[name] += "\n" + line[1:].rstrip("\n")
        else:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    if fields:
        yield fields
    if process.wait() != 0:
        sys.exit(f"quickstart: {command[0]} failed; `tools/quickstart --refresh` fetches anew")


def list_stanzas(releases, pattern):
    """Paragraphs of the list files of Debian's own archives whose name matches."""
    for prefix in sorted(releases):
        for path in sorted(glob.glob(glob.escape(prefix) + pattern)):
            yield from stanzas([APT_HELPER, "cat-file", path])


# ---- catalog -----------------------------------------------------------------------------------


def description_text(text):
    """The long description as plain text: paragraphs joined, list lines kept."""
    lines = text.split("\n")[1:]
    out, paragraph = [], []
    for line in lines + ["."]:
        if line.strip() == "." or line.startswith(" "):
            if paragraph:
                out.append(" ".join(paragraph))
            paragraph = []
            if line.startswith(" "):
                out.append(line.strip())
        else:
            paragraph.append(line.strip())
    return "\n".join(out)


def maintainer_name(field):
    """"Debian Nginx Maintainers <a@b>" -> "Debian Nginx Maintainers"."""
    name = field.split("<")[0].strip().strip('"')
    return (name or field)[:100]


def tag_list(field):
    """"a::b, c::{d,e}" -> ["a::b", "c::d", "c::e"]; tags that say "to do" are left out."""
    tags = []
    for part in field.replace("\n", " ").replace("{", "\0").split(", "):
        facet, brace, rest = part.partition("\0")
        names = [facet + n for n in rest.rstrip("}").split(",")] if brace else [facet]
        tags += [name for name in names if name and not name.endswith("TODO")]
    return tags


def needed_packages(field, known):
    """The real packages in a Depends field; of alternatives the first that is one."""
    for group in field.replace("\n", " ").split(","):
        for option in group.split("|"):
            name = option.strip().split(" ")[0].split("(")[0].split(":")[0]
            if name in known:
                yield name
                break


def rfc3339(seconds):
    """UTC, whole seconds."""
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ")


def write_lines(path, records):
    """JSON lines, complete or not there at all. Returns how many."""
    count = 0
    with open(path + ".partial", "w", encoding="utf-8") as out:
        for record in records:
            out.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    os.replace(path + ".partial", path)
    return count


def read_lines(path):
    """The records of a JSON lines file."""
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def package_record(fields, descriptions, updated_at):
    """One row of the table `catalog`."""
    text = descriptions.get(fields.get("Description-md5", ""), fields.get("Description", ""))
    size = fields.get("Installed-Size", "")
    record = {
        "package": fields["Package"],
        "updated_at": updated_at,
        "title": text.split("\n")[0],
        "content": description_text(text),
        "maintainer": maintainer_name(fields.get("Maintainer", "")),
        "section": fields.get("Section", "").split("/")[-1],
        "priority": fields.get("Priority"),
        "version": fields.get("Version"),
        "installed_size_kib": int(size) if size.isdigit() else None,
        "homepage": fields.get("Homepage"),
    }
    return {name: value for name, value in record.items() if value not in (None, "")}


def edge_records(packages, catalog, updated_at):
    """Events `depends`, one per pair of packages."""
    for fields in packages:
        name, seen = fields["Package"], set()
        for kind in ("Pre-Depends", "Depends"):
            for needs in needed_packages(fields.get(kind, ""), catalog):
                if needs == name or needs in seen:
                    continue
                seen.add(needs)
                yield {"edge_id": f"{name}>{needs}", "declared_at": updated_at, "package": name,
                       "needs": needs, "needs_maintainer": catalog[needs].get("maintainer"),
                       "kind": kind.lower()}


def make_catalog(folder):
    """Writes catalog.jsonl, edges.jsonl and, for evaluation only, tags.jsonl."""
    apt = os.path.join(folder, "apt")
    releases = distribution_releases(apt)
    updated_at = rfc3339(max(releases.values()))
    descriptions = {f["Description-md5"]: f.get("Description-en", "")
                    for f in list_stanzas(releases, "*_Translation-en*")}
    known, tags = set(), {}
    for fields in list_stanzas(releases, "*_Packages*"):
        known.add(fields["Package"])
        if "Tag" in fields:  # security updates carry no tags
            tags[fields["Package"]] = tag_list(fields["Tag"])
    # apt knows which version is the newest.
    packages = [f for f in stanzas(["apt-cache", "dumpavail", *apt_options(apt)])
                if f["Package"] in known]
    packages.sort(key=lambda f: f["Package"])
    catalog = {f["Package"]: package_record(f, descriptions, updated_at) for f in packages}

    counts = {
        "catalog": write_lines(f"{folder}/catalog.jsonl", catalog.values()),
        "edges": write_lines(f"{folder}/edges.jsonl", edge_records(packages, catalog, updated_at)),
        "tags": write_lines(f"{folder}/tags.jsonl",
                            ({"package": p, "tags": tags[p]} for p in catalog if tags.get(p))),
    }
    print(f"{counts['catalog']:,} packages, {counts['edges']:,} dependencies, debtags of "
          f"{counts['tags']:,}, as of {updated_at}")


# ---- sessions ----------------------------------------------------------------------------------


class Shelves:
    """Where a simulated user can go from a package, and what is popular."""

    def __init__(self, catalog, edges):
        self.names = [row["package"] for row in catalog]
        self.section = {row["package"]: row.get("section", "") for row in catalog}
        dependents = collections.Counter(edge["needs"] for edge in edges)
        self.weight = {name: (1 + dependents[name]) ** 0.5 for name in self.names}
        self.neighbours = collections.defaultdict(list)
        for edge in edges:
            self.neighbours[edge["package"]].append(edge["needs"])
            if dependents[edge["needs"]] < 200:  # what everybody needs leads nowhere
                self.neighbours[edge["needs"]].append(edge["package"])
        self.topics = self._topics(catalog)
        self.by_section = collections.defaultdict(list)
        for name in self.names:
            self.by_section[self.section[name]].append(name)
        self.sums = {section: list(itertools.accumulate(self.weight[n] for n in names))
                     for section, names in self.by_section.items()}
        self.all_sums = list(itertools.accumulate(self.weight[n] for n in self.names))

    @staticmethod
    def _topics(catalog):
        """Package -> packages that share a telling word of the synopsis."""
        words = collections.defaultdict(list)
        for row in catalog:
            for word in set(row.get("title", "").lower().split()):
                if len(word) > 3:
                    words[word].append(row["package"])
        topics = collections.defaultdict(list)
        for names in words.values():
            if 2 <= len(names) <= 60:
                for name in names:
                    topics[name].append(names)
        return topics

    def popular(self, rng, section=None):
        """A package, the popular ones more often; of one section if there is such."""
        names, sums = self.names, self.all_sums
        if section in self.by_section:
            names, sums = self.by_section[section], self.sums[section]
        return names[min(bisect.bisect(sums, rng.random() * sums[-1]), len(names) - 1)]

    def next(self, rng, name):
        """Where somebody goes from here."""
        way = rng.random()
        if way < 0.35 and self.neighbours[name]:
            return rng.choice(self.neighbours[name])
        if way < 0.75 and self.topics[name]:
            return rng.choice(rng.choice(self.topics[name]))
        if way < 0.95:
            return self.popular(rng, self.section[name])
        return self.popular(rng)


def session_events(shelves, rng, session, user, interests, start):
    """The views of one session, in order of time."""
    name = shelves.popular(rng, rng.choice(interests))
    time = start
    for step in range(1 + min(int(rng.expovariate(1 / 6.0)), 39)):
        dwell = min(rng.lognormvariate(3.0, 1.0), 3_600.0)
        yield {"view_id": f"{session}-{step}", "viewed_at": rfc3339(time), "user_id": user,
               "package": name, "section": shelves.section[name] or None, "session_id": session,
               "dwell_s": round(dwell, 1)}
        time += dwell + rng.uniform(1, 20)
        name = shelves.next(rng, name)


def simulate(catalog, edges, sessions, until, seed):
    """Views of `sessions` sessions in the 30 days before `until`, by about a quarter as many users."""
    rng = random.Random(seed)
    shelves = Shelves(catalog, edges)
    users = max(1, sessions // 4)
    sections = [s for s in shelves.by_section if s]
    interests = [rng.choices(sections, [len(shelves.by_section[s]) ** 0.5 for s in sections], k=3)
                 for _ in range(users)]
    events = []
    for number in range(sessions):
        user = min(int(users * rng.random() ** 2), users - 1)  # some come often
        start = until - rng.random() * SESSION_DAYS * DAY_S
        for event in session_events(shelves, rng, f"s{number}", f"user{user}", interests[user],
                                    start):
            events.append({k: v for k, v in event.items() if v is not None})
    limit = rfc3339(until)
    return sorted((e for e in events if e["viewed_at"] < limit),
                  key=lambda e: (e["viewed_at"], e["view_id"]))


def make_sessions(folder, sessions, until, seed):
    """Writes sessions.jsonl."""
    events = simulate(read_lines(f"{folder}/catalog.jsonl"), read_lines(f"{folder}/edges.jsonl"),
                      sessions, until, seed)
    write_lines(f"{folder}/sessions.jsonl", events)
    users = len({event["user_id"] for event in events})
    print(f"{sessions:,} simulated sessions of {users:,} users with {len(events):,} views, seed "
          f"{seed}, the 30 days before {rfc3339(until)}")


# ---- a small catalog ---------------------------------------------------------------------------

SAMPLE_SEEDS = ("nginx", "gimp", "python3-numpy", "postgresql-15", "vim", "supertux", "git",
                "octave", "r-base", "mutt")
SAMPLE_TIME = "2024-06-01T00:00:00Z"


def make_sample(folder, out, size, seed):
    """Chooses packages around a few well-known ones, with the edges between them."""
    catalog = {row["package"]: row for row in read_lines(f"{folder}/catalog.jsonl")}
    edges = read_lines(f"{folder}/edges.jsonl")
    shelves = Shelves(list(catalog.values()), edges)
    rng = random.Random(seed)
    chosen = [name for name in SAMPLE_SEEDS if name in catalog]
    while len(set(chosen)) < size:
        chosen.append(shelves.next(rng, rng.choice(chosen)))
    names = set(chosen)
    os.makedirs(out, exist_ok=True)
    # A fixed time in the past, so that the committed files depend neither on the day nor on the
    # clock of the machine that ingests them.
    rows = [catalog[name] | {"updated_at": SAMPLE_TIME} for name in sorted(names)]
    kept = [edge | {"declared_at": SAMPLE_TIME} for edge in edges
            if edge["package"] in names and edge["needs"] in names]
    write_lines(f"{out}/catalog.jsonl", rows)
    write_lines(f"{out}/edges.jsonl", kept)
    tags = [t for t in read_lines(f"{folder}/tags.jsonl") if t["package"] in names]
    write_lines(f"{out}/tags.jsonl", tags)
    until = datetime.datetime.fromisoformat(SAMPLE_TIME).timestamp()
    write_lines(f"{out}/sessions.jsonl", simulate(rows, kept, 300, until, seed))


def main():
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("fetch", "catalog", "sessions", "sample"))
    parser.add_argument("dir")
    parser.add_argument("out", nargs="?")
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--until", help="RFC 3339 time at which the sessions end [now]")
    parser.add_argument("--size", type=int, default=300, help="packages of a sample")
    options = parser.parse_args()
    until = (datetime.datetime.fromisoformat(options.until) if options.until
             else datetime.datetime.now(datetime.timezone.utc)).timestamp()
    if options.command == "fetch":
        fetch(options.dir)
    elif options.command == "catalog":
        make_catalog(options.dir)
    elif options.command == "sessions":
        make_sessions(options.dir, options.sessions, until, options.seed)
    else:
        make_sample(options.dir, options.out, options.size, options.seed)


if __name__ == "__main__":
    main()
