"""How fast the compiled network loading is, beside what moving the same bytes through memory takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from evlib import build_network, load_scenario, load_traffic
from evlib.demand import origin_demand

__all__ = ["COPIES", "loading_case", "measure_loading"]

COPIES = 96  # paths: the eleven of the base case in turn
VEHICLES = 8000
REPEATS = 30


def loading_case():
    """The base case with 96 paths and three classes, 8,000 vehicles on all of them, and 480 loading steps of 1 min.

    Roads and plugs grow with the fleet, so that the traffic is as dense as in the base case.

    Returns
    -------
    network : Network
    departures : ndarray, shape (96, 3, n_departure_steps)
        [veh]; positive everywhere.
    """
    base = load_scenario("nguyen")
    growth = VEHICLES / base.fleet.vehicles
    scenario = base.replace(
        {
            "fleet.vehicles": VEHICLES,
            "roads.capacity_veh_h": growth * base.roads.capacity_veh_h,
            "time.loading_step_s": 60,
            **{f"stations.{station.name}.plugs": growth * station.plugs for station in base.stations},
        }
    )
    network = build_network(scenario)
    network = replace(network, paths=tuple(network.paths[i % len(network.paths)] for i in range(COPIES)))
    demand = origin_demand(scenario)
    departures = np.random.default_rng(1).uniform(0.5, 1.5, (COPIES, *demand.shape[1:]))
    for o in range(len(network.origins)):
        own = network.path_origin == o
        departures[own] *= demand[o] / departures[own].sum(axis=0)
    return network, departures


def measure_loading() -> tuple[float, float]:
    """Time of one loading, from departures to curves, and its memory floor [ns per (commodity, arc) pair and step].

    A commodity is a class on a path; the waiting arc is one of its arcs. The floor is a triad, out = a + s (b - a), over
    rows of the same ring buffer, in order: two numbers read and one written for every pair and step, as in the loading.
    """
    network, departures = loading_case()
    n_pairs = departures.shape[1] * sum(len(path.arcs) + 1 for path in network.paths)
    n_steps = len(load_traffic(network, departures).time_min) - 1  # compiled now, not while the clock runs
    loading_s = _least_time_s(lambda: load_traffic(network, departures))

    triad, ring = _triad(), np.zeros((64, n_pairs))
    triad(ring, n_steps)
    floor_s = _least_time_s(lambda: triad(ring, n_steps))
    return tuple(1e9 * seconds / (n_pairs * n_steps) for seconds in (loading_s, floor_s))


def _triad() -> Callable[[np.ndarray, int], None]:
    from numba import njit

    @njit
    def triad(ring, n_steps):
        for step in range(n_steps):
            earlier, later, out = ring[step % 64], ring[(step + 1) % 64], ring[(step + 11) % 64]
            for slot in range(len(out)):
                out[slot] = earlier[slot] + 0.3 * (later[slot] - earlier[slot])

    return triad


def _least_time_s(run: Callable[[], object]) -> float:
    """The least of many: what else the machine does can only add."""
    taken = []
    for _ in range(REPEATS):
        start_s = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start_s)
    return min(taken)
