"""Limits beyond which a number is absurd, so that a file in another unit is refused and not solved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evlib.errors import InputError
from evlib.inputs.reading.tables import Table

__all__ = ["LEAST_LOAD_KW", "LIMITS", "check_loads", "check_roads_plausible", "check_table", "refuse_absurd"]

# Smallest and largest value that may be meant, and the unit.
LIMITS = {
    "speed_km_h": (1.0, 300.0, "km/h"),
    "length_km": (0.0, 500.0, "km"),
    "free_flow_min": (0.0, 1440.0, "min"),
    "lanes": (0.0, 20.0, "lanes"),
    "capacity_veh_h": (10.0, 100_000.0, "veh/h"),
    "plug_kw": (1.0, 5000.0, "kW"),
    "charge_kw": (1.0, 5000.0, "kW"),
    "site_kw": (1.0, 1e6, "kW"),
    "battery_kwh": (1.0, 2000.0, "kWh"),
}
# All loads of a network of 1 kV or more together, if it has any.
LEAST_LOAD_KW = 10.0
_IN_KW = "a number in MW must be multiplied by 1000, one in W divided by it"
_REMEDIES = {
    "plug_kw": _IN_KW,
    "charge_kw": _IN_KW,
    "site_kw": _IN_KW,
    "battery_kwh": "a number in Wh must be divided by 1000, one in MWh multiplied by it",
}


def refuse_absurd(values, key: str, place: Callable[[int], str], remedy: str = "", name: str = "") -> None:
    """Refuse numbers outside the limits of their kind.

    Parameters
    ----------
    values : array_like
        Numbers in the unit of :data:`LIMITS`; nan is skipped.
    key : str
        Kind of the numbers, a key of :data:`LIMITS`.
    place : callable
        ``place(row)`` gives file and row for messages.
    remedy : str, optional
        What to correct; by default what is likely to be meant.
    name : str, optional
        How the file calls the numbers, by default the key.

    Raises
    ------
    InputError
        Names the first such number, how many there are, and the limits.
    """
    values = np.asarray(values, dtype=float)
    low, high, unit = LIMITS[key]
    bad = np.flatnonzero((values < low) | (values > high))
    if not len(bad):
        return
    row = int(bad[0])
    right = f"{low:g} to {high:g} {unit}" if low else f"at most {high:g} {unit}"
    more = f" ({len(bad)} such)" if len(bad) > 1 else ""
    remedy = remedy or _REMEDIES.get(key, "correct it")
    raise InputError(f"{place(row)}: {name or key} = {values[row]:.6g} {unit}; must be {right}{more}: {remedy}")


def check_table(table: Table, columns) -> None:
    """Refuse absurd numbers in some columns of a table, where it has them; see :func:`refuse_absurd`."""
    for name in columns:
        if name in table.values:
            refuse_absurd(table[name], name, table.place)


def check_roads_plausible(
    place: Callable[[int], str],
    free_flow_min,
    length_km=None,
    lanes=None,
    capacity_veh_h=None,
    *,
    exempt=None,
    cures=None,
) -> None:
    """Refuse roads whose length, time, lanes, capacity, or the speed that follows, are absurd.

    Parameters
    ----------
    place : callable
        ``place(row)`` gives file and road for messages.
    free_flow_min : array_like, shape (n_links,)
        [min].
    length_km, lanes, capacity_veh_h : array_like, shape (n_links,), optional
    exempt : ndarray of bool, shape (n_links,), optional
        Roads that stand for others, such as connectors of zones: they may have any positive values.
    cures : dict of str -> str, optional
        Kind of number -> what to correct; ``units`` for length, time and speed.

    Raises
    ------
    InputError
        See :func:`refuse_absurd`.
    """
    cures, keep = cures or {}, slice(None) if exempt is None or exempt.all() else ~exempt
    rows = np.arange(len(free_flow_min))[keep]
    units = cures.get("units", "correct its length or its time")
    kinds = {"length_km": length_km, "free_flow_min": free_flow_min, "lanes": lanes, "capacity_veh_h": capacity_veh_h}
    if length_km is not None:
        minutes, km = np.asarray(free_flow_min, dtype=float)[keep], np.asarray(length_km, dtype=float)[keep]
        at = lambda row: f"{place(rows[row])}: {km[row]:.6g} km in {minutes[row]:.6g} min"  # noqa: E731
        refuse_absurd(60.0 * km / minutes, "speed_km_h", at, units, "speed")
    for key, values in kinds.items():
        if values is not None:
            remedy = cures.get(key, units if key in ("length_km", "free_flow_min") else "correct it")
            refuse_absurd(np.asarray(values)[keep], key, lambda row: place(rows[row]), remedy)


def check_loads(table: Table, load_scale: float = 1.0) -> None:
    """Refuse loads of buses that can only be meant in MW.

    Parameters
    ----------
    table : Table
        Buses, with ``p_kw`` and ``base_kv``.
    load_scale : float
        Factor that all loads are multiplied by.

    Raises
    ------
    InputError
        Loads of a network of 1 kV or more that are less than 10 kW together.
    """
    total, base_kv = float(np.abs(table["p_kw"] * load_scale).sum()), float(table["base_kv"].max())
    if 0 < total < LEAST_LOAD_KW and base_kv >= 1:
        raise InputError(
            f"{table.path}: p_kw: all loads are {total:.4g} kW at {base_kv:g} kV; must be at least {LEAST_LOAD_KW:g} kW, "
            f"or none: {_IN_KW}"
        )
