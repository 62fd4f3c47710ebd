"""The road side of a scenario: network and paths, departures, drivers and everyday traffic.

The file is longer than others because departures, drivers and network of a scenario have to agree on their order.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from evlib.assignment.link_costs import PowerCost
from evlib.assignment.path_costs import Drivers
from evlib.assignment.route_choice import shortest_path_departures
from evlib.assignment.shortest_paths import Roads
from evlib.assignment.static_assignment import assign
from evlib.assignment.traffic_problem import TrafficProblem
from evlib.errors import InputError
from evlib.inputs.reading.local_clock import local_minutes, minutes_until
from evlib.inputs.scenario import Scenario
from evlib.traffic import impedance
from evlib.traffic.arrival_levels import check_reach
from evlib.traffic.network import Network, assemble_network
from evlib.traffic.paths import Background
from evlib.traffic.time_grid import TimeGrid, clock_to_min

__all__ = [
    "build_drivers",
    "build_network",
    "build_traffic_problem",
    "check_batteries",
    "departure_profile",
    "everyday_traffic",
    "origin_demand",
]


# Levels by which arriving vehicles are told apart, unless fleet.arrival_levels says otherwise.
ARRIVAL_LEVELS = 3


def departure_profile(step_min, n_departure_steps, peak_min, width_min, peak_over_mean) -> np.ndarray:
    """Share of a class that departs in each step: a bell curve on a constant floor.

    .. math:: r_k = \\frac1n \\left(1 + (\\rho - 1) \\frac{g_k - \\bar g}{g_{max} - \\bar g}\\right)

    Here g is a bell curve, taken at the middle of each step. The mean is 1/n, and the peak is rho times the mean.

    Parameters
    ----------
    step_min : float
        Length of a step [min].
    n_departure_steps : int
        Number n of steps in which vehicles depart.
    peak_min, width_min : float
        Centre of the bell, counted from the start of the first step, and its standard deviation [min].
    peak_over_mean : float
        rho, at least 1.

    Returns
    -------
    ndarray, shape (n_departure_steps,)
        Sums to 1.

    Raises
    ------
    InputError
        If the peak is so high that the floor would be negative.

    Examples
    --------
    >>> departure_profile(5, 4, 10, 5, 1.5).round(3)
    array([0.125, 0.375, 0.375, 0.125])
    """
    middle = step_min * (np.arange(n_departure_steps) + 0.5)
    bell = np.exp(-0.5 * ((middle - peak_min) / width_min) ** 2)
    spread = bell.max() - bell.mean()
    shape = np.zeros_like(bell) if spread == 0 else (bell - bell.mean()) / spread
    profile = (1 + (peak_over_mean - 1) * shape) / n_departure_steps
    if profile.min() < 0:
        most = np.floor(100 * (1 - 1 / shape.min())) / 100
        raise InputError(
            f"peak_over_mean: {peak_over_mean}; needs a negative floor with a peak_width_min of {width_min:g}, must be at most "
            f"{most:.2f}"
        )
    return profile


def origin_demand(scenario: Scenario) -> np.ndarray:
    """Vehicles that depart from each origin, by class and decision step.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    ndarray, shape (n_origins, n_classes, n_departure_steps)
        [veh]; sums to ``fleet.vehicles``. If trips go on to a destination, each origin stands for a pair of origin and
        destination, in the order of the network's origins; pairs without any trip in a table of trips are left out.

    Raises
    ------
    InputError
        See :func:`departure_profile`.
    """
    fleet, time, tables = scenario.fleet, scenario.time, scenario.tables
    if tables.trip_share is not None:
        pairs = _has_trips(scenario)
        return fleet.vehicles * (tables.trip_share if pairs is None else tables.trip_share[pairs.ravel()])
    peak = minutes_until(fleet.peak_clock, time)
    profiles = []
    for member in fleet.classes:
        bell = (peak, fleet.peak_width_min, member.peak_over_mean)
        try:
            profiles.append(departure_profile(time.step_min, time.last_departure_step + 1, *bell))
        except InputError as error:
            raise InputError(f"{scenario.file}: fleet.classes.{member.name}.{error}") from None
    share = np.array([member.share for member in fleet.classes])
    origin = np.array([item.share for item in scenario.origins])
    by_origin = np.array(profiles)[None]
    if tables.origin_profile is not None:
        own = tables.origin_profile[:, None, :]
        by_origin = np.where(np.isnan(own), by_origin, own)
    if scenario.switches.trip_end == "destination":
        onward = [item.share for item in scenario.destinations]
        by_origin = by_origin if len(by_origin) == 1 else np.repeat(by_origin, len(onward), axis=0)
        origin = np.outer(origin, onward).ravel()
    return fleet.vehicles * origin[:, None, None] * share[None, :, None] * by_origin


def _has_trips(scenario: Scenario) -> np.ndarray | None:
    """Which pairs of origin and destination a table of trips has, (n_origins, n_destinations); None for all."""
    share = scenario.tables.trip_share
    if share is None or scenario.switches.trip_end != "destination":
        return None
    return share.sum(axis=(1, 2)).reshape(len(scenario.origins), len(scenario.destinations)) > 0


def build_network(scenario: Scenario) -> Network:
    """Build the extended network of a scenario and enumerate its paths.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    Network

    Raises
    ------
    InputError
        If an origin reaches no station, no origin reaches a station, there are too many paths to enumerate, or one of
        them takes more energy than a vehicle departs with.
    """
    time, tables, roads = scenario.time, scenario.tables, scenario.roads
    delay = getattr(impedance, scenario.switches.impedance)
    if scenario.switches.impedance == "bpr":
        delay = partial(delay, alpha=roads.bpr_alpha, power=roads.bpr_power)
    goes_on = scenario.switches.trip_end == "destination"
    network = assemble_network(
        roads=[
            (tail, head, minutes, capacity_veh_h)
            for tail, head, minutes, capacity_veh_h in zip(
                tables.link_tail.tolist(),
                tables.link_head.tolist(),
                tables.link_free_flow_min.tolist(),
                _capacity_veh_h(scenario).tolist(),
                strict=True,
            )
        ],
        destinations={item.name: item.node for item in scenario.destinations} if goes_on else None,
        has_trips=_has_trips(scenario),
        origins={origin.name: origin.node for origin in scenario.origins},
        stations={station.name: (station.node, station.plugs) for station in scenario.stations},
        stay_steps={member.name: round(member.stay_min / time.step_min) for member in scenario.fleet.classes},
        time=TimeGrid(
            time.step_min,
            time.n_steps,
            round(time.step_min * 60 / time.loading_step_s),
            time.last_departure_step,
            clock_to_min(time.start_clock),
            None if time.zone is None else tuple(local_minutes(time).tolist()),
        ),
        delay_function=delay,
        every_path=scenario.switches.path_set == "enumerated",
        label=str(scenario.file),
        length_km=tables.link_length_km,
        drive_kwh_km={member.name: member.drive_kwh_km or 0.0 for member in scenario.fleet.classes},
        n_arrival_levels=scenario.fleet.arrival_levels or ARRIVAL_LEVELS,
        nearest_stations=tables.nearest_stations,
        ends_only=() if tables.ends_only is None else tables.ends_only.tolist(),
    )
    check_batteries(scenario, network)
    if roads.background_veh_h == 0:
        return network
    ways, veh_h = everyday_traffic(scenario)
    ways = tuple(tuple(network.n_entries + arc for arc in way) for way in ways)
    departures = np.repeat(veh_h[:, None] * time.step_min / 60.0, time.n_steps, axis=1)
    return replace(network, background=Background(ways, departures))


def check_batteries(scenario: Scenario, network: Network) -> None:
    """Refuse paths that take more energy than the emptiest vehicle of a class departs with.

    Parameters
    ----------
    scenario : Scenario
    network : Network
        Its network, with the paths to check.

    Raises
    ------
    InputError
        Names class, path, length and energies.
    """
    fleet = scenario.fleet
    least = [(member.soc_arrival - fleet.soc_type_offset) * member.battery_kwh for member in fleet.classes]
    check_reach(network, least, str(scenario.file))


def _capacity_veh_h(scenario: Scenario) -> np.ndarray:
    """Capacity of each road: its own, or that of all roads."""
    own = scenario.tables.link_capacity_veh_h
    return np.full(len(scenario.tables.link_tail), scenario.roads.capacity_veh_h) if own is None else own


def everyday_traffic(scenario: Scenario) -> tuple[tuple[tuple[int, ...], ...], np.ndarray]:
    """Paths of the background traffic and the flow on each, constant all day.

    Parameters
    ----------
    scenario : Scenario
        Its ``roads.background_veh_h`` trips per hour are divided over the origin-destination pairs of ``roads.od_file``
        in proportion to their demand.

    Returns
    -------
    ways : tuple of tuple of int
        Roads of each path, as rows of the table of links.
    flow_veh_h : ndarray, shape (n_ways,)
        [veh/h].

    Raises
    ------
    InputError
        If there is no table of pairs, or the static equilibrium does not converge.

    Notes
    -----
    This is the user equilibrium of these trips alone, with the Bureau of Public Roads curve on the scenario's
    capacities (``bpr_alpha``, ``bpr_power``): everyday drivers adapt to each other, but not to the electric vehicles.
    """
    tables, roads, total = scenario.tables, scenario.roads, scenario.roads.background_veh_h
    if roads.od_file is None:
        raise InputError(
            f"{scenario.file}: roads.background_veh_h: {total:g} without roads.od_file; name a table of pairs, or set it to 0"
        )
    pairs = pd.DataFrame(
        {
            "origin": tables.od_origin,
            "destination": tables.od_destination,
            "demand_veh": total * tables.od_demand_veh / tables.od_demand_veh.sum(),
        }
    )
    graph = Roads(int(max(tables.link_tail.max(), tables.link_head.max())), tables.link_tail, tables.link_head)
    capacity = _capacity_veh_h(scenario)
    cost = PowerCost.bpr(tables.link_free_flow_min, capacity, roads.bpr_alpha, roads.bpr_power)
    equilibrium = assign(graph, cost, pairs, gap=1e-8)
    if not equilibrium.converged:
        raise InputError(f"{scenario.file}: roads.background_veh_h: {total:g} does not settle; must be fewer trips")
    return equilibrium.paths, equilibrium.path_flow_veh


def build_drivers(scenario: Scenario) -> Drivers:
    """Build a scenario's drivers: their values of time, the signal that they receive, and the fees of stations.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    Drivers
        A fee per kWh is paid for the energy drawn to fill up as wanted, gain over ``eta_charge``, whatever is served.
    """
    fleet, switches, fee = scenario.fleet, scenario.switches, None
    vot = np.array([member.vot_cny_h for member in fleet.classes])
    if scenario.tables.station_fee is not None:
        session, per_kwh = scenario.tables.station_fee[:, :, None]
        fee = session + per_kwh * [item.gain_share * item.battery_kwh / fleet.eta_charge for item in fleet.classes]
    return Drivers(vot, fleet.queue_factor * vot, fleet.logit_cny, switches.signal, switches.station_waiting, fee)


def build_traffic_problem(scenario: Scenario, objective: str | None = None) -> TrafficProblem:
    """Build the traffic operator's problem of a scenario.

    Parameters
    ----------
    scenario : Scenario
        The share ``fleet.compliance`` of each origin, class and step follows the signal; the others take the shortest
        path to the nearest station.
    objective : {"user", "system"}, optional
        The scenario's objective by default.

    Returns
    -------
    TrafficProblem
    """
    if objective == "system" and scenario.tables.station_fee is not None:
        raise InputError(
            f"{scenario.file}: stations have fees, payments that objective 'system' ignores; must be 'user'"
        )
    network, demand, follow = build_network(scenario), origin_demand(scenario), scenario.fleet.compliance
    return TrafficProblem(
        network=network,
        demand_veh=follow * demand,
        fixed_veh=shortest_path_departures(network, (1.0 - follow) * demand),
        drivers=build_drivers(scenario),
        objective=objective or scenario.switches.objective,
    )
