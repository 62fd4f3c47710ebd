"""How fast the compiled network loading is: beside what moving the same bytes takes, beside UXsim, and as it grows."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from evlib import build_network, load_scenario, load_traffic
from evlib.inputs.build_roads import origin_demand
from evlib.traffic.time_grid import TimeGrid
from study.benchmarks.synthetic_network import count_pairs, synthetic_case
from study.experiments.uxsim_reference import drive

__all__ = ["COPIES", "loading_case", "measure_anaheim", "measure_growth", "measure_loading", "measure_rival"]

log = logging.getLogger(__name__)

COPIES = 96  # paths: the eleven of the base case in turn
VEHICLES = 8000
REPEATS = 30
SIOUX_FALLS = {"n_nodes": 24, "n_links": 76, "n_zones": 24, "n_pairs": 40_675}
ANAHEIM = {"n_nodes": 416, "n_links": 914, "n_zones": 38, "n_pairs": 668_610}


def loading_case(copies: int = COPIES):
    """The base case with 96 paths and three classes, 8,000 vehicles on all of them, and 480 loading steps of 1 min.

    Roads and plugs grow with the fleet, so that the traffic is as dense as in the base case.

    Parameters
    ----------
    copies : int
        Paths.

    Returns
    -------
    network : Network
    departures : ndarray, shape (copies, 3, n_departure_steps)
        [veh]; positive everywhere.
    """
    base = load_scenario("nguyen")
    growth = VEHICLES / base.fleet.vehicles
    scenario = base.replace(
        {
            "fleet.vehicles": VEHICLES,
            "roads.capacity_veh_h": growth * base.roads.capacity_veh_h,
            "roads.ev_share": growth * base.roads.ev_share,
            "time.loading_step_s": 60,
            **{f"stations.{station.name}.plugs": growth * station.plugs for station in base.stations},
        }
    )
    network = build_network(scenario)
    network = replace(network, paths=tuple(network.paths[i % len(network.paths)] for i in range(copies)))
    demand = origin_demand(scenario)
    departures = np.random.default_rng(1).uniform(0.5, 1.5, (copies, *demand.shape[1:]))
    for o in range(len(network.origins)):
        from_origin = network.path_origin == o
        departures[from_origin] *= demand[o] / departures[from_origin].sum(axis=0)
    return network, departures


def measure_loading() -> tuple[float, float, float]:
    """Time of one loading, on Nguyen and at the size of Sioux Falls, and the memory floor [ns per pair and step].

    A pair is a commodity, a class on a path, and one arc of its way; the waiting arc is one. A loading goes from
    departures to curves. The floor is a triad, out = a + s (b - a), over rows of the same ring buffer, in order: two
    numbers read and one written for every pair and step, as in the loading.
    """
    network, departures = loading_case()
    n_pairs, n_steps = count_pairs(network), _steps(network, departures)
    triad, ring = _triad(), np.zeros((64, n_pairs))
    triad(ring, n_steps)
    floor_s = _least_time_s(lambda: triad(ring, n_steps))
    return (
        _ns_per_pair_step(network, departures),
        _ns_per_pair_step(*synthetic_case(**SIOUX_FALLS)),
        1e9 * floor_s / (n_pairs * n_steps),
    )


def measure_rival() -> tuple[float, float]:
    """Processor time of UXsim's compiled mode over that of the loading, same demand and paths; platoons of five [1].

    Building the simulation is left out, and so is compiling the loading. First with UXsim as it comes, which keeps
    where every platoon was at every moment; then without, so that it returns only travel times and link counts.
    """
    network, departures = loading_case()
    _steps(network, departures)
    loading_s = _least_time_s(lambda: load_traffic(network, departures), clock=time.process_time)
    options = {"speed_m_s": 10.0, "platoon_veh": 5, "until_min": network.time.step_min * network.time.n_steps}
    return tuple(
        min(drive(network, departures, trajectories=trajectories, **options).cpu_s for _ in range(3)) / loading_s
        for trajectories in (True, False)
    )


def measure_growth() -> tuple[float, float]:
    """Powers with which the time grows with pairs and with steps: 1 is linear [1].

    Sixteen times as many pairs, sixteen times as many steps, by doubling; the slope of a straight line on double
    logarithmic axes. The sizes lie where fixed costs are small.
    """
    by_pairs, by_steps = [], []
    for copies in (384, 768, 1536, 3072, 6144):
        network, departures = loading_case(copies)
        by_pairs.append((count_pairs(network), _loading_s(network, departures)))
    network, departures = loading_case(384)
    for substeps in (5, 10, 20, 40, 80):
        grid = TimeGrid(**(vars(network.time) | {"substeps": substeps}))
        finer = replace(network, time=grid)
        by_steps.append((_steps(finer, departures), _loading_s(finer, departures)))
    powers = []
    for name, table in (("pairs", by_pairs), ("steps", by_steps)):
        size, seconds = np.array(table).T
        powers.append(float(np.polyfit(np.log(size), np.log(seconds), 1)[0]))
        log.info("loading, %s: %s", name, ", ".join(f"{n:.0f} in {1e3 * s:.1f} ms" for n, s in table))
    return tuple(powers)


def measure_anaheim(file: Path) -> float:
    """Processor time of one loading at the size of Anaheim [s], compilation excluded, written to a file as well.

    Run in a process of its own, whose peak memory is then that of this loading.
    """
    _steps(*synthetic_case(24, 76, 24, 1000))  # compiled now
    network, departures = synthetic_case(**ANAHEIM)
    start_s = time.process_time()
    load_traffic(network, departures)
    cpu_s = time.process_time() - start_s
    file.write_text(json.dumps(cpu_s), encoding="utf-8")
    return cpu_s


def _steps(network, departures) -> int:
    """Loading steps that the loading takes; compiles on the way."""
    return len(load_traffic(network, departures).time_min) - 1


def _loading_s(network, departures) -> float:
    _steps(network, departures)
    return _least_time_s(lambda: load_traffic(network, departures), repeats=5)


def _ns_per_pair_step(network, departures) -> float:
    size = count_pairs(network) * _steps(network, departures)
    return 1e9 * _least_time_s(lambda: load_traffic(network, departures)) / size


def _triad() -> Callable[[np.ndarray, int], None]:
    from numba import njit

    @njit
    def triad(ring, n_steps):
        for step in range(n_steps):
            earlier, later, out = ring[step % 64], ring[(step + 1) % 64], ring[(step + 11) % 64]
            for slot in range(len(out)):
                out[slot] = earlier[slot] + 0.3 * (later[slot] - earlier[slot])

    return triad


def _least_time_s(run: Callable[[], object], repeats: int = REPEATS, clock=time.perf_counter) -> float:
    """The least of many: what else the machine does can only add."""
    times_s = []
    for _ in range(repeats):
        start_s = clock()
        run()
        times_s.append(clock() - start_s)
    return min(times_s)


if __name__ == "__main__":
    measure_anaheim(Path(sys.argv[1]))
