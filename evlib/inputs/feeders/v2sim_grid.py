"""Feeders of V2Sim cases (``*.grid.xml``): any number of roots, and the profile that all loads follow."""

from __future__ import annotations

import re
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.feeders.feeder_file import FeederFile, check_feeders
from evlib.inputs.feeders.parallel_branches import merge_parallel
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
    "V": ("a root, and its voltage", "pu"),
}
_LINE = {
    "ID": (NOT_USED + "lines are numbered", ""),
    "From": ("from", ""),
    "To": ("to", ""),
    "R": ("resistance", "ohm"),
    "X": ("reactance", "ohm"),
    "MaxIkA": ("rating, with the nominal voltage", "kA"),
    "Length_km": (NOT_USED + "impedances are those of the line", "km"),
}
_GEN = {
    "ID": (NOT_USED + "generators of a feeder are one", ""),
    "Bus": (
        NOT_USED + "those of a feeder are one backup, at the bus of its first station or else at its first bus",
        "",
    ),
    "x": (NOT_USED + "as the bus", "m"),
    "y": (NOT_USED + "as the bus", "m"),
}
# What a generator says, and what becomes of it.
_GEN_VALUES = {
    "Pmin": (NOT_USED + "backup may be off", "MW"),
    "Pmax": ("backup_mw of the feeder, all generators together; those at a root are the grid above", "MW"),
    "Qmin": (NOT_USED + "backup has no reactive power", "Mvar"),
    "Qmax": (NOT_USED + "backup has no reactive power", "Mvar"),
    **dict.fromkeys(("CostA", "CostB", "CostC"), (NOT_USED + "prices.backup_cny_kwh is the case's", "")),
}
_SERIES = {"const": ("", ""), "repeat": (NOT_USED + "a day repeats", ""), "period": ("the day", "s")}
_KEYS = {
    "p_kw": "Pd",
    "q_kvar": "Qd",
    "v_min_pu": "MinV",
    "v_max_pu": "MaxV",
    "r_ohm": "R",
    "x_ohm": "X",
    "root_pu": "V",
}
# Voltage limits of buses without any, or with equal ones [pu].
LOW_PU, HIGH_PU = 0.9, 1.1
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
        An element, attribute or unit that is unknown; loads that do not follow one profile to within 2 %, or that are
        negative; what :func:`evlib.inputs.feeders.feeder_file.check_feeders` refuses.

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
    rows = attributes_used(
        str(path), [root], {"Ub": ("nominal voltage", "kV"), "Sb": (NOT_USED + "impedances are in ohm", "")}, "grid"
    )
    for tag, elements, known in (("bus", found, ("Pd", "Qd")), ("gen", generators, _GEN_VALUES)):
        strange = sorted({child.tag for element in elements for child in element} - set(known))
        if strange:
            raise InputError(f"{path}: element <{strange[0]}> in <{tag}> is unknown here; known are {', '.join(known)}")
    rows += attributes_used(str(path), found, _BUS, "bus")
    base_kv = _amount(path, "grid Ub", root.get("Ub"), ("kV", "V"))
    names = [bus.get("ID") for bus in found]
    number = {name: position + 1 for position, name in enumerate(names)}
    if len(number) < len(names) or None in number:
        raise InputError(f"{path}: a bus without ID, or an ID given twice; each must have its own")
    active, profile = _loads(path, found, "Pd", ("MW", "kW"))
    reactive, other = _loads(path, found, "Qd", ("Mvar", "kvar"))
    _refuse_other_profile(path, profile, other, reactive)
    series = [element for tag in ("Pd", "Qd") for bus in found for element in bus.findall(tag)]
    rows += [row for row in attributes_used(str(path), series, _SERIES, "Pd, Qd") if row[1].startswith(NOT_USED)]
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
            "v_min_pu": _of_buses(path, found, "MinV", LOW_PU),
            "v_max_pu": _of_buses(path, found, "MaxV", HIGH_PU),
            "x": _of_buses(path, found, "x", np.nan),
            "y": _of_buses(path, found, "y", np.nan),
        }
    )
    equal = ~fixed & (buses["v_min_pu"] == buses["v_max_pu"])
    buses.loc[equal, ["v_min_pu", "v_max_pu"]] = [LOW_PU, HIGH_PU]
    for name, default in (("MinV", LOW_PU), ("MaxV", HIGH_PU)):
        missing = sum(name not in bus.attrib for bus, root_ in zip(found, fixed, strict=True) if not root_)
        rows.append((f"bus.{name}", f"missing: {default:g} by default", "pu", missing))
    rows.append(
        (
            "bus.MinV, MaxV",
            f"equal, a set point and no limits: {LOW_PU:g} and {HIGH_PU:g} by default",
            "pu",
            int(equal.sum()),
        )
    )
    rows += [row for row in attributes_used(str(path), lines, _LINE, "line") if row[0] != "line.MaxIkA"]
    branches, rated, labels = [], [], [f"line {line.get('ID')}" for line in lines]
    for position, line in enumerate(lines, start=1):
        for end in ("From", "To"):
            if line.get(end) not in number:
                raise InputError(f"{path}: <line> {line.get('ID')}: {end} = {line.get(end)!r} is no bus of the file")
        ends = [number[line.get(end)] for end in ("From", "To")]
        values = [_amount(path, f"line {line.get('ID')} {name}", line.get(name), ("ohm",)) for name in ("R", "X")]
        most_ka = _number(path, f"line {line.get('ID')} MaxIkA", line.get("MaxIkA", "inf"))
        if not most_ka > 0:
            raise InputError(
                f"{path}: line {line.get('ID')} MaxIkA = {most_ka:g}; must be positive, or inf if it is not limited"
            )
        rated.append(np.sqrt(3) * base_kv * most_ka if np.isfinite(most_ka) else np.nan)
        branches.append((position, *ends, *values, 1))
    table = pd.DataFrame(branches, columns=["branch", "from_bus", "to_bus", "r_ohm", "x_ohm", "status"])
    if np.isfinite(rated).any():
        table["rating_mva"] = rated
    rows.append(("line.MaxIkA", *_LINE["MaxIkA"], int(np.isfinite(rated).sum())))
    rows.append(("line.MaxIkA", "inf or missing: not limited", "kA", int(np.isnan(rated).sum())))
    table, n_parallel = merge_parallel(table, np.ones(len(table)), str(path), lambda number_: labels[number_ - 1])
    rows.append(("line", "merged with others that join the same buses", "", n_parallel))
    rows += attributes_used(str(path), generators, _GEN, "gen")
    for name, said in _GEN_VALUES.items():
        rows.append((f"gen.{name}", *said, sum(generator.find(name) is not None for generator in generators)))
    feeders, at_roots = _of_feeders(path, generators, number, table, buses)
    rows.append(("gen", NOT_USED + "at a root the grid above feeds in", "", at_roots))
    rows += [
        (tag, NOT_USED + "prices are the case's", "", 1) for tag in ("cprice", "dprice") if root.find(tag) is not None
    ]
    root_pu = _of_buses(path, [bus for bus in found if "V" in bus.attrib], "V", np.nan)
    if len(set(root_pu)) > 1:
        feeders["root_pu"] = root_pu
    kept = feeders if len(feeders.columns) > 1 else None
    report = report_of(row for row in rows if row[-1])
    read = FeederFile(buses, table, report, profile, root_pu[0] if root_pu else 1.0, kept)
    return check_feeders(read, str(path), lambda bus: f"bus {names[bus - 1]}", lambda line: labels[line - 1], _KEYS)


