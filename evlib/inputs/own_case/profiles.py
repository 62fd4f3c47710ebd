"""Profiles of any spacing, brought to the steps of a case by one stated rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.inputs.reading.local_clock import DAY_MIN, local_minutes
from evlib.inputs.reading.tables import Column, read_table

__all__ = ["RULE", "profiles_by_step", "step_means"]

RULE = (
    "a value holds from its time to that of the next row, a step takes the mean over its time, and a file that covers one "
    "whole day repeats daily; times are those of the local clock, so an hour that the clock shows twice is read twice"
)


def step_means(minute, values, begin_min, step_min: float) -> np.ndarray:
    """Mean of a piecewise constant profile over each step.

    Parameters
    ----------
    minute : array_like, shape (n + 1,)
        When each value begins, and when the last one ends [min], rising.
    values : array_like, shape (n,)
    begin_min : array_like, shape (n_steps,)
        Begin of each step [min]; all steps lie within the profile.
    step_min : float
        Length of the steps [min].

    Returns
    -------
    ndarray, shape (n_steps,)

    Examples
    --------
    Four hourly values in steps of two hours, then in steps of 30 minutes:

    >>> step_means([0, 60, 120, 180, 240], [1.0, 3.0, 2.0, 2.0], [0, 120], 120)
    array([2., 2.])
    >>> step_means([0, 60, 120, 180, 240], [1.0, 3.0, 2.0, 2.0], [30, 60, 90, 120], 30)
    array([1., 3., 3., 2.])
    """
    minute, values = np.asarray(minute, dtype=float), np.asarray(values, dtype=float)
    begin = np.asarray(begin_min, dtype=float)
    end = begin + step_min
    first = np.searchsorted(minute, begin + 1e-9, side="right") - 1
    last = np.searchsorted(minute, end - 1e-9, side="left") - 1
    area = np.append(0.0, np.cumsum(values * np.diff(minute)))
    means = (np.interp(end, minute, area) - np.interp(begin, minute, area)) / step_min
    return np.where(first == last, values[first], means)


def profiles_by_step(path: Path, columns: dict[str, str], time) -> dict[str, np.ndarray]:
    """Columns of a profile file at the steps of a case, by :data:`RULE`.

    Parameters
    ----------
    path : Path
        CSV with a column ``time`` (local clock time of the place, without UTC offset) and columns of numbers, none of
        them negative.
    columns : dict of str -> str
        Wanted column -> key of the case that asks for it.
    time : section ``time`` of a scenario

    Returns
    -------
    dict of str -> ndarray, shape (n_steps,)

    Raises
    ------
    InputError
        What :func:`evlib.inputs.reading.tables.read_table` refuses; rows out of order (as where clocks are put back); a
        horizon that the file does not cover.
    """
    wanted = {name: Column("number", "pu", least=0, asked_by=key) for name, key in columns.items()}
    other = {"*": Column("number", required=False)}
    table = read_table(path, {"time": Column("time")} | wanted | other, unique=[("time",)])
    minute = (table["time"] - table["time"][0].astype("datetime64[D]")) / np.timedelta64(1, "m")
    back = np.flatnonzero(np.diff(minute) <= 0)
    if len(back):
        row = int(back[0]) + 1
        raise InputError(f"{table.place(row)}: time = {table.texts['time'][row]!r} does not follow the row before it")
    spacing = float(np.median(np.diff(minute))) if len(minute) > 1 else DAY_MIN
    gaps = np.flatnonzero(np.abs(np.diff(minute) - spacing) > 1e-6)
    if len(gaps):
        row = int(gaps[0]) + 1
        raise InputError(
            f"{table.place(row)}: {minute[row] - minute[row - 1]:g} min after the row before it, others {spacing:g}; rows must "
            "be evenly spaced"
        )
    minute = np.append(minute, minute[-1] + spacing)
    begin = local_minutes(time)
    end = begin.max() + time.step_min
    days = np.zeros(1)
    if abs(minute[-1] - minute[0] - DAY_MIN) < 1e-6:
        days = np.arange(-1, int(np.ceil(end / DAY_MIN)) + 1)
    elif begin.min() < minute[0] - 1e-6 or end > minute[-1] + 1e-6:
        raise InputError(
            f"{path}: rows from minute {minute[0]:g} to {minute[-1]:g} of the first day do not cover {time.n_steps} steps of "
            f"{time.step_min:g} min from {time.start_clock}; give all of them, or exactly one day, which is repeated"
        )
    elif time.date is not None and str(table["time"][0])[:10] != time.date:
        raise InputError(
            f"{table.place(0)}: time = {table.texts['time'][0]!r}; must begin on time.date {time.date}, or cover exactly one "
            "day, which is repeated"
        )
    whole = np.append(np.concatenate([minute[:-1] + DAY_MIN * day for day in days]), minute[-1] + DAY_MIN * days[-1])
    return {name: step_means(whole, np.tile(table[name], len(days)), begin, time.step_min) for name in wanted}
