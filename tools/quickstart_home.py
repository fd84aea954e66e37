# SPDX-License-Identifier: Apache-2.0
"""What tools/quickstart.py may do to files that somebody else may be using.

Under build/quickstart lie a data directory, which a server may have open, and definitions, which
people are invited to edit.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys


@contextlib.contextmanager
def server_lock(data):
    """Holds the lock that a server takes on its data directory; ends the program if one has it."""
    if not os.path.isdir(data):
        yield
        return
    path = os.path.join(data, "serve.lock")
    with open(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"quickstart: a server uses {data} (it has locked {path}); stop it first. "
                     "Nothing was deleted.")
        yield


def remove_data(data):
    """Deletes a data directory that no server uses."""
    with server_lock(data):
        shutil.rmtree(data, ignore_errors=True)


def file_digest(path):
    """SHA-256 of a file's bytes in hex; None if there is no such file."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
    return None


def copy_definitions(source, target, copied):
    """Brings the *.yaml files of `target` up to date with `source`, except those that somebody edited.

    `copied` says what was copied last: name -> digest. A file that is not as it was copied is
    somebody's work and stays, as do files that were never copied. Returns the new `copied` and the
    names of the edited files.
    """
    os.makedirs(target, exist_ok=True)
    names = {name for name in os.listdir(source) if name.endswith(".yaml")}
    now, edited = {}, []
    for name in sorted(names | set(copied)):
        path = os.path.join(target, name)
        wanted = file_digest(os.path.join(source, name)) if name in names else None
        found = file_digest(path)
        if found not in (None, wanted, copied.get(name)):
            edited.append(name)
            now[name] = copied.get(name)
        elif wanted is not None:
            if found != wanted:
                shutil.copy(os.path.join(source, name), path)
            now[name] = wanted
        elif found is not None:
            os.remove(path)
    return {name: digest for name, digest in now.items() if digest is not None}, edited


def last_line(path):
    """The last line of a log that says something."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return next((line for line in reversed(file.read().splitlines()) if line.strip()), "")
    return ""
