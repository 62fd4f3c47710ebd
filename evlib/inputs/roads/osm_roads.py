"""Roads of an OpenStreetMap extract (``*.osm``, ``*.osm.gz``): no network, no geographic libraries."""

from __future__ import annotations

import re
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
EARTH_M = 6_371_008.8
KM_H = {"": 1.0, "km/h": 1.0, "kmh": 1.0, "mph": 1.609344}


def read_osm_roads(path: str | Path) -> RoadFile:
    """Read the roads for cars of an OpenStreetMap extract.

    Parameters
    ----------
    path : str or Path
        OSM XML, packed by gzip or not. Roads are ways with a ``highway`` of :data:`HIGHWAYS`, cut where they meet.

    Returns
    -------
    RoadFile
        Coordinates in m from the middle of the extract, east and north. A way that is not one-way is two roads.

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
    place = {node.get("id"): (float(node.get("lon")), float(node.get("lat"))) for node in root.findall("node")}
    ways, closed, lost = [], 0, 0
    for way in root.findall("way"):
        tags = {tag.get("k"): tag.get("v") for tag in way.findall("tag")}
        if tags.get("highway") not in HIGHWAYS:
            continue
        if tags.get("access") in ("no", "private") or tags.get("motor_vehicle") in ("no", "private"):
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
    links, used = [], {"maxspeed": 0, "lanes": 0}
    for number, refs, tags in ways:
        links += _roads_of(number, refs, tags, place, middle, {ref for ref in refs if times[ref] > 1}, used)
    table = pd.DataFrame(links, columns=["link", "from", "to", "length_km", "free_flow_min", "lanes", "capacity_veh_h"])
    ends = sorted({*table["from"], *table["to"]})
    nodes = pd.DataFrame([(ref, *_metres(place[ref], middle)) for ref in ends], columns=["node", "x", "y"])
    check_roads(path, table, nodes)
    other = len(root.findall("way")) - len(ways) - closed
    rows = [
        ("node.id, lon, lat", "node, where roads meet", "m", len(nodes)),
        ("way", "roads, cut where they meet", "", len(ways)),
        ("way (other)", NOT_USED + "no roads for cars", "", other),
        ("way (closed)", NOT_USED + "access or motor_vehicle is no or private", "", closed),
        ("nd (outside)", NOT_USED + "beyond the extract", "", lost),
        ("tag.maxspeed", "free-flow speed", "km/h", used["maxspeed"]),
        ("(default)", "speed of the kind of road", "km/h", len(ways) - used["maxspeed"]),
        ("tag.lanes", "lanes", "", used["lanes"]),
        ("(default)", "lanes of the kind of road", "", len(ways) - used["lanes"]),
        ("(default)", "capacity of a lane of the kind of road", "veh/h", len(table)),
        ("relation", NOT_USED + "every turn is allowed", "", len(root.findall("relation"))),
    ]
    return RoadFile(table, nodes, "m", report_of(rows))


def _metres(lon_lat, middle) -> tuple[float, float]:
    lon, lat = np.radians(lon_lat)
    return EARTH_M * (lon - middle[0]) * np.cos(middle[1]), EARTH_M * (lat - middle[1])


def _roads_of(number, refs, tags, place, middle, cuts, used) -> list[tuple]:
    speed_km_h, lanes, lane_veh_h = HIGHWAYS[tags["highway"]]
    one_way = tags.get("oneway") in ("yes", "1", "true", "-1") or tags.get("junction") == "roundabout"
    if tags.get("oneway") == "-1":
        refs = refs[::-1]
    match = re.fullmatch(r"([0-9.]+) ?([a-z/]*)", tags.get("maxspeed", ""))
    if match and match.group(2) in KM_H and (parse_number(match.group(1)) or 0) > 0:
        speed_km_h = float(match.group(1)) * KM_H[match.group(2)]
        used["maxspeed"] += 1
    stated = parse_number(tags.get("lanes", ""))
    if stated is not None and stated >= 1:
        lanes = stated if one_way else max(1.0, stated / 2)
        used["lanes"] += 1
    roads, begin, length_m, pieces = [], refs[0], 0.0, 0
    for one, two in pairwise(refs):
        length_m += float(np.hypot(*np.subtract(_metres(place[two], middle), _metres(place[one], middle))))
        if two in cuts or two == refs[-1]:
            if two != begin and length_m > 0:
                row = (length_m / 1000, 60 * length_m / 1000 / speed_km_h, lanes, lanes * lane_veh_h)
                name = f"{number}_{pieces}"
                roads.append((name, begin, two, *row))
                if not one_way:
                    roads.append((f"{name}_back", two, begin, *row))
            begin, length_m, pieces = two, 0.0, pieces + 1
    return roads
