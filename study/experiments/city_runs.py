"""A synthetic city of 315 stations: how its coordination settled, and its day beside those of less information."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.assignment.dynamic_equilibrium import equilibrium
from evlib.assignment.gaps import Gaps, gaps
from evlib.assignment.path_costs import Traffic
from evlib.assignment.route_choice import even_split, shortest_path_departures
from evlib.assignment.traffic_problem import TrafficProblem
from evlib.coordination.city.dispatch import CityDispatch, dispatch_city
from evlib.coordination.city.kinds import Kinds
from evlib.coordination.coordinate import Coordination, coordinate
from evlib.coordination.problem import CoupledProblem
from evlib.flexibility.proximal_reply import ProximalFleet
from evlib.folders import RESULTS
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.inputs.new_case.city_case import CityAssumptions, synthetic_tables, write_city
from evlib.inputs.new_case.synthetic_city import CitySize
from evlib.inputs.scenario import Scenario, load_scenario
from study.experiments.provenance import run_hash, write_table

__all__ = [
    "CITY_FILES",
    "Day",
    "coordinated_day",
    "synthetic_scenario",
    "tables_of_day",
    "uncoordinated_days",
    "user_day",
    "whole_tables",
    "write",
]

log = logging.getLogger(__name__)

CITY_FILES = ("city_iterations.csv", "city_days.csv", "city_steps.csv", "city_stations.csv", "city_roads.csv")
# Days whose stations, steps and roads are kept for the map.
DRAWN = ("nearest", "informed", "coordinated")
# A dispatch of vehicles that came without coordination: how near its bounds are to come, in shares of J(0).
CLOSE, DISPATCH_STEPS, PLAN_WEIGHT = 1e-3, 30, 0.02
# Steps of informed drivers; iterations of a run with drivers' own costs, half of what it may take at most. Neither settles
# where plugs are scarce, and their excess says so.
INFORMED_STEPS, INFORMED_EVERY, USER_ITERATIONS = 20, 5, 2
# Where all drive to the nearest station, queues may last this many times as long as the horizon.
LONGER = 3


@dataclass(frozen=True)
class Day:
    """Where everybody drives on a day, and what they know.

    Attributes
    ----------
    name : str
    traffic : Traffic
    price_cny_kwh : ndarray, shape (n_bus, K)
        What drivers are told: the tariff, or local prices.
    gaps : Gaps
        How content they are with what they know.
    rent_cny : ndarray, shape (n_stations, K), or None
    """

    name: str
    traffic: Traffic
    price_cny_kwh: np.ndarray
    gaps: Gaps
    rent_cny: np.ndarray | None = None


def synthetic_scenario(folder: Path, assumed: CityAssumptions | None = None, size: CitySize | None = None) -> Scenario:
    """Write a synthetic city into a folder and load it."""
    assumed, size = assumed or CityAssumptions(), size or CitySize()
    return load_scenario(write_city(folder / "city", synthetic_tables(size, assumed), assumed, f"seed {size.seed}"))


def write(folder: Path = RESULTS) -> Path:
    """Compute all days of the city and write all tables (some ten minutes)."""
    code = run_hash(__name__)
    with tempfile.TemporaryDirectory() as place:
        scenario = synthetic_scenario(Path(place))
        settled = coordinate(scenario, method="city")
        problem = CoupledProblem.of(scenario, "v2g", "user")
        days = [*uncoordinated_days(problem), user_day(problem), coordinated_day(problem, settled)]
        tables = whole_tables(scenario, settled, {day.name: tables_of_day(problem, day) for day in days})
    notes = (
        "the synthetic city of seed 0: python -m evlib city FOLDER",
        f"scenario {scenario.hash[:12]}; method city; v2g",
    )
    for name in CITY_FILES:
        write_table(name, tables[name], code, notes, folder=folder)
    return folder / CITY_FILES[0]


def uncoordinated_days(problem: CoupledProblem) -> Iterator[Day]:
    """The days without local prices, on paths to the nearest stations of each origin.

    ``nearest``: everybody at the nearest station, whatever the traffic. ``informed`` and ``informed_tou``: drivers settle
    at the mean tariff, or at that of the hour.

    Parameters
    ----------
    problem : CoupledProblem
        Of objective ``user``.

    Yields
    ------
    Day
    """
    own = problem.traffic
    hourly = np.broadcast_to(problem.case.import_price_cny_kwh, problem.case.load_kw.shape)
    mean = np.broadcast_to(hourly.mean(), hourly.shape)
    yield _nearest(own, mean, problem.electricity(mean))
    flows = even_split(own.network, own.demand_veh)
    for name, price in (("informed", mean), ("informed_tou", hourly)):
        log.info("day: %s", name)
        found = equilibrium(own, problem.electricity(price), flows, n_steps=INFORMED_STEPS, every=INFORMED_EVERY)
        flows = found.flows_veh
        yield Day(name, own.evaluate(flows), price, found.gaps)


def user_day(problem: CoupledProblem) -> Day:
    """Drivers at local prices who mind their own costs only; it does not settle where plugs are scarce, as its gaps say."""
    few = problem.scenario.replace(
        dict.fromkeys(("coordination.iterations", "coordination.exact_iterations"), USER_ITERATIONS)
    )
    return coordinated_day(problem, coordinate(few, method="city", objective="user"), "user")


def coordinated_day(problem: CoupledProblem, settled: Coordination, name: str = "coordinated") -> Day:
    """The day of a coordination in which everybody follows."""
    at = replace(problem.traffic, network=settled.network, fixed_veh=np.zeros_like(settled.flows_veh))
    traffic = at.evaluate(settled.flows_veh)
    return Day(name, traffic, settled.price_cny_kwh, settled.certificate, settled.rent_cny)


def _nearest(own: TrafficProblem, price: np.ndarray, electricity: np.ndarray) -> Day:
    """Everybody at the nearest station, however long it takes until all have plugged in."""
    clock = own.network.time
    longer = replace(own, network=replace(own.network, time=replace(clock, n_steps=LONGER * clock.n_steps)))
    traffic = longer.evaluate(shortest_path_departures(own.network, own.demand_veh))
    beyond = ((0, 0), (0, 0), (0, (LONGER - 1) * clock.n_steps))
    return Day("nearest", traffic, price, gaps(traffic, np.pad(electricity, beyond, mode="edge")))


def tables_of_day(problem: CoupledProblem, day: Day) -> dict:
    """A day's rows of the tables, with a dispatch of those who came between bounds on its cost.

    Parameters
    ----------
    problem : CoupledProblem
    day : Day

    Returns
    -------
    dict
        ``city_days.csv``: a row; ``city_steps.csv`` and ``city_stations.csv``: tables; ``city_roads.csv``: largest inflow
        over capacity by arc.
    """
    log.info("dispatch: %s", day.name)
    grid = ReducedGrid(problem.case, problem.options)
    kinds = Kinds.of(problem.cohorts, grid.station_group)
    dispatch = _dispatch(problem, kinds, grid, day)
    return {
        "city_days.csv": _day(day, dispatch, _after_horizon_cny(problem, kinds, day)),
        "city_steps.csv": _steps(day.name, problem, kinds, day.traffic, dispatch),
        "city_stations.csv": _stations(day, problem),
        "city_roads.csv": _peak_over_capacity(day.traffic),
    }


def whole_tables(scenario: Scenario, settled: Coordination, days: dict[str, dict]) -> dict[str, pd.DataFrame]:
    """The tables by file name, of how the coordination settled and of each day's rows by its name."""
    drawn = [days[name] for name in DRAWN]
    roads = {name: days[name]["city_roads.csv"] for name in DRAWN}
    used = np.any([values > 0 for values in roads.values()], axis=0)
    return {
        "city_iterations.csv": settled.convergence.drop(columns=[c for c in settled.convergence if "seconds" in c]),
        "city_days.csv": pd.DataFrame([rows["city_days.csv"] for rows in days.values()]),
        "city_steps.csv": pd.concat([rows["city_steps.csv"] for rows in drawn], ignore_index=True),
        "city_stations.csv": pd.concat([rows["city_stations.csv"] for rows in drawn], ignore_index=True),
        "city_roads.csv": _road_table(scenario, settled.network, roads, used),
    }


