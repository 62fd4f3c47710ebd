"""Weather by whole days of a year: which days count, in an order that spreads draws over kinds of days."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.files import write_text
from evlib.folders import build_dir
from evlib.inputs.build_grid import build_grid_case
from evlib.inputs.scenario import Scenario
from evlib.traffic.time_grid import clock_to_min
from study.experiments.ensemble.knobs import Weather

__all__ = ["day_file", "day_order", "surplus_by_day"]

DAY = "%Y-%m-%d"


@functools.lru_cache(maxsize=2)  # half a second; a worker draws many days of one year
def _year(file: Path) -> pd.DataFrame:
    table = pd.read_csv(file, comment="#")
    if "time" not in table:
        raise InputError(f"{file}: column 'time' is missing; must be a series of whole days")
    return table.assign(day=table["time"].str[:10])


def surplus_by_day(scenario: Scenario, weather: Weather) -> pd.DataFrame:
    """Surplus of wind and sun on every day of the year, with the scenario's farms, loads and ties and no vehicles.

    Parameters
    ----------
    scenario : Scenario
    weather : Weather

    Returns
    -------
    DataFrame
        Index: days, as text; columns: the two zones [MWh]. The surplus of a step is what is available, less load and
        what the zone may export, and not below 0.

    Raises
    ------
    InputError
        The series lack a column or a step of the scenario.
    """
    year, case, time = _year(weather.file), build_grid_case(scenario), scenario.time
    columns = [scenario.grid.load_column, *(farm.column for farm in scenario.grid.farms)]
    for column in columns:
        if column not in year:
            raise InputError(f"{weather.file}: column {column!r} is missing; scenario {scenario.name} needs it")
    clock_min = year["time"].str[11:13].astype(int) * 60 + year["time"].str[14:16].astype(int)
    wanted = clock_to_min(scenario.time.start_clock) + time.step_min * np.arange(time.n_steps)
    steps = year[clock_min.isin(wanted)]
    count = steps.groupby("day").size()
    if (count != time.n_steps).any() or (year["day"].nunique() != len(count)):
        day = str(count.index[(count != time.n_steps).argmax()])
        raise InputError(
            f"{weather.file}: {day} has {count[day]} of the scenario's {time.n_steps} steps; must have all"
        )
    surplus = {}
    for zone in weather.zones:
        z = case.zones.index(zone)
        available = sum(
            1000.0 * farm.rating_mw * steps[farm.column] for farm in scenario.grid.farms if farm.zone == zone
        )
        nominal = case.feeder.load_kw[case.bus_zone == z].sum()
        spare = available - nominal * steps[scenario.grid.load_column] - case.export_limit_kw[z]
        surplus[zone] = spare.clip(lower=0.0).groupby(steps["day"]).sum() * case.step_h / 1000.0
    return pd.DataFrame(surplus)


def day_order(scenario: Scenario, weather: Weather) -> list[str]:
    """The days that count, ordered so that any stretch of the list holds days of a kind.

    Parameters
    ----------
    scenario : Scenario
    weather : Weather

    Returns
    -------
    list of str
        Days with enough surplus in both zones: in groups of equal size by the surplus of the first zone, within each by
        that of the second, rising and falling in turn. Numbers spread evenly over the list visit every kind of day
        equally often.

    Raises
    ------
    InputError
        No day has enough surplus.
    """
    surplus = surplus_by_day(scenario, weather)
    first, second = weather.zones
    enough = surplus[(surplus >= weather.least_surplus_mwh).all(axis=1)]
    if len(enough) < weather.strata:
        raise InputError(
            f"{weather.file}: {len(enough)} days have {weather.least_surplus_mwh:g} MWh of surplus in {first} and {second}; "
            f"must be at least {weather.strata}: lower weather.least_surplus_mwh or weather.strata"
        )
    ordered: list[str] = []
    by_first = enough.sort_values([first, second], kind="stable")
    for number, rows in enumerate(np.array_split(np.arange(len(by_first)), weather.strata)):
        group = by_first.iloc[rows].sort_values([second, first], ascending=number % 2 == 0, kind="stable")
        ordered += list(group.index)
    return ordered


def day_file(weather: Weather, day: str) -> Path:
    """File with the series of one day, as a scenario's ``grid.profiles_file``; written when first needed.

    Parameters
    ----------
    weather : Weather
    day : str
        Such as ``2020-07-15``.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        The year has no such day.
    """
    file = build_dir() / "weather" / f"{weather.file.name.split('.')[0]}_{day}.csv"
    if not file.is_file():
        year = _year(weather.file)
        rows = year[year["day"] == day].drop(columns="day")
        if rows.empty:
            raise InputError(f"{weather.file}: has no day {day!r}; must be one of {year['day'].iloc[0]} and later")
        write_text(file, f"# {weather.file.name}, {day}\n" + rows.to_csv(index=False, lineterminator="\n"))
    return file
