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
from evlib.assignment.path_costs import Traffic
from evlib.coordination.real_time.accounts import accounts
from evlib.coordination.real_time.day import Day, informed_shares, prepare
from evlib.coordination.real_time.perfect import perfect_day
from evlib.coordination.real_time.plan import Effort, Plan
from evlib.coordination.real_time.state import first_state
from evlib.coordination.real_time.step import advance, plan_at
from evlib.errors import StudyError
from evlib.files import write_json
from evlib.folders import RESULTS, build_dir
from evlib.inputs.weather.day import weather_of
from study.experiments.provenance import run_hash, write_table

__all__ = [
    "DAYS",
    "FIRST",
    "REAL_TIME_FILE",
    "REPLANS",
    "SEEDS",
    "SIGNALS",
    "FirstPlans",
    "row_of",
    "scenario_of_days",
    "table_of_days",
    "write",
    "write_days",
]

log = logging.getLogger(__name__)

REAL_TIME_FILE = "real_time_nguyen.csv"
# Every eighteenth day of 2020 from 10 January on: 20 days of all seasons, fixed before any of them was run.
DAYS = tuple((date(2020, 1, 10) + timedelta(days=18 * number)).isoformat() for number in range(20))
SEEDS = (0, 1, 2, 3, 4)
# `promised` is the run of `predicted` with other accounts: drivers choose alike.
SIGNALS = ("perfect", "predicted", "now", "informed", "nearest")
# Every quarter of an hour the rest of the day is planned anew, until both gaps are small or after six iterations.
REPLANS = {
    "coordination.replan_every_steps": 3,
    "coordination.replan_iterations": 6,
    "coordination.replan_relative_gap": 5e-3,
    "coordination.replan_price_gap": 1e-3,
}
# A day's first plan need not be worked out to the end, as it is made anew; that with perfect foresight starts from it, but is
# worked out as far as any plan of a whole day.
FIRST = Effort(8, 5e-3, 1e-3, 4, 2, 12)


class FirstPlans:
    """First plans, each made once: they know nothing of the draw of demand, and `now` begins like `nearest`."""

    def __init__(self):
        self._of = {}

    def of(self, day: Day) -> tuple[Plan, Traffic]:
        """The day's first plan and its loading."""
        key = (day.weather.label, {"now": "nearest", "promised": "predicted"}.get(day.signal, day.signal))
        if key not in self._of:
            self._of[key] = plan_at(day, first_state(day), FIRST)
        return self._of[key]


def row_of(day: Day, signal: str, plans: FirstPlans) -> list[dict]:
    """Run one day and return its measures: one row, or two for ``predicted``, which is also ``promised``.

    Parameters
    ----------
    day : Day
        Prepared for the signal ``informed``; the others need less.
    signal : str
        One of ``SIGNALS``.
    plans : FirstPlans

    Returns
    -------
    list of dict
    """
    names = {"day": day.weather.label, "seed": day.seed}
    if signal == "perfect":
        day = replace(day, signal="predicted")
        perfect = perfect_day(day, forecast=plans.of(day)[0])
        costs = ("time_cny", "grid_cny", "vehicles_cny", "late_cny", "total_cny")
        return [
            names
            | {"signal": signal}
            | {name: getattr(perfect, name) for name in costs}
            | {"plan_relative_gap": perfect.plan.relative_gap, "plan_price_gap": perfect.plan.price_gap}
        ]
    day = replace(day, signal=signal)
    state, _ = advance(day, first_state(day), planned=plans.of(day))
    while state.step < day.n_steps:
        state, _ = advance(day, state)
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
    pairs, rows, informed, plans = [(day, seed) for seed in seeds for day in days][:most], [], None, FirstPlans()
    for label, seed in tqdm(pairs, unit="day", leave=False, disable=None):
        files = {signal: folder / f"{label}-{seed}-{signal}.json" for signal in SIGNALS}
        missing = [signal for signal, file in files.items() if not file.is_file()]
        if missing:
            informed = informed_shares(scenario, "v2g") if informed is None else informed
            weather = weather_of(scenario, label)
            day = prepare(scenario, weather, signal="informed", seed=seed, informed_share=informed)
        for signal in missing:
            write_json(files[signal], [_plain(row) for row in row_of(day, signal, plans)])
            log.info("%s, seed %d, %s", label, seed, signal)
        rows += [row for file in files.values() for row in json.loads(file.read_text(encoding="utf-8"))]
    return pd.DataFrame(rows)


def _plain(row: dict) -> dict:
    """Without what is not defined, which JSON cannot hold."""
    return {name: value for name, value in row.items() if value == value}


def scenario_of_days():
    """The base case, and how far plans are worked out."""
    return load_scenario("nguyen").replace(REPLANS)


def write(folder: Path = RESULTS, most: int | None = None) -> Path:
    """Run all days of the base case and write the table; what was run by the same code is not run again (some hours)."""
    scenario, code = scenario_of_days(), run_hash(__name__)
    table = table_of_days(scenario, folder=build_dir() / "real_time" / code[:16], most=most)
    every = (
        "planned anew every 15 min, at most 6 iterations until gaps of 5e-3 and 1e-3; between, the last prices and ways"
    )
    return write_days(REAL_TIME_FILE, table, scenario, code, every, folder)


def write_days(file: str, table: pd.DataFrame, scenario, code: str, every: str, folder: Path = RESULTS) -> Path:
    """Write a table of days that were run, with what it leaves out; ``every`` says how often plans are made anew."""
    if table.empty:
        raise StudyError("real time: no day was run; at least one is needed")
    n_pairs, n_days, n_seeds = table.groupby(["day", "seed"]).ngroups, table["day"].nunique(), table["seed"].nunique()
    notes = (
        f"scenario: {scenario.name} with REPLANS {scenario.hash}",
        f"{n_pairs} pairs of {len(DAYS) * len(SEEDS)} asked: {n_days} days and {n_seeds} draws of demand",
        "perfect: one plan with the wind, sun and departures that really come; an equilibrium, not the least cost",
        "forecasts fitted on days of the other parity; load without forecast error",
        every,
        "plan_relative_gap and plan_price_gap: medians over a day's plans; the grid is dispatched to the end in every step",
    )
    return write_table(file, table, code, notes, folder=folder)
