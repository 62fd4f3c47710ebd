"""Feeders of V2Sim cases (``*.grid.xml``): any number of roots, and the profile that all loads follow."""

from __future__ import annotations

import re
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.feeders.feeder_file import FeederFile
from evlib.inputs.reading.column_report import NOT_USED, attributes_used, report_of
from evlib.inputs.roads.v2sim_roads import read_xml

__all__ = ["read_v2sim_grid"]

_UNITS = {"kV": 1.0, "V": 1e-3, "MVA": 1.0, "kVA": 1e-3, "MW": 1e3, "kW": 1.0, "Mvar": 1e3, "kvar": 1.0, "ohm": 1.0}
_BUS = {
    "ID": ("name", ""),
    "x": ("x", "m"),
    "y": ("y", "m"),
    "MinV": ("lower voltage limit", "pu"),
    "MaxV": ("upper voltage limit", "pu"),
    "V": ("a root; its voltage is the case's root_voltage_pu", "pu"),
}
_LINE = {
    "ID": (NOT_USED + "lines are numbered", ""),
    "From": ("from", ""),
    "To": ("to", ""),
    "R": ("resistance", "ohm"),
    "X": ("reactance", "ohm"),
    "MaxIkA": ("rating, with the nominal voltage; inf is none", "kA"),
    "Length_km": (NOT_USED + "impedances are those of the line", "km"),
}
_GEN = {"ID": ("", ""), "Bus": ("", ""), "x": ("", ""), "y": ("", "")}
# Loads may differ from a common profile by rounding in the file, not by more.
MOST_OFF = 0.02


def read_v2sim_grid(path: str | Path) -> FeederFile:
    """Read the feeders of a V2Sim case.

    Parameters
    ----------
    path : str or Path
        ``*.grid.xml``.

    Returns
    -------
    FeederFile
        One feeder for every bus with a fixed voltage. A bus's load is its largest over the day; ``profile`` is the mean
        of all loads over their largest, by hour of the day.

    Raises
    ------
    InputError
        An element, attribute or unit that is unknown; loads that do not follow one profile to within 2 %.

    Notes
    -----
    Generators can be switched on at a cost, so those of a feeder are together its backup (``backup_mw``), which a case puts
    at a station; those at a root are the grid above. Their costs are the case's ``prices.backup_cny_kwh``.
    """
    root = read_xml(path)
    if root.tag != "grid":
        raise InputError(f"{path}: root <{root.tag}>; must be <grid>, a V2Sim grid")
    other = sorted({child.tag for child in root} - {"bus", "line", "gen", "cprice", "dprice"})
    if other:
        raise InputError(f"{path}: element <{other[0]}> is unknown here; known are bus, line, gen, cprice, dprice")
    found, lines, generators = (root.findall(tag) for tag in ("bus", "line", "gen"))
    rows = [("grid.Ub", "nominal voltage", "kV", 1), ("grid.Sb", NOT_USED + "impedances are in ohm", "", 1)]
    rows += attributes_used(str(path), found, _BUS, "bus")
    base_kv = _amount(path, "grid Ub", root.get("Ub"), ("kV", "V"))
    names = [bus.get("ID") for bus in found]
    number = {name: position + 1 for position, name in enumerate(names)}
    if len(number) < len(names) or None in number:
        raise InputError(f"{path}: a bus without ID, or an ID given twice; each must have its own")
    active, profile = _loads(path, found, "Pd", ("MW", "kW"))
    reactive, _ = _loads(path, found, "Qd", ("Mvar", "kvar"))
    rows += [
        ("bus.Pd", "active load: largest of the day, and a common profile", "MW", len(found)),
        ("bus.Qd", "reactive load: largest of the day; follows the same profile", "Mvar", len(found)),
    ]
    fixed = np.array(["V" in bus.attrib for bus in found])
    buses = pd.DataFrame(
        {
            "bus": list(number.values()),
            "name": names,
            "base_kv": base_kv,
            "p_kw": active,
            "q_kvar": reactive,
            "type": np.where(fixed, "slack", "pq"),
            "v_min_pu": [float(bus.get("MinV", 1.0)) for bus in found],
            "v_max_pu": [float(bus.get("MaxV", 1.0)) for bus in found],
            "x": [float(bus.get("x", "nan")) for bus in found],
            "y": [float(bus.get("y", "nan")) for bus in found],
        }
    )
    rows += attributes_used(str(path), lines, _LINE, "line")
    branches, rated = [], []
    for position, line in enumerate(lines, start=1):
        for end in ("From", "To"):
            if line.get(end) not in number:
                raise InputError(f"{path}: <line> {line.get('ID')}: {end} = {line.get(end)!r} is no bus of the file")
        ends = [number[line.get(end)] for end in ("From", "To")]
        values = [_amount(path, f"line {line.get('ID')} {name}", line.get(name), ("ohm",)) for name in ("R", "X")]
        rated.append(np.sqrt(3) * base_kv * float(line.get("MaxIkA", "inf")))
        branches.append((position, *ends, *values, 1))
    table = pd.DataFrame(branches, columns=["branch", "from_bus", "to_bus", "r_ohm", "x_ohm", "status"])
    if np.isfinite(rated).all():
        table["rating_mva"] = rated
    attributes_used(str(path), generators, _GEN, "gen")
    feeders, at_roots = _of_feeders(path, generators, number, table, buses, found)
    rows += [
        ("gen.Pmax", "backup_mw of the feeder, all generators together", "MW", len(generators) - at_roots),
        ("gen at a root", NOT_USED + "the grid above feeds the root", "", at_roots),
        ("gen (other)", NOT_USED + "least and reactive power, and costs: prices.backup_cny_kwh is the case's", "", 0),
    ]
    rows += [
        (tag, NOT_USED + "prices are the case's", "", 1) for tag in ("cprice", "dprice") if root.find(tag) is not None
    ]
    root_pu = [float(bus.get("V")) for bus in found if "V" in bus.attrib]
    if len(set(root_pu)) > 1:
        feeders["root_pu"] = root_pu
    kept = feeders if len(feeders.columns) > 1 else None
    return FeederFile(buses, table, report_of(rows), profile, root_pu[0] if root_pu else 1.0, kept)


