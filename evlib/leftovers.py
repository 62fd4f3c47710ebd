"""Temporary names that say whose they are, and the removal of those that killed processes left behind.

A file or folder is ``.<name>.<process>-<machine and random digits>.tmp`` beside what it is to become, a folder for one
block ``evlib-<process>-<machine and random digits>``.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["remove", "remove_leftovers", "temporary_folder", "temporary_path"]

_DAY_S = 24 * 3600
_NAMES = re.compile(r"\..+\.([0-9]{1,9})-([0-9a-f]+)\.tmp|evlib-([0-9]{1,9})-([0-9a-f]{16})")


def temporary_path(path: Path) -> Path:
    """A hidden name beside a path that says whose it is."""
    return path.with_name(f".{path.name}.{_owner()}.tmp")


@contextmanager
def temporary_folder(parent: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """A folder ``evlib-<process>-...`` for one block; those that killed processes left beside it are removed.

    Parameters
    ----------
    parent : path-like, optional
        Where; the system's place for temporary files, if not given.

    Yields
    ------
    Path
    """
    parent = Path(parent or tempfile.gettempdir())
    remove_leftovers(parent, "evlib-*")
    folder = parent / f"evlib-{_owner()}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        remove(folder, attempts=20)


def remove_leftovers(folder: str | os.PathLike[str], pattern: str = ".*.tmp") -> None:
    """Remove the temporary files and folders that killed processes left in a folder (not below it).

    Parameters
    ----------
    folder : path-like
        May be missing.
    pattern : str
        Of the names to look at; those that are not temporary names of this module stay.

    Notes
    -----
    What a running process writes stays. Of a process of another machine or user nobody can tell: what it wrote is
    removed once it is a day old.
    """
    for path in Path(folder).glob(pattern):
        match = _NAMES.fullmatch(path.name)
        with suppress(OSError):
            if match and not _may_be_in_use(path, *filter(None, match.groups())):
                remove(path)


def remove(path: Path, attempts: int = 1) -> None:
    """Remove a file or folder as far as that is possible; a process that was just ended may still write for a moment."""
    for attempt in range(attempts):
        time.sleep(0.05 * min(attempt, 1))
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
        if not os.path.lexists(path):
            return


def _owner() -> str:
    """This process, its machine, and random digits."""
    return f"{os.getpid()}-{_machine()}{secrets.token_hex(4)}"


@functools.cache
def _machine() -> str:
    """Eight digits for this machine or, on Linux, for the container on it: elsewhere process numbers mean nothing."""
    try:
        container = os.readlink("/proc/self/ns/pid")
    except OSError:
        container = ""
    return hashlib.sha256(f"{platform.node()} {container}".encode()).hexdigest()[:8]


def _may_be_in_use(path: Path, process: str, digits: str) -> bool:
    ours = len(digits) < 16 or digits.startswith(_machine())  # earlier versions wrote no machine
    if ours and os.name == "posix":  # on Windows this call ends the process
        try:
            os.kill(int(process), 0)
            return True
        except ProcessLookupError:
            return False
        except PermissionError:  # runs, but is another user's
            pass
    return time.time() - path.lstat().st_mtime < _DAY_S
