"""What drivers are told at the minute they leave, and what they then choose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.assignment.path_costs import Drivers, Traffic, path_costs
from evlib.assignment.route_choice import cheapest_departures
from evlib.traffic.loading import Loading
from evlib.traffic.network import Network
from evlib.traffic.station_waiting import StationQueue

__all__ = ["Told", "cheapest_shares", "shares_of_plan", "tell_all", "tell_now", "tell_plan", "times_now"]


@dataclass(frozen=True)
class Told:
    """What is announced for every path to those who depart in one step, each of shape (n_paths, n_classes) [CNY/veh].

    Attributes
    ----------
    time_cny : ndarray
        Time on the road and waiting.
    electricity_cny : ndarray
        What charging costs; for signal ``promised`` this is what is paid.
    transfer_cny : ndarray
        Tolls and plug rents.
    """

    time_cny: np.ndarray
    electricity_cny: np.ndarray
    transfer_cny: np.ndarray

    @property
    def cost_cny(self) -> np.ndarray:
        """All together."""
        return self.time_cny + self.electricity_cny + self.transfer_cny


def times_now(loading: Loading, minute: float) -> tuple[np.ndarray, np.ndarray]:
    """Time on the road and waiting of every path, all arcs and queues as they are at a time.

    Parameters
    ----------
    loading : Loading
        Of those who have departed before.
    minute : float
        [min] from the start of the day.

    Returns
    -------
    road_min, waiting_min : ndarray, shape (n_paths,)
        What the arcs take to whoever enters them now; how long whoever arrives at the station now waits [min].
    """
    network = loading.network
    arc_min = np.array([np.interp(minute, loading.time_min, exits) - minute for exits in loading.exit_min])
    if minute > loading.time_min[-1]:
        arc_min = np.asarray(network.free_flow_min, dtype=float)
    now = np.array([minute])
    queue = [float((StationQueue(loading, c).plug_in_min(now) - now)[0]) for c in range(len(network.stations))]
    road = np.array([arc_min[list(path.arcs)].sum() for path in network.paths])
    return road, np.array([queue[path.station] for path in network.paths])


def tell_now(loading: Loading, drivers: Drivers, step: int, electricity_cny: np.ndarray) -> Told:
    """The signal ``now``: the present state of roads and queues, and electricity at present prices.

    Parameters
    ----------
    loading : Loading
        Of those who have departed before.
    drivers : Drivers
    step : int
        Step that begins now.
    electricity_cny : ndarray, shape (n_stations, n_classes, K + 1), or with levels before the last axis
        V of one vehicle if prices stayed as they are [CNY].

    Returns
    -------
    Told
        Without tolls and rents, which belong to a plan.
    """
    network = loading.network
    road, waiting = times_now(loading, network.time.step_min * step)
    time_cny = (np.outer(road, drivers.vot_cny_h) + np.outer(waiting, drivers.queue_cny_h)) / 60.0
    if electricity_cny.ndim == 4:
        by_path = network.arrival_levels.by_path(electricity_cny, network.path_station)
        paid = by_path[:, :, step]
    else:
        paid = electricity_cny[network.path_station][:, :, step]
    return Told(time_cny, paid, np.zeros_like(time_cny))


def tell_plan(traffic: Traffic, electricity_cny: np.ndarray, rent_cny: np.ndarray | None, step: int) -> Told:
    """The signals ``predicted`` and ``promised``: times, electricity, tolls and rents as the plan expects them.

    Parameters
    ----------
    traffic : Traffic
        The plan's loading.
    electricity_cny : ndarray
        V at the plan's prices [CNY].
    rent_cny : ndarray, shape (n_stations, K), or None
    step : int

    Returns
    -------
    Told
    """
    everybody = tell_all(traffic, electricity_cny, rent_cny)
    return Told(*(values[:, :, step] for values in vars(everybody).values()))


def tell_all(traffic: Traffic, electricity_cny: np.ndarray, rent_cny: np.ndarray | None) -> Told:
    """What the plan expects for departures of all steps, those on their way included; shape (n_paths, n_classes, n_steps).

    Parameters are those of :func:`tell_plan`.
    """
    network = traffic.loading.network
    nothing = np.zeros_like(traffic.time_cny)
    paid = path_costs(nothing, electricity_cny, traffic.shares, network.path_station, network.arrival_levels)
    cost = traffic.costs(electricity_cny, rent_cny)
    return Told(traffic.time_cny, paid, cost - traffic.time_cny - paid)


def cheapest_shares(network: Network, cost_cny: np.ndarray, logit_cny: float) -> np.ndarray:
    """Share of each path among those of its origin who take what is, or seems, cheapest, shape (n_paths, n_classes)."""
    one_each = np.ones((len(network.origins), cost_cny.shape[1], 1))
    return cheapest_departures(network, one_each, cost_cny[:, :, None], logit_cny)[:, :, 0]


def shares_of_plan(network: Network, flows_veh: np.ndarray, cost_cny: np.ndarray) -> np.ndarray:
    """Share of each path in the plan's departures of one step: what the app recommends.

    Followers whose costs are equal cannot split by themselves; the app tells each a way so that together they do what
    the plan expects. How much dearer than the cheapest way these are is the plan's excess.

    Parameters
    ----------
    network : Network
    flows_veh : ndarray, shape (n_paths, n_classes)
        The plan's departures [veh].
    cost_cny : ndarray, shape (n_paths, n_classes)
        Where the plan expects nobody, the cheapest path is recommended.

    Returns
    -------
    ndarray, shape (n_paths, n_classes)
    """
    total = np.array([flows_veh[network.path_origin == o].sum(axis=0) for o in range(len(network.origins))])
    total = total[network.path_origin]
    share = np.divide(flows_veh, total, out=np.zeros_like(flows_veh), where=total > 0)
    return np.where(total > 0, share, cheapest_shares(network, cost_cny, 0.0))
