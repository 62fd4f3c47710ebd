"""Charging sessions in the formats of others, cleaned with every dropped row counted."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.fleets.formats import NUMBERS, SessionFormat, format_of_name
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.reading.tables import Column, Table, read_table, read_text

__all__ = ["Sessions", "read_session_file"]


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
# Of what a meter shows, at least so much reaches the battery.
LEAST_EFFICIENCY = 0.85


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
    is_utc : bool
        Whether arrivals are times of Greenwich, and the file does not say the zone.
    """

    table: pd.DataFrame
    dropped: dict[str, int]
    report: pd.DataFrame
    is_utc: bool = False


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
    Dropped and counted are duplicates, stays below a minute, energies that are not positive, states of charge
    outside 0 to 100 % or not rising, batteries that are not positive, and energies above what the battery could take, even
    if losses take 15 % of what the meter shows.

    References
    ----------
    Lee, Li and Low (2019), ACN-Data, ACM e-Energy; ElaadNL open charging transactions.
    """
    if isinstance(file_format, str):
        file_format = format_of_name(file_format)
    header = _header(path)
    file_format = _with_times_of(path, header, file_format)
    table = read_table(path, _declared(file_format), ignored=_unused(header, file_format))
    sessions = pd.DataFrame({"arrival": table[file_format.columns["arrival"][0]]})
    if "departure" in file_format.columns:
        gone = table[file_format.columns["departure"][0]]
        sessions["stay_min"] = (gone - sessions["arrival"].to_numpy()) / np.timedelta64(1, "m")
    if file_format.zone_column in table.values:
        sessions["arrival"] = _local(table, file_format.zone_column, sessions["arrival"])
    for name in NUMBERS:
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
    if file_format.zone_column in table.values:
        rows.append((file_format.zone_column, "time zone: times of Greenwich become local", "", len(table)))
    rows += [
        (name, NOT_USED + why, "", len(table)) for name, why in _unused(header, file_format).items() if name in header
    ]
    rows += [("(dropped)", reason.replace("_", " "), "", count) for reason, count in dropped.items()]
    rows.append(("(kept)", "sessions", "", len(kept)))
    is_utc = file_format.is_utc or (file_format.zone_column is not None and file_format.zone_column not in table.values)
    return Sessions(kept, dropped, report_of(rows), is_utc)


def _declared(file_format: SessionFormat) -> dict[str, Column]:
    needed = {"arrival", "energy_kwh"} | {"departure" if "departure" in file_format.columns else "stay_h"}
    declared = {}
    for name, (column, _) in file_format.columns.items():
        is_time = name in ("arrival", "departure")
        kind, time_format = ("time", file_format.time_format) if is_time else ("number", None)
        declared[column] = Column(kind, required=name in needed, time_format=time_format)
    if file_format.zone_column is not None:
        declared[file_format.zone_column] = Column("text", required=False)
    return declared


def _unused(header: list[str], file_format: SessionFormat) -> dict[str, str]:
    if file_format.other_columns is None:
        return file_format.unused
    used = {column for column, _ in file_format.columns.values()}
    return {name: file_format.other_columns for name in header if name not in used}


def _with_times_of(path: str | Path, header: list[str], file_format: SessionFormat) -> SessionFormat:
    """The format with the way in which this file writes its times, where two are known."""
    zone, arrival = file_format.zone_column, file_format.columns["arrival"][0]
    if file_format.utc_format is None or arrival not in header:
        return file_format
    row = next(_rows_of(path, 1), [])
    text = row[header.index(arrival)].strip() if len(row) == len(header) else ""
    if text[:1].isalpha():
        return replace(file_format, time_format=file_format.utc_format)
    unused = file_format.unused | ({zone: "times are taken as local"} if zone else {})
    return replace(file_format, unused=unused, zone_column=None)


def _local(table: Table, column: str, greenwich: pd.Series) -> np.ndarray:
    """Local clock times of moments that are given for Greenwich."""
    zones = table[column]
    local = np.empty(len(greenwich), dtype="datetime64[ns]")
    for row, zone in enumerate(zones.tolist()):
        try:
            moment = greenwich.iloc[row].tz_localize("UTC").tz_convert(ZoneInfo(zone))
        except (KeyError, OSError, ValueError):
            raise InputError(
                f"{table.place(row)}: {column} = {zone!r}; must be a time zone of the IANA database, such as Europe/Berlin"
            ) from None
        local[row] = np.datetime64(moment.tz_localize(None))
    return local


def _rows_of(path: str | Path, first: int):
    """Cells of the rows of a CSV file from one on; the header is row 0."""
    lines = (line for line in read_text(path).split("\n") if line.strip() and not line.lstrip().startswith("#"))
    return csv.reader(islice(lines, first, None))


def _header(path: str | Path) -> list[str]:
    return [name.strip() for name in next(_rows_of(path, 0), [])]


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
    if "battery_kwh" in sessions:
        free = sessions["battery_kwh"] * (1 - sessions.get("soc_arrival", 0.0))
        rules["battery_not_positive"] = ~(sessions["battery_kwh"] > 0).to_numpy()
        rules["energy_above_what_the_battery_can_take"] = (LEAST_EFFICIENCY * sessions["energy_kwh"] > free).to_numpy()
    dropped, left = {}, np.ones(len(sessions), dtype=bool)
    for reason, rows in rules.items():
        dropped[reason] = int((rows & left).sum())
        left &= ~rows
    return sessions[left].reset_index(drop=True), dropped
