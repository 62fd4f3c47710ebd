"""Roads of an OpenStreetMap extract (``*.osm``, ``*.osm.gz``): no network, no geographic libraries."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.reading.tables import parse_number
from evlib.inputs.roads.road_file import RoadFile, check_roads
from evlib.inputs.roads.v2sim_roads import read_xml

__all__ = ["HIGHWAYS", "read_osm_roads"]

# Kind of road -> speed [km/h], lanes for each direction, capacity of a lane [veh/h], where tags do not say: the values
# that osm2gmns uses (github.com/jiawlu/OSM2GMNS).
HIGHWAYS = {
    "motorway": (120.0, 4, 2300.0),
    "trunk": (100.0, 3, 2200.0),
    "primary": (80.0, 3, 1800.0),
    "secondary": (60.0, 2, 1600.0),
    "tertiary": (40.0, 2, 1200.0),
    "unclassified": (30.0, 1, 800.0),
    "residential": (30.0, 1, 1000.0),
    "living_street": (20.0, 1, 800.0),
}
HIGHWAYS |= {f"{kind}_link": HIGHWAYS[kind] for kind in ("motorway", "trunk", "primary", "secondary", "tertiary")}
# One-way unless the tag oneway says no: OpenStreetMap's wiki, Key:oneway. A motorway_link is not; its tag has to say so.
ONE_WAY = {("highway", "motorway"), ("junction", "roundabout"), ("junction", "circular")}
# Who may use a way: the first of these tags that it has counts, and these of their values close it to cars.
ACCESS = ("motorcar", "motor_vehicle", "vehicle", "access")
CLOSED = ("no", "private", "agricultural", "forestry", "emergency", "psv")
EARTH_M = 6_371_008.8
_USED = {"highway", "maxspeed", "lanes", "oneway", "junction", *ACCESS}
_CURES = {"units": "correct the tag maxspeed", "capacity_veh_h": "--lane-capacity must be in veh/h"}
KM_H = {"": 1.0, "km/h": 1.0, "kmh": 1.0, "mph": 1.609344}


def read_osm_roads(path: str | Path, lane_capacity_veh_h: float | None = None) -> RoadFile:
    """Read the roads for cars of an OpenStreetMap extract.

    Parameters
    ----------
    path : str or Path
        OSM XML, packed by gzip or not. Roads are ways with a ``highway`` of :data:`HIGHWAYS`, cut where they meet.
    lane_capacity_veh_h : float, optional
        Capacity of one lane [veh/h]; by default that of the kind of road.

    Returns
    -------
    RoadFile
        Coordinates in m from the middle of the extract, east and north. A way that is not one-way is two roads; motorways
        and roundabouts are one-way unless a tag says otherwise.

    Raises
    ------
    InputError
        Not an OSM file, no roads, or what :func:`evlib.inputs.roads.road_file.check_roads` refuses.

    Notes
    -----
    Tags ``maxspeed`` and ``lanes`` are used where they are plain numbers (``lanes`` is for both directions unless the
    way is one-way); otherwise the defaults of the kind hold, and the report counts both. Data of OpenStreetMap are under
    the Open Database Licence.
    """
    root = read_xml(path)
    if root.tag != "osm":
        raise InputError(f"{path}: root <{root.tag}>; must be <osm>, an OpenStreetMap extract in XML")
    place = {node.get("id"): _lon_lat(path, node) for node in root.findall("node")}
    ways, closed, lost = [], 0, 0
    for way in root.findall("way"):
        tags = {tag.get("k"): tag.get("v") for tag in way.findall("tag")}
        if tags.get("highway") not in HIGHWAYS:
            continue
        if next((tags[name] for name in ACCESS if name in tags), "") in CLOSED or tags.get("oneway") == "reversible":
            closed += 1
            continue
        refs = [node.get("ref") for node in way.findall("nd")]
        known = [ref for ref in refs if ref in place]
        lost += len(refs) - len(known)
        if len(known) >= 2:
            ways.append((way.get("id"), known, tags))
    if not ways:
        raise InputError(f"{path}: no roads for cars; must hold ways with a highway of {', '.join(HIGHWAYS)}")
    lon, lat = np.array([place[ref] for _, refs, _ in ways for ref in refs]).T
    middle = np.radians([lon.min() + lon.max(), lat.min() + lat.max()]) / 2
    times: dict[str, int] = {}
    for _, refs, _ in ways:
        for position, ref in enumerate(refs):
            times[ref] = times.get(ref, 0) + (2 if position in (0, len(refs) - 1) else 1)
    links, used = [], Counter({"closed": closed, "outside": lost})
    for number, refs, tags in ways:
        cuts = {ref for ref in refs if times[ref] > 1}
        links += _roads_of(number, refs, tags, place, middle, cuts, used, lane_capacity_veh_h)
    if not links:
        raise InputError(f"{path}: no roads for cars that lead from one place to another")
    table = pd.DataFrame(links, columns=["link", "from", "to", "length_km", "free_flow_min", "lanes", "capacity_veh_h"])
    ends = sorted({*table["from"], *table["to"]})
    nodes = pd.DataFrame([(ref, *_metres(place[ref], middle)) for ref in ends], columns=["node", "x", "y"])
    check_roads(path, table, nodes, cures=_CURES)
    report = _report(root, nodes, table, ways, used, lane_capacity_veh_h)
    return RoadFile(table, nodes, "m", report)


def _lon_lat(path, node) -> tuple[float, float]:
    values = tuple(parse_number(node.get(name, "")) for name in ("lon", "lat"))
    if None in values:
        shown = ", ".join(f"{name} = {node.get(name)!r}" for name in ("lon", "lat"))
        raise InputError(f"{path}: <node> {node.get('id')}: {shown}; must be degrees, two finite numbers")
    return values


def _report(root, nodes, table, ways, used: Counter, lane_capacity_veh_h) -> pd.DataFrame:
    other = len(root.findall("way")) - len(ways) - used["closed"]
    capacity = "capacity of a lane of the kind of road"
    if lane_capacity_veh_h is not None:
        capacity = f"capacity: {lane_capacity_veh_h:g} for each lane"
    rows = [
        ("node.id, lon, lat", "node, where roads meet", "m", len(nodes)),
        ("way", "roads, cut where they meet", "", len(ways)),
        ("way (other)", NOT_USED + "no roads for cars", "", other),
        (
            "way (closed)",
            f"{NOT_USED}{', '.join(ACCESS)} close it to cars, or oneway is reversible",
            "",
            used["closed"],
        ),
        ("way (loop)", NOT_USED + "leads back to where it begins, without a crossing", "", used["loop"]),
        ("way (no length)", NOT_USED + "both ends are at one place", "", used["no length"]),
        ("tag.oneway", "one road, or two where it is no", "", used["oneway"]),
        ("tag.oneway (other)", NOT_USED + "no known value: two roads", "", used["oneway (other)"]),
        ("(implied)", "one-way: motorway, or junction is roundabout or circular", "", used["implied"]),
        ("(default)", "motorway_link without oneway: two roads, as OpenStreetMap implies none", "", used["link"]),
        ("nd (outside)", NOT_USED + "beyond the extract", "", used["outside"]),
        ("tag.maxspeed", "free-flow speed", "km/h", used["maxspeed"]),
        ("tag.maxspeed (other)", NOT_USED + "no plain number: speed of the kind of road", "", used["maxspeed (other)"]),
        ("(default)", "speed of the kind of road", "km/h", len(ways) - used["maxspeed"]),
        ("tag.lanes", "lanes", "", used["lanes"]),
        ("(default)", "lanes of the kind of road", "", len(ways) - used["lanes"]),
        ("(default)", capacity, "veh/h", len(table)),
        ("tag (other)", NOT_USED + "not needed", "", sum(len(set(tags) - _USED) for _, _, tags in ways)),
        ("relation", NOT_USED + "every turn is allowed", "", len(root.findall("relation"))),
    ]
    return report_of(rows)


def _metres(lon_lat, middle) -> tuple[float, float]:
    lon, lat = np.radians(lon_lat)
    return EARTH_M * (lon - middle[0]) * np.cos(middle[1]), EARTH_M * (lat - middle[1])


def _is_one_way(tags: dict, used: Counter) -> bool:
    """By the tag, or by the kind of road where the tag says nothing."""
    said = {"yes": True, "1": True, "true": True, "-1": True, "reverse": True}
    said |= dict.fromkeys(("no", "0", "false", "alternating"), False)
    if tags.get("oneway") in said:
        used["oneway"] += 1
        return said[tags["oneway"]]
    used["oneway (other)"] += "oneway" in tags
    implied = bool(ONE_WAY & set(tags.items()))
    used["implied"] += implied
    used["link"] += tags["highway"] == "motorway_link" and not implied
    return implied


def _roads_of(number, refs, tags, place, middle, cuts, used, lane_capacity_veh_h) -> list[tuple]:
    speed_km_h, lanes, lane_veh_h = HIGHWAYS[tags["highway"]]
    lane_veh_h = lane_capacity_veh_h or lane_veh_h
    one_way = _is_one_way(tags, used)
    if tags.get("oneway") in ("-1", "reverse"):
        refs = refs[::-1]
    match = re.fullmatch(r"([0-9.]+) ?([a-z/]*)", tags.get("maxspeed", ""))
    if match and match.group(2) in KM_H and (parse_number(match.group(1)) or 0) > 0:
        speed_km_h = float(match.group(1)) * KM_H[match.group(2)]
        used["maxspeed"] += 1
    elif "maxspeed" in tags:
        used["maxspeed (other)"] += 1
    stated = parse_number(tags.get("lanes", ""))
    if stated is not None and stated >= 1:
        lanes = stated if one_way else max(1.0, stated / 2)
        used["lanes"] += 1
    roads, begin, length_m, pieces = [], refs[0], 0.0, 0
    for one, two in pairwise(refs):
        length_m += float(np.hypot(*np.subtract(_metres(place[two], middle), _metres(place[one], middle))))
        if two in cuts or two == refs[-1]:
            if two == begin or length_m == 0:
                used["loop" if two == begin else "no length"] += 1
            else:
                row = (length_m / 1000, 60 * length_m / 1000 / speed_km_h, lanes, lanes * lane_veh_h)
                name = f"{number}_{pieces}"
                roads.append((name, begin, two, *row))
                if not one_way:
                    roads.append((f"{name}_back", two, begin, *row))
            begin, length_m, pieces = two, 0.0, pieces + 1
    return roads