def _of_buses(path, buses, name: str, default: float) -> list[float]:
    return [_number(path, f"bus {bus.get('ID')} {name}", bus.get(name, str(default))) for bus in buses]


def _of_feeders(path, generators, number, branches, buses) -> tuple[pd.DataFrame, int]:
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
        if bus not in feeder_of:
            continue  # the bus is refused later
        most = generator.find("Pmax")
        if most is None or most.get("const") is None:
            raise InputError(f"{path}: {label}: Pmax must be one value, as in <Pmax const='1MW'/>")
        backup[feeder_of[bus]] += _amount(path, f"{label} Pmax", most.get("const"), ("MW", "kW")) / 1000.0
    table = pd.DataFrame({"root": roots})
    return (table.assign(backup_mw=list(backup.values())) if any(backup.values()) else table), at_roots


def _amount(path, what: str, text, units) -> float:
    match = re.fullmatch(r"\s*([0-9.eE+-]+?)\s*([A-Za-z]+)\s*", text or "")
    if not match or match.group(2) not in units:
        raise InputError(f"{path}: {what} = {text!r}; must be a number with its unit, {' or '.join(units)}")
    return _number(path, what, match.group(1)) * _UNITS[match.group(2)]


def _number(path, what: str, text) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise InputError(f"{path}: {what} = {text!r}; must be a number") from None


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
            if _number(path, f"{label} period", element.get("period", "86400")) != 86400:
                raise InputError(f"{path}: {label}: period = {element.get('period')}; must be a day, 86400 s")
            items = element.findall("item")
            if not items or len(items) < len(list(element)):
                raise InputError(
                    f"{path}: {label}: must be one value, const='1MW', or have items of time and value only"
                )
            series.append(
                {
                    _number(path, f"{label} time", i.get("time")): _amount(path, label, i.get("value"), units)
                    for i in items
                }
            )
        least = min(series[-1].values())
        if tag == "Pd" and least < 0:
            raise InputError(f"{path}: {label} = {least / 1000:g} MW; must not be negative: what feeds in is a <gen>")
    times = sorted({time for values in series for time in values})
    peaks = [max(values.values(), key=abs) for values in series]  # reactive loads may be negative
    largest = np.array(peaks)
    varying = [values for values, peak in zip(series, peaks, strict=True) if len(values) > 1 and peak]
    if not varying:
        return largest, None
    if any(sorted(values) != times for values in varying):
        raise InputError(f"{path}: {tag}: buses with other times than others; all loads must vary at the same times")
    if np.ptp(np.diff([*times, 86400.0])) > 0:
        raise InputError(f"{path}: {tag}: times are not evenly spaced over a day")
    shares = np.array([[values[time] for time in times] for values in varying]) / np.array(
        [[max(v.values(), key=abs)] for v in varying]
    )
    common = shares.mean(axis=0)
    off = np.abs(shares - common).max()
    constant = sum(len(values) == 1 and peak != 0 for values, peak in zip(series, peaks, strict=True))
    if off > MOST_OFF or constant:
        raise InputError(
            f"{path}: {tag}: loads differ from one profile by up to {off:.1%}, {constant} are constant; a case has one profile "
            f"for all loads, within {MOST_OFF:.0%}"
        )
    clock = [f"2026-01-05 {int(t) // 3600:02d}:{int(t) // 60 % 60:02d}:00" for t in times]
    return largest, pd.DataFrame({"time": clock, "load_pu": common.round(6)})


def _refuse_other_profile(path, active, reactive, largest_kvar: np.ndarray) -> None:
    """A case has one profile for the active and reactive power of its loads."""
    if not largest_kvar.any() or (active is None and reactive is None):
        return
    if active is None or reactive is None or len(active) != len(reactive):
        off = 1.0
    else:
        off = float((active["load_pu"] - reactive["load_pu"]).abs().max())
    if off > MOST_OFF:
        raise InputError(
            f"{path}: Qd: the profile of reactive loads differs from that of Pd by up to {off:.1%}; a case has one profile for "
            f"both, within {MOST_OFF:.0%}"
        )
