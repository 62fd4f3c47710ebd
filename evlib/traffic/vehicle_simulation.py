"""Whole vehicles driven one by one through an event-based model of roads and plugs, to check the fluid loading."""

from __future__ import annotations

import heapq
from collections import deque

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.traffic.loading import Loading
from evlib.traffic.network import Network
from evlib.traffic.path_times import travel_times

__all__ = ["departure_times_min", "drive_vehicles", "plug_ins", "sample_vehicles", "set_beside_fluid"]

SPACINGS = ("even", "random")


def departure_times_min(departures_veh, step_min: float, size_veh: float = 1.0, offset: float = 0.5) -> np.ndarray:
    """When each whole vehicle or platoon departs: one moment for each portion of the cumulative curve.

    Parameters
    ----------
    departures_veh : array_like, shape (n_steps,)
        Vehicles that depart in each decision step, evenly spread over it [veh].
    step_min : float
        Decision step [min].
    size_veh : float
        Vehicles in a portion [veh].
    offset : float
        Where in its portion a vehicle departs, in [0, 1); by default in the middle.

    Returns
    -------
    ndarray
        Departure times in rising order [min]; a portion counts if its offset lies below the total.

    Examples
    --------
    >>> departure_times_min([2.0, 0.0, 1.0], 5.0)
    array([ 1.25,  3.75, 12.5 ])
    """
    gone = np.append(0.0, np.cumsum(departures_veh))
    number = int(np.ceil(gone[-1] / size_veh - offset - 1e-9))  # a total of 0.9999999 is one vehicle
    return _moment(gone, (np.arange(max(number, 0)) + offset) * size_veh, step_min)


def _moment(gone: np.ndarray, count: np.ndarray, step_min: float) -> np.ndarray:
    """When a cumulative curve on decision steps passes given counts; for a flat piece of the curve, the end of it."""
    step = np.clip(np.searchsorted(gone, count, side="right") - 1, 0, len(gone) - 2)
    rise = gone[step + 1] - gone[step]
    share = np.divide(count - gone[step], rise, out=np.ones_like(count), where=rise > 0)
    return step_min * (step + np.minimum(share, 1.0))


def sample_vehicles(network: Network, departures_veh, seed: int, spacing: str = "even") -> pd.DataFrame:
    """Whole vehicles instead of flows: times follow the departures of each origin and class, paths are drawn at random.

    Parameters
    ----------
    network : Network
    departures_veh : array_like, shape (n_paths, n_classes, n_steps)
        [veh]
    seed : int
    spacing : {"even", "random"}
        One vehicle for every whole vehicle of the flow, at a random offset; or as many vehicles at independent random
        times, so that they bunch as independent vehicles do.

    Returns
    -------
    DataFrame
        One row for each vehicle, in order of departure: ``path``, ``member`` (number of the class), ``departure_min``.
        A path is drawn with the share that it has in the flow of its origin, class and step.

    Raises
    ------
    InputError
        An unknown spacing.
    """
    if spacing not in SPACINGS:
        raise InputError(f"spacing {spacing!r}; must be 'even' or 'random'")
    departures_veh, step_min = np.asarray(departures_veh, dtype=float), network.time.step_min
    rng, parts = np.random.default_rng(seed), []
    for o in range(len(network.origins)):
        of_origin = np.flatnonzero(network.path_origin == o)
        for m in range(departures_veh.shape[1]):
            flow = departures_veh[of_origin, m]
            total = flow.sum(axis=0)
            minute = departure_times_min(total, step_min, offset=rng.random())
            if spacing == "random":
                gone = np.append(0.0, np.cumsum(total))
                minute = np.sort(_moment(gone, gone[-1] * rng.random(len(minute)), step_min))
            step = np.minimum((minute / step_min).astype(int), flow.shape[1] - 1)
            upper = np.cumsum(flow, axis=0)[:, step]
            path = of_origin[np.minimum((upper <= rng.random(len(minute)) * upper[-1]).sum(axis=0), len(of_origin) - 1)]
            parts.append(pd.DataFrame({"path": path, "member": m, "departure_min": minute}))
    return pd.concat(parts).sort_values("departure_min", kind="stable", ignore_index=True)


