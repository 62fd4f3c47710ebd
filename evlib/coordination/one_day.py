"""One day without iteration: departures, loading, cohorts, dispatch and prices, each computed once."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from evlib.assignment.path_costs import evaluate_loading
from evlib.assignment.route_choice import cheapest_departures, shortest_path_departures
from evlib.flexibility.cohorts import mean_over_types
from evlib.flexibility.fleet import Fleet
from evlib.flexibility.schedule import Schedule
from evlib.grid.dispatch import Dispatch, net_demand
from evlib.grid.fleet_dispatch import vehicle_set
from evlib.grid.grid_case import GridCase
from evlib.grid.power_flow import PowerFlow, power_flow
from evlib.inputs.build_fleet import all_cohorts
from evlib.inputs.build_grid import build_grid_case, build_grid_options
from evlib.inputs.build_roads import build_drivers, build_network, origin_demand
from evlib.inputs.scenario import Scenario
from evlib.traffic.arrival_levels import plug_ins
from evlib.traffic.loading import Loading, load_traffic
from evlib.traffic.network import Network
from evlib.traffic.path_times import plug_in_shares

__all__ = ["LEAST_COHORT_VEH", "Run", "dispatch_loading", "solve_run"]

log = logging.getLogger(__name__)

# A cohort smaller than this is left out of the grid problem; the certificate counts the vehicles left out.
LEAST_COHORT_VEH = 1e-9


@dataclass(frozen=True)
class Run:
    """Everything computed on the way from departures to prices, before it becomes tables.

    Attributes
    ----------
    network : Network
    loading : Loading
    cohorts : Fleet
        One vehicle of every cohort that may ever plug in.
    sizes_veh : ndarray, shape (n_cohorts,)
        Vehicles in each cohort; 0 if there are none or too few to count.
    schedule : Schedule
        Schedule of one *vehicle* of each cohort; zero power if the cohort is empty.
    case : GridCase
    dispatch : Dispatch
    power_flow : PowerFlow
        The dispatch on the AC feeder.
    vehicle_cny : ndarray, shape (n_cohorts,)
        Least electricity cost V of one vehicle of each cohort at the announced prices.
    late_veh : ndarray, shape (n_stations, n_classes), or (n_stations, n_classes, n_levels)
        Vehicles that plug in after the horizon.
    dropped_veh : float
        Vehicles in cohorts too small to count.
    departure_kwh : ndarray, shape (n_classes,)
        Mean energy in the battery of a vehicle on departure [kWh].
    announced : bool
        Whether prices were announced beforehand; else they are the dispatch's own.
    most_above_cny : float or None
        How much the dispatch may cost above the least, if it is not the optimum of the vehicles' set [CNY].
    """

    network: Network
    loading: Loading
    cohorts: Fleet
    sizes_veh: np.ndarray
    schedule: Schedule
    case: GridCase
    dispatch: Dispatch
    power_flow: PowerFlow
    vehicle_cny: np.ndarray
    late_veh: np.ndarray
    dropped_veh: float
    departure_kwh: np.ndarray
    announced: bool = False
    most_above_cny: float | None = None

    @property
    def occupied(self) -> np.ndarray:
        """Which cohorts are not empty, shape (n_cohorts,)."""
        return self.sizes_veh > 0

    @property
    def fleet(self) -> Fleet:
        """The cohorts that are not empty, as the grid problem sees them."""
        return self.cohorts.of_sizes(self.sizes_veh).take(self.occupied)

    @property
    def electricity_cny(self) -> np.ndarray:
        """V by station, class, level (if there are several) and plug-in step [CNY per vehicle].

        See :func:`evlib.flexibility.cohorts.mean_over_types`.
        """
        return mean_over_types(self.cohorts, self.vehicle_cny, self.network.stay_steps)


def solve_run(scenario: Scenario, strategy: str, charging: str) -> Run:
    """Solve a case without coordination, as arrays: departures, loading, cohorts, dispatch, prices.

    Parameters
    ----------
    scenario : Scenario
    strategy : {"no_ev", "shortest_path", "snapshot"}
    charging : {"uncontrolled", "smart", "v2g"}

    Returns
    -------
    Run
    """
    log.info(
        "%s: looking for paths of %d origins to %d stations", strategy, len(scenario.origins), len(scenario.stations)
    )
    network = build_network(scenario)
    demand = origin_demand(scenario)
    log.info("loading %.0f vehicles on %d paths", demand.sum(), len(network.paths))
    if strategy == "no_ev":
        demand = np.zeros_like(demand)
    run = dispatch_loading(scenario, load_traffic(network, shortest_path_departures(network, demand)), charging)
    if strategy == "snapshot":
        drivers, follow = build_drivers(scenario), scenario.fleet.compliance
        cost = evaluate_loading(run.loading, drivers, "user").costs(run.electricity_cny)
        departures = cheapest_departures(network, follow * demand, cost, drivers.logit_cny)
        departures += shortest_path_departures(network, (1.0 - follow) * demand)
        run = dispatch_loading(scenario, load_traffic(network, departures), charging)
    return run


def dispatch_loading(scenario: Scenario, loading: Loading, charging: str, price_cny_kwh=None, dispatch_of=None) -> Run:
    """Dispatch the grid with the cohorts of a loading, and price them.

    Parameters
    ----------
    scenario : Scenario
    loading : Loading
    charging : {"v2g", "smart", "uncontrolled"}
    price_cny_kwh : ndarray, shape (n_bus, K), optional
        Announced prices; those of the dispatch itself by default.
    dispatch_of : callable, optional
        Returns the :class:`evlib.grid.fleet_dispatch.FleetDispatch` of cohorts of given sizes; by default the optimum of
        the scenario's set.

    Returns
    -------
    Run

    Raises
    ------
    SolverError
        If the grid problem has no optimal solution.
    """
    case, options = build_grid_case(scenario), build_grid_options(scenario, final=True)
    cohorts = all_cohorts(scenario, case.terminal_price_cny_kwh, charging, loading.network.drive_kwh)
    vehicles = vehicle_set(cohorts, charging, scenario.switches.set)
    plugged = plug_ins(loading, plug_in_shares(loading))
    sizes = cohorts.sizes_of(plugged[..., : case.n_steps])
    large = sizes > LEAST_COHORT_VEH
    dropped = float(sizes[~large].sum())
    sizes = np.where(large, sizes, 0.0)
    log.info("dispatching %d cohorts in %d steps", large.sum(), case.n_steps)
    answer = vehicles.dispatch(case, options, sizes) if dispatch_of is None else dispatch_of(sizes)
    dispatch = answer.dispatch
    if price_cny_kwh is not None:
        dispatch = replace(dispatch, price_cny_kwh=price_cny_kwh)
    net_kw, net_kvar = net_demand(case, dispatch)
    return Run(
        network=loading.network,
        loading=loading,
        cohorts=cohorts,
        sizes_veh=sizes,
        schedule=answer.schedule(),
        case=case,
        dispatch=dispatch,
        power_flow=power_flow(case.feeder, net_kw, net_kvar, root_pu=options.root_pu(case.feeder)),
        vehicle_cny=vehicles.vehicle_costs(dispatch.price_cny_kwh[case.station_bus]),
        late_veh=plugged[..., case.n_steps :].sum(axis=-1),
        dropped_veh=dropped,
        departure_kwh=np.array([member.soc_arrival * member.battery_kwh for member in scenario.fleet.classes]),
        announced=price_cny_kwh is not None,
        most_above_cny=answer.most_above_cny,
    )
