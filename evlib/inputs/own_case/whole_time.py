"""The horizon of a case of one's own in whole steps: its end, stays of vehicles, and the last departure."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from evlib.errors import InputError
from evlib.inputs.own_case.trips import Trips
from evlib.inputs.reading.local_clock import clock_at, horizon_min

__all__ = ["last_departure_step", "leave_when_full", "whole_time"]


def leave_when_full(fleet: dict, time: dict, plug_kw, file: Path) -> list[str]:
    """Shorten stays to what it takes to charge, where ``fleet.leave_when_full`` is true; the key is taken out.

    Parameters
    ----------
    fleet, time : dict
        Sections of the case with their defaults; ``stay_min`` of classes is changed.
    plug_kw : ndarray, shape (n_stations,), or None
        Power of a plug [kW].
    file : Path
        Named in messages.

    Returns
    -------
    list of str
        What was changed, as sentences.

    Raises
    ------
    InputError
        No switch, energy used on the way, or a class that fills up faster at one station than at another.

    Notes
    -----
    A vehicle that plugs in during a step charges from the next one on, so its stay is one step longer than
    ``gain / (eta P)``, rounded up to whole steps; never longer than ``stay_min``.
    """
    wanted = fleet.pop("leave_when_full", False)
    if not isinstance(wanted, bool):
        raise InputError(f"{file}: fleet.leave_when_full: {wanted!r}; must be true or false")
    notes, classes = [], fleet["classes"]
    for name, member in classes.items() if wanted and isinstance(classes, dict) else ():
        keys = ("gain_share", "battery_kwh", "charge_kw", "stay_min")
        values = [member.get(key) for key in keys] if isinstance(member, dict) else []
        values += [fleet.get("eta_charge"), time.get("step_min")]
        if not all(isinstance(v, int | float) and not isinstance(v, bool) and 0 < v < 1e6 for v in values):
            continue  # whoever wrote them is told by the schema
        if member.get("drive_kwh_km"):
            raise InputError(
                f"{file}: fleet.leave_when_full: class {name} has drive_kwh_km, so vehicles of a class come with different "
                "charge; must be false, or drive_kwh_km 0"
            )
        gain, battery, charge_kw, stay, eta, step = values
        power = np.minimum(charge_kw, [charge_kw] if plug_kw is None else plug_kw)
        steps = 1 + np.ceil(60.0 * gain * battery / (eta * power * step) - 1e-9)
        if np.ptp(steps) > 0:
            raise InputError(
                f"{file}: fleet.leave_when_full: class {name} is full after {steps.min():g} to {steps.max():g} steps, by the "
                "plug_kw of the station; a class has one stay: give stations equal plug_kw, or the class a lower charge_kw"
            )
        member["stay_min"] = min(float(stay), float(steps[0] * step))
        notes.append(f"fleet.classes.{name}.stay_min: {member['stay_min']:g} by leave_when_full, at most {stay:g}")
    return notes


def last_departure_step(n_steps: int, longest_stay_min: float, step_min: float) -> int:
    """Last step of departures unless a case states another: twice the longest stay before the end of the horizon.

    Examples
    --------
    Twelve hours in steps of 15 min, stays of 45 min:

    >>> last_departure_step(48, 45, 15)
    41
    """
    return max(0, n_steps - 1 - 2 * max(2, math.ceil(longest_stay_min / step_min - 1e-9)))


def whole_time(
    time: dict, fleet: dict, trips: Trips | None, file: Path, defaulted: list[str] | None = None
) -> tuple[dict, list[str]]:
    """Steps of the horizon, stays in whole steps, and the last departure that still allows a stay; all as integers.

    Names of what the file leaves out are added to ``defaulted``.
    """
    time, notes = dict(time), []
    defaulted = [] if defaulted is None else defaulted
    if not {"hours", "n_steps", "end_clock"} & set(time):
        defaulted.append("time.n_steps")
    defaulted += [f"time.{key}" for key in ("last_departure_step",) if key not in time]
    defaulted += [f"fleet.{key}" for key in ("peak_clock",) if key not in fleet]
    step = time.get("step_min")
    by_end = "end_clock" in time
    if by_end and ({"hours", "n_steps"} & set(time)):
        raise InputError(f"{file}: time.end_clock: beside time.hours or time.n_steps; keep one of the three")
    hours = time.pop("hours", 12.0 if "n_steps" not in time else None)
    if by_end:
        hours = _hours_until(time, file)
    if isinstance(step, bool) or not isinstance(step, int | float) or not 1 <= step <= 60:
        raise InputError(f"{file}: time.step_min: {step!r}; must be a number of minutes from 1 to 60")
    if hours is not None and "n_steps" in time:
        raise InputError(f"{file}: time.hours and time.n_steps: keep one of the two")
    if "n_steps" not in time:
        is_number = isinstance(hours, int | float) and not isinstance(hours, bool)
        steps = 60.0 * hours / step if is_number else 0.5
        if not np.isfinite(steps) or abs(steps - round(steps)) > 1e-9 or steps < 2:
            key = "time.end_clock: hours until then" if by_end else "time.hours"
            raise InputError(f"{file}: {key}: {hours!r}; must be whole steps of {step:g} min, at least two")
        time["n_steps"] = round(steps)
    classes = fleet["classes"] if isinstance(fleet["classes"], dict) else {}
    longest = 0.0
    for name, member in classes.items():
        stay = member.get("stay_min") if isinstance(member, dict) else None
        if isinstance(stay, int | float) and not isinstance(stay, bool) and 0 < stay < 1e6:
            steps = max(2, math.ceil(stay / step - 1e-9))
            longest = max(longest, stay)
            if abs(steps * step - stay) > 1e-9:
                notes.append(
                    f"fleet.classes.{name}.stay_min: {stay:g} is taken as {steps * step:g} min, whole steps, at least 2"
                )
                member["stay_min"] = float(steps * step)
    if isinstance(time["n_steps"], int):
        last = None
        if trips is not None:
            clock = {key: time.get(key) for key in ("start_clock", "zone", "date")}
            last = trips.last_step(SimpleNamespace(step_min=float(step), **clock))
        latest = last_departure_step(time["n_steps"], longest, step)
        time.setdefault("last_departure_step", latest if last is None else max(0, min(last, time["n_steps"] - 1)))
        if "peak_clock" not in fleet and isinstance(time["last_departure_step"], int):
            clock = SimpleNamespace(**{key: time.get(key) for key in ("start_clock", "zone", "date")})
            # Whoever wrote a clock that is none is told by the schema.
            with suppress(KeyError, OSError, TypeError, ValueError):
                fleet["peak_clock"] = clock_at(int(step * (time["last_departure_step"] + 1) / 2), clock)
    time["step_min"] = float(step)
    return time, notes


def _hours_until(time: dict, file: Path) -> float:
    """Hours from ``start_clock`` until ``end_clock``, which is taken out."""
    end = time.pop("end_clock")
    clock = SimpleNamespace(start_clock=time["start_clock"], zone=time.get("zone"), date=time.get("date"))
    if (clock.zone is None) != (clock.date is None):
        raise InputError(
            f"{file}: time: zone and date: must both be stated, or none of them: clocks change on certain dates"
        )
    try:
        return horizon_min(end, clock) / 60.0
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise InputError(
            f"{file}: time.end_clock: {end!r} after start_clock {clock.start_clock!r}, zone {clock.zone!r} and date "
            f"{clock.date!r}: {error}"
        ) from None
