"""The market of a day: what drivers and grid exchange, and whether prices support what they agreed on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.assignment.path_costs import Traffic, see_traffic
from evlib.assignment.route_choice import shortest_path_departures
from evlib.flexibility.cohorts import Cohorts, mean_over_types
from evlib.flexibility.schedule import cost_of
from evlib.flexibility.station_load import column_block, exact_block, full_power_block, no_vehicles, priced_power
from evlib.flexibility.support import support
from evlib.flexibility.zonotope.inner_approximation import inner_zonotopes
from evlib.flexibility.zonotope.station_load import zonotope_block
from evlib.grid.dno import dispatch_grid
from evlib.grid.fleet_dispatch import COLUMNS_GAP, cohort_fleet, dispatch_by_columns, set_costs
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.inputs.build_fleet import all_cohorts
from evlib.inputs.build_grid import build_grid_case
from evlib.inputs.build_roads import build_network, origin_demand
from evlib.traffic.loading import load_traffic
from evlib.traffic.network import Network

__all__ = ["Market", "price_gap"]

# Columns of one dispatch that the next starts from.
KEPT_QUOTES = 20


@dataclass(frozen=True)
class Market:
    """What does not change while traffic and grid talk.

    Attributes
    ----------
    scenario : Scenario
    network : Network
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        Of those who follow the signal: ``compliance`` of each origin, class and step.
    fixed_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of the others, by the shortest path to the nearest station.
    case : GridCase
    options : GridOptions
    cohorts : Cohorts
    charging, objective, signal : str
    empty_cost_cny : float
        J(0): least grid cost without vehicles, the scale of the price gap.
    domain_set : str
        The set in which the grid sees vehicles, see :mod:`evlib.grid.fleet_dispatch`.
    zonotopes : list of Zonotope, or None
        One vehicle's of every cohort, for that set.
    """

    scenario: object
    network: Network
    demand_veh: np.ndarray
    fixed_veh: np.ndarray
    case: GridCase
    options: GridOptions
    cohorts: Cohorts
    charging: str
    objective: str
    signal: str
    empty_cost_cny: float
    domain_set: str
    zonotopes: list | None

    @classmethod
    def of(cls, scenario, charging: str, objective: str) -> Market:
        """The market of a scenario."""
        case, options = build_grid_case(scenario), GridOptions.of(scenario)
        network, demand, follow = build_network(scenario), origin_demand(scenario), scenario.fleet.compliance
        cohorts = all_cohorts(scenario, case.terminal_price_cny_kwh, charging)
        return cls(
            scenario,
            network,
            follow * demand,
            shortest_path_departures(network, (1.0 - follow) * demand),
            case,
            options,
            cohorts,
            charging,
            objective,
            scenario.switches.signal,
            dispatch_grid(case, options, no_vehicles(len(case.stations), case.n_steps)).objective_cny,
            scenario.switches.set,
            inner_zonotopes(cohorts.domain) if scenario.switches.set == "zonotope" else None,
        )

    def vehicle_costs(self, station_price: np.ndarray) -> np.ndarray:
        """V of one vehicle of every cohort within the set, shape (n_cohorts,) [CNY]."""
        return set_costs(self.cohorts, station_price, self.charging, self.domain_set, self.zonotopes)

    def electricity(self, price_cny_kwh: np.ndarray) -> np.ndarray:
        """V by station, class and plug-in step at bus prices, see :func:`mean_over_types`."""
        return mean_over_types(self.cohorts, self.scenario, self.vehicle_costs(price_cny_kwh[self.case.station_bus]))

    def electricity_of(self, price_cny_kwh: np.ndarray, schedules: list) -> np.ndarray:
        """V if vehicles know these schedules only; at the prices of a program over them it is consistent with it."""
        prices = self.cohorts.own_prices(price_cny_kwh[self.case.station_bus])
        costs = [cost_of(self.cohorts.domain, prices, item) for item in schedules]
        return mean_over_types(self.cohorts, self.scenario, np.min(costs, axis=0))

    def look(self, flows_veh: np.ndarray) -> Traffic:
        """Load flows, with those who do not follow the signal, and read it."""
        loading = load_traffic(self.network, flows_veh + self.fixed_veh)
        return see_traffic(self.scenario, loading, self.objective, self.signal, self.fixed_veh)

    def sizes(self, traffic: Traffic) -> np.ndarray:
        """Cohorts of a loading [veh]."""
        return self.cohorts.sizes(traffic.loading.cohorts_veh[:, :, : self.case.n_steps])

    def block(self, kept: np.ndarray, size_veh, schedules=None):
        """Station power of some cohorts as a part of a grid problem."""
        cohorts = self.cohorts
        domain = cohorts.domain.take(kept)
        where = (cohorts.station[kept], cohorts.plug_in_step[kept] + 1, len(self.case.stations), self.case.n_steps)
        if self.charging == "uncontrolled":
            return full_power_block(domain, size_veh, *where)
        if self.domain_set == "zonotope":
            one = cohort_fleet(cohorts, np.ones(cohorts.domain.n)).take(kept)
            own = [self.zonotopes[v] for v in np.flatnonzero(kept)]
            return zonotope_block(one, size_veh, zonotopes=own).cluster
        if schedules is None:
            return exact_block(domain, size_veh, *where)
        return column_block(domain, [_taken(item, kept, domain.n_steps) for item in schedules], size_veh, *where)

    def dispatch(self, sizes_veh: np.ndarray, quotes=()):
        """The feeder with cohorts of these sizes, vehicles as the set has them; columns to start from, and those found."""
        kept = sizes_veh > 0
        if self.domain_set == "columns" and self.charging != "uncontrolled":
            fleet = cohort_fleet(self.cohorts, sizes_veh).take(kept)
            dispatch, found = dispatch_by_columns(self.case, self.options, fleet, gap=COLUMNS_GAP, quotes=quotes)
            return dispatch, found.leading_quotes(KEPT_QUOTES)
        return dispatch_grid(self.case, self.options, self.block(kept, sizes_veh[kept])), ()

    def best_schedules(self, price_cny_kwh: np.ndarray):
        """Best answer of one vehicle of every cohort to bus prices."""
        return support(self.cohorts.domain, self.cohorts.own_prices(price_cny_kwh[self.case.station_bus]))[1]


def price_gap(market: Market, sizes_veh: np.ndarray, price_cny_kwh: np.ndarray, cost_cny: float) -> float:
    """How far announced prices are from supporting a dispatch, as a share of J(0).

    .. math:: \\frac{J(N) - d(\\lambda; N)}{J(0)}, \\quad
              d(\\lambda; N) = \\min_e [\\text{grid}(e) - \\Delta_h \\lambda \\cdot e] + N \\cdot V(\\lambda)

    Parameters
    ----------
    market : Market
    sizes_veh : ndarray, shape (n_cohorts,)
    price_cny_kwh : ndarray, shape (n_bus, K)
        Announced prices.
    cost_cny : float
        J(N), freshly solved.

    Returns
    -------
    float
        Not negative but for the solver's tolerance; 0 where the prices support the dispatch.
    """
    station_price = price_cny_kwh[market.case.station_bus]
    value = market.vehicle_costs(station_price)
    dual_cny = grid_side(market, station_price) + float((sizes_veh * value).sum())
    return (cost_cny - dual_cny) / market.empty_cost_cny


def grid_side(market: Market, station_price: np.ndarray) -> float:
    """Least grid cost less what stations pay, their power free: the dual's grid part [CNY]."""
    free = priced_power(station_price, market.case.step_h)
    return dispatch_grid(market.case, market.options, free).objective_cny


def _taken(schedule, kept, n_steps):
    return type(schedule)(
        schedule.charge_kw[kept][:, :n_steps],
        schedule.discharge_kw[kept][:, :n_steps],
        schedule.energy_kwh[kept][:, : n_steps + 1],
        schedule.terminal_kwh[kept],
        schedule.unserved_kwh[kept],
    )
