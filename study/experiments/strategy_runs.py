"""One table of full-size runs from which the values of the study are read."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from evlib import load_scenario
from evlib.folders import RESULTS
from evlib.results.value_of_coordination import run_row
from evlib.solve_scenario import solve
from study.experiments.provenance import MAKERS, run_hash, write_table

__all__ = ["RUNS", "RUNS_FILE", "solve_settled", "table_of_runs", "write"]

log = logging.getLogger(__name__)

RUNS_FILE = "runs_nguyen.csv"
# Relative gap within which a run of method newton is not tried again by joint.
CLOSE_ENOUGH = 2e-3
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


def table_of_runs(scenario, names=tuple(RUNS), *, cache: bool = True) -> pd.DataFrame:
    """Solve runs of ``RUNS`` by :func:`solve_settled`, a row each, see :func:`evlib.results.value_of_coordination.run_row`.

    Parameters
    ----------
    scenario : Scenario
    names : iterable of str
    cache : bool
        Read and write the cache of solved cases.

    Returns
    -------
    DataFrame
    """
    rows = []
    for name in tqdm(names, unit="run", leave=False, disable=None):
        strategy, charging, changes = RUNS[name]
        row = run_row(solve_settled(scenario.replace(changes), strategy, charging, cache=cache), name)
        rows.append(row)
        log.info("%s: total %.0f CNY, excess %.2g CNY/veh", name, row["total_cny"], row["excess_cny_veh"])
    return pd.DataFrame(rows)


def solve_settled(scenario, strategy: str, charging: str, *, cache: bool = True):
    """The case by the default method; where that ends further from equilibrium than it should, by joint, if that ends nearer.

    Method ``newton`` should end within a relative gap of ``CLOSE_ENOUGH``. It may end converged and yet further away, where
    only prices of an exact dispatch support the vehicles and drivers have not answered these yet.

    Parameters
    ----------
    scenario : Scenario
    strategy, charging : str
    cache : bool
        As in :func:`evlib.solve`.

    Returns
    -------
    Result
    """
    result = solve(scenario, strategy, charging, cache=cache)
    certificate = result.certificate
    if strategy not in ("user", "coordinated") or result.method != "newton":
        return result
    if certificate.converged and certificate.relative_gap <= CLOSE_ENOUGH:
        return result
    other = solve(scenario, strategy, charging, "joint", cache=cache)
    log.info(
        "newton: converged %s, relative gap %.2g; joint: converged %s, relative gap %.2g",
        *(value for each in (result, other) for value in (each.certificate.converged, each.certificate.relative_gap)),
    )
    return min((result, other), key=lambda each: (not each.certificate.converged, each.certificate.relative_gap))


def write(folder: Path = RESULTS) -> Path:
    """Solve all runs on the base case and write the table (minutes)."""
    scenario, code = load_scenario("nguyen"), run_hash(MAKERS[RUNS_FILE])
    method = f"method newton where it can be used and settles, objective {scenario.switches.objective} if coordinated"
    notes = (f"scenario: nguyen {scenario.hash}, {method}",)
    return write_table(RUNS_FILE, table_of_runs(scenario), code, notes, folder=folder)
