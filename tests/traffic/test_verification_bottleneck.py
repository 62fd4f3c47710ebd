"""Vickrey's bottleneck, worked out on paper: a point queue in front of a constant capacity."""

import numpy as np
import pytest

from evlib import load_traffic


def bottleneck(one_road, step_s, inflow_over_capacity=1.5, duration_min=10.0, minutes=2.0):
    network = one_road(capacity_veh_h=60.0, minutes=minutes, step_s=step_s)
    departures = np.zeros((1, 1, network.time.n_steps))
    departures[0, 0, : round(duration_min / 5)] = inflow_over_capacity * 1.0 * 5  # capacity is 1 veh/min
    return load_traffic(network, departures), network.arc_name.index("1-2")


@pytest.mark.parametrize("step_s", [60, 15, 5])
def test_vickrey_bottleneck_is_exact(one_road, step_s):
    """10 min at 1.5 x capacity, then nothing: the last vehicle waits 5 min and leaves at 2 + 15 min."""
    loading, road = bottleneck(one_road, step_s)
    during = loading.time_min <= 10

    delay = loading.exit_min[road] - loading.time_min - 2.0
    assert delay[during].max() == pytest.approx(5.0, abs=1e-9)
    left = loading.left_veh[road].sum(axis=0)
    assert left[loading.time_min <= 2.0].max() == 0
    assert loading.time_min[left < 15 - 1e-9].max() < 17.0
    assert left[np.isclose(loading.time_min, 17.0)] == pytest.approx(15.0, abs=1e-9)


@pytest.mark.parametrize("step_s", [60, 15, 5])
def test_bottleneck_passes_its_capacity_while_it_queues(one_road, step_s):
    """Between 2 and 17 min exactly 1 veh/min leaves."""
    loading, road = bottleneck(one_road, step_s)
    flow = np.diff(loading.left_veh[road].sum(axis=0)) / loading.network.time.loading_step_min
    busy = (loading.time_min[:-1] >= 2.0 - 1e-9) & (loading.time_min[1:] <= 17.0 + 1e-9)
    assert flow[busy] == pytest.approx(1.0, abs=1e-9)
    assert flow.max() <= 1.0 + 1e-9


def test_queue_length_is_the_excess_inflow(one_road):
    """After 10 min, 15 vehicles have entered and 8 have left (from minute 2 on): 7 are on the road."""
    loading, road = bottleneck(one_road, 15)
    at = np.isclose(loading.time_min, 10.0)
    assert loading.vehicles_veh[road][at] == pytest.approx(7.0, abs=1e-9)
    assert loading.curve("1-2", 10.0, "entered") - loading.curve("1-2", 10.0, "left") == pytest.approx(7.0, abs=1e-9)


def test_below_capacity_nobody_waits(one_road):
    loading, road = bottleneck(one_road, 15, inflow_over_capacity=0.9)
    assert loading.exit_min[road] - loading.time_min == pytest.approx(2.0, abs=1e-12)
    assert loading.n_capacity_guard == 0


def test_origin_arc_is_a_point_queue_of_its_own(one_road):
    """One road only: the entry is as narrow as the road, so the queue stands before it and the road stays free."""
    from evlib.traffic.network import assemble_network
    from evlib.traffic.time_grid import TimeGrid

    network = assemble_network([(1, 2, 2.0, 60.0)], {"o": 1}, {"c": (2, 1e6)}, {"car": 6}, TimeGrid(5.0, 24, 20, 23))
    departures = np.zeros((1, 1, 24))
    departures[0, 0, :2] = 7.5
    loading = load_traffic(network, departures)
    origin = network.arc_name.index("o")
    delay = loading.exit_min[origin] - loading.time_min
    assert delay[loading.time_min <= 10].max() == pytest.approx(5.0, abs=1e-9)
