"""The coupled problem of a day: what stays the same while traffic and grid iterate, and what they exchange."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evlib.assignment.path_costs import Traffic
from evlib.assignment.path_generation import generate_paths
from evlib.assignment.traffic_problem import TrafficProblem
from evlib.flexibility.cohorts import mean_over_types
from evlib.flexibility.fleet import Fleet
from evlib.flexibility.schedule import Schedule, cost_of
from evlib.flexibility.station_load import StationLoad, column_block, no_vehicles
from evlib.flexibility.support import support
from evlib.grid.dno import dispatch_grid
from evlib.grid.fleet_dispatch import FleetDispatch, VehicleSet, vehicle_set
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.inputs.build_fleet import all_cohorts
from evlib.inputs.build_grid import build_grid_case, build_grid_options
from evlib.inputs.build_roads import build_traffic_problem, check_batteries
from evlib.inputs.scenario import Scenario
from evlib.traffic.arrival_levels import plug_ins
from evlib.traffic.network import Network

__all__ = ["CoupledProblem", "cost_scale"]

# The scale of price gaps is at least this share of what shedding and curtailing everything costs, and this much.
LEAST_SHARE_AT_STAKE, LEAST_SCALE_CNY = 0.01, 1.0


@dataclass(frozen=True)
class CoupledProblem:
    """Everything that stays the same while traffic and grid respond to each other.

    Attributes
    ----------
    scenario : Scenario
    traffic : TrafficProblem
    case : GridCase
    options : GridOptions
    cohorts : Fleet
        One vehicle of every cohort that may ever plug in.
    vehicles : VehicleSet
        The set by which the grid represents them.
    charging : {"uncontrolled", "smart", "v2g"}
    scale_cny : float
        Scale of price gaps: J(0), the least grid cost without vehicles, but at least a hundredth of what it costs to
        shed all load and curtail all wind and sun. J(0) alone vanishes, or is negative, where power is cheap or paid for.
    first_step : int
        Step from which on prices, rents and vehicles' power are free; before it everything has happened already.
    """

    scenario: Scenario
    traffic: TrafficProblem
    case: GridCase
    options: GridOptions
    cohorts: Fleet
    vehicles: VehicleSet
    charging: str
    scale_cny: float
    first_step: int = 0

    @classmethod
    def of(cls, scenario: Scenario, charging: str, objective: str) -> CoupledProblem:
        """Build the coupled problem of a scenario, with the paths that its network lists or starts from."""
        case, options = build_grid_case(scenario), build_grid_options(scenario)
        traffic = build_traffic_problem(scenario, objective)
        cohorts = all_cohorts(scenario, case.terminal_price_cny_kwh, charging, traffic.network.drive_kwh)
        return cls(
            scenario=scenario,
            traffic=traffic,
            case=case,
            options=options,
            cohorts=cohorts,
            vehicles=vehicle_set(cohorts, charging, scenario.switches.set),
            charging=charging,
            scale_cny=cost_scale(case, options, _empty_cost_cny(case, options)),
        )

    @property
    def network(self) -> Network:
        """The roads, with the paths that flows belong to."""
        return self.traffic.network

    @property
    def demand_veh(self) -> np.ndarray:
        """Departures of drivers who follow the signal, shape (n_origins, n_classes, n_departure_steps)."""
        return self.traffic.demand_veh

    @property
    def fixed_veh(self) -> np.ndarray:
        """Departures of the other drivers, shape (n_paths, n_classes, n_departure_steps)."""
        return self.traffic.fixed_veh

    @property
    def objective(self) -> str:
        """Whether drivers face their own cost only (``user``), or also what they cost others (``system``)."""
        return self.traffic.objective

    def with_generated_paths(self) -> CoupledProblem:
        """The problem with paths generated for the equilibrium at the import tariff."""
        tariff = np.broadcast_to(self.case.import_price_cny_kwh, self.case.load_kw.shape)

        def at_tariff(traffic: TrafficProblem) -> np.ndarray:
            return self.with_traffic(traffic).electricity(tariff)

        return self.with_traffic(generate_paths(self.traffic, at_tariff).problem)

    def with_traffic(self, traffic: TrafficProblem) -> CoupledProblem:
        """The problem with other paths, whose lengths may change the levels at which vehicles arrive."""
        if traffic.network.arrival_levels is None:
            return replace(self, traffic=traffic)
        scenario, price = self.scenario, self.case.terminal_price_cny_kwh
        check_batteries(scenario, traffic.network)
        cohorts = all_cohorts(scenario, price, self.charging, traffic.network.drive_kwh)
        vehicles = vehicle_set(cohorts, self.charging, scenario.switches.set)
        return replace(self, traffic=traffic, cohorts=cohorts, vehicles=vehicles)

    def electricity(self, price_cny_kwh: np.ndarray) -> np.ndarray:
        """Electricity cost V at bus prices, see :func:`evlib.flexibility.cohorts.mean_over_types`.

        Parameters
        ----------
        price_cny_kwh : ndarray, shape (n_bus, K)

        Returns
        -------
        ndarray, shape (n_stations, n_classes, K + 1), or (n_stations, n_classes, n_levels, K + 1)
            [CNY per vehicle] by plug-in step; the last column is for plug-ins after the horizon.
        """
        costs = self.vehicles.vehicle_costs(price_cny_kwh[self.case.station_bus])
        return mean_over_types(self.cohorts, costs, self.network.stay_steps)

    def electricity_of(self, price_cny_kwh: np.ndarray, schedules: list[Schedule]) -> np.ndarray:
        """As :meth:`electricity`, if vehicles may only use the given schedules.

        This is consistent with a program that mixes the same schedules, at the prices of that program.
        """
        prices = self.cohorts.cohort_prices(price_cny_kwh[self.case.station_bus])
        costs = [cost_of(self.cohorts.domain, prices, schedule) for schedule in schedules]
        return mean_over_types(self.cohorts, np.min(costs, axis=0), self.network.stay_steps)

    def sizes(self, traffic: Traffic) -> np.ndarray:
        """Vehicles in each cohort of a loading, shape (n_cohorts,) [veh]."""
        return self.cohorts.sizes_of(plug_ins(traffic.loading, traffic.shares)[..., : self.case.n_steps])

    def station_load(self, rows: np.ndarray, size_veh, schedules: list[Schedule] | None = None) -> StationLoad:
        """Station power of some cohorts, over their whole set or over mixtures of some schedules.

        Parameters
        ----------
        rows : ndarray of bool, shape (n_cohorts,)
            Which cohorts.
        size_veh : ndarray or cvxpy.Expression, shape (number of these,)
            Vehicles in each of them [veh].
        schedules : list of Schedule, optional
            Schedules of one vehicle of every cohort, to be mixed.
        """
        if schedules is None:
            return self.vehicles.station_load(rows, size_veh)
        fleet = self.cohorts.take(rows)
        return column_block(fleet, [schedule.take(rows, fleet.domain.n_steps) for schedule in schedules], size_veh)

    def dispatch(self, size_veh: np.ndarray, columns=()) -> FleetDispatch:
        """The grid's answer to cohorts of sizes (n_cohorts,) [veh]; it may start from the columns of an earlier one."""
        return self.vehicles.dispatch(self.case, self.options, size_veh, columns)

    def best_schedules(self, price_cny_kwh: np.ndarray) -> Schedule:
        """Best schedule of one vehicle of every cohort at bus prices, shape (n_bus, K)."""
        prices = self.cohorts.cohort_prices(price_cny_kwh[self.case.station_bus])
        return support(self.cohorts.domain, prices)[1]


def _empty_cost_cny(case: GridCase, options: GridOptions) -> float:
    """J(0) [CNY]; of the linear grid without a variable for every bus, which is equal and takes a tenth of the time."""
    if options.grid_model == "lindistflow":
        return ReducedGrid(case, options).fixed(np.zeros((len(case.stations), case.n_steps))).cost_cny
    return dispatch_grid(case, options, no_vehicles(len(case.stations), case.n_steps)).objective_cny


def cost_scale(case: GridCase, options: GridOptions, empty_cost_cny: float) -> float:
    """What differences of cost are measured by, see :class:`CoupledProblem` [CNY]; always positive.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    empty_cost_cny : float
        J(0).

    Returns
    -------
    float
    """
    load_kwh, available_kwh = case.step_h * case.load_kw.sum(), case.step_h * case.available_kw.sum()
    at_stake = options.shedding_cny_kwh * load_kwh + options.curtailment_cny_kwh * available_kwh
    return max(abs(empty_cost_cny), LEAST_SHARE_AT_STAKE * at_stake, LEAST_SCALE_CNY)