def _dispatch(problem: CoupledProblem, kinds: Kinds, grid: ReducedGrid, day: Day) -> CityDispatch:
    fleet = ProximalFleet(kinds.fleet)
    return dispatch_city(
        problem.sizes(day.traffic),
        kinds,
        fleet,
        grid,
        np.array(day.price_cny_kwh[problem.case.station_bus]),
        fleet.idle(),
        PLAN_WEIGHT,
        close_cny=CLOSE * problem.scale_cny,
        most_steps=DISPATCH_STEPS,
        any_price=True,
    )


def _after_horizon_cny(problem: CoupledProblem, kinds: Kinds, day: Day) -> float:
    """What vehicles that plug in after the horizon pay for their energy then [CNY]."""
    price = day.price_cny_kwh[problem.case.station_bus]
    costs = kinds.by_step(kinds.vehicle_cny(price), problem.network.stay_steps)[..., -1]
    return float((day.traffic.loading.cohorts_veh[..., problem.case.n_steps :].sum(axis=2) * costs).sum())


def _day(day: Day, dispatch: CityDispatch, late_cny: float) -> dict:
    """Totals of a day; drivers' excess is at what they know: the tariff, or announced prices with tolls and rents."""
    flows, loading = day.traffic.flows_veh, day.traffic.loading
    time_cny = float((flows * day.traffic.time_cny).sum())
    cost = 0.5 * (dispatch.lower_cny + dispatch.upper_cny) + late_cny
    dt = loading.network.time.loading_step_min
    return {
        "day": day.name,
        "time_cny": time_cny,
        "time_cny_veh": time_cny / flows.sum(),
        "grid_cny": cost,
        "grid_bound_cny": 0.5 * (dispatch.upper_cny - dispatch.lower_cny),
        "total_cny": time_cny + cost,
        "after_horizon_cny": late_cny,
        "waiting_min_veh": float(loading.queue_veh.sum() * dt / flows.sum()),
        "largest_queue_veh": float(loading.queue_veh.max()),
        "stations_used": int((loading.plugged_veh[:, :, -1].sum(axis=1) > 1.0).sum()),
        "excess_cny_veh": day.gaps.excess_cny_veh,
        "relative_gap": day.gaps.relative_gap,
    }


