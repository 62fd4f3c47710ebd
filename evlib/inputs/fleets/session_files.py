"""Charging sessions in the formats of others, cleaned with every dropped row counted, as a class of vehicles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.reading.tables import Column, Table, read_table

__all__ = ["FORMATS", "SessionFormat", "Sessions", "class_of_sessions", "read_session_file"]


@dataclass(frozen=True)
class SessionFormat:
    """Where a file has what.

    Attributes
    ----------
    columns : dict of str -> (str, float)
        ``arrival``, ``departure`` or ``stay_h``, ``energy_kwh``, and if there are any ``power_kw``, ``soc_arrival``,
        ``soc_departure``, ``battery_kwh``: column of the file, and the factor from its unit to ours.
    unused : dict of str -> str
        Columns that are not needed, and why.
    time_format : str or None
        How times are written, as for `datetime.strptime`; None: YYYY-MM-DD HH:MM:SS.
    """

    columns: dict[str, tuple[str, float]]
    unused: dict[str, str]
    time_format: str | None = None


_NUMBERS = ("stay_h", "energy_kwh", "power_kw", "soc_arrival", "soc_departure", "battery_kwh")
# Largest median of a column in our unit: above it the file is in another.
_LARGEST = {
    "energy_kwh": 300.0,
    "power_kw": 500.0,
    "battery_kwh": 500.0,
    "soc_arrival": 1.0,
    "soc_departure": 1.0,
    "stay_h": 100.0,
}
_LEAST = {"energy_kwh": 0.2, "battery_kwh": 1.0}
FORMATS = {
    "own": SessionFormat(
        {
            "arrival": ("arrival", 1.0),
            "departure": ("departure", 1.0),
            "energy_kwh": ("energy_kwh", 1.0),
            "power_kw": ("power_kw", 1.0),
            "soc_arrival": ("soc_arrival", 1.0),
            "soc_departure": ("soc_departure", 1.0),
            "battery_kwh": ("battery_kwh", 1.0),
        },
        {},
    ),
    "epfl": SessionFormat(
        {
            "arrival": ("Arrival", 1.0),
            "departure": ("Departure", 1.0),
            "energy_kwh": ("Energy (Wh)", 1e-3),
            "power_kw": ("Pmax (W)", 1e-3),
            "soc_arrival": ("SOC arrival", 1e-2),
            "soc_departure": ("SOC departure", 1e-2),
            "battery_kwh": ("Energy capacity (Wh)", 1e-3),
        },
        {
            "Session": "number of the session",
            "CCS": "plug",
            "Stay (min)": "follows from arrival and departure",
            "Preq_max (W)": "power that the car asked for",
            "Controlled session (0=False, 1=True)": "whether the station limited the power",
            "TotalCapacity": "a placeholder in most rows",
            "BulkCapacity": "a placeholder in most rows",
        },
    ),
    "acn": SessionFormat(
        {"arrival": ("connectionTime", 1.0), "departure": ("disconnectTime", 1.0), "energy_kwh": ("kWhDelivered", 1.0)},
        dict.fromkeys(
            (
                *(
                    "_id",
                    "id",
                    "clusterID",
                    "doneChargingTime",
                    "sessionID",
                    "siteID",
                    "spaceID",
                    "stationID",
                    "timezone",
                ),
                *("userID", "userInputs"),
            ),
            "not needed",
        ),
    ),
    "elaadnl": SessionFormat(
        {
            "arrival": ("UTCTransactionStart", 1.0),
            "departure": ("UTCTransactionStop", 1.0),
            "energy_kwh": ("TotalEnergy", 1.0),
            "power_kw": ("MaxPower", 1.0),
        },
        dict.fromkeys(
            ("TransactionId", "ChargePoint", "Connector", "StartCard", "ConnectedTime", "ChargeTime"), "not needed"
        ),
        "%d/%m/%Y %H:%M",
    ),
}


@dataclass(frozen=True)
class Sessions:
    """Sessions kept, rows dropped by reason, and what every column became.

    Attributes
    ----------
    table : DataFrame
        ``arrival``, ``stay_min``, ``energy_kwh``, and ``power_kw``, ``soc_arrival``, ``soc_departure``, ``battery_kwh``
        where the file has them.
    dropped : dict of str -> int
    report : DataFrame
    """

    table: pd.DataFrame
    dropped: dict[str, int]
    report: pd.DataFrame


def read_session_file(path: str | Path, file_format: str | SessionFormat = "own") -> Sessions:
    """Read charging sessions.

    Parameters
    ----------
    path : str or Path
        CSV.
    file_format : {"own", "epfl", "acn", "elaadnl"} or SessionFormat
        A format of one's own maps columns and says how times are written: 03/04/2023 is never guessed.

    Returns
    -------
    Sessions

    Raises
    ------
    InputError
        A file, column or cell that is not what it must be; a column whose numbers are in another unit, by their median;
        no session left.

    Notes
    -----
    Dropped and counted are duplicates, stays below a minute, energies that are not positive, and states of charge
    outside 0 to 100 % or not rising.

    References
    ----------
    Lee, Li and Low (2019), ACN-Data, ACM e-Energy; ElaadNL open charging transactions.
    """
    if isinstance(file_format, str):
        if file_format not in FORMATS:
            raise InputError(f"fleet format {file_format!r} is unknown; must be one of {', '.join(FORMATS)}")
        file_format = FORMATS[file_format]
    needed = {"arrival", "energy_kwh"} | {"departure" if "departure" in file_format.columns else "stay_h"}
    declared = {
        column: Column("time", time_format=file_format.time_format)
        if name in ("arrival", "departure")
        else Column("number")
        for name, (column, _) in file_format.columns.items()
    }
    optional = {column for name, (column, _) in file_format.columns.items() if name not in needed}
    declared = {
        name: Column(column.kind, required=name not in optional, time_format=column.time_format)
        for name, column in declared.items()
    }
    table = read_table(path, declared, ignored=file_format.unused)
    sessions = pd.DataFrame({"arrival": table[file_format.columns["arrival"][0]]})
    if "departure" in file_format.columns:
        gone = table[file_format.columns["departure"][0]]
        sessions["stay_min"] = (gone - sessions["arrival"].to_numpy()) / np.timedelta64(1, "m")
    for name in _NUMBERS:
        column, factor = file_format.columns.get(name, ("", 1.0))
        if column in table.values:
            sessions[name] = table[column] * factor
            _refuse_other_unit(table, column, name, sessions[name].to_numpy())
    if "stay_h" in sessions:
        sessions["stay_min"] = 60 * sessions.pop("stay_h")
    kept, dropped = _cleaned(sessions)
    if not len(kept):
        listed = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
        raise InputError(f"{path}: none of {len(sessions)} sessions is left: {listed}")
    rows = [
        (column, name, "" if factor == 1 else f"x {factor:g}", len(table))
        for name, (column, factor) in file_format.columns.items()
        if column in table.values
    ]
    rows += [
        (name, NOT_USED + why, "", len(table)) for name, why in file_format.unused.items() if name in _header(table)
    ]
    rows += [("(dropped)", reason.replace("_", " "), "", count) for reason, count in dropped.items()]
    rows.append(("(kept)", "sessions", "", len(kept)))
    return Sessions(kept, dropped, report_of(rows))


def _header(table: Table) -> list[str]:
    lines = table.path.read_text(encoding="utf-8-sig").splitlines()
    text = next(line for line in lines if line.strip() and not line.lstrip().startswith("#"))
    return pd.read_csv(pd.io.common.StringIO(text)).columns.tolist()


def _refuse_other_unit(table: Table, column: str, name: str, values: np.ndarray) -> None:
    median = float(np.median(values[values > 0])) if (values > 0).any() else 0.0
    low, high = _LEAST.get(name, 0.0), _LARGEST.get(name, np.inf)
    if median and not low <= median <= high:
        raise InputError(
            f"{table.path}: {column}: half of the values are {'above' if median > high else 'below'} {median:g} as {name}, "
            f"beyond {low:g} to {high:g}; is the column in another unit?"
        )


def _cleaned(sessions: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    charge = sessions[[name for name in ("soc_arrival", "soc_departure") if name in sessions]]
    rising = np.ones(len(sessions), dtype=bool)
    if charge.shape[1] == 2:
        rising = (sessions["soc_departure"] > sessions["soc_arrival"]).to_numpy()
    rules = {
        "duplicates": sessions.duplicated().to_numpy(),
        "stay_below_a_minute": (sessions["stay_min"] < 1).to_numpy(),
        "energy_not_positive": ~(sessions["energy_kwh"] > 0).to_numpy(),
        "charge_outside_0_100_percent": ((charge < 0) | (charge > 1)).any(axis=1).to_numpy(),
        "charge_not_rising": ~rising,
    }
    dropped, left = {}, np.ones(len(sessions), dtype=bool)
    for reason, rows in rules.items():
        dropped[reason] = int((rows & left).sum())
        left &= ~rows
    return sessions[left].reset_index(drop=True), dropped


def class_of_sessions(sessions: pd.DataFrame) -> dict[str, float]:
    """Values of a class of vehicles with the medians of some sessions.

    Parameters
    ----------
    sessions : DataFrame
        Table of :class:`Sessions`.

    Returns
    -------
    dict of str -> float
        ``stay_min``, ``charge_kw``, and ``battery_kwh``, ``soc_arrival``, ``gain_share`` where sessions have them; without a
        battery the gain is that of one of 60 kWh. Without a power, it is twice the mean over the stay.
    """
    stay_h = sessions["stay_min"] / 60
    values = {"stay_min": float(sessions["stay_min"].median().round())}
    power = sessions["power_kw"] if "power_kw" in sessions else 2 * sessions["energy_kwh"] / stay_h
    values["charge_kw"] = float(round(power.median(), 1))
    battery = float(sessions["battery_kwh"].median()) if "battery_kwh" in sessions else 60.0
    values["battery_kwh"] = round(battery, 1)
    if "soc_arrival" in sessions:
        values["soc_arrival"] = float(round(min(max(sessions["soc_arrival"].median(), 0.1), 0.8), 2))
    values["gain_share"] = float(round(min(sessions["energy_kwh"].median() / battery, 0.9), 3))
    return values
