"""How drivers choose when nobody coordinates them."""

from __future__ import annotations

import numpy as np

from evlib.traffic.network import Network

__all__ = [
    "all_to_the_cheapest",
    "cheapest_departures",
    "drop_residual_flows",
    "even_split",
    "nearest_paths",
    "shortest_path_departures",
]

RESIDUAL_SHARE = 1e-5


def nearest_paths(network: Network) -> np.ndarray:
    """The path from each origin to its nearest station by free-flow time.

    Parameters
    ----------
    network : Network

    Returns
    -------
    ndarray of int, shape (n_origins,)
        Path of each origin; if several are equally short, the first in the network's order.
    """
    minutes = network.path_free_flow_min
    of_origin = network.path_origin[None, :] == np.arange(len(network.origins))[:, None]
    return np.where(of_origin, minutes[None, :], np.inf).argmin(axis=1)


def shortest_path_departures(network: Network, demand_veh: np.ndarray) -> np.ndarray:
    """Everybody drives to the nearest station by the shortest path, whatever the traffic and the prices.

    Parameters
    ----------
    network : Network
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        Vehicles that depart [veh].

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures by path [veh].
    """
    departures = np.zeros((len(network.paths), *demand_veh.shape[1:]))
    departures[nearest_paths(network)] = demand_veh
    return departures


def cheapest_departures(network: Network, demand_veh: np.ndarray, cost_cny: np.ndarray, logit_cny=0.0) -> np.ndarray:
    """Everybody takes the path that is, or seems, cheapest at given costs, regardless of who else takes it.

    Parameters
    ----------
    network : Network
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        Vehicles that depart [veh].
    cost_cny : ndarray, shape (n_paths, n_classes, n_departure_steps)
        [CNY per vehicle].
    logit_cny : float
        Scale theta of drivers' misjudgement [CNY]; if positive, a path's share is proportional to exp(-C / theta).

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures by path [veh]; if nobody misjudges, the first of equally cheap paths is taken.
    """
    if logit_cny == 0:
        return all_to_the_cheapest(cost_cny, demand_veh, network.path_origin)
    departures = np.zeros(cost_cny.shape)
    for o in range(len(network.origins)):
        of_origin = np.flatnonzero(network.path_origin == o)
        weight = np.exp((cost_cny[of_origin].min(axis=0) - cost_cny[of_origin]) / logit_cny)
        departures[of_origin] = demand_veh[o] * weight / weight.sum(axis=0)
    return departures


def all_to_the_cheapest(cost_cny: np.ndarray, demand_veh: np.ndarray, path_origin: np.ndarray) -> np.ndarray:
    """Everybody takes the cheapest path, or the first of equally cheap ones; see :func:`evlib.assignment.tno.reply`.

    Returns
    -------
    ndarray, shape of ``cost_cny``: (n_paths, n_classes, n_departure_steps)
        Departures by path [veh].
    """
    flows = np.zeros(cost_cny.shape)
    for o, demand in enumerate(demand_veh):
        of_origin = np.flatnonzero(path_origin == o)
        best = of_origin[cost_cny[of_origin].argmin(axis=0)]
        np.put_along_axis(flows, best[None], demand[None], axis=0)
    return flows


def even_split(network: Network, demand_veh: np.ndarray) -> np.ndarray:
    """Split each origin's demand evenly over the stations it can reach, by the shortest path to each: a starting point.

    Parameters
    ----------
    network : Network
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        Vehicles that depart [veh].

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures by path [veh].
    """
    minutes = network.path_free_flow_min
    departures = np.zeros((len(network.paths), *demand_veh.shape[1:]))
    for o in range(len(network.origins)):
        from_origin = np.flatnonzero(network.path_origin == o)
        stations = np.unique(network.path_station[from_origin])
        for c in stations:
            to_station = from_origin[network.path_station[from_origin] == c]
            departures[to_station[minutes[to_station].argmin()]] += demand_veh[o] / len(stations)
    return departures


def drop_residual_flows(flows_veh: np.ndarray, demand_veh: np.ndarray, path_origin: np.ndarray) -> np.ndarray:
    """Remove the tiny flows that an interior-point solver leaves on unused paths, and still meet the demand.

    Parameters
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures by path [veh].
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        Vehicles that depart [veh].
    path_origin : ndarray of int, shape (n_paths,)

    Returns
    -------
    ndarray, shape of ``flows_veh``
        Flows up to 1e-5 of their demand become 0; the others are scaled to make up for it.
    """
    wanted = demand_veh[path_origin]
    clean = np.where(flows_veh > RESIDUAL_SHARE * wanted, flows_veh, 0.0)
    total = np.array([clean[path_origin == o].sum(axis=0) for o in range(len(demand_veh))])[path_origin]
    return np.divide(clean * wanted, total, out=np.zeros_like(clean), where=total > 0)
