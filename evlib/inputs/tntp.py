"""Reader of published assignment problems in the TNTP format: networks and trip tables; it names every fault."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from evlib.assignment.link_costs import PowerCost
from evlib.assignment.shortest_paths import Roads
from evlib.errors import InputError

__all__ = ["TntpNetwork", "read_network", "read_trips"]

# Columns of a link row in the format's order, each with its smallest allowed value.
_LINK_FIELDS = {
    "tail": 1,
    "head": 1,
    "capacity_veh": 0,
    "length": 0,
    "free_flow_time": 0,
    "b": 0,
    "power": 0,
    "speed": 0,
    "toll": 0,
    "link_type": 0,
}


@dataclass(frozen=True)
class TntpNetwork:
    """A published road network.

    Attributes
    ----------
    n_zones : int
        Zones are the nodes 1..n_zones.
    roads : Roads
        Graph; zones before ``FIRST THRU NODE`` may not be passed.
    links : DataFrame
        One row for each arc, in the order of the file: ``tail``, ``head``, ``capacity_veh``, ``length``,
        ``free_flow_time``, ``b``, ``power``, ``speed``, ``toll``, ``link_type``.

    Notes
    -----
    The format does not fix units; each network has its own. Capacity is in the unit of the trip table (Anaheim: veh/h),
    time in that of ``free_flow_time`` (Anaheim: min; Sioux Falls: 0.01 h), length in ft, km or miles.
    """

    n_zones: int
    roads: Roads
    links: pd.DataFrame

    def cost(self, *, toll_factor: float = 0.0, length_factor: float = 0.0) -> PowerCost:
        """Bureau of Public Roads cost plus fixed costs of toll and length, as the source of the network states them.

        .. math:: t_a(v) = t_{0,a} \\left(1 + b_a (v / Q_a)^{\\beta_a}\\right) + F_{toll}\\,toll_a + F_{len}\\,length_a

        Parameters
        ----------
        toll_factor, length_factor : float
            Time that is worth one unit of toll or of length; 0 for Sioux Falls and Anaheim.

        Returns
        -------
        PowerCost
            In the unit of ``free_flow_time``.
        """
        links = self.links
        road = PowerCost.bpr(*(links[c].to_numpy() for c in ("free_flow_time", "capacity_veh", "b", "power")))
        fixed = toll_factor * links["toll"] + length_factor * links["length"]
        return replace(road, constant=road.constant + fixed.to_numpy())


def read_network(path) -> TntpNetwork:
    """Read a network file, ``*_net.tntp``.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    TntpNetwork

    Raises
    ------
    InputError
        Missing file, metadata or rows, or a field that is missing, not a number or out of bounds. The message names
        file, line and field, and says what would be right.

    References
    ----------
    Transportation Networks for Research Core Team, *Transportation Networks for Research*,
    https://github.com/bstabler/TransportationNetworks (for academic research; fetch your own copy).
    """
    path, metadata, rows = _read(path)
    n_zones, n_nodes, first, n_links = (
        _count(path, metadata, key)
        for key in ("NUMBER OF ZONES", "NUMBER OF NODES", "FIRST THRU NODE", "NUMBER OF LINKS")
    )
    if n_zones > n_nodes:
        raise InputError(f"{path}: <NUMBER OF ZONES> is {n_zones}; must be at most the {n_nodes} nodes")
    if first > n_nodes:
        raise InputError(f"{path}: <FIRST THRU NODE> is {first}; must be a node 1..{n_nodes}")
    links = [_link(path, line, text, n_nodes) for line, text in rows]
    if len(links) != n_links:
        raise InputError(f"{path}: {len(links)} rows, but <NUMBER OF LINKS> is {n_links}; both must be the same")
    table = pd.DataFrame(links, columns=list(_LINK_FIELDS)).astype({"tail": int, "head": int, "link_type": int})
    return TntpNetwork(n_zones, Roads(n_nodes, table["tail"].to_numpy(), table["head"].to_numpy(), first), table)


def read_trips(path) -> pd.DataFrame:
    """Read a trip table, ``*_trips.tntp``.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    DataFrame
        ``origin``, ``destination``, ``demand_veh`` (in the unit of the network's capacity) for all pairs with demand,
        even from a zone to itself. Those trips use no road, so leave them out of an assignment.

    Raises
    ------
    InputError
        As in :func:`read_network`; also a pair given twice, or rows that do not sum to ``<TOTAL OD FLOW>`` if it is
        stated.
    """
    path, metadata, rows = _read(path)
    n_zones = _count(path, metadata, "NUMBER OF ZONES")
    trips, origin = {}, None
    for line, text in rows:
        if text.lower().startswith("origin"):
            origin = _node(path, line, "origin", text[len("origin") :].strip(), n_zones)
            continue
        if origin is None:
            raise InputError(f"{path}: line {line}: {text!r} stands before any 'Origin' line; must follow one")
        for entry in filter(None, map(str.strip, text.split(";"))):
            destination, colon, veh = entry.partition(":")
            if not colon:
                raise InputError(f"{path}: line {line}: entry {entry!r}; must be 'destination : trips;'")
            pair = origin, _node(path, line, "destination", destination.strip(), n_zones)
            if pair in trips:
                raise InputError(f"{path}: line {line}: pair {pair[0]} to {pair[1]} is there twice; keep one")
            trips[pair] = _number(path, line, f"trips {pair[0]} to {pair[1]}", veh.strip(), 0.0)
    _check_total(path, metadata, trips)
    positive = [(*pair, veh) for pair, veh in trips.items() if veh > 0]
    return pd.DataFrame(positive, columns=["origin", "destination", "demand_veh"])


def _read(path) -> tuple[Path, dict[str, tuple[int, str]], Iterator[tuple[int, str]]]:
    """Path, metadata (key -> line, value), and the numbered lines after the metadata, without comments."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; fetch it from github.com/bstabler/TransportationNetworks")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not readable as text: {error}; must be UTF-8") from None
    metadata = {}
    for end, text in enumerate(lines, start=1):
        text = text.strip()
        if text.upper().startswith("<END OF METADATA>"):
            break
        if not text or text.startswith("~"):
            continue
        key, close, value = text.removeprefix("<").partition(">")
        if not (text.startswith("<") and close):
            raise InputError(f"{path}: line {end}: {text!r} in the metadata; must be '<KEY> value'")
        metadata[key.strip().upper()] = end, value.strip()
    else:
        raise InputError(f"{path}: <END OF METADATA> is missing; it must stand between the metadata and the rows")
    numbered = ((end + i, text.strip()) for i, text in enumerate(lines[end:], start=1))
    return path, metadata, ((line, text) for line, text in numbered if text and not text.startswith("~"))


