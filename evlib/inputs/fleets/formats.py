"""Where files of charging sessions have what: the formats of others, and one's own by a map of columns."""

from __future__ import annotations

from dataclasses import dataclass

from evlib.errors import InputError
from evlib.inputs.reading.tables import parse_number

__all__ = ["FORMATS", "NUMBERS", "SessionFormat", "format_of_columns", "format_of_name"]

NUMBERS = ("stay_h", "energy_kwh", "power_kw", "soc_arrival", "soc_departure", "battery_kwh")


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
    utc_format : str or None
        How times are written where they are those of Greenwich; they become local times by ``zone_column``.
    zone_column : str or None
        Column with the time zone of each session, a name of the IANA database; not needed for local times.
    other_columns : str or None
        Why columns of the file that are named nowhere here are not used; by default they are refused.
    is_utc : bool
        Whether all times are those of Greenwich, and no column says the zone.
    """

    columns: dict[str, tuple[str, float]]
    unused: dict[str, str]
    time_format: str | None = None
    utc_format: str | None = None
    zone_column: str | None = None
    other_columns: str | None = None
    is_utc: bool = False


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
                ),
                *("userID", "userInputs"),
            ),
            "not needed",
        ),
        utc_format="%a, %d %b %Y %H:%M:%S GMT",
        zone_column="timezone",
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
        is_utc=True,
    ),
}


def format_of_name(name: str) -> SessionFormat:
    """One of :data:`FORMATS`."""
    if name not in FORMATS:
        raise InputError(f"fleet format {name!r} is unknown; must be one of {', '.join(FORMATS)}")
    return FORMATS[name]


def format_of_columns(columns: list[str], time_format: str | None = None) -> SessionFormat:
    """A format of one's own from the texts of a command line.

    Parameters
    ----------
    columns : list of str
        ``name=column`` or ``name=column*factor``, such as ``energy_kwh=Energy (Wh)*0.001``; names are those of
        :class:`SessionFormat`. Other columns of the file are not used, and the report says so. An empty list: the
        columns are called as here.
    time_format : str, optional
        As for `datetime.strptime`.

    Returns
    -------
    SessionFormat

    Raises
    ------
    InputError
        A text without ``=``, an unknown name, one that is there twice or missing, a factor that is not above 0.
    """
    known, mapped = ("arrival", "departure", *NUMBERS), {}
    for text in columns:
        name, equals, column = (part.strip() for part in text.partition("="))
        if not equals or not column or name not in known:
            raise InputError(
                f"--fleet-columns {text!r}: must be NAME=COLUMN or NAME=COLUMN*FACTOR with a name of {', '.join(known)}"
            )
        if name in mapped:
            raise InputError(f"--fleet-columns {text!r}: {name} is there twice; keep one")
        begin, star, end = column.rpartition("*")
        factor = parse_number(end.strip()) if star else None
        if factor is not None and factor <= 0:
            raise InputError(f"--fleet-columns {text!r}: the factor {factor:g}; must be above 0")
        mapped[name] = (column, 1.0) if factor is None else (begin.strip(), factor)
    mapped = mapped or FORMATS["own"].columns
    missing = [name for name in ("arrival", "energy_kwh") if name not in mapped]
    if missing or ("departure" in mapped) == ("stay_h" in mapped):
        need = f"no {missing[0]}" if missing else "departure and stay_h, or neither"
        raise InputError(f"--fleet-columns: {need}; must name arrival, energy_kwh, and either departure or stay_h")
    return SessionFormat(mapped, {}, time_format, other_columns="not in --fleet-columns" if columns else None)
