"""What ``solve`` returns: certificate, tables and scenario; how results are written, read and compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.files import write_csv, write_json
from evlib.inputs.scenario import Scenario
from evlib.results.certificate import Certificate

__all__ = ["Result", "compare", "read_result", "write_result"]


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
        Created if missing; files with the same names are replaced.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").unlink(missing_ok=True)
    for name, table in result.tables.items():
        write_csv(folder / f"{name}.csv", table)
    write_json(
        folder / "result.json",
        {
            "scenario": result.scenario.name,
            "scenario_hash": result.scenario.hash,
            "strategy": result.strategy,
            "charging": result.charging,
            "method": result.method,
            "certificate": result.certificate.to_json(),
            "tables": {
                name: {str(k): str(v) for k, v in table.dtypes.items()} for name, table in result.tables.items()
            },
        },
    )


def read_result(scenario: Scenario, folder: str | Path) -> Result:
    """Read what :func:`write_result` wrote, exactly.

    Raises
    ------
    InputError
        If the folder holds no complete result, or that of another scenario.
    """
    folder = Path(folder)
    file = folder / "result.json"
    if not file.is_file():
        raise InputError(f"{file}: no such file; the folder holds no complete result")
    head = json.loads(file.read_text(encoding="utf-8"))
    if head["scenario_hash"] != scenario.hash:
        raise InputError(f"{file}: was made from another scenario ({head['scenario']!r}); solve again")
    tables = {
        name: pd.read_csv(
            folder / f"{name}.csv",
            dtype=types,
            float_precision="round_trip",
            keep_default_na=False,
            na_values=["nan", ""],
        )
        for name, types in head["tables"].items()
    }
    return Result(
        scenario, head["strategy"], head["charging"], head["method"], Certificate.from_json(head["certificate"]), tables
    )


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
        raise InputError(f"{a!r} and {b!r} have different measures; compare results with the same stations and classes")
    names = [f"{item.strategy}, {item.charging}" for item in (a, b)]
    if names[0] == names[1]:
        names = [f"{name} ({letter})" for name, letter in zip(names, "ab", strict=True)]
    table = first[["measure", "unit"]].copy()
    table[names[0]], table[names[1]] = first["value"], second["value"]
    table["difference"] = second["value"] - first["value"]
    table["ratio"] = second["value"] / first["value"].where(first["value"] != 0)
    return table
