"""What a case holds, what it will take to solve, what is missing and what was assumed."""

from __future__ import annotations

import numpy as np

from evlib.inputs.own_case.profiles import RULE
from evlib.inputs.scenario import Scenario

__all__ = ["case_report", "expected_gib", "expected_s"]

# Measured on V2Sim's Nanjing (8,312 roads, 97 origins, 315 stations, 32 steps of 15 min, shortest path) on one core of
# 2026; they give the order of magnitude.
START_S, START_GIB = 4.0, 0.3
TREE_S_ROAD, COHORT_S = 7e-6, 1.3e-3
CURVES_A_CLASS, CURVES_AN_ARC = 2, 4


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
    plugs, n_classes = sum(station.plugs for station in scenario.stations), len(scenario.fleet.classes)
    closed = "" if tables.ends_only is None else f", {len(tables.ends_only)} nodes that no path passes"
    lines = [
        f"{scenario.name}: {scenario.file}",
        f"  roads     {len(nodes)} nodes, {len(tables.link_tail)} roads, {short} of them shorter than a loading step{closed}",
        f"  traffic   {len(scenario.origins)} origins, {len(scenario.stations)} stations with {plugs:g} plugs, "
        f"{scenario.fleet.vehicles:g} vehicles of {n_classes} {'class' if n_classes == 1 else 'classes'}",
        f"  feeders   {n_feeders} with {n_buses} buses, load {feeder.load_kw.sum() / 1000:.3f} MW at 1 per unit",
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
        values = {name: value for name, value in _flat(own.values)}
        lines += ["rounded", *(f"  {text}" for text in own.rounded or ("nothing",))]
        lines.append("left out, so by default")
        for name in own.defaulted:
            inside = {key: value for key, value in values.items() if f"{key}.".startswith(f"{name}.")}
            text = ", ".join(
                f"{key.removeprefix(f'{name}.') if key != name else ''} {value}".strip()
                for key, value in inside.items()
            )
            lines.append(own.in_own_words(f"  {name}: {text or 'none'}"))
    return "\n".join(lines)


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
