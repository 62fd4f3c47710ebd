"""A class of vehicles like those of measured sessions, the hours at which they come, and how many come on a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evlib.errors import InputError

__all__ = ["SessionFleet", "class_of_sessions", "fleet_of_sessions", "uses_of_sessions"]

BATTERY_KWH, MEAN_TO_PEAK, OFFSET = 60.0, 2.0, 0.1
DAY_MIN = 1440


@dataclass(frozen=True)
class SessionFleet:
    """What sessions say about the fleet of a case.

    Attributes
    ----------
    values : dict of str -> float
        Of the class of vehicles, see :func:`class_of_sessions`.
    sources : dict of str -> str
        Where each of them is from; what begins with ``assumed`` is not measured.
    soc_type_offset : float
        The study's, or less where the state of charge on arrival is nearer to empty or full.
    hourly : ndarray, shape (24,)
        Share of all sessions that begin in each hour of the day.
    per_day : float
        Sessions on a mean day, from the first date to the last.
    n_sessions, n_days : int
    is_utc : bool
        Whether hours are those of Greenwich.
    """

    values: dict[str, float]
    sources: dict[str, str]
    soc_type_offset: float
    hourly: np.ndarray
    per_day: float
    n_sessions: int
    n_days: int
    is_utc: bool

    def share_within(self, start_min: float, length_min: float) -> float:
        """Share of the sessions of a day that begin within so many minutes from a clock time on, spread evenly in an hour.

        Examples
        --------
        >>> hourly = np.zeros(24)
        >>> hourly[[8, 23]] = 0.5
        >>> SessionFleet({}, {}, 0.1, hourly, 1.0, 2, 1, False).share_within(22 * 60, 90)
        0.25
        """
        until = np.append(0.0, np.cumsum(np.tile(self.hourly, 2)))
        begin, end = np.interp([start_min, start_min + min(length_min, DAY_MIN)], 60.0 * np.arange(49), until)
        return float(end - begin)

    def best_start(self, length_min: float, usual_hour: int) -> int:
        """Full hour from which most sessions begin within a time; the usual one where it is as good as any."""
        shares = [round(self.share_within(60 * hour, length_min), 9) for hour in range(24)]
        return usual_hour if shares[usual_hour] == max(shares) else int(np.argmax(shares))


def fleet_of_sessions(sessions: pd.DataFrame, is_utc: bool = False) -> SessionFleet:
    """What sessions say about the fleet of a case.

    Parameters
    ----------
    sessions : DataFrame
        Table of :class:`evlib.inputs.fleets.session_files.Sessions`.
    is_utc : bool, optional
        Whether arrivals are times of Greenwich.

    Returns
    -------
    SessionFleet

    Raises
    ------
    InputError
        As :func:`class_of_sessions`.
    """
    values, sources = _class_of(sessions)
    offset = OFFSET
    if "soc_arrival" in values:
        room = min(values["soc_arrival"], 1.0 - values["soc_arrival"])
        offset = min(OFFSET, np.floor(1000.0 * room + 1e-9) / 1000.0)
    hours = sessions["arrival"].dt.hour
    dates = sessions["arrival"].dt.normalize()
    n_days = int((dates.max() - dates.min()).days) + 1
    hourly = np.bincount(hours, minlength=24) / len(sessions)
    return SessionFleet(
        values, sources, float(offset), hourly, len(sessions) / n_days, len(sessions), n_days, bool(is_utc)
    )


def class_of_sessions(sessions: pd.DataFrame) -> dict[str, float]:
    """Values of a class of vehicles with the medians of some sessions.

    Parameters
    ----------
    sessions : DataFrame
        Table of :class:`evlib.inputs.fleets.session_files.Sessions`.

    Returns
    -------
    dict of str -> float
        ``stay_min``, ``charge_kw``, ``battery_kwh``, ``gain_share``, and ``soc_arrival`` where sessions have it. Without
        a battery it follows from energy and rise in charge, or is 60 kWh; without a power, it is twice the mean over the
        stay.

    Raises
    ------
    InputError
        Half of the sessions take more energy than the battery that is assumed without a column ``battery_kwh``.
    """
    return _class_of(sessions)[0]


def uses_of_sessions(sessions: pd.DataFrame, number: bool = True) -> dict[str, str]:
    """What each column of sessions is used for in a fleet; ``number``: whether their number is."""
    has = set(sessions)
    rises, battery = {"soc_arrival", "soc_departure"} <= has, "battery_kwh" in has
    energy = [] if rises and battery else ["battery, with the rise in charge" if rises else "gain"]
    energy += [] if "power_kw" in has else ["power, with the stay"]
    return {
        "arrival": "hours of departure, " + ("vehicles of a day" if number else "but their number is not used"),
        "departure": "stay",
        "stay_h": "stay",
        "energy_kwh": " and ".join(energy) or "drops sessions only; rise in charge and battery say the gain",
        "power_kw": "power of charging",
        "soc_arrival": "state of charge",
        "soc_departure": "gain" if rises else "drops sessions only",
        "battery_kwh": "battery",
    }


def _class_of(sessions: pd.DataFrame) -> tuple[dict[str, float], dict[str, str]]:
    """Values of the class, and where each is from."""
    has, measured = set(sessions), f"median of {len(sessions)} sessions"
    energy, stay_h = sessions["energy_kwh"], sessions["stay_min"] / 60
    rise = sessions["soc_departure"] - sessions["soc_arrival"] if {"soc_arrival", "soc_departure"} <= has else None
    values, sources = {"stay_min": float(sessions["stay_min"].median().round())}, {"stay_min": measured}
    if "power_kw" in has:
        values["charge_kw"], sources["charge_kw"] = float(round(sessions["power_kw"].median(), 1)), measured
    else:
        mean_kw = (energy / stay_h).median()
        values["charge_kw"] = float(round(MEAN_TO_PEAK * mean_kw, 1))
        sources["charge_kw"] = "assumed: twice the mean power over the stay, as the sessions have no power"
    if "battery_kwh" in has:
        battery, sources["battery_kwh"] = float(sessions["battery_kwh"].median()), measured
    elif rise is not None:
        battery = float((energy / rise).median())
        sources["battery_kwh"] = f"energy over rise in charge, {measured}, losses left out"
    else:
        battery, sources["battery_kwh"] = BATTERY_KWH, "assumed: the sessions have no battery"
    values["battery_kwh"] = round(battery, 1)
    if "soc_arrival" in has:
        values["soc_arrival"], sources["soc_arrival"] = float(round(sessions["soc_arrival"].median(), 3)), measured
    if rise is not None:
        gain, sources["gain_share"] = float(rise.median()), f"rise in charge, {measured}"
    else:
        gain = float((energy / sessions.get("battery_kwh", battery)).median())
        sources["gain_share"] = f"energy over battery, {measured}"
    if gain > 1:
        if "battery_kwh" not in has:
            raise InputError(
                f"sessions: energy_kwh: half of them take more than {energy.median():g} kWh, above the battery of "
                f"{BATTERY_KWH:g} kWh that is assumed without one: add a column battery_kwh, or soc_arrival and soc_departure"
            )
        gain, sources["gain_share"] = 1.0, "assumed: a whole battery, as half of the sessions take more, with losses"
    values["gain_share"] = round(gain, 3)
    return values, sources
