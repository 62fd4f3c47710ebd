"""The methods of coordination at full size: the committed comparison of notebooks 06 and 07."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from evlib import load_scenario
from evlib.coordination.coordinate import coordinate
from evlib.folders import RESULTS
from study.experiments import WITHOUT_DRIVING
from study.experiments.provenance import MAKERS, run_hash, write_table

__all__ = ["METHODS_FILE", "compare_methods", "variant_of", "write"]

log = logging.getLogger(__name__)

METHODS_FILE = "methods_nguyen.csv"
VARIANTS = {
    "base": {},
    "plugs doubled": {},
    # The loop of damped prices at its fair best, as far as was tried on the small case: see settling_mini.csv.
    "adaptive damping": {
        "coordination.iterations": 40,
        "coordination.metric_fall": 0.85,
        "switches.damping_rule": "adaptive",
    },
    "30 iterations": {"coordination.iterations": 30},
    # Prices and flows from the program alone, travel times frozen: no steps through the loading, and the pace of the
    # metric that suits it.
    "program alone": {
        "coordination.iterations": 30,
        "coordination.traffic_steps": 0,
        "coordination.metric_cny_veh": 120.0,
        "coordination.metric_fall": 0.87,
    },
}
RUNS = (
    ("base", "joint", "user"),
    ("base", "joint", "system"),
    ("plugs doubled", "joint", "system"),
    ("base", "bundle", "user"),
    ("base", "bundle", "system"),
    ("program alone", "joint", "user"),
    ("program alone", "joint", "system"),
    ("adaptive damping", "inertia", "user"),
    ("adaptive damping", "inertia", "system"),
    ("30 iterations", "best_response", "system"),
)
MEASURES = ("excess_cny_veh", "relative_gap", "price_gap", "flow_residual", "inner_gap", "exchanged")


def variant_of(scenario, name: str):
    """The scenario under one of the names of ``VARIANTS``."""
    changes = dict(VARIANTS[name])
    if name == "plugs doubled":
        changes |= {f"stations.{station.name}.plugs": 2 * station.plugs for station in scenario.stations}
    return scenario.replace(changes) if changes else scenario


def compare_methods(scenario, runs=RUNS) -> pd.DataFrame:
    """Convergence tables of several methods on one scenario and its variants, charging v2g, one below the other.

    Parameters
    ----------
    scenario : Scenario
    runs : iterable of (variant, method, objective)

    Returns
    -------
    DataFrame
        ``variant``, ``method``, ``objective``, ``iteration``, ``excess_cny_veh``, ``relative_gap``, ``price_gap`` (nan
        where it was not measured), ``flow_residual`` (nan in the last row), ``inner_gap`` and ``exchanged`` (of
        ``bundle``: its certified gap, and how many numbers crossed the border), ``best`` (the iterate that the method
        returns).

    Raises
    ------
    InputError
        Unknown method or objective.
    """
    tables = []
    for variant, method, objective in tqdm(runs, unit="run", leave=False, disable=None):
        run = coordinate(variant_of(scenario, variant), method=method, objective=objective)
        best = run.certificate.best_iteration
        table = run.convergence.reindex(columns=["iteration", *MEASURES])
        for place, (name, value) in enumerate((("variant", variant), ("method", method), ("objective", objective))):
            table.insert(place, name, value)
        table["best"] = (table["iteration"] == best).astype(int)
        tables.append(table)
        log.info(
            "%s, %s, %s: excess %.3g CNY/veh, relative gap %.2g, %s",
            variant,
            method,
            objective,
            run.certificate.excess_cny_veh,
            run.certificate.relative_gap,
            "converged" if run.certificate.converged else "not converged",
        )
    return pd.concat(tables, ignore_index=True)


def write(folder: Path = RESULTS) -> Path:
    """Compare the methods on the base case without energy of driving and write the table, some tens of minutes.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path
        The file, replaced once the table is complete.
    """
    scenario, code = load_scenario("nguyen").replace(WITHOUT_DRIVING), run_hash(MAKERS[METHODS_FILE])
    notes = (
        f"scenario: nguyen without energy of driving {scenario.hash}, charging v2g; "
        f"tol_relative_gap {scenario.coordination.tol_relative_gap:g}",
        f"{scenario.coordination.iterations} iterations where a variant names no other number",
    )
    return write_table(METHODS_FILE, compare_methods(scenario), code, notes, folder=folder)
