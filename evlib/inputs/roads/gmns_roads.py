"""Roads in the General Modeling Network Specification: ``link.csv``, ``node.csv`` and, for units, ``config.csv``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.files import write_text
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.reading.tables import Column, Table, read_table
from evlib.inputs.roads.road_file import RoadFile, check_roads

__all__ = ["read_gmns_roads", "write_gmns_roads"]

KM = {
    "m": 0.001,
    "meter": 0.001,
    "meters": 0.001,
    "km": 1.0,
    "kilometer": 1.0,
    "mi": 1.609344,
    "mile": 1.609344,
    "ft": 0.0003048,
}
KM |= {"miles": 1.609344, "feet": 0.0003048, "kilometers": 1.0}
KM_H = {"kmh": 1.0, "km/h": 1.0, "kph": 1.0, "kmph": 1.0, "mph": 1.609344, "m/s": 3.6, "mps": 3.6}
TEXT = Column("text")
LINK = {
    "link_id": TEXT,
    "from_node_id": TEXT,
    "to_node_id": TEXT,
    "directed": Column(("1", "0", "true", "false", "True", "False", "TRUE", "FALSE")),
    "length": Column("number", above=0),
    "free_speed": Column("number", above=0),
    "lanes": Column("number", above=0),
    "capacity": Column("number", above=0),
}
LINK_UNUSED = dict.fromkeys(
    (
        *("name", "geometry_id", "geometry", "parent_link_id", "dir_flag", "grade", "facility_type", "bike_facility"),
        *("ped_facility", "parking", "allowed_uses", "toll", "jurisdiction", "row_width", "link_type", "zone_id"),
    ),
    "not needed",
)
NODE = {"node_id": TEXT, "x_coord": Column("number"), "y_coord": Column("number")}
NODE_UNUSED = dict.fromkeys(("name", "z_coord", "node_type", "ctrl_type", "parent_node_id", "zone_id"), "not needed")
CONFIG_UNUSED = dict.fromkeys(
    ("dataset_name", "currency", "version_number", "id_type", "crs", "geometry_field_format", "short_length"),
    "not needed",
)
CONFIG = {"long_length": Column(tuple(KM)), "speed": Column(tuple(KM_H))}


def read_gmns_roads(folder: str | Path, *, capacity_is: str = "lane") -> RoadFile:
    """Read a GMNS network.

    Parameters
    ----------
    folder : str or Path
        With ``link.csv``, ``node.csv`` and ``config.csv``, whose ``long_length`` and ``speed`` are the units of
        ``length`` and ``free_speed``.
    capacity_is : {"lane", "link"}
        Whether ``capacity`` is that of one lane, as the specification has it, or of the whole link [veh/h].

    Returns
    -------
    RoadFile
        A link that is not directed becomes two roads, the second named ``<link_id>_back``.

    Raises
    ------
    InputError
        A file, unit or column that is missing or unknown, or what :func:`evlib.inputs.roads.road_file.check_roads`
        refuses.
    """
    if capacity_is not in ("lane", "link"):
        raise InputError(f"capacity_is: {capacity_is!r}; must be 'lane' or 'link'")
    folder = Path(folder)
    config_file = folder / "config.csv"
    if not config_file.is_file():
        raise InputError(f"{config_file}: no such file; units are not guessed: give long_length and speed there")
    config = read_table(config_file, CONFIG, ignored=CONFIG_UNUSED)
    length_unit, speed_unit = config.texts["long_length"][0], config.texts["speed"][0]
    table = read_table(folder / "link.csv", LINK, unique=[("link_id",)], ignored=LINK_UNUSED)
    node_table = read_table(folder / "node.csv", NODE, unique=[("node_id",)], ignored=NODE_UNUSED)
    links = pd.DataFrame({"link": table["link_id"], "from": table["from_node_id"], "to": table["to_node_id"]})
    links["length_km"] = table["length"] * KM[length_unit]
    links["free_flow_min"] = 60 * links["length_km"] / (table["free_speed"] * KM_H[speed_unit])
    links["lanes"] = table["lanes"]
    links["capacity_veh_h"] = table["capacity"] * (table["lanes"] if capacity_is == "lane" else 1.0)
    both = np.isin(np.char.lower(table["directed"]), ("0", "false"))
    back = links[both].rename(columns={"from": "to", "to": "from"})
    back["link"] += "_back"
    links = pd.concat([links, back], ignore_index=True)[list(links)]
    nodes = pd.DataFrame({"node": node_table["node_id"], "x": node_table["x_coord"], "y": node_table["y_coord"]})
    check_roads(folder / "link.csv", links, nodes)
    meaning = {
        "length": ("length", length_unit),
        "free_speed": ("free-flow speed", speed_unit),
        "capacity": (f"capacity of a {capacity_is}", "veh/h"),
        "directed": (f"one way; {both.sum()} are not and become two roads", ""),
    }
    rows = [(f"link.{name}", *meaning.get(name, (name, "")), len(table)) for name in LINK]
    rows += [(f"link.{name}", NOT_USED + LINK_UNUSED[name], "", len(table)) for name in _unused(table, LINK_UNUSED)]
    rows += [(f"node.{name}", name, "", len(nodes)) for name in ("node_id", "x_coord", "y_coord")]
    rows += [(f"node.{name}", NOT_USED + "not needed", "", len(nodes)) for name in _unused(node_table, NODE_UNUSED)]
    return RoadFile(links, nodes, "", report_of(rows))


def _unused(table: Table, unused) -> list[str]:
    """Columns of the file's header that are not read."""
    lines = table.path.read_text(encoding="utf-8-sig").splitlines()
    header = next(line for line in lines if line.strip() and not line.startswith("#"))
    return [name.strip() for name in header.split(",") if name.strip() in unused]


def write_gmns_roads(roads: RoadFile, folder: str | Path) -> None:
    """Write a network as GMNS files in km and km/h, with the capacity of a lane."""
    folder, links = Path(folder), roads.links
    lanes = links["lanes"] if "lanes" in links else pd.Series(1.0, index=links.index)
    table = pd.DataFrame(
        {
            "link_id": links["link"],
            "from_node_id": links["from"],
            "to_node_id": links["to"],
            "directed": 1,
            "length": links["length_km"],
            "free_speed": 60 * links["length_km"] / links["free_flow_min"],
            "lanes": lanes,
            "capacity": links["capacity_veh_h"] / lanes,
        }
    )
    nodes = roads.nodes.rename(columns={"node": "node_id", "x": "x_coord", "y": "y_coord"})
    write_text(folder / "config.csv", "long_length,speed\nkm,km/h\n")
    write_text(folder / "link.csv", table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "node.csv", nodes.to_csv(index=False, lineterminator="\n"))
