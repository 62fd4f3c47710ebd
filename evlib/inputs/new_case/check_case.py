"""What a case holds, what it will take to solve, what is missing and what was assumed."""

from __future__ import annotations

import numpy as np

from evlib.inputs.new_case.assumptions import marked_assumptions
from evlib.inputs.own_case.expand import OwnCase
from evlib.inputs.own_case.profiles import RULE
from evlib.inputs.reading.tables import read_text
from evlib.inputs.scenario import Scenario

__all__ = ["case_report", "expected_gib", "expected_s", "station_distances", "unreached", "unused_columns"]

# Measured on V2Sim's Nanjing (8,312 roads, 97 origins, 315 stations, 32 steps of 15 min, shortest path) on one core of
# 2026; they give the order of magnitude.
START_S, START_GIB = 4.0, 0.3
TREE_S_ROAD, COHORT_S = 7e-6, 1.3e-3
CURVES_A_CLASS, CURVES_AN_ARC = 2, 4
MOST_LISTED = 8


def expected_s(scenario: Scenario) -> float:
    """Processor time of ``shortest_path`` [s], to an order of magnitude."""
    n_roads, n_origins = len(scenario.tables.link_tail), len(scenario.origins)
    cohorts = _cohorts(scenario) * min(1.0, n_origins / len(scenario.stations))
    return START_S + TREE_S_ROAD * n_roads * n_origins + COHORT_S * cohorts


def expected_gib(scenario: Scenario) -> float:
    """Peak memory of ``shortest_path`` [GiB], to an order of magnitude."""
    time = scenario.time
    n_arcs = len(scenario.tables.link_tail) + len(scenario.origins)
    loading_steps = 1.3 * time.n_steps * time.step_min * 60 / time.loading_step_s
    curves = CURVES_AN_ARC + CURVES_A_CLASS * len(scenario.fleet.classes)
    domains = 8.0 * 6 * _cohorts(scenario) * time.n_steps
    return START_GIB + (8.0 * n_arcs * loading_steps * curves + domains) / 2**30


def _cohorts(scenario: Scenario) -> int:
    types = 1 if scenario.fleet.soc_type_offset == 0 else 2
    return len(scenario.stations) * len(scenario.fleet.classes) * types * scenario.time.n_steps


def case_report(scenario: Scenario) -> str:
    """The report of ``python -m evlib check``.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    str
    """
    tables, time, own = scenario.tables, scenario.time, scenario.own_case
    nodes = {*tables.link_tail.tolist(), *tables.link_head.tolist()}
    short = int((tables.link_free_flow_min < time.loading_step_s / 60 - 1e-9).sum())
    feeder = tables.feeder
    n_feeders, n_buses = (len(own.feeders.zones), len(own.feeders.bus_table)) if own else (1, feeder.n_bus)
    n_sites = feeder.n_bus - n_buses - 1 if own else 0  # beside the bus that stands for the grid
    sites = f", {n_sites} connections of sites with a limit of their own" if n_sites else ""
    plugs, n_classes = sum(station.plugs for station in scenario.stations), len(scenario.fleet.classes)
    closed = "" if tables.ends_only is None else f", {len(tables.ends_only)} nodes that no path passes"
    lines = [
        f"{scenario.name}: {scenario.file}",
        f"  roads     {len(nodes)} nodes, {len(tables.link_tail)} roads, {short} of them shorter than a loading step{closed}",
        f"  traffic   {len(scenario.origins)} origins, {len(scenario.stations)} stations with {plugs:g} plugs, "
        f"{scenario.fleet.vehicles:g} vehicles of {n_classes} {'class' if n_classes == 1 else 'classes'}",
        f"  feeders   {n_feeders} with {n_buses} buses, load {feeder.load_kw.sum() / 1000:.3f} MW at 1 per unit{sites}",
        f"  horizon   {time.n_steps} steps of {time.step_min:g} min from {time.start_clock}, {time.loading_step_s:g}-s loading "
        f"steps; departures until step {time.last_departure_step}{f'; clock of {time.zone} on {time.date}' if time.zone else ''}",
        f"  currency  {scenario.currency}",
        f"  expected  about {expected_s(scenario):.0f} s and {expected_gib(scenario):.1f} GiB for shortest_path; coordinated "
        "strategies take many times as long",
    ]
    simplified = []
    if scenario.prices.feeder_tariffs:
        simplified.append("feeder_tariffs: what one feeder feeds back saves the others the lowest tariff of all")
    if feeder.shunt_kw is not None:
        simplified.append(
            "shunt_kw, shunt_kvar: a dispatch takes what they draw at 1 pu; power flow takes them exactly"
        )
    if simplified:
        lines += ["simplified", *(f"  {text}" for text in simplified)]
    lines += ["missing", *(f"  {text}" for text in _missing(scenario))]
    if own is not None:
        lines += _section("distances of stations", station_distances(own))
        lines += _section("not used", unused_columns(scenario))
        lines += _section(f"assumed, as marked in {scenario.file.name}", marked_assumptions(scenario.file))
        values = {name: value for name, value in _flat(own.values)}
        lines += ["rounded", *(f"  {text}" for text in own.rounded or ("nothing",))]
        lines.append("left out, so by default")
        for name in own.defaulted:
            if name.rpartition(".")[2] in _BELL and _bell_is_idle(scenario):
                continue
            inside = {key: value for key, value in values.items() if f"{key}.".startswith(f"{name}.")}
            text = ", ".join(
                f"{key.removeprefix(f'{name}.') if key != name else ''} {value}".strip()
                for key, value in inside.items()
            )
            lines.append(own.in_own_words(f"  {name}: {text or 'none'}"))
    return "\n".join(lines)


