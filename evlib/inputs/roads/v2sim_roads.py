"""Roads and fast-charging stations of V2Sim cases (``*.net.xml``, ``*.net.xml.gz``, ``*.fcs.xml``)."""

from __future__ import annotations

import gzip
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.inputs.reading.column_report import NOT_USED, attributes_used, report_of
from evlib.inputs.reading.tables import parse_number
from evlib.inputs.roads.road_file import RoadFile, check_roads

__all__ = ["CURES", "LANE_CAPACITY_VEH_H", "read_v2sim_roads", "read_v2sim_stations", "read_xml"]

# Per lane, where a file has lanes and speeds but no capacities: a street between traffic lights.
LANE_CAPACITY_VEH_H = 1000.0
CURES = {
    "units": "length must be in m and speed in m/s: correct them in the file",
    "capacity_veh_h": "--lane-capacity must be in veh/h",
}
_NODE = {"id": ("node", ""), "x": ("x", "m"), "y": ("y", "m")}
_EDGE = {
    "id": ("road", ""),
    "from": ("from", ""),
    "to": ("to", ""),
    "length": ("length", "m"),
    "lanes": ("lanes; with the capacity of a lane, the capacity", ""),
    "speed": ("free-flow speed", "m/s"),
    "world_id": (NOT_USED + "V2Sim's share of the work", ""),
}
_STATION = {
    "name": ("station", ""),
    "node": ("node", ""),
    "bind": ("node", ""),
    "slots": ("plugs", ""),
    "bus": ("bus", ""),
    "x": ("x", "m"),
    "y": ("y", "m"),
    "allow_queuing": (NOT_USED + "here vehicles always queue", ""),
    "pbuy_is_service_fee": (NOT_USED + "prices are the case's", ""),
}


def read_xml(path: str | Path) -> ElementTree.Element:
    """Root of an XML file, packed by gzip or not; one error if it cannot be read."""
    path = Path(path)
    try:
        content = path.read_bytes()
        return ElementTree.fromstring(gzip.decompress(content) if path.suffix == ".gz" else content)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: not readable: {error}") from None
    except ElementTree.ParseError as error:
        raise InputError(f"{path}: not readable as XML: {error}") from None


def read_v2sim_roads(path: str | Path, lane_capacity_veh_h: float = LANE_CAPACITY_VEH_H) -> RoadFile:
    """Read the roads of a V2Sim case.

    Parameters
    ----------
    path : str or Path
        ``*.net.xml`` or ``*.net.xml.gz`` with the root ``roadnet``.
    lane_capacity_veh_h : float
        Capacity of one lane [veh/h]; the file has none.

    Returns
    -------
    RoadFile
        Coordinates in m.

    Raises
    ------
    InputError
        Another root, an element or attribute that is unknown, a number that is none, or what
        :func:`evlib.inputs.roads.road_file.check_roads` refuses.

    References
    ----------
    V2Sim, github.com/hesl-seu/v2sim (IEEE Trans. Smart Grid 16(4), 2025).
    """
    root = read_xml(path)
    if root.tag != "roadnet":
        raise InputError(f"{path}: root <{root.tag}>; must be <roadnet>, a V2Sim network")
    other = sorted({child.tag for child in root} - {"node", "edge", "location"})
    if other:
        raise InputError(f"{path}: element <{other[0]}> is unknown here; known are location, node, edge")
    nodes, edges = root.findall("node"), root.findall("edge")
    rows = [("location", NOT_USED + "map projection", "", len(root.findall("location")))]
    rows += attributes_used(str(path), nodes, _NODE, "node") + attributes_used(str(path), edges, _EDGE, "edge")
    rows.append(("(default)", f"capacity: {lane_capacity_veh_h:g} for each lane", "veh/h", len(edges)))
    node_table = pd.DataFrame(
        [(_text(path, node, "id"), _number(path, node, "x"), _number(path, node, "y")) for node in nodes],
        columns=["node", "x", "y"],
    )
    links = pd.DataFrame(
        [
            (
                *(_text(path, edge, name) for name in ("id", "from", "to")),
                *(_number(path, edge, name, positive=True) for name in ("length", "speed", "lanes")),
            )
            for edge in edges
        ],
        columns=["link", "from", "to", "length_m", "speed_m_s", "lanes"],
    )
    links["length_km"] = links["length_m"] / 1000
    links["free_flow_min"] = links["length_m"] / links["speed_m_s"] / 60
    links["capacity_veh_h"] = lane_capacity_veh_h * links["lanes"]
    check_roads(path, links, node_table, cures=CURES)
    return RoadFile(links.drop(columns=["length_m", "speed_m_s"]), node_table, "m", report_of(rows))


def read_v2sim_stations(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the stations of a V2Sim case.

    Returns
    -------
    stations : DataFrame
        ``station``, ``node``, ``bus`` (text), ``plugs``, ``x``, ``y`` [m].
    report : DataFrame

    Raises
    ------
    InputError
        An element or attribute that is unknown, or a number that is none.
    """
    root = read_xml(path)
    found = root.findall("fcs")
    other = sorted({child.tag for child in root} - {"fcs"})
    if other or not found:
        raise InputError(f"{path}: {f'element <{other[0]}>' if other else 'no element'}; must hold <fcs> elements only")
    rows = attributes_used(str(path), found, _STATION, "fcs")
    inner = sorted({child.tag for station in found for child in station})
    if set(inner) - {"pbuy", "psell"}:
        raise InputError(f"{path}: <fcs> holds <{inner[0]}>; known are pbuy, psell")
    rows += [(f"fcs.{tag}", NOT_USED + "prices are the case's", "", len(root.findall(f"fcs/{tag}"))) for tag in inner]
    table = [
        (
            _text(path, station, "name"),
            _text(path, station, "node" if "node" in station.attrib else "bind"),
            _text(path, station, "bus"),
            _number(path, station, "slots", positive=True),
            *(_number(path, station, name) for name in ("x", "y")),
        )
        for station in found
    ]
    return pd.DataFrame(table, columns=["station", "node", "bus", "plugs", "x", "y"]), report_of(rows)


def _text(path, element, name: str) -> str:
    value = element.get(name, "").strip()
    if not value:
        label = element.get("id") or element.get("name") or "?"
        raise InputError(f"{path}: <{element.tag}> {label}: {name} is missing")
    return value


def _number(path, element, name: str, *, positive: bool = False) -> float:
    value = parse_number(_text(path, element, name))
    if value is None or (positive and value <= 0):
        label, right = element.get("id") or element.get("name"), "a finite number" + (" above 0" if positive else "")
        raise InputError(f"{path}: <{element.tag}> {label}: {name} = {element.get(name)!r}; must be {right}")
    return value
