"""Roads in the General Modeling Network Specification: ``link.csv``, ``node.csv`` and, for units, ``config.csv``."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.files import write_text
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.reading.tables import Column, Table, read_table, read_text
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
        *("ped_facility", "parking", "jurisdiction", "row_width", "link_type", "zone_id"),
    ),
    "not needed",
) | {"toll": "a case has no tolls on roads"}
NODE = {"node_id": TEXT, "x_coord": Column("number"), "y_coord": Column("number")}
NODE_UNUSED = dict.fromkeys(("name", "z_coord", "node_type", "ctrl_type", "parent_node_id"), "not needed")
CONFIG_UNUSED = dict.fromkeys(
    ("dataset_name", "currency", "version_number", "id_type", "crs", "geometry_field_format", "short_length"),
    "not needed",
)
# Uses of a link: by cars, or by others. What the specification leaves open, such as p, is asked about.
CAR_USES = {"all", "any", "auto", "autos", "car", "cars", "drive", "motor_vehicle", "motorcar", "sov", "vehicle"}
CAR_USES |= {"hov", "hov2", "hov3", "passenger_car"}
OTHER_USES = {
    "bicycle",
    "bike",
    "bikes",
    "cycle",
    "foot",
    "none",
    "ped",
    "pedestrian",
    "pedestrians",
    "walk",
    "walking",
}
OTHER_USES |= {"bus", "freight", "light_rail", "rail", "railway", "subway", "train", "tram", "transit", "truck"}
OTHER_USES |= {"parking", "shoulder"}
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
        A file, unit or column that is missing or unknown, a use of links that is not known, or what
        :func:`evlib.inputs.roads.road_file.check_roads` refuses.

    Notes
    -----
    Links whose ``allowed_uses`` name no use of cars are left out; ``use_group.csv`` says what groups of uses are. Nodes with
    a ``zone_id`` of their own are zones, at which trips begin; a zone of several nodes has no place to begin at.
    """
    if capacity_is not in ("lane", "link"):
        raise InputError(f"capacity_is: {capacity_is!r}; must be 'lane' or 'link'")
    folder = Path(folder)
    config_file = folder / "config.csv"
    if not config_file.is_file():
        raise InputError(f"{config_file}: no such file; units are not guessed: give long_length and speed there")
    config = read_table(config_file, CONFIG, ignored=CONFIG_UNUSED)
    if len(config) > 1:
        raise InputError(f"{config_file}: {len(config)} rows; must be one: the units of all files beside it")
    length_unit, speed_unit = config.texts["long_length"][0], config.texts["speed"][0]
    for_cars = _OpenToCars(folder / "link.csv", folder / "use_group.csv")
    ignored = LINK_UNUSED | {"allowed_uses": "read by itself"}
    table = read_table(folder / "link.csv", LINK, unique=[("link_id",)], ignored=ignored, keep=for_cars)
    if not len(table):
        raise InputError(
            f"{folder / 'link.csv'}: no link is open to cars: allowed_uses of all {for_cars.n_closed} name others"
        )
    node_table = read_table(
        folder / "node.csv", NODE, unique=[("node_id",)], ignored=NODE_UNUSED | {"zone_id": "read by itself"}
    )
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
    cures = {
        "units": f"config.csv says {length_unit} and {speed_unit}: correct long_length or speed there",
        "capacity_veh_h": f"capacity is read as that of a {capacity_is}: --capacity-is says of what it is",
    }
    fields = {"length_km": "length", "free_flow_min": "length / free_speed", "capacity_veh_h": "capacity"}
    check_roads(folder / "link.csv", links, nodes, fields=fields, cures=cures)
    nodes, zones, zone_rows = _with_zones(nodes, _cells(node_table, "zone_id"), links)
    meaning = {
        "length": ("length", length_unit),
        "free_speed": ("free-flow speed", speed_unit),
        "capacity": (f"capacity of a {capacity_is}", "veh/h"),
        "directed": (f"one way; {both.sum()} are not and become two roads", ""),
    }
    rows = [(f"config.{name}", f"unit of {name}: {config.texts[name][0]}", "", 1) for name in CONFIG]
    rows += [(f"config.{name}", NOT_USED + "not needed", "", 1) for name in _unused(config, CONFIG_UNUSED)]
    rows += [(f"link.{name}", *meaning.get(name, (name, "")), len(table)) for name in LINK]
    if "allowed_uses" in _rows(table)[0]:
        rows.append(("link.allowed_uses", "links open to cars", "", len(table)))
        rows.append(("link (closed)", NOT_USED + "allowed_uses name no cars", "", for_cars.n_closed))
    rows += [(f"link.{name}", NOT_USED + LINK_UNUSED[name], "", len(table)) for name in _unused(table, LINK_UNUSED)]
    rows += [(f"node.{name}", name, "", len(nodes)) for name in ("node_id", "x_coord", "y_coord")]
    rows += [(f"node.{name}", NOT_USED + "not needed", "", len(nodes)) for name in _unused(node_table, NODE_UNUSED)]
    return RoadFile(links, nodes, "", report_of(rows + zone_rows), zones)


