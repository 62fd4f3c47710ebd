"""A synthetic city of 315 stations: how its coordination settled, and its day beside those of less information."""

from __future__ import annotations

import logging
import tempfile
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

__all__ = ["CITY_FILES", "Day", "days_of", "synthetic_scenario", "tables_of", "write"]

log = logging.getLogger(__name__)

CITY_FILES = ("city_iterations.csv", "city_days.csv", "city_steps.csv", "city_stations.csv", "city_roads.csv")
# Days whose stations, steps and roads are kept for the map.
DRAWN = ("nearest", "informed", "coordinated")
# A dispatch of vehicles that came without coordination: how near its bounds are to come, in shares of J(0).
CLOSE, DISPATCH_STEPS, PLAN_WEIGHT = 1e-3, 30, 0.02
# Steps of informed drivers; iterations of a run with drivers' own costs, half of what it may take at most: it does not
# settle where plugs are scarce, and its excess says so.
INFORMED_STEPS, INFORMED_EVERY, USER_ITERATIONS = 40, 10, 3
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
        tables = tables_of(scenario, settled, days_of(scenario, settled))
    notes = (
        "the synthetic city of seed 0: python -m evlib city FOLDER",
        f"scenario {scenario.hash[:12]}; method city; v2g",
    )
    for name in CITY_FILES:
        write_table(name, tables[name], code, notes, folder=folder)
    return folder / CITY_FILES[0]


def days_of(scenario: Scenario, settled: Coordination) -> list[Day]:
    """The days from the nearest station to the coordinated one.

    ``nearest`` and ``even``: everybody at the nearest station, or spread over all stations of the known paths, whatever
    the traffic. ``informed`` and ``informed_tou``: drivers settle at the mean tariff or that of the hour. ``user``: at
    local prices, by their own costs. All but ``user`` drive on the coordinated day's paths.

    Parameters
    ----------
    scenario : Scenario
    settled : Coordination
        Of objective ``system``.

    Returns
    -------
    list of Day
    """
    problem = CoupledProblem.of(scenario, "v2g", "user")
    start, network = problem.traffic, settled.network
    own = replace(start, network=network, fixed_veh=np.zeros_like(settled.flows_veh))
    hourly = np.broadcast_to(problem.case.import_price_cny_kwh, problem.case.load_kw.shape)
    mean = np.broadcast_to(hourly.mean(), hourly.shape)
    costs = {name: problem.electricity(price) for name, price in (("mean", mean), ("hourly", hourly))}
    spread = even_split(network, own.demand_veh)
    traffic = own.evaluate(spread)
    days = [_nearest(own, mean, costs["mean"]), Day("even", traffic, mean, gaps(traffic, costs["mean"]))]
    flows = spread
    for name, price, known in (("informed", mean, "mean"), ("informed_tou", hourly, "hourly")):
        log.info("day: %s", name)
        steps = {"n_steps": INFORMED_STEPS, "every": INFORMED_EVERY}
        found = equilibrium(own, costs[known], flows, **steps)
        flows = found.flows_veh
        days.append(Day(name, own.evaluate(flows), price, found.gaps))
    few = scenario.replace(dict.fromkeys(("coordination.iterations", "coordination.exact_iterations"), USER_ITERATIONS))
    for name, run in (("user", coordinate(few, method="city", objective="user")), ("coordinated", settled)):
        at = replace(start, network=run.network, fixed_veh=np.zeros_like(run.flows_veh))
        days.append(Day(name, at.evaluate(run.flows_veh), run.price_cny_kwh, run.certificate, run.rent_cny))
    return days


def _nearest(own: TrafficProblem, price: np.ndarray, electricity: np.ndarray) -> Day:
    """Everybody at the nearest station, however long it takes until all have plugged in."""
    clock = own.network.time
    longer = replace(own, network=replace(own.network, time=replace(clock, n_steps=LONGER * clock.n_steps)))
    traffic = longer.evaluate(shortest_path_departures(own.network, own.demand_veh))
    beyond = ((0, 0), (0, 0), (0, (LONGER - 1) * clock.n_steps))
    return Day("nearest", traffic, price, gaps(traffic, np.pad(electricity, beyond, mode="edge")))


def tables_of(scenario: Scenario, settled: Coordination, days: list[Day]) -> dict[str, pd.DataFrame]:
    """The tables of a city's days, by file name, with how the coordinated one settled.

    Parameters
    ----------
    scenario : Scenario
    settled : Coordination
    days : list of Day

    Returns
    -------
    dict of str -> DataFrame
    """
    problem = CoupledProblem.of(scenario, "v2g", "user")
    grid = ReducedGrid(problem.case, problem.options)
    kinds = Kinds.of(problem.cohorts, grid.station_group)
    totals, steps, stations, roads = [], [], [], {}
    for day in days:
        log.info("dispatch: %s", day.name)
        dispatch = _dispatch(problem, kinds, grid, day)
        late_cny = _after_horizon_cny(problem, kinds, day)
        totals.append(_day(day, dispatch, late_cny))
        if day.name in DRAWN:
            steps.append(_steps(day.name, problem, kinds, day.traffic, dispatch))
            stations.append(_stations(scenario, day, problem))
            roads[day.name] = _peak_over_capacity(day.traffic)
    used = np.any([values > 0 for values in roads.values()], axis=0)
    return {
        "city_iterations.csv": settled.convergence.drop(columns=[c for c in settled.convergence if "seconds" in c]),
        "city_days.csv": pd.DataFrame(totals),
        "city_steps.csv": pd.concat(steps, ignore_index=True),
        "city_stations.csv": pd.concat(stations, ignore_index=True),
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


def _stations(scenario: Scenario, day: Day, problem) -> pd.DataFrame:
    loading, own, place = day.traffic.loading, scenario.stations, _places(scenario)
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
