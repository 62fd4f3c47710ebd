"""The base case under the wind, sun and load of other days: whether coordinated trips are more predictable."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from evlib import load_scenario
from evlib.folders import RESULTS
from evlib.inputs.weather.day import MEASURED_FILE
from evlib.results.measures import summary_value
from evlib.solve_scenario import solve
from study.experiments.ensemble.weather import day_file
from study.experiments.provenance import run_hash, write_table
from study.experiments.real_time_days import DAYS

__all__ = ["WEATHER_DAYS_FILE", "table_of_days", "trip_rows", "write"]

log = logging.getLogger(__name__)

WEATHER_DAYS_FILE = "weather_days_nguyen.csv"
STRATEGIES = ("shortest_path", "coordinated")


def trip_rows(result) -> pd.DataFrame:
    """Mean time of a trip by origin and hour of departure.

    Parameters
    ----------
    result : Result
        Of a case with vehicles.

    Returns
    -------
    DataFrame
        ``origin``, ``hour`` (from the start of the day), ``vehicles_veh``, ``minutes`` (on the road and waiting).
    """
    paths, time = result.tables["paths"], result.scenario.time
    hour = (paths["step"] * time.step_min // 60).astype(int).rename("hour")
    vehicles = paths["departures_veh"]
    minutes = vehicles * (paths["experienced_road_min"] + paths["experienced_waiting_min"])
    sums = pd.DataFrame({"vehicles_veh": vehicles, "minutes": minutes}).groupby([paths["origin"], hour]).sum()
    driven = sums[sums["vehicles_veh"] > 0]
    return driven.assign(minutes=driven["minutes"] / driven["vehicles_veh"]).reset_index()


def table_of_days(scenario, days=DAYS, *, cache: bool = True) -> pd.DataFrame:
    """Solve each day on shortest paths and coordinated, with V2G, everything but the weather as in the scenario.

    Parameters
    ----------
    scenario : Scenario
    days : iterable of str
        Dates of the year of ``evlib.inputs.weather.day.MEASURED_FILE``.
    cache : bool
        Read and write the cache of solved cases.

    Returns
    -------
    DataFrame
        Rows of :func:`trip_rows`, with ``day``, ``strategy`` and, of the whole day, ``total_cny``, ``relative_gap``,
        ``price_gap``, ``converged`` (1 also for a day that has no equilibrium to find).
    """
    tables = []
    for day in tqdm(days, unit="day", leave=False, disable=None):
        varied = scenario.replace({"grid.profiles_file": str(day_file(MEASURED_FILE, day))})
        for strategy in STRATEGIES:
            result = solve(varied, strategy, "v2g", cache=cache)
            seen, costs = result.certificate, result.tables["costs"].set_index("item")["cost_cny"]
            whole = {
                "total_cny": costs["society: time and queue plus grid"],
                "relative_gap": seen.relative_gap,
                "price_gap": seen.price_gap,
                "converged": int(strategy == "shortest_path" or seen.converged),
            }
            tables.append(trip_rows(result).assign(day=day, strategy=strategy, **whole))
        log.info("%s: %.0f vehicles, relative gap %.2g", day, summary_value(result, "vehicles"), seen.relative_gap)
    table = pd.concat(tables, ignore_index=True)
    return table[["day", "strategy", *table.columns.drop(["day", "strategy"])]]


def write(folder: Path = RESULTS) -> Path:
    """Solve twenty days and write the table (some ten minutes)."""
    scenario, code = load_scenario("nguyen"), run_hash(__name__)
    notes = (
        f"scenario: nguyen {scenario.hash}, wind, sun and load of other days; charging v2g, objective system, method newton",
        "days: those of real_time_nguyen.csv, fixed before any was solved; hour: of departure, from the start of the day",
    )
    return write_table(WEATHER_DAYS_FILE, table_of_days(scenario), code, notes, folder=folder)
