"""What ``solve`` returns: certificate, tables and scenario; how results are written, read and compared."""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.files import (
    json_text,
    replacing_files,
    sha256_file,
    why_unwritable,
    write_csv,
    write_json,
)
from evlib.hashing import code_hash
from evlib.inputs.scenario import Scenario
from evlib.leftovers import remove_leftovers
from evlib.results.certificate import Certificate

__all__ = ["Result", "check_folder", "compare", "read_result", "write_result"]

HEAD = "result.json"


@dataclass(frozen=True)
class Result:
    """One solved case.

    Attributes
    ----------
    scenario : Scenario
    strategy, charging, method : str
        How drivers chose, how vehicles charged, how traffic and grid were coordinated.
    certificate : Certificate
        How far the numbers can be trusted: statuses, residuals, counts.
    tables : dict of str -> DataFrame
        Tidy tables with units in their column names: summary, arcs, stations, paths, cohorts, schedules, dispatch,
        farms, buses, lines, prices, costs.
    """

    scenario: Scenario
    strategy: str
    charging: str
    method: str
    certificate: Certificate
    tables: dict

    def __repr__(self):
        return f"Result({self.scenario.name!r}, strategy={self.strategy!r}, charging={self.charging!r})"


def write_result(result: Result, folder: str | Path) -> None:
    """Write a result as CSV and JSON files. ``result.json`` is written last, so a folder that has it is complete.

    Parameters
    ----------
    result : Result
    folder : path
        Made if need be; files of the same names are replaced, tables of an earlier result that this one does not have
        are removed, and all other files stay.

    Raises
    ------
    OSError
        The folder cannot be written to; what it held then stays, unless it fails within the last moment.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    with replacing_files(folder, last=HEAD) as fresh:
        for name, table in result.tables.items():
            write_csv(fresh / f"{name}.csv", table)
        head = {
            "scenario": result.scenario.name,
            "scenario_hash": result.scenario.hash,
            "code_hash": code_hash(),
            "strategy": result.strategy,
            "charging": result.charging,
            "method": result.method,
            "certificate": result.certificate.to_json(),
            "tables": {
                name: {str(k): str(v) for k, v in table.dtypes.items()} for name, table in result.tables.items()
            },
            "sha256": {name: sha256_file(fresh / f"{name}.csv") for name in result.tables},
        }
        write_json(fresh / HEAD, head | {"checksum": _checksum(head)})
        _remove_old_tables(folder)


def _checksum(head: dict) -> str:
    return hashlib.sha256(json_text(head).encode()).hexdigest()


def _remove_old_tables(folder: Path) -> None:
    """Remove the tables that an earlier result lists as its own, and then its list; no other file."""
    try:
        names = list(json.loads((folder / HEAD).read_text(encoding="utf-8"))["tables"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        names = []
    for name in names:
        if Path(name).name == name:
            (folder / f"{name}.csv").unlink(missing_ok=True)
    (folder / HEAD).unlink(missing_ok=True)


def read_result(scenario: Scenario, folder: str | Path, **case: str) -> Result:
    """Read what :func:`write_result` wrote, number for number.

    Parameters
    ----------
    scenario : Scenario
    folder : path
    **case : str
        What ``result.json`` must say besides, such as ``strategy="user"``.

    Raises
    ------
    InputError
        The folder holds no complete result, one that has been damaged or edited since it was written, or one of another
        scenario, case or version of the code.
    """
    folder = Path(folder)
    file, head = folder / HEAD, _read_head(folder / HEAD)
    if head["scenario_hash"] != scenario.hash:
        raise InputError(f"{file}: was made from another scenario ({head['scenario']!r}); solve again")
    for name, wanted in case.items():
        if head[name] != wanted:
            raise InputError(f"{file}: {name} {head[name]!r}; must be {wanted!r}")
    try:
        certificate = Certificate.from_json(head["certificate"])
    except (TypeError, AttributeError) as error:
        raise InputError(f"{file}: certificate of another version of evlib ({error}); solve again") from error
    tables = {
        name: _read_table(folder / f"{name}.csv", types, head["sha256"].get(name))
        for name, types in head["tables"].items()
    }
    return Result(scenario, head["strategy"], head["charging"], head["method"], certificate, tables)


def _read_head(file: Path) -> dict:
    """What ``result.json`` says, if it is as it was written."""
    text = _read_bytes(file, "the folder holds no complete result")
    try:
        head = json.loads(text)
        whole = head.pop("checksum") == _checksum(head)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{file}: {type(error).__name__}: {error}; must be as write_result wrote it") from error
    if not whole:
        raise InputError(f"{file}: has been changed since it was written; its checksum is another")
    return head


def _read_table(file: Path, types: dict, sha256: str | None) -> pd.DataFrame:
    """A table, if it is as it was written."""
    content = _read_bytes(file, "the result is not complete")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{file}: has been changed since it was written; its checksum is another")
    return pd.read_csv(
        io.BytesIO(content),
        dtype=types,
        float_precision="round_trip",
        keep_default_na=False,
        na_values=["nan", ""],
    )


def _read_bytes(file: Path, consequence: str) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; {consequence}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: {getattr(error, 'strerror', None) or error}; {consequence}") from error


def check_folder(folder: str | Path) -> None:
    """Whether :func:`write_result` can write into a folder, or make it, before a long solve; leaves nothing there.

    Raises
    ------
    InputError
        A file is at that place, or on the way to it, or the folder cannot be written to.
    """
    folder = Path(folder)
    places = [folder.absolute() / HEAD, folder.absolute(), *folder.absolute().parents]
    wanted, parent = next(pair for pair in pairwise(places) if os.path.lexists(pair[1]))
    if not parent.is_dir():
        raise InputError(f"{folder}: {parent} is a file; must be a folder")
    if reason := why_unwritable(wanted):
        raise InputError(f"{folder}: {reason}; must be a folder that can be written to")


def compare(a: Result, b: Result) -> pd.DataFrame:
    """Put the summaries of two results side by side.

    Parameters
    ----------
    a, b : Result

    Returns
    -------
    DataFrame
        Columns ``measure``, ``unit``, one for each result (named by strategy and charging), ``difference`` (b - a) and
        ``ratio`` (b / a, nan where a is 0).

    Raises
    ------
    InputError
        If the measures do not match, because the scenarios have different stations or farms.
    """
    first, second = a.tables["summary"], b.tables["summary"]
    if list(first["measure"]) != list(second["measure"]):
        raise InputError(f"{a!r} and {b!r} have different measures; compare results with the same stations and farms")
    names = [f"{item.strategy}, {item.charging}" for item in (a, b)]
    if names[0] == names[1]:
        names = [f"{name} ({letter})" for name, letter in zip(names, "ab", strict=True)]
    table = first[["measure", "unit"]].copy()
    table[names[0]], table[names[1]] = first["value"], second["value"]
    table["difference"] = second["value"] - first["value"]
    table["ratio"] = second["value"] / first["value"].where(first["value"] != 0)
    return table