def _section(title: str, texts: list[str]) -> list[str]:
    return [title, *(f"  {text}" for text in texts)] if texts else []


# What shapes departures, unless trips or profiles of all origins say when they are.
_BELL = ("peak_clock", "peak_width_min", "peak_over_mean")


def _bell_is_idle(scenario: Scenario) -> bool:
    profile = scenario.tables.origin_profile
    return scenario.tables.trip_share is not None or (profile is not None and not np.isnan(profile).any())


def unused_columns(scenario: Scenario) -> list[str]:
    """Columns of the profiles that no key of a case asks for."""
    grid = scenario.grid
    if not grid.profiles_file:
        return []
    path = scenario.file.parent / grid.profiles_file
    header = next(line for line in read_text(path).split("\n") if line.strip() and not line.lstrip().startswith("#"))
    used = {"time", grid.load_column, *(farm.column for farm in grid.farms)}
    return [f"{path.name}: column {name.strip()!r}" for name in header.split(",") if name.strip() not in used]


def station_distances(own: OwnCase) -> list[str]:
    """Distances of stations from their nodes and buses, as far as all of them have coordinates; the farthest first."""
    table, texts = own.stations, []
    if table is None or not {"x", "y"} <= table.values.keys():
        return []
    place = np.stack([table["x"], table["y"]], axis=1)
    known = {"node": dict(zip(own.roads.node.tolist(), zip(own.roads.x, own.roads.y, strict=True), strict=True))}
    buses = own.feeders.bus_table
    if {"x", "y"} <= buses.values.keys():
        at = dict(zip(buses["bus"].tolist(), zip(buses["x"], buses["y"], strict=True), strict=True))
        known["bus"] = {name: at[bus] for name, bus in own.feeders.bus_number.items()}
    for what, places in known.items():
        names = table[what].tolist()
        distance = np.hypot(*(place - np.array([places[name] for name in names])).T)
        far = np.argsort(-distance, kind="stable")
        listed = ", ".join(
            f"{table['station'][row]} {distance[row]:.4g} from {names[row]}" for row in far[:MOST_LISTED]
        )
        more = f"; {len(far) - MOST_LISTED} more are nearer" if len(far) > MOST_LISTED else ""
        texts.append(f"{what}: {listed}{more}")
    if texts:
        texts.append("in the unit of the coordinates, along a straight line")
    return texts


