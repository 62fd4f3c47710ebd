"""Whole vehicles, one by one, through an event-based model of roads and plugs: is the fluid loading an artefact?"""

from __future__ import annotations

import heapq
from collections import deque

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.traffic.loading import Loading
from evlib.traffic.network import Network
from evlib.traffic.travel_times import travel_times

__all__ = ["departure_times_min", "drive_vehicles", "plug_ins", "sample_vehicles", "set_beside_fluid"]

SPACINGS = ("even", "random")


def departure_times_min(departures_veh, step_min: float, size_veh: float = 1.0, offset: float = 0.5) -> np.ndarray:
    """When each whole vehicle, or platoon of a size, departs: one moment of each portion of the cumulative curve.

    Parameters
    ----------
    departures_veh : array_like, shape (n_steps,)
        Vehicles by decision step, even within it [veh].
    step_min : float
        Decision step [min].
    size_veh : float
        Vehicles of a portion [veh].
    offset : float
        Where in its portion a vehicle stands, in [0, 1); the middle unless told otherwise.

    Returns
    -------
    ndarray
        In rising order [min]; as many as there are whole offsets below the total.

    Examples
    --------
    >>> departure_times_min([2.0, 0.0, 1.0], 5.0)
    array([ 1.25,  3.75, 12.5 ])
    """
    gone = np.append(0.0, np.cumsum(departures_veh))
    number = int(np.ceil(gone[-1] / size_veh - offset - 1e-9))  # a total of 0.9999999 is one vehicle
    return _moment(gone, (np.arange(max(number, 0)) + offset) * size_veh, step_min)


def _moment(gone: np.ndarray, count: np.ndarray, step_min: float) -> np.ndarray:
    """When a cumulative curve on decision steps passes given counts; where it stands still, at the end of that."""
    step = np.clip(np.searchsorted(gone, count, side="right") - 1, 0, len(gone) - 2)
    rise = gone[step + 1] - gone[step]
    share = np.divide(count - gone[step], rise, out=np.ones_like(count), where=rise > 0)
    return step_min * (step + np.minimum(share, 1.0))


def sample_vehicles(network: Network, departures_veh, seed: int, spacing: str = "even") -> pd.DataFrame:
    """Whole vehicles in place of flows: times from the cumulative departures of each origin and class, paths by lot.

    Parameters
    ----------
    network : Network
    departures_veh : array_like, shape (n_paths, n_classes, n_steps)
        [veh]
    seed : int
    spacing : {"even", "random"}
        One vehicle for every whole one of the flow, at a drawn offset; or as many at times drawn independently, so that
        they bunch as vehicles do that know nothing of each other.

    Returns
    -------
    DataFrame
        One row a vehicle by departure: ``path``, ``member`` (number of the class), ``departure_min``. A path is drawn
        with the share that it has in the flow of its origin, class and step.

    Raises
    ------
    InputError
        Another spacing.
    """
    if spacing not in SPACINGS:
        raise InputError(f"spacing {spacing!r}; must be 'even' or 'random'")
    departures_veh, step_min = np.asarray(departures_veh, dtype=float), network.time.step_min
    rng, parts = np.random.default_rng(seed), []
    for o in range(len(network.origins)):
        own = np.flatnonzero(network.path_origin == o)
        for m in range(departures_veh.shape[1]):
            flow = departures_veh[own, m]
            total = flow.sum(axis=0)
            minute = departure_times_min(total, step_min, offset=rng.random())
            if spacing == "random":
                gone = np.append(0.0, np.cumsum(total))
                minute = np.sort(_moment(gone, gone[-1] * rng.random(len(minute)), step_min))
            step = np.minimum((minute / step_min).astype(int), flow.shape[1] - 1)
            upper = np.cumsum(flow, axis=0)[:, step]
            path = own[np.minimum((upper <= rng.random(len(minute)) * upper[-1]).sum(axis=0), len(own) - 1)]
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
        The same with ``station`` (its number), ``road_min``, ``waiting_min`` and ``plug_in_min``.

    Raises
    ------
    InputError
        A number of plugs that is not whole; background traffic, or trips that go on after charging.

    Notes
    -----
    A vehicle that enters a road leaves it after the travel time for the vehicles that it finds there and half of itself
    (the fluid's count when its middle enters), but not before the one ahead and 1 / Q. A station has a row of plugs and a
    line in front. Nothing is shared with the loading but the network and its impedance; time is continuous, vehicles are
    whole.
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
    # Events by time, and by the order in which they were made: (minute, order, vehicle, place on its way or stay's end).
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
    """Whole vehicles that plug in, by station and decision step, shape (n_stations, n_steps); later ones not counted."""
    edges = network.time.step_min * np.arange(n_steps + 1)
    minute, station = driven["plug_in_min"].to_numpy(), driven["station"].to_numpy()
    return np.array([np.histogram(minute[station == c], edges)[0] for c in range(len(network.stations))])


def set_beside_fluid(loading: Loading, seeds, spacing: str = "even") -> pd.DataFrame:
    """Mean times and plug-ins of whole vehicles, one row a seed, less those of the fluid loading of the same flows.

    Parameters
    ----------
    loading : Loading
    seeds : iterable of int
    spacing : {"even", "random"}
        As in :func:`sample_vehicles`.

    Returns
    -------
    DataFrame
        ``seed``, ``vehicles``, ``road_min`` and ``waiting_min`` (means of the vehicles), ``road_apart_min`` and
        ``waiting_apart_min`` (less the fluid's), ``plug_ins_apart_veh`` (largest difference at any station and end of
        step of all that have plugged in so far), ``per_step_apart_veh`` (root of the mean square by station and step,
        over those in which somebody plugs in).
    """
    network, flows = loading.network, loading.departures_veh.sum(axis=1)
    times = travel_times(loading)
    fluid = {name: (flows * getattr(times, name)).sum() / flows.sum() for name in ("road_min", "waiting_min")}
    cohorts = loading.cohorts_veh.sum(axis=1)
    some, rows = cohorts > 1e-9, []
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
                "per_step_apart_veh": np.sqrt((apart[some] ** 2).mean()),
            }
        )
    return pd.DataFrame(rows)
