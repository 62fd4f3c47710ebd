"""One table of full-size runs from the nearest station to the coordinated day, at several shares of followers."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from evlib import load_scenario
from evlib.folders import RESULTS
from evlib.results.accounts.waterfall import STEPS, waterfall_row
from evlib.solve_scenario import solve
from study.experiments.provenance import run_hash, write_table
from study.experiments.strategy_runs import solve_settled

__all__ = ["CASES", "SHARES", "WATERFALL_FILE", "table_of_waterfall", "write"]

log = logging.getLogger(__name__)

WATERFALL_FILE = "waterfall_nguyen.csv"
SHARES = (1.0, 0.6, 0.4, 0.2)
# Share of followers, strategy, charging: V2G as the last step where all follow, as the first one for every share. One
# snapshot of prices is no step, but a rival to show beside them.
CASES = [
    *((1.0, strategy, "smart") for strategy in STEPS.values()),
    *((share, "shortest_path", "smart") for share in SHARES[1:]),
    *((share, strategy, "v2g") for share in SHARES for strategy in STEPS.values()),
    *((share, "snapshot", "v2g") for share in (1.0, 0.4, 0.2)),
]


def table_of_waterfall(scenario, cases: Iterable = tuple(CASES), *, cache: bool = True) -> pd.DataFrame:
    """Solve cases, a row each, see :func:`evlib.results.accounts.waterfall.waterfall_row`.

    Parameters
    ----------
    scenario : Scenario
    cases : iterable of (float, str, str)
        Share of followers, strategy, charging; nobody follows on shortest paths, so these are solved once.
    cache : bool
        Read and write the cache of solved cases.

    Returns
    -------
    DataFrame
    """
    rows, nearest = [], {}
    for share, strategy, charging in tqdm(list(cases), unit="run", leave=False, disable=None):
        if strategy == "shortest_path":
            if charging not in nearest:
                nearest[charging] = waterfall_row(solve(scenario, strategy, charging, cache=cache))
            row = nearest[charging] | {"follow": share}
        else:
            row = waterfall_row(
                solve_settled(scenario.replace({"fleet.compliance": share}), strategy, charging, cache=cache)
            )
        rows.append(row)
        log.info("%.0f %%, %s, %s: total %.0f CNY", 100 * share, strategy, charging, row["total_cny"])
    return pd.DataFrame(rows)


def write(folder: Path = RESULTS) -> Path:
    """Solve all cases on the base case and write the table (some ten minutes)."""
    scenario, code = load_scenario("nguyen"), run_hash(__name__)
    notes = (
        f"scenario: nguyen {scenario.hash}",
        "by method newton, or by joint where that does not settle",
        "tolls and rents are transfers between drivers and operators: in no total",
    )
    return write_table(WATERFALL_FILE, table_of_waterfall(scenario), code, notes, folder=folder)