class _OpenToCars:
    """Whether a row of the links is open to cars; an empty cell says that it is open to all. It counts the others."""

    def __init__(self, path: Path, groups_file: Path):
        self.path, self.groups, self.n_closed = path, {}, 0
        if groups_file.is_file():
            group = read_table(groups_file, {"use_group": TEXT, "uses": TEXT}, ignored={"description": "not needed"})
            self.groups = dict(zip(map(str.lower, group.texts["use_group"]), group.texts["uses"], strict=True))

    def __call__(self, line: int, cells: dict[str, str]) -> bool:
        text = cells.get("allowed_uses", "")
        groups = [_words(self.groups.get(word, word)) for word in _words(text)]
        named = set().union(*groups)
        unknown = sorted(named - CAR_USES - OTHER_USES)
        if unknown and not named & CAR_USES:
            raise InputError(
                f"{self.path}: line {line}: allowed_uses = {text!r}: {unknown[0]!r} is not known here; must be auto or another "
                "word for cars, walk, bike, transit or another word for others, or empty, which is open to all; use_group.csv "
                "may say what it is"
            )
        is_open = not named or bool(named & CAR_USES)
        self.n_closed += not is_open
        return is_open


def _words(text: str) -> set[str]:
    return {word for word in re.split(r"[,;|\s]+", text.lower()) if word and word != "nan"}


def _with_zones(nodes: pd.DataFrame, zone_ids: list[str] | None, links: pd.DataFrame):
    """Nodes on roads, those that are zones, and what the report says of it."""
    kept = nodes["node"].isin({*links["from"], *links["to"]}).to_numpy()
    n_lost = int((~kept).sum())
    rows = [("node (no road)", NOT_USED + "no road for cars leads there", "", n_lost)] if n_lost else []
    nodes = nodes[kept].reset_index(drop=True)
    if zone_ids is None:
        return nodes, (), rows
    zone = pd.Series(zone_ids)[kept].reset_index(drop=True)
    zone = zone.where(~zone.str.lower().isin(("", "nan")))
    alone = zone.notna() & ~zone.duplicated(keep=False)
    rows.append(("node.zone_id", "zones of one node: origins", "", int(alone.sum())))
    shared = int(zone.notna().sum() - alone.sum())
    rows.append(("node.zone_id (shared)", NOT_USED + "several nodes of one zone, none of them its centre", "", shared))
    return nodes, tuple(nodes["node"][alone]), rows


def _rows(table: Table) -> list[list[str]]:
    """Cells of a table's file, header first."""
    lines = [line for line in read_text(table.path).split("\n") if line.strip() and not line.lstrip().startswith("#")]
    return [[cell.strip() for cell in cells] for cells in csv.reader(lines)]


def _cells(table: Table, name: str) -> list[str] | None:
    """Cells of a column that may be empty; None where the file has no such column."""
    header, *rows = _rows(table)
    return [cells[header.index(name)] for cells in rows] if name in header else None


def _unused(table: Table, unused) -> list[str]:
    """Columns of the file's header that are not read."""
    return [name for name in _rows(table)[0] if name in unused]


def write_gmns_roads(roads: RoadFile, folder: str | Path) -> None:
    """Write a network as GMNS files in km and km/h, with the capacity of a lane and the zones of its nodes.

    Raises
    ------
    InputError
        The network has nodes that no path passes, for which GMNS has no field.
    """
    if roads.ends_only:
        raise InputError(
            f"{folder}: GMNS has no field for nodes that no path passes, as {roads.ends_only[0]}; write a case"
        )
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
    nodes = roads.nodes[["node", "x", "y"]].set_axis(["node_id", "x_coord", "y_coord"], axis="columns")
    if roads.zones:
        nodes["zone_id"] = nodes["node_id"].where(nodes["node_id"].isin(roads.zones), "")
    write_text(folder / "config.csv", "long_length,speed\nkm,km/h\n")
    write_text(folder / "link.csv", table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "node.csv", nodes.to_csv(index=False, lineterminator="\n"))
