"""Measured fast-charging sessions: read, cleaned with every dropped session counted, and turned into vehicles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.folders import DATA

__all__ = ["SESSIONS_FILE", "read_sessions", "session_vehicles"]

SESSIONS_FILE = DATA / "epfl_l3_sessions.csv"
COLUMNS = {
    "Arrival": "arrival",
    "Stay (min)": "stay_min",
    "Energy (Wh)": "energy_kwh",
    "Pmax (W)": "power_kw",
    "SOC arrival": "soc_arrival",
    "SOC departure": "soc_departure",
    "Energy capacity (Wh)": "battery_kwh",
}
UNITS = {"energy_kwh": 1000.0, "power_kw": 1000.0, "battery_kwh": 1000.0, "soc_arrival": 100.0, "soc_departure": 100.0}
SHORTEST_STAY_MIN = 10.0
BATTERY_KWH = (20.0, 150.0)


def read_sessions(file: Path = SESSIONS_FILE) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the sessions of a fast-charging station and clean them.

    Parameters
    ----------
    file : Path
        CSV of the EPFL-DESL level 3 dataset.

    Returns
    -------
    sessions : DataFrame
        ``arrival`` (local time), ``stay_min``, ``energy_kwh`` (meter side), ``power_kw`` (maximum, meter side),
        ``soc_arrival``, ``soc_departure``, ``battery_kwh`` (the dataset's estimate).
    dropped : dict of str -> int
        Sessions left out: ``stay_below_10_min``, ``battery_outside_20_150_kwh``, ``both``; then ``kept`` and ``read``.

    Raises
    ------
    InputError
        A column is missing or holds anything but numbers; the message names file, column and row.

    Notes
    -----
    ``TotalCapacity`` is a placeholder in 1,639 rows and is not read. The source estimates the capacity as
    0.95 energy / (departure - arrival state of charge), that is, 0.95 of the metered energy is taken to have reached
    the battery.
    """
    table = pd.read_csv(file)
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise InputError(f"{file}: column {missing[0]!r} is missing; must have {', '.join(COLUMNS)}")
    table = table[list(COLUMNS)].rename(columns=COLUMNS)
    for name in table.columns.drop("arrival"):
        values = pd.to_numeric(table[name], errors="coerce")
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            raise InputError(f"{file}: {name} of row {row + 2} is {table[name].iloc[row]}; must be a finite number")
        table[name] = values / UNITS.get(name, 1.0)
    table["arrival"] = pd.to_datetime(table["arrival"])
    short, odd = table["stay_min"] < SHORTEST_STAY_MIN, ~table["battery_kwh"].between(*BATTERY_KWH)
    kept = table[~short & ~odd].reset_index(drop=True)
    dropped = {
        "stay_below_10_min": int((short & ~odd).sum()),
        "battery_outside_20_150_kwh": int((odd & ~short).sum()),
        "both": int((short & odd).sum()),
        "kept": len(kept),
        "read": len(table),
    }
    return kept, dropped


def session_vehicles(sessions: pd.DataFrame, *, step_min: float, discharge: bool = True) -> dict[str, np.ndarray]:
    """Sessions as arguments of :func:`evlib.flexibility.vehicle_domain`, per vehicle.

    Parameters
    ----------
    sessions : DataFrame
        As `read_sessions` gives them.
    step_min : float
        Length of a step [min].
    discharge : bool
        Let vehicles discharge at their charging power. This is an assumption: in the data none discharged.

    Returns
    -------
    dict
        ``battery_kwh``, ``gain_kwh`` (energy that reached the battery), ``charge_kw`` (the largest measured),
        ``discharge_kw``, ``soc_arrival``, ``soc_min`` (0), ``soc_max`` (1), ``n_stay_steps`` (whole steps; the first is
        not usable).
    """
    power = sessions["power_kw"].to_numpy()
    return {
        "battery_kwh": sessions["battery_kwh"].to_numpy(),
        "gain_kwh": (sessions["soc_departure"] - sessions["soc_arrival"]).to_numpy()
        * sessions["battery_kwh"].to_numpy(),
        "charge_kw": power,
        "discharge_kw": power * float(discharge),
        "soc_arrival": sessions["soc_arrival"].to_numpy(),
        "soc_min": np.zeros(len(sessions)),
        "soc_max": np.ones(len(sessions)),
        "n_stay_steps": (sessions["stay_min"].to_numpy() // step_min).astype(int),
    }