def drive_vehicles(network: Network, vehicles: pd.DataFrame) -> pd.DataFrame:
    """Drive whole vehicles along their paths and plug them in, event by event.

    Parameters
    ----------
    network : Network
        Plugs must be whole numbers.
    vehicles : DataFrame
        As from :func:`sample_vehicles`.

    Returns
    -------
    DataFrame
        The same table with ``station`` (its number), ``road_min``, ``waiting_min`` and ``plug_in_min``.

    Raises
    ------
    InputError
        A number of plugs that is not whole, background traffic, or trips that go on after charging.

    Notes
    -----
    A vehicle that enters a road leaves it after the travel time for the vehicles on the road plus half of itself (the
    fluid's count when the middle of the vehicle enters), but no earlier than 1 / Q after the vehicle ahead. A station
    has plugs and one waiting line. The simulation shares nothing with the loading but the network and its impedance;
    time is continuous and vehicles are whole.
    """
    if network.background is not None or network.goes_on:
        raise InputError(
            "whole vehicles end their trips at plugs and drive alone; set background_veh_h 0, trip_end station"
        )
    for name, plugs in zip(network.stations, network.plugs, strict=True):
        if plugs != int(plugs):
            raise InputError(f"station {name}: {plugs:g} plugs; must be a whole number where vehicles are whole")
    ways = [(*path.arcs, None) for path in network.paths]  # None: the station
    path, member = vehicles["path"].tolist(), vehicles["member"].tolist()
    stay_min = (network.time.step_min * network.stay_steps).tolist()
    free = network.plugs.astype(int).tolist()
    line = [deque() for _ in network.stations]
    present, last_exit = [0] * network.n_arcs, [-np.inf] * network.n_arcs
    arrival, plug_in = [np.nan] * len(path), [np.nan] * len(path)
    # Events in order of time, then of creation: (minute, order, vehicle, position on its way or -1 for the stay's end).
    events = [(minute, i, i, 0) for i, minute in enumerate(vehicles["departure_min"].tolist())]
    heapq.heapify(events)
    made = len(events)

    def plug(vehicle: int, minute: float) -> None:
        nonlocal made
        plug_in[vehicle] = minute
        heapq.heappush(events, (minute + stay_min[member[vehicle]], made, vehicle, -1))
        made += 1

    while events:
        minute, _, vehicle, place = heapq.heappop(events)
        way, station = ways[path[vehicle]], network.paths[path[vehicle]].station
        if place > 0:
            present[way[place - 1]] -= 1
        if place >= 0 and way[place] is not None:
            arc = way[place]
            delay = _travel_min(network, arc, present[arc] + 0.5)
            leave = max(minute + delay, last_exit[arc] + 1.0 / network.capacity_veh_min[arc])
            present[arc] += 1
            last_exit[arc] = leave
            heapq.heappush(events, (leave, made, vehicle, place + 1))
            made += 1
        elif place >= 0:
            arrival[vehicle] = minute
            if free[station]:
                free[station] -= 1
                plug(vehicle, minute)
            else:
                line[station].append(vehicle)
        elif line[station]:
            plug(line[station].popleft(), minute)
        else:
            free[station] += 1
    arrival, plug_in = np.array(arrival), np.array(plug_in)
    return vehicles.assign(
        station=network.path_station[path],
        road_min=arrival - vehicles["departure_min"],
        waiting_min=plug_in - arrival,
        plug_in_min=plug_in,
    )


def _travel_min(network: Network, arc: int, vehicles: float) -> float:
    if network.arc_kind[arc] == "origin":
        return 0.0
    return float(network.delay_function(vehicles, network.free_flow_min[arc], network.capacity_veh_min[arc]))


def plug_ins(network: Network, driven: pd.DataFrame, n_steps: int) -> np.ndarray:
    """Whole vehicles that plug in by station and step, shape (n_stations, n_steps); later ones are not counted."""
    edges = network.time.step_min * np.arange(n_steps + 1)
    minute, station = driven["plug_in_min"].to_numpy(), driven["station"].to_numpy()
    return np.array([np.histogram(minute[station == c], edges)[0] for c in range(len(network.stations))])


def set_beside_fluid(loading: Loading, seeds, spacing: str = "even") -> pd.DataFrame:
    """Mean times and plug-ins of whole vehicles against those of the fluid loading of the same flows, one row per seed.

    Parameters
    ----------
    loading : Loading
    seeds : iterable of int
    spacing : {"even", "random"}
        As in :func:`sample_vehicles`.

    Returns
    -------
    DataFrame
        ``seed``, ``vehicles``, ``road_min`` and ``waiting_min`` (means over the vehicles), ``road_apart_min`` and
        ``waiting_apart_min`` (less the fluid's), ``plug_ins_apart_veh`` (largest difference, over stations and ends of
        steps, between the vehicles plugged in so far), ``per_step_apart_veh`` (root mean square of the difference in a
        step, over the stations and steps in which somebody plugs in).
    """
    network, flows = loading.network, loading.departures_veh.sum(axis=1)
    times = travel_times(loading)
    fluid = {name: (flows * getattr(times, name)).sum() / flows.sum() for name in ("road_min", "waiting_min")}
    cohorts = loading.cohorts_veh.sum(axis=1)
    used, rows = cohorts > 1e-9, []
    for seed in seeds:
        driven = drive_vehicles(network, sample_vehicles(network, loading.departures_veh, seed, spacing))
        apart = plug_ins(network, driven, cohorts.shape[1]) - cohorts
        mean = driven[["road_min", "waiting_min"]].mean()
        rows.append(
            {
                "seed": seed,
                "vehicles": len(driven),
                **mean,
                "road_apart_min": mean["road_min"] - fluid["road_min"],
                "waiting_apart_min": mean["waiting_min"] - fluid["waiting_min"],
                "plug_ins_apart_veh": np.abs(np.cumsum(apart, axis=1)).max(),
                "per_step_apart_veh": np.sqrt((apart[used] ** 2).mean()),
            }
        )
    return pd.DataFrame(rows)
