"""One table of days in real time: signals and rivals on many days of weather and draws of demand, beside perfect foresight."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from evlib import load_scenario
from evlib.coordination.real_time.accounts import accounts
from evlib.coordination.real_time.day import Day, informed_shares, prepare
from evlib.coordination.real_time.perfect import perfect_day
from evlib.coordination.real_time.plan import Effort
from evlib.coordination.real_time.state import first_state
from evlib.coordination.real_time.step import advance
from evlib.errors import StudyError
from evlib.files import write_json
from evlib.folders import RESULTS, build_dir
from evlib.inputs.weather.day import weather_of
from study.experiments.provenance import run_hash, write_table

__all__ = ["DAYS", "REAL_TIME_FILE", "SEEDS", "SIGNALS", "row_of", "table_of_days", "write"]

log = logging.getLogger(__name__)

REAL_TIME_FILE = "real_time_nguyen.csv"
# Every eighteenth day of 2020 from 10 January on: 20 days of all seasons, fixed before any of them was run.
DAYS = tuple((date(2020, 1, 10) + timedelta(days=18 * number)).isoformat() for number in range(20))
SEEDS = (0, 1, 2, 3, 4)
# `promised` is the run of `predicted` with other accounts: drivers choose alike.
SIGNALS = ("perfect", "predicted", "now", "informed", "nearest")
# A day's first plan is made anew five minutes later, so it need not be worked out to the end.
FIRST = Effort(10, 1e-3, 1e-4, 6, 3)


def row_of(scenario, weather, signal: str, seed: int, informed=None) -> list[dict]:
    """Run one day and return its measures: one row, or two for ``predicted``, which is also ``promised``.

    Parameters
    ----------
    scenario : Scenario
    weather : Weather
    signal : str
        One of ``SIGNALS``.
    seed : int
    informed : ndarray, optional
        From :func:`evlib.coordination.real_time.day.informed_shares`.

    Returns
    -------
    list of dict
    """
    names = {"day": weather.label, "seed": seed}
    if signal == "perfect":
        perfect = perfect_day(prepare(scenario, weather, signal="predicted", seed=seed))
        costs = ("time_cny", "grid_cny", "vehicles_cny", "late_cny", "total_cny")
        return [
            names
            | {"signal": signal}
            | {name: getattr(perfect, name) for name in costs}
            | {"plan_relative_gap": perfect.plan.relative_gap, "plan_price_gap": perfect.plan.price_gap}
        ]
    day = prepare(scenario, weather, signal=signal, seed=seed, informed_share=informed)
    state = first_state(day)
    while state.step < day.n_steps:
        state, _ = advance(day, state, FIRST)
    gaps = pd.DataFrame(state.certificate[1:3].T, columns=["plan_relative_gap", "plan_price_gap"]).median()
    rows = [names | {"signal": signal} | accounts(day, state) | gaps.to_dict()]
    if signal == "predicted":
        rows.append(names | {"signal": "promised"} | accounts(_promised(day), state) | gaps.to_dict())
    return rows


def _promised(day: Day) -> Day:
    return replace(day, signal="promised")


def table_of_days(scenario, days=DAYS, seeds=SEEDS, *, folder: Path, most: int | None = None) -> pd.DataFrame:
    """Run days and keep each in a file, so that a table that was stopped goes on.

    Parameters
    ----------
    scenario : Scenario
    days : iterable of str
    seeds : iterable of int
        All days of one seed come before those of the next.
    folder : Path
        For one JSON file per run.
    most : int, optional
        Most pairs of day and seed; by default all.

    Returns
    -------
    DataFrame
        All pairs of which every signal has been run.
    """
    pairs, rows, informed = [(day, seed) for seed in seeds for day in days][:most], [], None
    for day, seed in tqdm(pairs, unit="day", leave=False, disable=None):
        for signal in SIGNALS:
            file = folder / f"{day}-{seed}-{signal}.json"
            if not file.is_file():
                if signal == "informed" and informed is None:
                    informed = informed_shares(scenario, "v2g")
                weather = weather_of(scenario, day)
                write_json(file, [_plain(row) for row in row_of(scenario, weather, signal, seed, informed)])
                log.info("%s, seed %d, %s", day, seed, signal)
            rows += json.loads(file.read_text(encoding="utf-8"))
    return pd.DataFrame(rows)


def _plain(row: dict) -> dict:
    """Without what is not defined, which JSON cannot hold."""
    return {name: value for name, value in row.items() if value == value}


def write(folder: Path = RESULTS, most: int | None = None) -> Path:
    """Run all days of the base case and write the table; what was run by the same code is not run again (some hours)."""
    scenario, code = load_scenario("nguyen"), run_hash(__name__)
    table = table_of_days(scenario, folder=build_dir() / "real_time" / code[:16], most=most)
    if table.empty:
        raise StudyError("real time: no day was run; at least one is needed")
    n_days, n_seeds = table["day"].nunique(), table["seed"].nunique()
    notes = (
        f"scenario: nguyen {scenario.hash}",
        f"{table.groupby(['day', 'seed']).ngroups} pairs of {n_days} days and {n_seeds} draws of demand",
        "perfect: one plan with the wind, sun and departures that really come; an equilibrium, not the least cost",
        "forecasts fitted on days of the other parity; load without forecast error",
    )
    return write_table(REAL_TIME_FILE, table, code, notes, folder=folder)
