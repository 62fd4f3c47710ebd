"""Reader of published assignment problems in the TNTP format: networks and trip tables; it names every fault."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from evlib.assignment.link_costs import PowerCost
from evlib.assignment.shortest_paths import Roads
from evlib.errors import InputError
from evlib.inputs.reading.tables import parse_number, read_text
from evlib.inputs.reading.tntp_header import EXTRA_FIELDS, LEFT_OUT, LINK_FIELDS, column_order

__all__ = ["TntpNetwork", "read_network", "read_trips"]


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
        ``free_flow_time``, ``b``, ``power``, ``speed``, ``toll``, ``link_type``, and ``lanes``, ``critical_speed`` where
        the header names them. A capacity per lane is multiplied by the lanes.
    metadata : dict of str -> str
        What stands above the rows, by its key.

    Notes
    -----
    The format does not fix units; each network has its own. Capacity is in the unit of the trip table (Anaheim: veh/h),
    time in that of ``free_flow_time`` (Anaheim: min; Sioux Falls: 0.01 h), length in ft, km or miles.
    """

    n_zones: int
    roads: Roads
    links: pd.DataFrame
    metadata: dict[str, str]

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


def read_network(path, *, separable: bool = False) -> TntpNetwork:
    """Read a network file, ``*_net.tntp``.

    Parameters
    ----------
    path : str or Path
    separable : bool
        Take the costs as they stand in the rows although the file is called asymmetric.

    Returns
    -------
    TntpNetwork

    Raises
    ------
    InputError
        A network called asymmetric, such as ``Hessen-Asym_net.tntp``: costs that depend on the flow of other roads too
        have no place in the format, and no objective to minimise. Missing file, metadata or rows, a header that names
        fields unknown to the format or lacks one that is needed, or a field that is missing, not a number or out of
        bounds. The message names file, line and field, and says what would be right.

    Notes
    -----
    Fields are read in the order of the file's header, the comment ``~ init_node term_node ...`` above the rows, or else
    ``<ORIGINAL HEADER>``; without one, in the order of the format.

    Transportation Networks for Research Core Team, *Transportation Networks for Research*,
    https://github.com/bstabler/TransportationNetworks (for academic research; fetch your own copy).
    """
    path, metadata, rows = _read(path)
    if "asym" in path.name.lower() and not separable:
        why = "its roads' costs depend on each other's flows, which rows do not state"
        raise InputError(f"{path}: called asymmetric: {why}; take another, or pass separable=True for the rows alone")
    n_zones, n_nodes, first, n_links = (
        _count(path, metadata, key)
        for key in ("NUMBER OF ZONES", "NUMBER OF NODES", "FIRST THRU NODE", "NUMBER OF LINKS")
    )
    if n_zones > n_nodes:
        raise InputError(f"{path}: <NUMBER OF ZONES> is {n_zones}; must be at most the {n_nodes} nodes")
    if first > n_nodes:
        raise InputError(f"{path}: <FIRST THRU NODE> is {first}; must be a node 1..{n_nodes}")
    order, per_lane = column_order(path, metadata, rows)
    links = [_link(path, line, text, n_nodes, order) for line, text in rows if not text.startswith("~")]
    if len(links) != n_links:
        raise InputError(f"{path}: {len(links)} rows, but <NUMBER OF LINKS> is {n_links}; both must be the same")
    extra = [name for name in EXTRA_FIELDS if name in order]
    table = pd.DataFrame(links, columns=[*LINK_FIELDS, *extra]).astype({"tail": int, "head": int, "link_type": int})
    if per_lane:
        table["capacity_veh"] *= table["lanes"]
    roads = Roads(n_nodes, table["tail"].to_numpy(), table["head"].to_numpy(), first)
    return TntpNetwork(n_zones, roads, table, {key: value for key, (_, value) in metadata.items()})


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
    for line, text in (row for row in rows if not row[1].startswith("~")):
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


def _read(path) -> tuple[Path, dict[str, tuple[int, str]], list[tuple[int, str]]]:
    """Path, metadata (key -> line, value), and the numbered lines after the metadata that are not empty."""
    path = Path(path)
    try:
        lines = read_text(path).split("\n")
    except InputError as error:
        hint = "; fetch it from github.com/bstabler/TransportationNetworks" if "no such file" in str(error) else ""
        raise InputError(f"{error}{hint}") from None
    metadata: dict[str, tuple[int, str]] = {}
    for end, text in enumerate(lines, start=1):
        text = text.strip()
        if text.upper().startswith("<END OF METADATA>"):
            break
        if not text or text.startswith("~"):
            continue
        key, close, value = text.removeprefix("<").partition(">")
        if not (text.startswith("<") and close):
            raise InputError(f"{path}: line {end}: {text!r} in the metadata; must be '<KEY> value'")
        key = key.strip().upper()
        if key in metadata:
            raise InputError(f"{path}: lines {metadata[key][0]} and {end}: <{key}> is there twice; keep one")
        metadata[key] = end, value.strip()
    else:
        raise InputError(f"{path}: <END OF METADATA> is missing; it must stand between the metadata and the rows")
    numbered = ((end + i, text.strip()) for i, text in enumerate(lines[end:], start=1))
    return path, metadata, [(line, text) for line, text in numbered if text]


def _count(path: Path, metadata: dict[str, tuple[int, str]], key: str) -> int:
    if key not in metadata:
        raise InputError(f"{path}: <{key}> is missing; the metadata must state it")
    line, value = metadata[key]
    if not (value.isascii() and value.isdecimal()) or int(value) < 1:
        raise InputError(f"{path}: line {line}: <{key}> is {value!r}; must be a whole number of at least 1")
    return int(value)


def _link(path: Path, line: int, text: str, n_nodes: int, order: list[str]) -> list[float]:
    values = text.removesuffix(";").split()
    if len(values) != len(order) or not text.endswith(";"):
        raise InputError(
            f"{path}: line {line}: {len(values)} fields{'' if text.endswith(';') else ' and no semicolon'}; must be "
            f"{len(order)} ({', '.join(order)}) and a semicolon"
        )
    texts, fields = dict(zip(order, values, strict=True)), {}
    for field, least in (LINK_FIELDS | EXTRA_FIELDS).items():
        if field not in order:
            if field in LEFT_OUT:
                fields[field] = LEFT_OUT[field]
        elif field in ("tail", "head"):
            fields[field] = _node(path, line, field, texts[field], n_nodes)
        else:
            fields[field] = _number(path, line, field, texts[field], least, above=field in ("capacity_veh", "lanes"))
    if fields["tail"] == fields["head"]:
        raise InputError(f"{path}: line {line}: head = {fields['head']}, the same as tail; must be another node")
    if 0 < fields["power"] < 1:
        raise InputError(f"{path}: line {line}: power = {fields['power']:g}; must be 0 or at least 1")
    if fields["link_type"] % 1:
        raise InputError(f"{path}: line {line}: link_type = {fields['link_type']:g}; must be a whole number")
    return list(fields.values())


def _node(path: Path, line: int, field: str, value: str, last: int) -> int:
    if not (value.isascii() and value.isdecimal()) or not 1 <= int(value) <= last:
        raise InputError(f"{path}: line {line}: {field} = {value!r}; must be a whole number in 1..{last}")
    return int(value)


def _number(path: Path, line: int, field: str, value: str, least: float, *, above=False) -> float:
    number = parse_number(value)
    if number is None or number < least or (above and number == least):
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
