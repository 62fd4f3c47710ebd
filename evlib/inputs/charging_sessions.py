"""Measured fast-charging sessions: read, cleaned with every dropped session counted, and turned into vehicles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.folders import DATA
from evlib.inputs.reading.tables import Column, Table, read_table

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
IGNORED_COLUMNS = {
    "Session": "number of the session",
    "CCS": "plug",
    "Departure": "follows from arrival and stay",
    "Preq_max (W)": "power that the car asked for, not what it got",
    "Controlled session (0=False, 1=True)": "whether the station limited the power",
    "TotalCapacity": "a placeholder in most rows",
    "BulkCapacity": "a placeholder in most rows",
}
UNITS = {"energy_kwh": 1000.0, "power_kw": 1000.0, "battery_kwh": 1000.0, "soc_arrival": 100.0, "soc_departure": 100.0}
# Half of all sessions at a fast charger are above this by far; in kWh, kW and shares of 1 all are below.
LEAST_MEDIAN = {"Energy (Wh)": 500.0, "Pmax (W)": 500.0, "Energy capacity (Wh)": 500.0, "SOC departure": 1.5}
WRONG_UNIT = {"Energy (Wh)": "kWh", "Pmax (W)": "kW", "Energy capacity (Wh)": "kWh", "SOC departure": "shares of 1"}
RIGHT_UNIT = {"Energy (Wh)": "Wh", "Pmax (W)": "W", "Energy capacity (Wh)": "Wh", "SOC departure": "per cent"}
SHORTEST_STAY_MIN = 10.0
BATTERY_KWH = (20.0, 150.0)


def read_sessions(file: Path = SESSIONS_FILE, *, time_format: str | None = None) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the sessions of a fast-charging station and clean them.

    Parameters
    ----------
    file : Path
        CSV of the EPFL-DESL level 3 dataset.
    time_format : str, optional
        How arrivals are written, as for `datetime.strptime`, such as ``"%d/%m/%Y %H:%M"``. By default they must be
        YYYY-MM-DD HH:MM:SS, since 03/04/2023 may be in March or in April. UTC offsets are read only with ``%z`` here,
        and leave the local clock time.

    Returns
    -------
    sessions : DataFrame
        ``arrival`` (local time), ``stay_min``, ``energy_kwh`` (meter side), ``power_kw`` (maximum, meter side),
        ``soc_arrival``, ``soc_departure``, ``battery_kwh`` (the dataset's estimate).
    dropped : dict of str -> int
        Sessions left out, each counted once: ``duplicates`` (of an earlier row), ``energy_or_power_not_positive``,
        ``charge_outside_0_100_percent``, ``charge_not_rising``, ``stay_below_10_min``, ``battery_outside_20_150_kwh``,
        ``both`` (the last two); then ``kept`` and ``read``.

    Raises
    ------
    InputError
        The file is missing, empty or not readable; a column is missing or unknown; an arrival or a number is none; a
        column is in kWh, kW or shares where it says Wh, W or per cent, seen by the size of its numbers; no session is
        left. The message names file, line, column and value.

    Notes
    -----
    ``TotalCapacity`` is a placeholder in 1,639 rows and is not read. The source estimates the capacity as
    0.95 energy / (departure - arrival state of charge), that is, 0.95 of the metered energy is taken to have reached
    the battery.
    """
    columns = {name: Column("number", RIGHT_UNIT.get(name, "")) for name in COLUMNS}
    columns["Arrival"] = Column("time", time_format=time_format)
    table = read_table(file, columns, ignored=IGNORED_COLUMNS)
    _refuse_wrong_units(table)
    sessions = pd.DataFrame({"arrival": table["Arrival"]})
    for name in [name for name in COLUMNS if name != "Arrival"]:
        sessions[COLUMNS[name]] = pd.to_numeric(pd.Series(table.texts[name])) / UNITS.get(COLUMNS[name], 1.0)
    reasons = _reasons_to_drop(sessions)
    kept = sessions[~np.any(list(reasons.values()), axis=0)].reset_index(drop=True)
    dropped = {reason: int(rows.sum()) for reason, rows in reasons.items()}
    if not len(kept):
        counts = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
        raise InputError(
            f"{file}: none of {len(sessions)} sessions is left: {counts}; must hold one that can be a vehicle"
        )
    return kept, dropped | {"kept": len(kept), "read": len(sessions)}


def _refuse_wrong_units(table: Table) -> None:
    for name, least in LEAST_MEDIAN.items():
        median = float(np.median(table[name]))
        if 0 < median < least:
            raise InputError(
                f"{table.path}: {name}: half of the {len(table)} values are below {median:g}, as if in {WRONG_UNIT[name]}; "
                f"must be in {RIGHT_UNIT[name]}"
            )


def _reasons_to_drop(sessions: pd.DataFrame) -> dict[str, np.ndarray]:
    """Rows to leave out by reason; a row has the first reason that holds."""
    charge = sessions[["soc_arrival", "soc_departure"]]
    positive = (sessions[["energy_kwh", "power_kw"]] > 0).all(axis=1)
    short, odd = sessions["stay_min"] < SHORTEST_STAY_MIN, ~sessions["battery_kwh"].between(*BATTERY_KWH)
    rules = {
        "duplicates": sessions.duplicated(),
        "energy_or_power_not_positive": ~positive,
        "charge_outside_0_100_percent": ((charge < 0) | (charge > 1)).any(axis=1),
        "charge_not_rising": sessions["soc_departure"] <= sessions["soc_arrival"],
        "stay_below_10_min": short & ~odd,
        "battery_outside_20_150_kwh": odd & ~short,
        "both": short & odd,
    }
    reasons, left = {}, np.ones(len(sessions), dtype=bool)
    for reason, rows in rules.items():
        reasons[reason] = rows.to_numpy() & left
        left &= ~rows.to_numpy()
    return reasons


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
