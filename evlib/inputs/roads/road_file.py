"""Roads and their nodes as tables, and writing them as the files of a case."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.files import write_text
from evlib.inputs.own_case.case_tables import CaseRoads, read_roads
from evlib.inputs.reading.plausible import check_roads_plausible

__all__ = ["RoadFile", "check_roads", "read_own_roads", "write_roads"]

COLUMNS = ["link", "from", "to", "length_km", "free_flow_min", "lanes", "capacity_veh_h"]


@dataclass(frozen=True)
class RoadFile:
    """A road network as read.

    Attributes
    ----------
    links : DataFrame
        ``link``, ``from``, ``to`` (text), ``free_flow_min``, ``capacity_veh_h`` (of the road), and ``length_km`` and
        ``lanes`` where the file has them.
    nodes : DataFrame
        ``node`` (text), ``x``, ``y``; and ``through``, ``yes`` or ``no``, where the file has nodes at which trips begin and
        end, but through which no path leads.
    unit : str
        Unit of the coordinates; empty if it is not known.
    report : DataFrame
        What every column of the file became.
    zones : tuple of str
        Nodes at which the file says that trips begin and end.
    stations : DataFrame or None
        Stations that the file holds itself.
    """

    links: pd.DataFrame
    nodes: pd.DataFrame
    unit: str
    report: pd.DataFrame
    zones: tuple[str, ...] = ()
    stations: pd.DataFrame | None = None

    @property
    def ends_only(self) -> tuple[str, ...]:
        """Nodes at which trips begin and end, but through which no path leads."""
        closed = self.nodes["through"] == "no" if "through" in self.nodes else np.zeros(len(self.nodes), dtype=bool)
        return tuple(self.nodes["node"][closed])


def check_roads(path, links: pd.DataFrame, nodes: pd.DataFrame, *, fields=None, cures=None) -> None:
    """Refuse a network that cannot be meant.

    Parameters
    ----------
    path : str or Path
        For messages.
    links, nodes : DataFrame
        As those of a :class:`RoadFile`.
    fields : dict of str -> str, optional
        Column -> what the file itself calls it.
    cures : dict of str -> str, optional
        What to correct, see :func:`evlib.inputs.reading.plausible.check_roads_plausible`.

    Raises
    ------
    InputError
        No roads, a road from a node to itself, an id given twice, an unknown end, a number that is not positive or beyond
        :data:`evlib.inputs.reading.plausible.LIMITS`. Connectors of nodes that no path passes may have any positive numbers.
    """
    if not len(links):
        raise InputError(f"{path}: no roads; must hold at least one")
    for column, rows, what in (("link", links, "road"), ("node", nodes, "node")):
        twice = rows[column][rows[column].duplicated()]
        if len(twice):
            raise InputError(f"{path}: {what} {twice.iloc[0]} is there twice; keep one")
    loops = links[links["from"] == links["to"]]
    if len(loops):
        row = loops.iloc[0]
        raise InputError(
            f"{path}: road {row['link']} leads from node {row['from']} to itself; remove it ({len(loops)} such)"
        )
    known = set(nodes["node"])
    for column in ("from", "to"):
        lost = links[~links[column].isin(known)]
        if len(lost):
            raise InputError(
                f"{path}: road {lost.iloc[0]['link']}: {column} = {lost.iloc[0][column]!r} is no node of the file"
            )
    for column in [name for name in ("free_flow_min", "capacity_veh_h", "length_km", "lanes") if name in links]:
        values = links[column].to_numpy(dtype=float)
        bad = ~(np.isfinite(values) & (values > 0))
        if bad.any():
            row = links.iloc[int(np.flatnonzero(bad)[0])]
            name = (fields or {}).get(column, column)
            raise InputError(
                f"{path}: road {row['link']}: {name} = {row[column]:g}; must be above 0 ({bad.sum()} such)"
            )
    closed = set(nodes["node"][nodes["through"] == "no"]) if "through" in nodes else set()
    columns = (links.get(name) for name in ("length_km", "lanes", "capacity_veh_h"))
    ids = links["link"].tolist()
    check_roads_plausible(
        lambda row: f"{path}: road {ids[row]}",
        links["free_flow_min"].to_numpy(),
        *(None if column is None else column.to_numpy() for column in columns),
        exempt=(links["from"].isin(closed) | links["to"].isin(closed)).to_numpy(),
        cures=cures,
    )


def write_roads(roads: RoadFile, folder: str | Path) -> None:
    """Write ``links.csv`` and ``nodes.csv`` into a folder, as a case of one's own reads them."""
    folder = Path(folder)
    links = roads.links[[column for column in COLUMNS if column in roads.links]]
    write_text(folder / "links.csv", links.to_csv(index=False, lineterminator="\n"))
    columns = [name for name in ("node", "x", "y", "through") if name in roads.nodes]
    write_text(folder / "nodes.csv", roads.nodes[columns].to_csv(index=False, lineterminator="\n"))


def read_own_roads(folder: str | Path) -> CaseRoads:
    """Read back what :func:`write_roads` wrote."""
    return read_roads(Path(folder) / "links.csv", Path(folder) / "nodes.csv")