def _steps(name: str, problem, kinds: Kinds, traffic: Traffic, dispatch: CityDispatch) -> pd.DataFrame:
    time, loading, n_steps = traffic.loading.network.time, traffic.loading, problem.case.n_steps
    ends = time.substeps * np.arange(1, n_steps + 1)
    price = kinds.prices(dispatch.price_cny_kwh)
    return pd.DataFrame(
        {
            "day": name,
            "step": np.arange(n_steps),
            "waiting_veh": loading.queue_veh[:, ends].sum(axis=0),
            "plugged_veh": loading.occupied_plugs[:, ends].sum(axis=0),
            "station_mw": dispatch.station_kw.sum(axis=0) / 1000.0,
            "least_price_cny_kwh": price.min(axis=0),
            "largest_price_cny_kwh": price.max(axis=0),
        }
    )


def _stations(day: Day, problem: CoupledProblem) -> pd.DataFrame:
    loading, own, place = day.traffic.loading, problem.scenario.stations, _places(problem.scenario)
    return pd.DataFrame(
        {
            "day": day.name,
            "station": [station.name for station in own],
            "x_m": [place[station.node][0] for station in own],
            "y_m": [place[station.node][1] for station in own],
            "vehicles_veh": loading.plugged_veh[:, :, -1].sum(axis=1),
            "largest_queue_veh": loading.queue_veh.max(axis=1),
            "mean_price_cny_kwh": day.price_cny_kwh[problem.case.station_bus].mean(axis=1),
            "largest_rent_cny": np.nan if day.rent_cny is None else day.rent_cny.max(axis=1),
        }
    )


def _peak_over_capacity(traffic: Traffic) -> np.ndarray:
    """Largest inflow of a decision step over capacity, by arc."""
    network = traffic.loading.network
    entered = traffic.loading.all_entered_veh[:, :: network.time.substeps]
    return np.diff(entered, axis=1).max(axis=1) / (network.time.step_min * network.capacity_veh_min)


def _road_table(scenario: Scenario, network, roads: dict, used: np.ndarray) -> pd.DataFrame:
    place = _places(scenario)
    chosen = np.flatnonzero(used)
    chosen = chosen[chosen >= network.n_entries]
    ends = {end: [place[getattr(network, f"arc_{end}")[a]] for a in chosen] for end in ("tail", "head")}
    columns = {f"{axis}_{end}_m": [xy[i] for xy in ends[end]] for end in ends for i, axis in enumerate("xy")}
    shares = {f"{name}_peak_over_capacity": values[chosen].round(4) for name, values in roads.items()}
    return pd.DataFrame(columns | shares)


def _places(scenario: Scenario) -> dict:
    table = scenario.tables
    return dict(zip(map(str, table.node), zip(table.node_x, table.node_y, strict=True), strict=True))
