"""What the choice of set changes: the base case coordinated with zonotopes, columns and the exact block."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from evlib import load_scenario
from evlib.folders import RESULTS
from evlib.results.claims import claims_table
from evlib.solve_scenario import solve
from study.experiments import WITHOUT_DRIVING
from study.experiments.coordination_methods import variant_of
from study.experiments.provenance import MAKERS, run_hash, write_table

__all__ = ["CLAIMS_COMPARED", "SETS", "SETS_FILE", "compare_sets", "write"]

log = logging.getLogger(__name__)

SETS_FILE = "sets_nguyen.csv"
SETS = ("exact", "columns", "zonotope", "zonotope_lagged")
# Zonotopes reply to no price by themselves: their loop is that of damped prices, whose grid answers whoever came (seconds each);
# one program with all their cohorts takes minutes an iteration.
LOOPS = {"zonotope": ("inertia", "adaptive damping"), "zonotope_lagged": ("inertia", "adaptive damping")}
CLAIMS_COMPARED = tuple(f"A{i}" for i in range(3, 10))
CERTIFICATE = ("excess_cny_veh", "relative_gap", "price_gap")


def compare_sets(scenario, sets=SETS, *, cache: bool = True) -> pd.DataFrame:
    """Costs, certificates and the article's claims A3 to A9, side by side.

    Parameters
    ----------
    scenario : Scenario
    sets : iterable of {"exact", "columns", "zonotope", "zonotope_lagged"}
    cache : bool
        Read and write the cache of solved cases.

    Returns
    -------
    DataFrame
        One row for each number: ``claim`` (or ``cost``, ``certificate``), ``definition``, ``unit``, ``tolerance``
        (that of the claims table, nan for the others), and a column for each set.

    Notes
    -----
    Every run of a set sees vehicles through it, shortest path too. Rows that rest on the runs ``user`` and ``snapshot``
    are left out; the coordinated run and that on shortest paths stand in for them where the claims table asks.
    """
    columns = {}
    for name in tqdm(sets, unit="set", leave=False, disable=None):
        method, keys = LOOPS.get(name, (None, "base"))
        variant = variant_of(scenario, keys).replace(set=name)
        runs = {run: solve(variant, run, cache=cache) for run in ("no_ev", "shortest_path")}
        runs["coordinated"] = solve(variant, "coordinated", method=method, cache=cache)
        runs |= {"user": runs["coordinated"], "snapshot": runs["shortest_path"]}
        table = claims_table(runs, None)
        stands_in = table["definition"].str.contains("objective user|one snapshot")
        rows = table[table["claim"].isin(CLAIMS_COMPARED) & ~stands_in].set_index(["claim", "definition", "unit"])
        values = rows["ours"].to_dict()
        for run in ("shortest_path", "coordinated"):
            costs = runs[run].tables["costs"].set_index("item")["cost_cny"]
            for item in ("grid: total", "drivers: time and queue", "drivers: electricity"):
                values["cost", f"{item}, {run}", "CNY"] = costs[item]
        for item in CERTIFICATE:
            unit = "CNY/veh" if item.endswith("_veh") else "1"
            values["certificate", item, unit] = getattr(runs["coordinated"].certificate, item)
        columns[name] = pd.Series(values)
        tolerance = rows["tolerance"]
        log.info("%s: excess %.3g CNY/veh", name, runs["coordinated"].certificate.excess_cny_veh)
    table = pd.DataFrame(columns)
    table.index.names = ["claim", "definition", "unit"]
    table.insert(0, "tolerance", tolerance.reindex(table.index))
    return table.reset_index()


def write(folder: Path = RESULTS) -> Path:
    """Compare the sets on the base case without energy of driving and write the table (minutes)."""
    scenario, code = load_scenario("nguyen").replace(WITHOUT_DRIVING), run_hash(MAKERS[SETS_FILE])
    notes = (
        f"scenario: nguyen without energy of driving {scenario.hash}, objective {scenario.switches.objective}, charging v2g",
        "method newton; for zonotopes inertia with adaptive damping, 40 iterations",
    )
    return write_table(SETS_FILE, compare_sets(scenario), code, notes, folder=folder)