def _of_feeders(path, generators, number, branches, buses, found) -> tuple[pd.DataFrame, int]:
    """Roots with the backup of each feeder, if there is any; and how many generators stand at roots."""
    graph = nx.Graph(list(zip(branches["from_bus"], branches["to_bus"], strict=True)))
    graph.add_nodes_from(buses["bus"])
    roots = buses.loc[buses["type"] == "slack", "bus"].tolist()
    feeder_of = {bus: root for root in roots for bus in nx.node_connected_component(graph, root)}
    backup, at_roots = dict.fromkeys(roots, 0.0), 0
    for generator in generators:
        label = f"gen {generator.get('ID')}"
        bus = number.get(generator.get("Bus"))
        if bus is None:
            raise InputError(f"{path}: {label}: Bus = {generator.get('Bus')!r} is no bus of the file")
        if bus in roots:
            at_roots += 1
            continue
        most = generator.find("Pmax")
        if most is None or most.get("const") is None:
            raise InputError(f"{path}: {label}: Pmax must be one value, as in <Pmax const='1MW'/>")
        backup[feeder_of[bus]] += _amount(path, f"{label} Pmax", most.get("const"), ("MW", "kW")) / 1000.0
    table = pd.DataFrame({"root": roots})
    return (table.assign(backup_mw=list(backup.values())) if any(backup.values()) else table), at_roots


def _amount(path, what: str, text, units) -> float:
    match = re.fullmatch(r"\s*([0-9.eE+-]+)\s*([A-Za-z]+)\s*", text or "")
    if not match or match.group(2) not in units:
        raise InputError(f"{path}: {what} = {text!r}; must be a number with its unit, {' or '.join(units)}")
    return float(match.group(1)) * _UNITS[match.group(2)]


def _loads(path, buses, tag: str, units) -> tuple[np.ndarray, pd.DataFrame | None]:
    """Largest load of each bus [kW, kvar], and the profile by which all of them vary over the day."""
    series: list[dict[float, float]] = []
    for bus in buses:
        element = bus.find(tag)
        label = f"bus {bus.get('ID')} {tag}"
        if element is None:
            series.append({0.0: 0.0})
        elif element.get("const") is not None:
            series.append({0.0: _amount(path, label, element.get("const"), units)})
        else:
            if float(element.get("period", "86400")) != 86400:
                raise InputError(f"{path}: {label}: period = {element.get('period')}; must be a day, 86400 s")
            items = element.findall("item")
            series.append({float(i.get("time")): _amount(path, label, i.get("value"), units) for i in items})
    times = sorted({time for values in series for time in values})
    largest = np.array([max(values.values()) for values in series])
    varying = [values for values in series if len(values) > 1 and max(values.values()) > 0]
    if not varying:
        return largest, None
    if any(sorted(values) != times for values in varying):
        raise InputError(f"{path}: {tag}: buses with other times than others; all loads must vary at the same times")
    if np.ptp(np.diff([*times, 86400.0])) > 0:
        raise InputError(f"{path}: {tag}: times are not evenly spaced over a day")
    shares = np.array([[values[time] for time in times] for values in varying]) / np.array(
        [[max(v.values())] for v in varying]
    )
    common = shares.mean(axis=0)
    off = np.abs(shares - common).max()
    constant = sum(len(values) == 1 and max(values.values()) > 0 for values in series)
    if off > MOST_OFF or constant:
        raise InputError(
            f"{path}: {tag}: loads differ from one profile by up to {off:.1%}, {constant} are constant; a case has one profile "
            f"for all loads, within {MOST_OFF:.0%}"
        )
    clock = [f"2026-01-05 {int(t) // 3600:02d}:{int(t) // 60 % 60:02d}:00" for t in times]
    return largest, pd.DataFrame({"time": clock, "load_pu": common.round(6)})
