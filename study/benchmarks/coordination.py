"""How fast traffic and grid agree: seconds by part, time to a gap, exchange beside one program, growth with size."""

from __future__ import annotations

import functools
import math
import time
from unittest.mock import patch

import numpy as np
import pandas as pd

from evlib import load_scenario
from evlib.coordination.coordinate import METHODS, PRICE_GAP_TOLERANCE, Coordination, coordinate

__all__ = [
    "demand_scenario",
    "long_scenario",
    "measure_bundle",
    "measure_growth",
    "measure_joint",
    "seconds_by_part",
    "seconds_to",
    "short_run",
    "twin_stations_scenario",
]

PARTS = ["seconds_load", "seconds_check", "seconds_answer"]
SHORT_ITERATIONS = 4
# The scenario's range of vehicles. Twice as many end with an error: roads are not clear eight hours after the horizon.
DEMANDS = (0.5, 1.0, 1.5)
# The second station of each zone: the bus before the first's on the way from the zone's tie, whose lines carry as much.
TWIN_BUS = {"c1": 29, "c2": 13, "c3": 23, "c4": 20}


def measure_joint() -> tuple[float, ...]:
    """The base case by joint, v2g, its own objective: wall seconds, in a process that has compiled its kernels before.

    Returns
    -------
    tuple of float
        Seconds to a relative gap of 2e-2, 5e-3 and 1e-3, whatever the price gap; to 5e-3 with a sound price gap; nan
        for a gap not reached, see :func:`seconds_to`. Relative gap of the best iterate. Sums over the run: loading,
        checks, answers, and all else (set-up and certificate). Means of an iteration, see :func:`seconds_by_part`.

    Notes
    -----
    Most of joint's iterates are priced by mixed schedules: their relative gap is measured with V of those schedules,
    and their price gap is not measured at all. A time that counts them says how soon flows settle at the prices that
    drivers are told; only that with a sound price gap is a time to an iterate that may be returned as the best.
    The goal is an excess of 0.05 CNY/veh and a relative gap of 5e-3 within 60 s.
    """
    run, whole_s, setup_s = _joint()
    table = run.convergence
    times = [seconds_to(table, gap, setup_s) for gap in (2e-2, 5e-3, 1e-3)]
    sums = table[PARTS].sum()
    return (
        *times,
        seconds_to(table, 5e-3, setup_s, sound=True),
        run.certificate.relative_gap,
        *map(float, sums),
        whole_s - float(sums.sum()),
        *seconds_by_part(table),
    )


def measure_bundle() -> tuple[float, float, float, float, float]:
    """The base case by bundle, v2g, its own objective, beside joint in one run.

    Returns
    -------
    inner_gap : float
        Certified gap of the last exchange's problem [1].
    excess_cny_veh : float
        Of the best iterate.
    relative_gap : float
        Of the best iterate.
    over_joint : float
        Wall time of the run over joint's, as many iterations each.
    exchanged : float
        Numbers that crossed the border between the operators in the whole run.
    """
    _, joint_s, _ = _joint()
    run, whole_s, _ = _timed(load_scenario("nguyen"), "bundle")
    table, best = run.convergence, run.certificate
    inner = float(table["inner_gap"].dropna().iloc[-1])  # the last row measures and answers nothing
    exchanged = float(table["exchanged"].sum())
    return inner, best.excess_cny_veh, best.relative_gap, whole_s / joint_s, exchanged


def measure_growth() -> tuple[float, ...]:
    """Processor time of eight iterations of newton, as the base case grows in one direction at a time.

    Returns
    -------
    tuple of float
        The base case [s]. Power of growth over 600, 1,200 and 1,800 vehicles, see :func:`demand_scenario`. Eight over
        four stations, see :func:`twin_stations_scenario`; 144 over 96 steps, see :func:`long_scenario`.

    Notes
    -----
    As many iterations for each size, whatever gap they reach: this is the price of an iteration, not of agreement.
    ``newton`` takes twice the scenario's iterations at most.
    """
    _warm()
    times_s = [_short_s(demand_scenario(factor)) for factor in DEMANDS]
    power, base_s = float(np.polyfit(np.log(DEMANDS), np.log(times_s), 1)[0]), times_s[DEMANDS.index(1.0)]
    return base_s, power, _short_s(twin_stations_scenario()) / base_s, _short_s(long_scenario()) / base_s


