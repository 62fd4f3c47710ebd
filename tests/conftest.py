"""Fixtures that several test modules share: the mini case, solved once, a small day in real time, networks, processes."""

import contextlib
import multiprocessing
import os
import signal
import sys
import traceback
from typing import NamedTuple

import pytest

from evlib import load_scenario
from evlib.coordination.coordinate import coordinate
from evlib.coordination.one_day import solve_run
from evlib.coordination.real_time.day import prepare
from evlib.coordination.real_time.state import first_state
from evlib.coordination.real_time.step import advance
from evlib.inputs.weather.day import weather_of
from evlib.traffic import impedance
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid


@pytest.fixture(scope="session")
def mini():
    return load_scenario("mini")


@pytest.fixture(scope="session")
def still(mini):
    """The mini case if driving took no energy: one level of arrival, so cohorts are few."""
    return mini.replace({"fleet.classes.*.drive_kwh_km": None})


@pytest.fixture(scope="session")
def mini_run(mini):
    """The mini case on shortest paths with discharging, as arrays."""
    return solve_run(mini, "shortest_path", "v2g")


@pytest.fixture(scope="session")
def certified(mini):
    """The mini case coordinated by the default method, for each objective."""
    return {objective: coordinate(mini, method="newton", objective=objective) for objective in ("user", "system")}


@pytest.fixture(scope="session")
def short(still):
    """Twelve steps and few iterations of a plan, so that a day takes seconds."""
    return still.replace(
        {
            "time.n_steps": 12,
            "time.last_departure_step": 6,
            "fleet.peak_clock": "11:15",
            "grid.spike.peak_step": 8,
            "fleet.classes.*.stay_min": 25,
            "fleet.classes.*.gain_share": 0.08,
            "fleet.vehicles": 50,
            "coordination.replan_iterations": 2,
        }
    )


@pytest.fixture(scope="session")
def promised_day(short):
    """A day with whole vehicles and forecast errors, prepared but not run."""
    return prepare(short, weather_of(short, "2020-07-15"), signal="promised", seed=3)


@pytest.fixture(scope="session")
def real_run(promised_day):
    """The states of that day, one for the beginning of every step, and the plan made in each step."""
    states, plans = [first_state(promised_day)], []
    while states[-1].step < promised_day.n_steps:
        after, plan = advance(promised_day, states[-1])
        states.append(after)
        plans.append(plan)
    return states, plans


@pytest.fixture
def one_road():
    """A road from node 1 to a station with room for everybody; entry is as wide as asked."""

    def build(
        *, capacity_veh_h=60.0, minutes=2.0, step_s=15, delay=impedance.point_queue, plugs=1e6, stay_steps=6, steps=24
    ):
        # A second road out of node 1 widens the origin arc, so that the road itself is the bottleneck.
        roads = [(1, 2, minutes, capacity_veh_h), (1, 3, minutes, 100 * capacity_veh_h)]
        time = TimeGrid(5.0, steps, round(300 / step_s), steps - 1)
        return assemble_network(roads, {"o": 1}, {"c": (2, plugs)}, {"car": stay_steps}, time, delay_function=delay)

    return build


class Ended(NamedTuple):
    """What a process left behind."""

    exitcode: int
    stdout: str
    stderr: str


@pytest.fixture
def forked(tmp_path):
    """A function that calls another in a process of its own, which has loaded what the tests have: a fork starts at once,
    a fresh interpreter only after seconds of imports.

    What the function returns is the exit code. ``stdout`` and ``stderr`` are files there, so neither is a terminal.
    ``meanwhile`` is called with the process while it runs.
    """

    def run(function, *arguments, environment=None, meanwhile=None) -> Ended:
        paths = [tmp_path / f"forked-{name}.txt" for name in ("stdout", "stderr")]
        context = multiprocessing.get_context("fork")
        child = context.Process(target=_call_and_exit, args=(function, arguments, environment or {}, paths))
        child.start()
        if meanwhile is not None:
            meanwhile(child)
        child.join(120)
        if child.is_alive():
            child.kill()
            child.join()
        return Ended(child.exitcode, *(path.read_text(encoding="utf-8") for path in paths))

    return run


def _call_and_exit(function, arguments, environment, paths):
    """In the child: no line of the parent's is flushed, and no exit handler of the parent's runs."""
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    with contextlib.ExitStack() as files:
        sys.stdout, sys.stderr = (files.enter_context(open(path, "w", encoding="utf-8")) for path in paths)
        try:
            code = function(*arguments) or 0
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
            code = 1
    os._exit(code)
