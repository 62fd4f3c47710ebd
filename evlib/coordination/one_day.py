"""One day without iteration: departures, loading, cohorts, dispatch and prices, once through."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evlib.assignment.path_costs import see_traffic
from evlib.assignment.route_choice import cheapest_departures, shortest_path_departures
from evlib.flexibility.cohorts import Cohorts, mean_over_types, station_profile
from evlib.flexibility.domain import Schedule, uncontrolled
from evlib.flexibility.fleet import Fleet
from evlib.flexibility.station_load import full_power_block
from evlib.grid.dispatch import Dispatch, net_demand
from evlib.grid.dno import dispatch_grid
from evlib.grid.fleet_dispatch import cohort_fleet, dispatch_fleet, set_costs
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.power_flow import PowerFlow, power_flow
from evlib.inputs.build_fleet import all_cohorts
from evlib.inputs.build_grid import build_grid_case
from evlib.inputs.build_roads import build_network, origin_demand
from evlib.inputs.scenario import Scenario
from evlib.traffic.loading import Loading, load_traffic
from evlib.traffic.network import Network

__all__ = ["Run", "dispatch_loading", "solve_run"]

# A cohort smaller than this is left out of the grid problem; what is left out is counted in the certificate.
LEAST_COHORT_VEH = 1e-9


@dataclass(frozen=True)
class Run:
    """Everything computed on the way from departures to prices, before it becomes tables.

    Attributes
    ----------
    network : Network
    loading : Loading
    cohorts : Cohorts
    sizes_veh : ndarray, shape (n_cohorts,)
        Vehicles in each cohort; 0 where none or too few to count.
    schedule : Schedule
        One *vehicle* of each cohort; zero power where the cohort is empty.
    case : GridCase
    dispatch : Dispatch
    power_flow : PowerFlow
        The dispatch on the AC feeder.
    vehicle_cny : ndarray, shape (n_cohorts,)
        Least electricity cost V of one vehicle of each cohort at the prices found.
    late_veh : ndarray, shape (n_stations, n_classes)
        Vehicles that plug in after the horizon.
    dropped_veh : float
        Vehicles in cohorts too small to count.
    """

    network: Network
    loading: Loading
    cohorts: Cohorts
    sizes_veh: np.ndarray
    schedule: Schedule
    case: GridCase
    dispatch: Dispatch
    power_flow: PowerFlow
    vehicle_cny: np.ndarray
    late_veh: np.ndarray
    dropped_veh: float

    @property
    def fleet(self) -> Fleet:
        """The cohorts that are not empty, as the grid problem sees them."""
        here = self.sizes_veh > 0
        first = self.cohorts.plug_in_step[here] + 1
        shape = (len(self.case.stations), self.case.n_steps)
        return Fleet(self.cohorts.domain.take(here), self.sizes_veh[here], self.cohorts.station[here], first, *shape)


def solve_run(scenario: Scenario, strategy: str, charging: str) -> Run:
    """A one-way case as arrays: departures, loading, cohorts, dispatch, prices.

    Parameters
    ----------
    scenario : Scenario
    strategy : {"no_ev", "shortest_path", "snapshot"}
    charging : {"uncontrolled", "smart", "v2g"}

    Returns
    -------
    Run
    """
    network = build_network(scenario)
    demand = origin_demand(scenario)
    if strategy == "no_ev":
        demand = np.zeros_like(demand)
    run = dispatch_loading(scenario, load_traffic(network, shortest_path_departures(network, demand)), charging)
    if strategy == "snapshot":
        traffic = see_traffic(scenario, run.loading, "user", scenario.switches.signal)
        cost = traffic.costs(mean_over_types(run.cohorts, scenario, run.vehicle_cny))
        follow = scenario.fleet.compliance
        departures = cheapest_departures(network, follow * demand, cost, scenario.fleet.logit_cny)
        departures += shortest_path_departures(network, (1.0 - follow) * demand)
        run = dispatch_loading(scenario, load_traffic(network, departures), charging)
    return run


def dispatch_loading(scenario: Scenario, loading: Loading, charging: str, price_cny_kwh=None) -> Run:
    """Dispatch the grid with the cohorts of a loading, and price them.

    Parameters
    ----------
    scenario : Scenario
    loading : Loading
    charging : {"v2g", "smart", "uncontrolled"}
    price_cny_kwh : ndarray, shape (n_bus, K), optional
        Announced prices; without them those of the dispatch itself.

    Returns
    -------
    Run

    Raises
    ------
    SolverError
        The grid problem has no optimal solution.
    """
    case = build_grid_case(scenario)
    cohorts = all_cohorts(scenario, case.terminal_price_cny_kwh, charging)
    n_steps = case.n_steps
    plugged = loading.cohorts_veh
    sizes = cohorts.sizes(plugged[:, :, :n_steps])
    kept = sizes > LEAST_COHORT_VEH
    dropped = float(sizes[~kept].sum())
    sizes = np.where(kept, sizes, 0.0)
    options = GridOptions.of(scenario, final=True)
    if charging == "uncontrolled":
        dispatch, schedule = _dispatch_uncontrolled(case, options, cohorts, sizes)
    else:
        fleet = cohort_fleet(cohorts, sizes).take(kept)
        dispatch, of_kept = dispatch_fleet(case, options, fleet, scenario.switches.set)
        schedule = _of_all(cohorts, kept, of_kept)
    if price_cny_kwh is not None:
        dispatch = replace(dispatch, price_cny_kwh=price_cny_kwh)
    station_price = dispatch.price_cny_kwh[case.station_bus]
    vehicle_cny = set_costs(cohorts, station_price, charging, scenario.switches.set)
    net_kw, net_kvar = net_demand(case, dispatch)
    return Run(
        network=loading.network,
        loading=loading,
        cohorts=cohorts,
        sizes_veh=sizes,
        schedule=schedule,
        case=case,
        dispatch=dispatch,
        power_flow=power_flow(case.feeder, net_kw, net_kvar, root_pu=options.root_voltage_pu),
        vehicle_cny=vehicle_cny,
        late_veh=plugged[:, :, n_steps:].sum(axis=2),
        dropped_veh=dropped,
    )


def _dispatch_uncontrolled(case, options, cohorts, sizes):
    """Full power at once; where the grid cuts a station, all vehicles there are cut in proportion."""
    domain = cohorts.domain
    schedule = uncontrolled(domain)
    wanted = station_profile(cohorts, sizes, schedule.charge_kw)
    first = cohorts.plug_in_step + 1
    cluster = full_power_block(domain, sizes, cohorts.station, first, len(case.stations), case.n_steps)
    dispatch = dispatch_grid(case, options, cluster)
    kept = np.divide(dispatch.station_kw, wanted, out=np.ones_like(wanted), where=wanted > 0)
    charge = schedule.charge_kw * np.where(schedule.charge_kw > 0, cohorts.own_prices(kept), 0.0)
    energy = np.zeros_like(schedule.energy_kwh)
    energy[:, 1:] = np.cumsum(case.step_h * domain.eta_charge * charge, axis=1)
    cut_kwh = case.step_h * domain.eta_charge * (schedule.charge_kw - charge).sum(axis=1)
    return dispatch, Schedule(
        charge, np.zeros_like(charge), energy, schedule.terminal_kwh, schedule.unserved_kwh + cut_kwh
    )


def _of_all(cohorts: Cohorts, kept, schedule: Schedule) -> Schedule:
    """Schedules of one vehicle of every cohort, 0 where the cohort is not in the grid problem."""
    n, n_steps = cohorts.domain.n, cohorts.domain.n_steps
    fields = {}
    for name, columns in (("charge_kw", n_steps), ("discharge_kw", n_steps), ("energy_kwh", n_steps + 1)):
        given = getattr(schedule, name)
        fields[name] = np.zeros((n, columns))
        fields[name][np.ix_(np.flatnonzero(kept), np.arange(given.shape[1]))] = given
    for name in ("terminal_kwh", "unserved_kwh"):
        fields[name] = np.zeros(n)
        fields[name][kept] = getattr(schedule, name)
    return Schedule(**fields)
