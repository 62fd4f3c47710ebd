"""The days of the base case that settle, from different first flows and metrics: how far apart their totals end."""

from __future__ import annotations

import logging
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from tqdm import tqdm

from evlib import load_scenario
from evlib.assignment.route_choice import shortest_path_departures
from evlib.coordination.coordinate import coordinate
from evlib.coordination.informed import TARIFFS, inform
from evlib.coordination.newton import method as newton
from evlib.coordination.one_day import dispatch_loading
from evlib.errors import InputError
from evlib.folders import RESULTS
from evlib.inputs.build_roads import build_drivers, build_traffic_problem
from evlib.results.tables import tables_of
from evlib.traffic.loading import load_traffic
from study.experiments.provenance import run_hash, write_table

__all__ = [
    "STARTS",
    "STARTS_FILE",
    "TOLD",
    "first_flows",
    "spread_of_starts",
    "start_row",
    "table_of_starts",
    "write",
]

log = logging.getLogger(__name__)

STARTS_FILE = "starts_nguyen.csv"
OBJECTIVES = ("user", "system")
# Drivers who know the tariff only; no metric holds their flows back, and the grid charges without discharging, as in the
# waterfall.
TOLD = ("informed", "informed_tou")
# First flows, and how many times the method's first weight keeps flows near the last. A number is a seed.
STARTS = (("even", 1.0), ("nearest", 1.0), *((seed, 1.0) for seed in range(1, 7)), ("even", 2.0), ("even", 0.5))
# That weight by objective: a constant of the method, varied here only.
FIRST_METRIC = {"user": "FIRST_METRIC", "system": "FIRST_METRIC_WITH_RENTS"}


def first_flows(problem, start) -> np.ndarray | None:
    """Departures to start from.

    Parameters
    ----------
    problem : TrafficProblem
    start : {"even", "nearest"} or int
        An even split over stations, as by default; everybody to the nearest station; or the seed of random shares of all
        paths, uniform over the simplex, for each origin and class.

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps), or None for "even"

    Raises
    ------
    InputError
        Another name.
    """
    network, demand = problem.network, problem.demand_veh
    if start == "even":
        return None
    if start == "nearest":
        return shortest_path_departures(network, demand)
    if not isinstance(start, int):
        raise InputError(f"start {start!r}; must be 'even', 'nearest' or a seed")
    rng, flows = np.random.default_rng(start), np.zeros_like(problem.fixed_veh)
    for o, wanted in enumerate(demand):
        paths = np.flatnonzero(network.path_origin == o)
        shares = rng.dirichlet(np.ones(len(paths)), size=len(wanted)).T  # (n_paths, n_classes)
        flows[paths] = shares[:, :, None] * wanted
    return flows


def start_row(scenario, objective: str, start, times: float = 1.0) -> tuple[dict, np.ndarray]:
    """One run from one start: of method newton with V2G, or of drivers who know the tariff, with smart charging.

    Parameters
    ----------
    scenario : Scenario
    objective : str
        One of ``OBJECTIVES`` or ``TOLD``.
    start
        As for :func:`first_flows`.
    times : float
        Times the first weight that keeps flows near the last, for method newton.

    Returns
    -------
    row : dict
        ``objective``, ``start``, ``metric_cny_veh`` (that weight, nan for drivers who know the tariff);
        ``time_queue_cny``, ``grid_cny``, ``total_cny``;
        ``excess_cny_veh``, ``relative_gap``, ``price_gap``, ``converged``; ``unsettled_cny``, the excess of all who follow.
    flows_veh : ndarray
        As returned.
    """
    flows = first_flows(build_traffic_problem(scenario, "user" if objective in TOLD else objective), start)
    if objective in TOLD:
        run, charging, price = inform(scenario, "smart", TARIFFS[objective], flows), "smart", None
        metric_cny_veh = np.nan
    else:
        metric_cny_veh = times * getattr(newton, FIRST_METRIC[objective])
        with patch.object(newton, FIRST_METRIC[objective], metric_cny_veh):
            run = coordinate(scenario, method="newton", objective=objective, start_veh=flows)
        charging, price = "v2g", run.price_cny_kwh
    day = dispatch_loading(scenario, load_traffic(run.network, run.flows_veh), charging, price)
    costs = tables_of(day, build_drivers(scenario))["costs"].set_index("item")["cost_cny"]
    certificate = run.certificate
    row = {"objective": objective, "start": start, "metric_cny_veh": metric_cny_veh}
    row |= {
        "time_queue_cny": costs["drivers: time and queue"],
        "grid_cny": costs["grid: total"],
        "total_cny": costs["society: time and queue plus grid"],
    }
    row |= {key: getattr(certificate, key) for key in ("excess_cny_veh", "relative_gap", "price_gap")}
    row["converged"] = int(certificate.converged)
    row["unsettled_cny"] = row["excess_cny_veh"] * scenario.fleet.compliance * run.flows_veh.sum()
    return row, run.flows_veh


def table_of_starts(scenario, starts=STARTS, objectives=(*OBJECTIVES, *TOLD)) -> pd.DataFrame:
    """Rows of :func:`start_row`, with ``moved_share``: share of vehicles on other paths than in the first run."""
    rows, first = [], {}
    for objective in objectives:
        of_objective = list(dict.fromkeys((start,) for start, _ in starts)) if objective in TOLD else starts
        for start in tqdm(of_objective, desc=objective, unit="run", leave=False, disable=None):
            row, flows = start_row(scenario, objective, *start)
            base = first.setdefault(objective, flows)
            rows.append(row | {"moved_share": 0.5 * np.abs(flows - base).sum() / base.sum()})
            log.info("%s from %s: %.1f CNY, gap %.1g", objective, start, row["total_cny"], row["relative_gap"])
    return pd.DataFrame(rows)


def spread_of_starts(table: pd.DataFrame) -> pd.DataFrame:
    """How far apart totals of settled runs are, by objective.

    Parameters
    ----------
    table : DataFrame
        As :func:`table_of_starts` makes it.

    Returns
    -------
    DataFrame
        One row an objective: ``runs``, ``settled``; of the settled ``least_cny``, ``spread_cny`` (largest less least),
        ``deviation_cny`` (standard deviation), ``unsettled_cny`` (the largest), ``moved_share`` (the largest).

    Raises
    ------
    InputError
        Fewer than two settled runs of an objective.
    """
    rows = []
    for objective, runs in table.groupby("objective", sort=False):
        settled = runs[runs["converged"] == 1]
        if len(settled) < 2:
            raise InputError(f"starts: {objective}: {len(settled)} settled runs; must be two or more for a spread")
        total = settled["total_cny"]
        row = {"objective": objective, "runs": len(runs), "settled": len(settled), "least_cny": total.min()}
        row |= {"spread_cny": total.max() - total.min(), "deviation_cny": total.std()}
        rows.append(row | {key: settled[key].max() for key in ("unsettled_cny", "moved_share")})
    return pd.DataFrame(rows)


def write(folder: Path = RESULTS) -> Path:
    """Run all starts on the base case and write the table (some fifteen minutes)."""
    scenario, code = load_scenario("nguyen"), run_hash(__name__)
    notes = (
        f"scenario: nguyen {scenario.hash}; user and system: charging v2g, method newton",
        "informed, informed_tou: drivers settled at the mean tariff or that of the hour, charging smart",
        "start: even split over stations, nearest station, or seed of random shares of all paths",
    )
    return write_table(STARTS_FILE, table_of_starts(scenario), code, notes, folder=folder)
