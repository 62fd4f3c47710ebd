"""A synthetic city of 315 stations: how its coordination settled, and its day beside one of an even spread."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.assignment.gaps import gaps
from evlib.assignment.path_costs import Traffic
from evlib.assignment.route_choice import even_split
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

__all__ = ["CITY_FILES", "synthetic_scenario", "tables_of", "write"]

log = logging.getLogger(__name__)

CITY_FILES = ("city_iterations.csv", "city_days.csv", "city_steps.csv", "city_stations.csv", "city_roads.csv")
# A dispatch of vehicles that came without coordination: how near its bounds are to come, in shares of J(0).
CLOSE, DISPATCH_STEPS, PLAN_WEIGHT = 1e-3, 30, 0.02


def synthetic_scenario(folder: Path, assumed: CityAssumptions | None = None, size: CitySize | None = None) -> Scenario:
    """Write a synthetic city into a folder and load it."""
    assumed, size = assumed or CityAssumptions(), size or CitySize()
    return load_scenario(write_city(folder / "city", synthetic_tables(size, assumed), assumed, f"seed {size.seed}"))


def write(folder: Path = RESULTS) -> Path:
    """Coordinate the city, measure both days and write all tables (some minutes)."""
    code = run_hash(__name__)
    with tempfile.TemporaryDirectory() as place:
        scenario = synthetic_scenario(Path(place))
        tables = tables_of(scenario, coordinate(scenario, method="city"))
    notes = (
        "the synthetic city of seed 0: python -m evlib city FOLDER",
        f"scenario {scenario.hash[:12]}; method city; v2g",
    )
    for name in CITY_FILES:
        write_table(name, tables[name], code, notes, folder=folder)
    return folder / CITY_FILES[0]


def tables_of(scenario: Scenario, settled: Coordination) -> dict[str, pd.DataFrame]:
    """The tables of a coordinated city, by file name, with a day of an even spread beside it on the same paths.

    Parameters
    ----------
    scenario : Scenario
    settled : Coordination

    Returns
    -------
    dict of str -> DataFrame
    """
    problem = CoupledProblem.of(scenario, "v2g", scenario.switches.objective)
    wider = CoupledProblem.of(scenario, "v2g", "user").traffic
    network = settled.network
    nobody = np.zeros_like(settled.flows_veh)
    own = type(wider)(network, wider.demand_veh, nobody, wider.drivers, "user")
    tariff = np.broadcast_to(problem.case.import_price_cny_kwh.mean(), problem.case.load_kw.shape)
    at = problem.with_traffic(own)
    grid = ReducedGrid(problem.case, problem.options)
    kinds = Kinds.of(problem.cohorts, grid.station_group)
    electricity = kinds.by_step(kinds.vehicle_cny(tariff[problem.case.station_bus]), network.stay_steps)
    # Nearest stations are no rival here: with scarce plugs some vehicles would not be plugged in hours after the horizon.
    flows = {"even": even_split(network, own.demand_veh), "coordinated": settled.flows_veh}
    days, steps, stations, roads = [], [], [], {}
    for name, departures in flows.items():
        log.info("day: %s", name)
        traffic = own.evaluate(departures)
        price = tariff if name != "coordinated" else settled.price_cny_kwh
        dispatch = _dispatch(at, kinds, grid, traffic, price[problem.case.station_bus])
        announced = settled.price_cny_kwh if name == "coordinated" else None
        days.append(_day(name, traffic, dispatch, electricity, settled if name == "coordinated" else None))
        steps.append(_steps(name, problem, kinds, traffic, dispatch))
        stations.append(_stations(name, scenario, traffic, announced, settled, problem))
        roads[name] = _peak_over_capacity(traffic)
    used = np.any([values > 0 for values in roads.values()], axis=0)
    return {
        "city_iterations.csv": settled.convergence.drop(columns=[c for c in settled.convergence if "seconds" in c]),
        "city_days.csv": pd.DataFrame(days),
        "city_steps.csv": pd.concat(steps, ignore_index=True),
        "city_stations.csv": pd.concat(stations, ignore_index=True),
        "city_roads.csv": _road_table(scenario, network, roads, used),
    }


def _dispatch(problem, kinds, grid, traffic: Traffic, price) -> CityDispatch:
    fleet = ProximalFleet(kinds.fleet)
    return dispatch_city(
        problem.sizes(traffic),
        kinds,
        fleet,
        grid,
        np.array(price),
        fleet.idle(),
        PLAN_WEIGHT,
        close_cny=CLOSE * problem.scale_cny,
        most_steps=DISPATCH_STEPS,
        any_price=True,
    )


def _day(name: str, traffic: Traffic, dispatch: CityDispatch, electricity, settled: Coordination | None) -> dict:
    """Totals of a day; drivers' content is at what they know: the tariff, or announced prices with tolls and rents."""
    flows, loading = traffic.flows_veh, traffic.loading
    time_cny = float((flows * traffic.time_cny).sum())
    measured = gaps(traffic, electricity) if settled is None else settled.certificate
    cost = 0.5 * (dispatch.lower_cny + dispatch.upper_cny)
    dt = loading.network.time.loading_step_min
    return {
        "day": name,
        "time_cny": time_cny,
        "grid_cny": cost,
        "grid_bound_cny": 0.5 * (dispatch.upper_cny - dispatch.lower_cny),
        "total_cny": time_cny + cost,
        "waiting_min_veh": float(loading.queue_veh.sum() * dt / flows.sum()),
        "largest_queue_veh": float(loading.queue_veh.max()),
        "stations_used": int((loading.plugged_veh[:, :, -1].sum(axis=1) > 1.0).sum()),
        "excess_cny_veh": measured.excess_cny_veh,
        "relative_gap": measured.relative_gap,
    }


def _steps(name: str, problem, kinds: Kinds, traffic: Traffic, dispatch: CityDispatch) -> pd.DataFrame:
    time, loading = traffic.loading.network.time, traffic.loading
    ends = time.substeps * np.arange(1, time.n_steps + 1)
    price = kinds.prices(dispatch.price_cny_kwh)
    return pd.DataFrame(
        {
            "day": name,
            "step": np.arange(time.n_steps),
            "waiting_veh": loading.queue_veh[:, ends].sum(axis=0),
            "plugged_veh": loading.occupied_plugs[:, ends].sum(axis=0),
            "station_mw": dispatch.station_kw.sum(axis=0) / 1000.0,
            "least_price_cny_kwh": price.min(axis=0),
            "largest_price_cny_kwh": price.max(axis=0),
        }
    )


def _stations(name: str, scenario: Scenario, traffic: Traffic, price, settled, problem) -> pd.DataFrame:
    loading = traffic.loading
    own = scenario.stations
    place = _places(scenario)
    rent = settled.rent_cny.max(axis=1) if price is not None and settled.rent_cny is not None else np.nan
    return pd.DataFrame(
        {
            "day": name,
            "station": [station.name for station in own],
            "x_m": [place[station.node][0] for station in own],
            "y_m": [place[station.node][1] for station in own],
            "vehicles_veh": loading.plugged_veh[:, :, -1].sum(axis=1),
            "largest_queue_veh": loading.queue_veh.max(axis=1),
            "mean_price_cny_kwh": price[problem.case.station_bus].mean(axis=1) if price is not None else np.nan,
            "largest_rent_cny": rent,
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