def unreached(scenario: Scenario) -> tuple[list[str], list[str]]:
    """Origins that reach no station, and stations that no origin reaches."""
    n, tail, head, closed, number = _graph(scenario)
    origin, station = (
        np.array([number[str(item.node)] for item in group]) for group in (scenario.origins, scenario.stations)
    )
    forth, back = _reached(n, tail, head, closed, origin), _reached(n, head, tail, closed, station)
    return (
        [item.name for item, at in zip(scenario.origins, origin, strict=True) if not back[at]],
        [item.name for item, at in zip(scenario.stations, station, strict=True) if not forth[at]],
    )


def _not_from_stations(scenario: Scenario) -> list[str]:
    n, tail, head, closed, number = _graph(scenario)
    reached = _reached(n, tail, head, closed, [number[str(item.node)] for item in scenario.stations])
    return [item.name for item in scenario.destinations if not reached[number[str(item.node)]]]


def _graph(scenario: Scenario) -> tuple:
    """Number of nodes, ends of all roads as numbers, nodes that no path passes, and the number of each node."""
    ends = np.concatenate([scenario.tables.link_tail, scenario.tables.link_head]).astype(str)
    nodes, ends = np.unique(ends, return_inverse=True)
    closed = np.isin(nodes, [] if scenario.tables.ends_only is None else scenario.tables.ends_only)
    return len(nodes), *ends.reshape(2, -1), closed, {name: place for place, name in enumerate(nodes.tolist())}


def _reached(n: int, tail, head, closed, begin) -> np.ndarray:
    """Nodes that are reached from any of some nodes, those among them; ways go through none that is closed."""
    after = np.argsort(tail, kind="stable")
    first = np.searchsorted(tail[after], np.arange(n + 1))
    reached = np.zeros(n, dtype=bool)
    left = list(begin)
    ends = closed.copy()
    ends[left] = False
    while left:
        node = left.pop()
        if not reached[node]:
            reached[node] = True
            left.extend([] if ends[node] else head[after[first[node] : first[node + 1]]].tolist())
    return reached


def _flat(node, path: str = ""):
    """Dotted names and values; members of groups that are long are counted instead."""
    if isinstance(node, dict) and path not in ("stations", "origins", "grid.zones"):
        for key, child in node.items():
            yield from _flat(child, f"{path}.{key}".lstrip("."))
    else:
        yield path, f"{len(node)} by the tables" if isinstance(node, dict) else node


def _missing(scenario: Scenario) -> list[str]:
    """What a case of one's own may lack, and what that means."""
    own, grid = scenario.own_case, scenario.grid
    texts = []
    for role, names, fault in zip(
        ("origins", "stations"), unreached(scenario), ("reach no station", "are reached from no origin"), strict=True
    ):
        if names:
            texts.append(f"roads: {role} that {fault}: {', '.join(names)}")
    if scenario.switches.trip_end == "destination":
        lost = _not_from_stations(scenario)
        texts += [f"roads: destinations that no station reaches: {', '.join(lost)}"] if lost else []
    if not grid.profiles_file:
        texts.append("grid.profiles_file: loads are constant")
    else:
        texts.append(f"no profile is missing; {RULE}")
    if not grid.farms:
        texts.append("grid.farms: no wind, no sun")
    if own is not None:
        unrated = int(
            (np.isnan(own.feeders.rating_mva) & (own.feeders.feeder.r_pu + own.feeders.feeder.x_pu > 0)).sum()
        )
        if unrated:
            texts.append(f"rating_mva of {unrated} lines: they are not limited")
        lanes, name = own.roads.lanes, own.roads.table.path.name
        texts += own.roads.notes
        if lanes is not None and "capacity_veh_h" in own.roads.table.values and scenario.roads.jam_veh_km_lane is None:
            texts.append(f"roads.jam_veh_km_lane: lanes of {name} are not used; its capacity_veh_h is that of a road")
        if scenario.tables.link_length_km is None:
            texts.append("length_km of roads: nothing can be said about the energy of driving")
    return texts
