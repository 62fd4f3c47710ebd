"""Fixtures that several test modules share: the mini case, solved once, and hand-made networks."""

import pytest

from evlib import load_scenario
from evlib.coordination.one_day import solve_run
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
