"""The clock of a place: what it shows in each step, and how long it is to a clock time, over midnight and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from evlib.traffic.time_grid import clock_to_min

__all__ = ["DAY_MIN", "calendar_date", "clock_at", "horizon_min", "local_minutes", "minutes_until", "time_zone"]

DAY_MIN = 1440


def local_minutes(time) -> np.ndarray:
    """What the clock shows when each step begins.

    Parameters
    ----------
    time : section ``time`` of a scenario
        With a ``zone`` and a ``date`` the clock is that of the place, daylight saving time included; without them no
        clock is ever changed.

    Returns
    -------
    ndarray, shape (n_steps,)
        Minutes after the midnight before the first step [min]: above 1440 on the day after. Where clocks are put back
        they repeat, where clocks are put forward they jump.

    Notes
    -----
    Steps are of equal length in real time. Clock changes are those of the IANA time zone database (zoneinfo).
    """
    elapsed = time.step_min * np.arange(time.n_steps)
    if time.zone is None:
        return clock_to_min(time.start_clock) + elapsed
    begin = _moment(time, clock_to_min(time.start_clock))
    midnight = datetime.combine(begin.date(), datetime.min.time())
    shown = (
        (begin.astimezone(UTC) + timedelta(minutes=float(minute))).astimezone(begin.tzinfo).replace(tzinfo=None)
        for minute in elapsed
    )
    return np.array([(moment - midnight) / timedelta(minutes=1) for moment in shown])


def minutes_until(clock: str, time) -> float:
    """Minutes from the start of a horizon until the clock shows a time first; 0 at the start itself.

    Parameters
    ----------
    clock : str
        ``HH:MM``.
    time : section ``time`` of a scenario, or anything with its ``start_clock``, ``zone`` and ``date``

    Returns
    -------
    float
        [min].

    Raises
    ------
    ValueError
        The clock never shows that time on that day, as it is put forward.
    """
    start = clock_to_min(time.start_clock)
    return _elapsed(start, (clock_to_min(clock) - start) % DAY_MIN, time)


def horizon_min(end_clock: str, time) -> float:
    """Minutes from the start of a horizon until the clock shows its end; a whole day of the place where both are equal.

    Examples
    --------
    A night in which clocks are put back by an hour, and the day after it:

    >>> from types import SimpleNamespace
    >>> horizon_min("05:00", SimpleNamespace(start_clock="21:00", zone="Europe/Berlin", date="2026-10-24"))
    540.0
    >>> horizon_min("00:00", SimpleNamespace(start_clock="00:00", zone="Europe/Berlin", date="2026-10-25"))
    1500.0
    """
    start = clock_to_min(time.start_clock)
    return _elapsed(start, (clock_to_min(end_clock) - start) % DAY_MIN or DAY_MIN, time)


def _elapsed(start: float, ahead: float, time) -> float:
    """Minutes that pass while the clock goes on by ``ahead`` minutes from the start."""
    if time.zone is None:
        return ahead
    begin = _moment(time, start)
    return (_moment(time, start + ahead).astimezone(UTC) - begin.astimezone(UTC)) / timedelta(minutes=1)


def clock_at(minute: float, time) -> str:
    """What the clock shows so many minutes after the start of a horizon, ``HH:MM``."""
    begin = clock_to_min(time.start_clock)
    if time.zone is not None:
        moment = _moment(time, begin).astimezone(UTC) + timedelta(minutes=float(minute))
        return f"{moment.astimezone(ZoneInfo(time.zone)):%H:%M}"
    shown = int(begin + minute) % DAY_MIN
    return f"{shown // 60:02d}:{shown % 60:02d}"


def time_zone(value: str | None) -> str | None:
    """A name of the IANA database, or None; anything else is a ValueError."""
    if value is not None:
        try:
            ZoneInfo(value)
        except (KeyError, OSError, ValueError):
            raise ValueError("is no time zone; must be a name of the IANA database, such as Europe/Berlin") from None
    return value


def calendar_date(value: str | None) -> str | None:
    """A date ``YYYY-MM-DD``, or None; anything else is a ValueError."""
    if value is not None:
        try:
            right = datetime.fromisoformat(value).date().isoformat() == value
        except ValueError:
            right = False
        if not right:
            raise ValueError('is no date; write it in quotes, as in "2026-03-29"')
    return value


def _moment(time, minute: float) -> datetime:
    """The moment at which the clock of the place shows so many minutes after the midnight of the date; the first of two."""
    naive = datetime.fromisoformat(time.date) + timedelta(minutes=float(minute))
    moment = naive.replace(tzinfo=ZoneInfo(time.zone))
    if moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) != naive:
        raise ValueError(
            f"{naive:%H:%M} does not exist on {naive:%Y-%m-%d} in {time.zone}: clocks are put forward; must be a time that "
            "the clock shows"
        )
    return moment
