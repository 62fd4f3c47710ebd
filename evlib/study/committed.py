"""Tables committed in data/results: what made them stands on top, and whether that is the present code."""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from evlib.artefacts import write_text
from evlib.hashing import lock_hash, source_hash
from evlib.paths import RESULTS, ROOT
from evlib.study.failures import StudyError

__all__ = [
    "MAKERS",
    "command_of",
    "is_stale",
    "read_table",
    "renew_hash",
    "run_hash",
    "stale_files",
    "write_results",
    "write_table",
]

# Every file, and the module that makes it, with a function `write`.
MAKERS = {
    "methods_nguyen.csv": "evlib.study.results",
    "domains.csv": "evlib.study.results_domains",
    "individual.csv": "evlib.study.results_individual",
    "spillback_nguyen.csv": "evlib.study.spillback",
    "sets_nguyen.csv": "evlib.study.results_sets",
}
_COMPARED = ("evlib.study.fleets", "evlib.study.rival")
_PRESENTATION = ("evlib.study", "evlib.figures", "evlib.recording", "evlib.claims")


def command_of(name: str) -> str:
    """The command that makes a file."""
    return f"python -m evlib.study results {name}"


@functools.cache  # what a process has read of itself stays as it was, as in `evlib.hashing.code_hash`
def run_hash(module: str) -> str:
    """Hash of the sources in evlib that a module's runs import, without presentation, and of the lock.

    Parameters
    ----------
    module : str
        One of the values of ``MAKERS``.

    Returns
    -------
    str
        SHA-256; comments and docstrings do not count. Take it before a long run: files may change meanwhile.
    """
    # In a process of its own: this one may have imported more.
    script = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    listed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    files = set()
    for name in json.loads(listed.stdout):
        if name in _COMPARED or (name.split(".")[0] == "evlib" and not name.startswith(_PRESENTATION)):
            stem = ROOT.joinpath(*name.split("."))
            files.add(stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py"))
    return hashlib.sha256(f"{source_hash(files, ROOT)} {lock_hash()}".encode()).hexdigest()


def is_stale(file: Path) -> bool:
    """Whether committed results were made by another state of the code than the present one."""
    return f"# code: {run_hash(MAKERS[file.name])}\n" not in file.read_text(encoding="utf-8")


def stale_files(folder: Path = RESULTS) -> list[str]:
    """Names of the stale ones."""
    return [name for name in MAKERS if (folder / name).is_file() and is_stale(folder / name)]


def renew_hash(file: Path) -> None:
    """Write the present code hash into committed results that were found to be the same still."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    fresh = f"# code: {run_hash(MAKERS[file.name])}\n"
    write_text(file, "".join(fresh if line.startswith("# code: ") else line for line in lines))


def read_table(name: str, folder: Path = RESULTS) -> pd.DataFrame:
    """A committed table."""
    return pd.read_csv(folder / name, comment="#")


def write_results(names: Sequence[str] = ()) -> None:
    """Make files anew, all of them when no names are given.

    Raises
    ------
    StudyError
        An unknown name.
    """
    for name in names:
        if name not in MAKERS:
            raise StudyError(f"unknown results {name!r}; there are {', '.join(MAKERS)}")
    for name in names or MAKERS:
        importlib.import_module(MAKERS[name]).write()


def write_table(
    name: str,
    table: pd.DataFrame,
    code: str,
    notes: Iterable[str] = (),
    *,
    folder: Path = RESULTS,
    report: Callable[[str], None] = print,
) -> Path:
    """Write a table with its command, its code hash and notes on top, six significant digits.

    Parameters
    ----------
    name : str
        One of ``MAKERS``.
    table : DataFrame
    code : str
        ``run_hash`` from before the run.
    notes : iterable of str
        Further lines.
    folder : Path
    report : callable
        Takes a line of text.

    Returns
    -------
    Path
        The file, replaced once everything is there.
    """
    head = [f"# command: {command_of(name)}", f"# code: {code}", *(f"# {note}" for note in notes)]
    file = folder / name
    write_text(file, "\n".join(head) + "\n" + table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    report(f"wrote {file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}")
    return file
