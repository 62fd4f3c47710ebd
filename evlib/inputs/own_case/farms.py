"""Farms of a case of one's own: from a table, or as its file states them; each is in the zone of its bus."""

from __future__ import annotations

from pathlib import Path

from evlib.errors import InputError
from evlib.inputs.own_case.case_feeders import CaseFeeders
from evlib.inputs.reading.tables import Column, Table, read_table

__all__ = ["FARM_COLUMNS", "place_farms", "read_farms"]

FARM_COLUMNS = {
    "farm": Column("text"),
    "kind": Column(("wind", "solar", "other")),
    "bus": Column("text"),
    "column": Column("text"),
    "rating_mw": Column("number", "MW", least=0),
    "zone": Column("text", required=False),
}


def read_farms(path: Path) -> tuple[dict[str, dict], Table]:
    """Read the farms of a case from a table.

    Parameters
    ----------
    path : Path
        CSV with ``farm`` (its name), ``kind`` (wind, solar or other), ``bus`` (its number or name), ``column`` (of the
        profiles: what is available, per unit of the rating), ``rating_mw``, and ``zone`` where it is not that of the bus.

    Returns
    -------
    dict of str -> dict
        As ``grid.farms`` of a case's file.
    Table

    Raises
    ------
    InputError
        What :func:`evlib.inputs.reading.tables.read_table` refuses.
    """
    table = read_table(path, FARM_COLUMNS, unique=[("farm",)])
    names = [name for name in table.values if name != "farm"]
    rows = zip(*(table[name].tolist() for name in names), strict=True)
    return {
        farm: dict(zip(names, row, strict=True)) for farm, row in zip(table["farm"].tolist(), rows, strict=True)
    }, table


def place_farms(grid: dict, feeders: CaseFeeders, file: Path, table: Table | None = None) -> None:
    """Give every farm the number of its bus, and the zone of that bus unless it names one.

    Parameters
    ----------
    grid : dict
        Section of the case with its defaults; its farms are changed.
    feeders : CaseFeeders
    file : Path
        The case's file, named in messages on farms that it states.
    table : Table, optional
        The farms as read, if a table states them; messages then name its lines.

    Raises
    ------
    InputError
        A bus that does not exist, that lies in no zone, or in another one than the farm names.
    """
    row = {} if table is None else {name: row for row, name in enumerate(table["farm"].tolist())}

    def at(name: str, key: str) -> str:
        return f"{file}: grid.farms.{name}.{key}:" if table is None else f"{table.place(row[name])}: {key} ="

    farms, zones = (grid.get(key) if isinstance(grid.get(key), dict) else {} for key in ("farms", "zones"))
    for name, farm in farms.items():
        if not isinstance(farm, dict) or not isinstance(farm.get("bus"), int | str) or isinstance(farm["bus"], bool):
            continue  # whoever wrote it is told by the schema
        bus = feeders.bus_number.get(str(farm["bus"]))
        if bus is None:
            raise InputError(
                f"{at(name, 'bus')} {farm['bus']!r} is no bus of {feeders.bus_table.path.name}, by number or name"
            )
        farm["bus"] = bus
        inside = [zone for zone, member in zones.items() if isinstance(member, dict) and bus in _buses(member)]
        if not inside:
            raise InputError(
                f"{at(name, 'bus')} {bus} is in none of grid.zones ({', '.join(map(str, zones))}); add it to one, "
                "or leave grid.zones out for one zone a feeder"
            )
        if farm.setdefault("zone", inside[0]) not in inside and farm["zone"] in zones:
            raise InputError(
                f"{at(name, 'zone')} {farm['zone']!r}, but its bus {bus} is in {inside[0]}; remove the zone, or "
                "correct the bus"
            )


def _buses(zone: dict) -> list:
    return zone["buses"] if isinstance(zone.get("buses"), list) else []