def demand_scenario(factor: float):
    """The base case with ``factor`` times the vehicles; plugs, roads and grid stay, so that queues grow with them."""
    scenario = load_scenario("nguyen")
    return scenario.replace({"fleet.vehicles": factor * scenario.fleet.vehicles})


def twin_stations_scenario():
    """The base case with eight stations: each of the four shares its plugs evenly with a twin.

    A twin stands at the same road node and the neighbouring bus towards the zone's tie, so that roads, zones, plugs and
    vehicles stay while paths (11 to 22), cohorts and priced buses double.
    """
    scenario = load_scenario("nguyen")
    halves = {
        station.name: {"node": station.node, "bus": station.bus, "plugs": station.plugs / 2}
        for station in scenario.stations
    }
    twins = {f"{name}_twin": half | {"bus": TWIN_BUS[name]} for name, half in halves.items()}
    return scenario.replace({"stations": halves | twins})


def long_scenario():
    """The base case from 10:00 to 22:00 of the same day: 144 steps of 5 min, as fine as the measured profiles are.

    The same 1,200 vehicles depart in 99 steps instead of 66, half as many again, with their peak at the same hour. The
    profiles have a row for every 5 min, so eight hours cannot be cut into 144 steps.
    """
    return load_scenario("nguyen").replace({"time.n_steps": 144, "time.last_departure_step": 98})


def short_run(scenario):
    """The scenario with four iterations; by joint, the first and last answer have exact domains."""
    return scenario.replace({"coordination.iterations": SHORT_ITERATIONS, "coordination.exact_iterations": 2})


def seconds_to(table: pd.DataFrame, gap: float, setup_s: float, *, sound: bool = False) -> float:
    """Seconds from the start of a run until an iterate of so small a relative gap has been measured.

    Parameters
    ----------
    table : DataFrame
        ``convergence`` of a run.
    gap : float
        Relative gap, reached when at or below it.
    setup_s : float
        Seconds before the first iteration.
    sound : bool
        Count only iterates whose price gap was measured and is within the tolerance of the certificate.

    Returns
    -------
    float
        Of the first that counts; the start, which is no answer of the method, does not. nan if there is none.
    """
    reached = (table["relative_gap"] <= gap) & (table["iteration"] > 0)
    if sound:
        reached &= (table["price_gap"].abs() <= PRICE_GAP_TOLERANCE) & (table["priced_by"] != "mixed")
    if not reached.any():
        return math.nan
    first = int(np.flatnonzero(reached)[0])
    answered = table["seconds_answer"].iloc[:first].sum()
    measured = table[["seconds_load", "seconds_check"]].iloc[: first + 1].sum().sum()
    return float(setup_s + answered + measured)


def seconds_by_part(table: pd.DataFrame) -> tuple[float, float, float, float]:
    """Mean seconds of a loading, of a check with its price gap, of answers with exact domains and with mixed schedules.

    A row's ``priced_by`` tells which program announced its prices: the answer of the row before. nan where a run has
    none.
    """
    checked = table["price_gap"].notna()
    answer, by = table["seconds_answer"].iloc[:-1].to_numpy(), table["priced_by"].iloc[1:].to_numpy()
    parts = table["seconds_load"], table.loc[checked, "seconds_check"], answer[by == "exact"], answer[by == "mixed"]
    return tuple(float(np.mean(part)) if len(part) else math.nan for part in parts)


@functools.cache
def _joint() -> tuple[Coordination, float, float]:
    """The run of the base case by joint that all numbers of one measurement share."""
    _warm()
    return _timed(load_scenario("nguyen"), "joint")


def _timed(scenario, method: str) -> tuple[Coordination, float, float]:
    """A run, its wall seconds, and those before its first iteration, which begins when the method measures."""
    begun_s = []

    class Clocked(METHODS[method]):
        def measure(self, iteration):
            begun_s.append(time.perf_counter() - start_s)
            super().measure(iteration)

    with patch.dict(METHODS, {method: Clocked}):
        start_s = time.perf_counter()
        run = coordinate(scenario, method=method)
        whole_s = time.perf_counter() - start_s
    return run, whole_s, begun_s[0]


def _short_s(scenario) -> float:
    start_s = time.process_time()
    coordinate(short_run(scenario))
    return time.process_time() - start_s


@functools.cache
def _warm() -> None:
    """Import and compile on the small case, not while the clock runs."""
    coordinate(short_run(load_scenario("mini")))
