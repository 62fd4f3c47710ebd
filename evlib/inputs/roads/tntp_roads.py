"""Roads of the Transportation Networks collection as a case's roads, with the units of each network stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.reading.tables import parse_number, read_text
from evlib.inputs.roads.road_file import RoadFile, check_roads
from evlib.inputs.tntp import read_network

__all__ = ["read_tntp_roads"]

_FIELDS = {"free_flow_min": "free_flow_time", "length_km": "length", "capacity_veh_h": "capacity"}
_CURES = {
    "units": "--length-unit-km and --time-unit-min say what the file's units are, as 0.0003048 and 1 for ft and min",
    "capacity_veh_h": "capacity must be in veh/h: correct it in the file",
}


def read_tntp_roads(
    path: str | Path, nodes: str | Path | None = None, *, time_unit_min: float = 1.0, length_unit_km: float = 1.0
) -> RoadFile:
    """Read a TNTP network as roads of a case.

    Parameters
    ----------
    path : str or Path
        ``*_net.tntp``.
    nodes : str or Path, optional
        ``*_node.tntp`` with coordinates; by default the file of that name beside it, or else nodes on a circle.
    time_unit_min, length_unit_km : float
        Minutes and km that one unit of the file stands for; the format does not say (Anaheim: 1 min and 0.0003048 km;
        Sioux Falls: 0.6 min).

    Returns
    -------
    RoadFile
        Nodes before ``<FIRST THRU NODE>`` are nodes that no path passes; origins are at the zones.

    Raises
    ------
    InputError
        What :func:`evlib.inputs.tntp.read_network` refuses, a node file that is not readable, or what
        :func:`evlib.inputs.roads.road_file.check_roads` refuses.

    Notes
    -----
    Costs by ``b`` and ``power``, tolls and link types belong to static assignment; a case has its own impedance.
    """
    path = Path(path)
    network = read_network(path)
    table = network.links
    links = pd.DataFrame({"link": [str(row + 1) for row in range(len(table))]})
    links["from"], links["to"] = table["tail"].astype(str), table["head"].astype(str)
    if (table["length"] > 0).all():
        links["length_km"] = table["length"] * length_unit_km
    links["free_flow_min"] = table["free_flow_time"] * time_unit_min
    if "lanes" in table:
        links["lanes"] = table["lanes"]
    links["capacity_veh_h"] = table["capacity_veh"]
    beside = path.with_name(path.name.replace("_net", "_node"))
    found = Path(nodes) if nodes else beside if beside.is_file() and beside != path else None
    node_table = _nodes(found) if found else _circle(network.roads.n_nodes)
    node_table = node_table[node_table["node"].isin({*links["from"], *links["to"]})].reset_index(drop=True)
    first = network.roads.first_through_node
    if first > 1:
        node_table["through"] = np.where(node_table["node"].astype(int) < first, "no", "yes")
    check_roads(path, links, node_table, fields=_FIELDS, cures=_CURES)
    meaning = {
        "tail": ("from", ""),
        "head": ("to", ""),
        "capacity_veh": ("capacity", "veh/h"),
        "length": ("length" if "length_km" in links else NOT_USED + "some are 0", f"{length_unit_km:g} km"),
        "free_flow_time": ("free-flow time", f"{time_unit_min:g} min"),
        "lanes": ("lanes", ""),
    }
    zones = tuple(str(zone) for zone in range(1, network.n_zones + 1))
    n_closed = int((node_table.get("through") == "no").sum()) if first > 1 else 0
    said = {
        "NUMBER OF ZONES": ("zones are nodes 1 to this: origins", len(zones)),
        "FIRST THRU NODE": ("nodes before it: trips begin and end there, no path passes", n_closed),
        "NUMBER OF NODES": ("checked", len(node_table)),
        "NUMBER OF LINKS": ("checked", len(table)),
        "ORIGINAL HEADER": ("columns, where no other line says them", 1),
    }
    rows = [(" ".join(f"<{key}> {value}".split())[:40], *_said(said, key)) for key, value in network.metadata.items()]
    rows += [(name, *meaning.get(name, (NOT_USED + "of static assignment", "")), len(table)) for name in table]
    rows.append(
        (
            str(found.name) if found else "(default)",
            "coordinates" if found else "nodes on a circle",
            "",
            len(node_table),
        )
    )
    return RoadFile(links, node_table, "", report_of(rows), zones)


def _said(said: dict, key: str) -> tuple[str, str, int]:
    meaning, rows = said.get(key, (NOT_USED + "no part of a case", 1))
    return meaning, "", rows


def _nodes(path: Path) -> pd.DataFrame:
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        cells = line.replace(";", " ").split()
        if not cells or line.startswith(("~", "<")) or not cells[0].isdigit():
            continue
        x, y = (parse_number(cell) if cell else None for cell in (*cells[1:3], "", "")[:2])
        if x is None or y is None:
            raise InputError(f"{path}: line {number}: {line.strip()!r}; must be node, x and y")
        rows.append((cells[0], x, y))
    return pd.DataFrame(rows, columns=["node", "x", "y"])


def _circle(n_nodes: int) -> pd.DataFrame:
    angle = 2 * np.pi * np.arange(n_nodes) / n_nodes
    return pd.DataFrame(
        {"node": [str(node + 1) for node in range(n_nodes)], "x": np.cos(angle).round(6), "y": np.sin(angle).round(6)}
    )