def _count(path: Path, metadata: dict[str, tuple[int, str]], key: str) -> int:
    if key not in metadata:
        raise InputError(f"{path}: <{key}> is missing; the metadata must state it")
    line, value = metadata[key]
    if not value.isdecimal() or int(value) < 1:
        raise InputError(f"{path}: line {line}: <{key}> is {value!r}; must be a whole number of at least 1")
    return int(value)


def _link(path: Path, line: int, text: str, n_nodes: int) -> list[float]:
    values = text.removesuffix(";").split()
    if len(values) != len(_LINK_FIELDS) or not text.endswith(";"):
        raise InputError(
            f"{path}: line {line}: {len(values)} fields{'' if text.endswith(';') else ' and no semicolon'}; must be "
            f"{len(_LINK_FIELDS)} ({', '.join(_LINK_FIELDS)}) and a semicolon"
        )
    row = []
    for (field, least), value in zip(_LINK_FIELDS.items(), values, strict=True):
        if field in ("tail", "head"):
            row.append(_node(path, line, field, value, n_nodes))
        else:
            row.append(_number(path, line, field, value, least, above=field == "capacity_veh"))
    fields = dict(zip(_LINK_FIELDS, row, strict=True))
    if fields["tail"] == fields["head"]:
        raise InputError(f"{path}: line {line}: head = {row[1]}, the same as tail; must be another node")
    if 0 < fields["power"] < 1:
        raise InputError(f"{path}: line {line}: power = {fields['power']:g}; must be 0 or at least 1")
    if fields["link_type"] % 1:
        raise InputError(f"{path}: line {line}: link_type = {fields['link_type']:g}; must be a whole number")
    return row


def _node(path: Path, line: int, field: str, value: str, last: int) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= last:
        raise InputError(f"{path}: line {line}: {field} = {value!r}; must be a whole number in 1..{last}")
    return int(value)


def _number(path: Path, line: int, field: str, value: str, least: float, *, above=False) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < least or (above and number == least):
        right = f"a finite number {'above' if above else 'of at least'} {least:g}"
        raise InputError(f"{path}: line {line}: {field} = {value!r}; must be {right}")
    return number


def _check_total(path: Path, metadata: dict[str, tuple[int, str]], trips: dict) -> None:
    if "TOTAL OD FLOW" not in metadata:
        return
    line, value = metadata["TOTAL OD FLOW"]
    stated, total = _number(path, line, "<TOTAL OD FLOW>", value, 0.0), sum(trips.values())
    if abs(stated - total) > 0.005 * (len(trips) + 1):  # trips and total are written to two decimals
        raise InputError(
            f"{path}: line {line}: <TOTAL OD FLOW> is {stated:g}, but the rows sum to {total:g}; must agree"
        )
