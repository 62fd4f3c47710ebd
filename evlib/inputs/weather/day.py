"""Wind, sun and load of a day of the year for a scenario's grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.folders import DATA
from evlib.grid.grid_case import GridCase
from evlib.inputs.scenario import Scenario
from evlib.inputs.weather.forecast import Forecast, hourly_to_steps, persistence_min
from evlib.inputs.weather.series import Series, read_series
from evlib.traffic.time_grid import clock_to_min

__all__ = ["DAY_AHEAD_FILE", "MEASURED_FILE", "Weather", "weather_of"]

MEASURED_FILE = DATA / "rts_gmlc_2020_5min.csv.gz"
DAY_AHEAD_FILE = DATA / "rts_gmlc_2020_day_ahead.csv.gz"
HOUR_MIN = 60
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Weather:
    """A day.

    Attributes
    ----------
    label : str
        The date, or what the weather is taken from.
    forecast : Forecast
        One row per farm of the scenario.
    load_pu : ndarray, shape (K,)
        Load of every bus [per unit of the year's peak]. It is known: there is no forecast error of load.
    """

    label: str
    forecast: Forecast
    load_pu: np.ndarray

    def case(self, case: GridCase, rating_kw: np.ndarray, load_pu: np.ndarray, step: int | None = None) -> GridCase:
        """The grid of this day as it is expected at the beginning of a step, or as it was measured.

        Parameters
        ----------
        case : GridCase
            The scenario's own.
        rating_kw : ndarray, shape (n_farms,)
        load_pu : ndarray, shape (K,)
            The load that ``case`` was built with.
        step : int, optional
            By default everything is as measured.

        Returns
        -------
        GridCase
        """
        available = self.forecast.measured_pu if step is None else self.forecast.at(step)
        more = (self.load_pu - load_pu)[None, :]
        return replace(
            case,
            available_kw=available * rating_kw[:, None],
            load_kw=case.load_kw + case.feeder.load_kw[:, None] * more,
            load_kvar=case.load_kvar + case.feeder.load_kvar[:, None] * more,
        )


def weather_of(
    scenario: Scenario, day: str | None = None, *, perfect: bool = False, measured_file=None, day_ahead_file=None
) -> Weather:
    """Wind, sun and load of a day, with what is forecast of them.

    Parameters
    ----------
    scenario : Scenario
        Its farms' and load's columns must be in both files.
    day : str, optional
        A date ``YYYY-MM-DD`` of the files' year. By default the scenario's own profiles, without forecast error.
    perfect : bool
        Whether forecasts have no error on that day.
    measured_file, day_ahead_file : path-like, optional
        Measured five minutes and hourly forecasts of the day before; by default those of RTS-GMLC in ``data``.

    Returns
    -------
    Weather

    Raises
    ------
    InputError
        No such date; a file with gaps, another step, a missing column, or too short for the day.

    Notes
    -----
    How fast deviations fade is fitted on the days of the other parity (even or odd days of the year), in the same hours,
    so never on the day itself. The load is the hourly series of the day before, which is the hourly mean of the real one
    and has no error; the five minutes of the data set carry synthetic noise of up to 25 %.
    """
    tables, time, farms = scenario.tables, scenario.time, scenario.grid.farms
    if day is None:
        return Weather(f"profiles of {scenario.name}", Forecast.perfect(tables.available_pu), tables.load_pu)
    begin = _date(day) + np.timedelta64(clock_to_min(time.start_clock), "m")
    columns = tuple(farm.column for farm in farms)
    measured, ahead = (
        _read(str(path or default), columns, scenario.grid.load_column, step_min)
        for path, default, step_min in (
            (measured_file, MEASURED_FILE, 5),
            (day_ahead_file, DAY_AHEAD_FILE, HOUR_MIN),
        )
    )
    if time.step_min != measured.step_min:
        raise InputError(
            f"{scenario.file}: time.step_min = {time.step_min:g}; must be the {measured.step_min} min of {measured.path}"
        )
    shape = (len(farms), time.n_steps)
    real, expected = np.empty(shape), np.empty(shape)
    before, keeps = np.empty(len(farms)), np.empty(len(farms))
    for row, name in enumerate(columns):
        real[row], expected[row] = (values[1:] for values in _pair(measured, ahead, name, begin, time.n_steps))
        before[row] = np.subtract(*(values[0] for values in _pair(measured, ahead, name, begin, time.n_steps)))
        tau = _fitted_min(measured, ahead, name, begin, time.n_steps)
        keeps[row] = np.exp(-time.step_min / tau) if tau else 0.0
    load = _hourly(ahead, scenario.grid.load_column, begin, time.n_steps, time.step_min)
    forecast = Forecast.perfect(real) if perfect else Forecast(real, expected, before, keeps)
    return Weather(day, forecast, load)


@lru_cache(maxsize=4)
def _read(path: str, columns: tuple[str, ...], load_column: str, step_min: int) -> Series:
    return read_series(Path(path), (*columns, load_column), step_min)


def _date(day: str) -> np.datetime64:
    try:
        return np.datetime64(date.fromisoformat(day), "m")
    except (ValueError, TypeError):
        raise InputError(f"day: {day!r}; must be a date YYYY-MM-DD") from None


def _hourly(ahead: Series, name: str, begin, n_steps: int, step_min: float) -> np.ndarray:
    """Hourly values as steps from ``begin`` on, shape (n_steps,)."""
    hour = begin.astype("datetime64[h]")
    late = round((begin - hour.astype("datetime64[m]")) / np.timedelta64(1, "m") / step_min)
    hours = int(np.ceil((late + n_steps) * step_min / HOUR_MIN))
    values = ahead.between(name, hour.astype("datetime64[m]") - np.timedelta64(HOUR_MIN, "m"), hours + 2)
    return hourly_to_steps(values, step_min)[late : late + n_steps]


def _pair(measured: Series, ahead: Series, name: str, begin, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Measured and expected values of the step before ``begin`` and of n steps from it on."""
    first = begin - np.timedelta64(measured.step_min, "m")
    return measured.between(name, first, n_steps + 1), _hourly(ahead, name, first, n_steps + 1, measured.step_min)


def _fitted_min(measured: Series, ahead: Series, name: str, begin, n_steps: int) -> float:
    """Fading time on all days of the other parity [min]."""
    first_day, today = measured.begin.astype("datetime64[D]"), begin.astype("datetime64[D]")
    late = begin - today.astype("datetime64[m]")
    n_days = int(len(measured.values[name]) * measured.step_min // (24 * HOUR_MIN))
    parity = int((today - first_day) / DAY) % 2
    deviations = []
    for number in range(1 + parity, n_days - 2, 2):  # 1, 3, 5, ... for an even day and 2, 4, 6, ... for an odd one
        when = (first_day + number * DAY).astype("datetime64[m]") + late
        real, expected = _pair(measured, ahead, name, when, n_steps)
        deviations.append(real - expected)
    return persistence_min(np.array(deviations), measured.step_min)
