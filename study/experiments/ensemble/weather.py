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
    """Surplus and deficit on every day of the year, with the scenario's farms, loads and ties and no vehicles.

    Parameters
    ----------
    scenario : Scenario
    weather : Weather

    Returns
    -------
    DataFrame
        Index: days, as text; columns: the two zones and ``deficit`` [MWh]. The surplus of a step is what is available,
        less load and what the zone may export; the deficit, summed over all zones, is load less what is available and
        what the zone may import; neither is below 0.

    Raises
    ------
    InputError
        The series lack a column or a step of the scenario.
    """
    steps = _steps(scenario, weather)
    case, day = build_grid_case(scenario), steps["day"]
    load_pu, own_pu = steps[scenario.grid.load_column].to_numpy(), scenario.tables.load_pu
    n_days = len(steps) // case.n_steps
    surplus, deficit_kw = {}, np.zeros(len(steps))
    for z, zone in enumerate(case.zones):
        farms = [farm for farm in scenario.grid.farms if farm.zone == zone]
        available_kw = sum((1000.0 * farm.rating_mw * steps[farm.column] for farm in farms), start=np.zeros(len(steps)))
        inside = case.bus_zone == z
        nominal_kw = case.feeder.load_kw[inside].sum()
        spike_kw = case.load_kw[inside].sum(axis=0) - nominal_kw * own_pu
        short_kw = nominal_kw * load_pu + np.tile(spike_kw, n_days) - np.asarray(available_kw)
        deficit_kw += np.maximum(short_kw - case.import_limit_kw[z], 0.0)
        surplus[zone] = np.maximum(-short_kw - case.export_limit_kw[z], 0.0)
    table = pd.DataFrame({zone: surplus[zone] for zone in weather.zones} | {"deficit": deficit_kw})
    return table.groupby(day.to_numpy()).sum() * case.step_h / 1000.0


def _steps(scenario: Scenario, weather: Weather) -> pd.DataFrame:
    """The scenario's steps of every day, in their order."""
    year, time = _year(weather.file), scenario.time
    for column in (scenario.grid.load_column, *(farm.column for farm in scenario.grid.farms)):
        if column not in year:
            raise InputError(f"{weather.file}: column {column!r} is missing; scenario {scenario.name} needs it")
    clock_min = year["time"].str[11:13].astype(int) * 60 + year["time"].str[14:16].astype(int)
    wanted = clock_to_min(scenario.time.start_clock) + time.step_min * np.arange(time.n_steps)
    steps = year[clock_min.isin(wanted)]
    count = steps.groupby("day").size()
    if (count != time.n_steps).any() or year["day"].nunique() != len(count):
        day = str(count.index[(count != time.n_steps).argmax()])
        raise InputError(
            f"{weather.file}: {day} has {count[day]} of the scenario's {time.n_steps} steps; must have all"
        )
    return steps


def day_order(scenario: Scenario, weather: Weather) -> list[str]:
    """The days that count, ordered so that any stretch of the list holds days of a kind.

    Parameters
    ----------
    scenario : Scenario
    weather : Weather

    Returns
    -------
    list of str
        Days with enough surplus in both zones and enough deficit: in groups of equal size by the surplus of the first
        zone, within each by that of the second, rising and falling in turn. Numbers spread evenly over the list visit
        every kind of day equally often.

    Raises
    ------
    InputError
        Fewer days than groups have enough.
    """
    surplus = surplus_by_day(scenario, weather)
    first, second = weather.zones
    windy = (surplus[[first, second]] >= weather.least_surplus_mwh).all(axis=1)
    enough = surplus[windy & (surplus["deficit"] >= weather.least_deficit_mwh)]
    if len(enough) < weather.strata:
        raise InputError(
            f"{weather.file}: {len(enough)} days have {weather.least_surplus_mwh:g} MWh of surplus in {first} and {second} and "
            f"{weather.least_deficit_mwh:g} MWh of deficit; must be at least {weather.strata} days: lower "
            "weather.least_surplus_mwh, weather.least_deficit_mwh or weather.strata"
        )
    ordered: list[str] = []
    by_first = enough.sort_values([first, second], kind="stable")
    for number, rows in enumerate(np.array_split(np.arange(len(by_first)), weather.strata)):
        group = by_first.iloc[rows].sort_values([second, first], ascending=number % 2 == 0, kind="stable")
        ordered += list(group.index)
    return ordered


def day_file(series: Path, day: str) -> Path:
    """File with the series of one day, as a scenario's ``grid.profiles_file``; written when first needed.

    Parameters
    ----------
    series : Path
        A year of whole days.
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
    file = build_dir() / "weather" / f"{series.name.split('.')[0]}_{day}.csv"
    if not file.is_file():
        year = _year(series)
        rows = year[year["day"] == day].drop(columns="day")
        if rows.empty:
            raise InputError(f"{series}: has no day {day!r}; must be one of {year['day'].iloc[0]} and later")
        write_text(file, f"# {series.name}, {day}\n" + rows.to_csv(index=False, lineterminator="\n"))
    return file
