"""Roads of a SUMO network (``*.net.xml``), read by sumolib."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.roads.road_file import RoadFile, check_roads
from evlib.inputs.roads.v2sim_roads import CURES, LANE_CAPACITY_VEH_H, read_xml

__all__ = ["read_sumo_roads"]

_UNUSED = {
    "location": "map projection",
    "type": "edge types; edges carry their own speeds",
    "tlLogic": "traffic lights; their effect belongs into the capacity of a lane",
    "connection": "turns: every turn is allowed",
    "prohibition": "right of way",
    "roundabout": "right of way",
    "junction": None,
    "edge": None,
}
# Attributes that say something of the roads, by element.
_USED = {
    "edge": {"id", "from", "to", "function"},
    "lane": {"id", "index", "speed", "length", "allow", "disallow"},
    "junction": {"id", "x", "y"},
}


def read_sumo_roads(
    path: str | Path, lane_capacity_veh_h: float = LANE_CAPACITY_VEH_H, vehicle: str = "passenger"
) -> RoadFile:
    """Read the roads of a SUMO network that a kind of vehicle may use.

    Parameters
    ----------
    path : str or Path
        ``*.net.xml`` or ``*.net.xml.gz`` with the root ``net``.
    lane_capacity_veh_h : float
        Capacity of one lane [veh/h]; the file has none.
    vehicle : str
        SUMO's class of vehicles; edges without a lane for it are left out and counted.

    Returns
    -------
    RoadFile
        Coordinates in m.

    Raises
    ------
    InputError
        sumolib is not installed; another root, an unknown element, or what
        :func:`evlib.inputs.roads.road_file.check_roads` refuses.
    """
    try:
        import sumolib
    except ImportError:
        raise InputError(f"{path}: SUMO networks are read by sumolib; install it: pip install sumolib") from None
    root = read_xml(path)
    if root.tag != "net":
        raise InputError(f"{path}: root <{root.tag}>; must be <net>, a SUMO network")
    other = sorted({child.tag for child in root} - set(_UNUSED))
    if other:
        raise InputError(f"{path}: element <{other[0]}> is unknown here; known are {', '.join(_UNUSED)}")
    net = sumolib.net.readNet(str(path))
    edges = net.getEdges(withInternal=False)
    open_to = [edge for edge in edges if any(lane.allows(vehicle) for lane in edge.getLanes())]
    usable = []
    for edge in open_to:
        speeds = [lane.getSpeed() for lane in edge.getLanes() if lane.allows(vehicle)]
        usable.append((edge, max(speeds), len(speeds)))
        for name, value in (("length", edge.getLength()), ("speed", max(speeds))):
            if not value > 0:
                raise InputError(f"{path}: <edge> {edge.getID()}: {name} of its lanes = {value:g}; must be above 0")
    links = pd.DataFrame(
        [
            (
                edge.getID(),
                edge.getFromNode().getID(),
                edge.getToNode().getID(),
                edge.getLength() / 1000,
                edge.getLength() / speed / 60,
                lanes,
            )
            for edge, speed, lanes in usable
        ],
        columns=["link", "from", "to", "length_km", "free_flow_min", "lanes"],
    )
    links["capacity_veh_h"] = lane_capacity_veh_h * links["lanes"]
    ends = {*links["from"], *links["to"]}
    nodes = [(node.getID(), *node.getCoord()[:2]) for node in net.getNodes() if node.getID() in ends]
    node_table = pd.DataFrame(nodes, columns=["node", "x", "y"])
    rows = [
        (tag, NOT_USED + why, "", len(root.findall(tag)))
        for tag, why in _UNUSED.items()
        if why and root.find(tag) is not None
    ]
    internal = sum(edge.get("function") not in (None, "normal") for edge in root.findall("edge"))
    rows += [
        ("edge (function)", NOT_USED + "inside of junctions", "", internal),
        ("edge (closed)", f"{NOT_USED}no lane for {vehicle}", "", len(edges) - len(open_to)),
        ("edge.id, from, to", "road and its ends", "", len(links)),
        ("lane.length", "length", "m", len(links)),
        ("lane.speed", f"free-flow speed, the highest of the lanes open to {vehicle}", "m/s", len(links)),
        ("lane", f"lanes open to {vehicle}", "", int(links["lanes"].sum())),
        ("junction.id, x, y", "node", "m", len(node_table)),
        ("(default)", f"capacity: {lane_capacity_veh_h:g} for each lane", "veh/h", len(links)),
    ]
    for tag, used in _USED.items():
        found = root.findall(f".//{tag}")
        other = sorted({name for element in found for name in element.attrib} - used)
        rows += [(f"{tag}.{name}", NOT_USED + "not needed", "", sum(name in e.attrib for e in found)) for name in other]
    check_roads(path, links, node_table, cures=CURES)
    return RoadFile(links, node_table, "m", report_of(rows))
