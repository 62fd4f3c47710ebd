"""One table of full-size runs from which the values of the study are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from evlib import load_scenario
from evlib.folders import RESULTS
from evlib.results.value_of_coordination import run_row
from evlib.solve import solve
from study.experiments.provenance import MAKERS, run_hash, write_table

__all__ = ["RUNS", "RUNS_FILE", "table_of_runs", "write"]

RUNS_FILE = "runs_nguyen.csv"
# Name -> strategy, charging, and what is changed in the scenario.
RUNS = {
    "nearest": ("shortest_path", "v2g", {}),
    "nearest, smart": ("shortest_path", "smart", {}),
    "nearest, uncontrolled": ("shortest_path", "uncontrolled", {}),
    "snapshot": ("snapshot", "v2g", {}),
    "coordinated": ("coordinated", "v2g", {}),
    "coordinated, smart": ("coordinated", "smart", {}),
    "coordinated, uncontrolled": ("coordinated", "uncontrolled", {}),
    "users": ("user", "v2g", {}),
    "users, told the present": ("user", "v2g", {"switches.signal": "instantaneous"}),
    "80 % follow": ("coordinated", "v2g", {"fleet.compliance": 0.8}),
    "60 % follow": ("coordinated", "v2g", {"fleet.compliance": 0.6}),
    "40 % follow": ("coordinated", "v2g", {"fleet.compliance": 0.4}),
    "20 % follow": ("coordinated", "v2g", {"fleet.compliance": 0.2}),
}


def table_of_runs(
    scenario, names=tuple(RUNS), *, cache: bool = True, report: Callable[[str], None] = print
) -> pd.DataFrame:
    """Solve runs of ``RUNS`` by ``joint``, a row each, see :func:`evlib.results.value_of_coordination.run_row`.

    Parameters
    ----------
    scenario : Scenario
    names : iterable of str
    cache : bool
        Read and write the cache of solved cases.
    report : callable
        Takes a line of text.

    Returns
    -------
    DataFrame
    """
    rows = []
    for name in names:
        strategy, charging, changes = RUNS[name]
        rows.append(run_row(solve(scenario.replace(changes), strategy, charging, cache=cache), name))
        report(f"{name}: total {rows[-1]['total_cny']:.0f} CNY, excess {rows[-1]['excess_cny_veh']:.2g} CNY/veh")
    return pd.DataFrame(rows)


def write(folder: Path = RESULTS, *, report: Callable[[str], None] = print) -> Path:
    """Solve all runs on the base case and write the table (minutes)."""
    scenario, code = load_scenario("nguyen"), run_hash(MAKERS[RUNS_FILE])
    notes = (f"scenario: nguyen {scenario.hash}, method joint, objective {scenario.switches.objective} if coordinated",)
    return write_table(RUNS_FILE, table_of_runs(scenario, report=report), code, notes, folder=folder, report=report)
