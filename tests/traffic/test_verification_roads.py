"""Roads against curves that can be drawn by hand: the straight-line impedance, and two bottlenecks one after the other."""

import numpy as np
import pytest

from evlib import load_traffic
from evlib.traffic import impedance
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid


@pytest.mark.parametrize("step_s", [60, 15, 5])
@pytest.mark.parametrize("kernel", ["compiled", "numpy"])
def test_affine_link_is_exact(one_road, step_s, kernel):
    """D = 4 + x / Q with Q = 1 veh/min, and 0.5 veh/min enter for 25 min.

    Nothing leaves for 4 min, so x grows by 0.5 a minute and exit times by 1.5: who enters at 4 leaves at 10. Until then
    0.5 / 1.5 = 1/3 a minute leave, x grows by 1/6, exit times by 7/6, who enters at 10 leaves at 17. Until then
    0.5 / (7/6) = 3/7 leave, x grows by 1/14, who enters at 17 leaves at 24.5, and 0.5 / (15/14) = 7/15 leave.
    """
    network = one_road(capacity_veh_h=60.0, minutes=4.0, step_s=step_s, delay=impedance.affine)
    loading = load_traffic(network, np.array([[[2.5] * 5 + [0.0] * 19]]), kernel=kernel)
    road, t = network.arc_name.index("1-2"), loading.time_min

    early = t <= 17.0 + 1e-9
    by_hand = np.interp(t[early], [0, 4, 10, 17], [4, 10, 17, 24.5])
    assert loading.exit_min[road][early] == pytest.approx(by_hand, abs=1e-9)
    left = np.interp([4, 10, 17, 24], t, loading.left_veh[road, 0])
    assert left == pytest.approx([0, 2, 5, 5 + 7 * 7 / 15], abs=1e-9)
    assert loading.n_overtaking_guard == loading.n_capacity_guard == 0


def test_affine_link_settles_where_inflow_and_outflow_agree(one_road):
    """In a steady state x = u D, so D = 4 / (1 - u / Q) = 8 min, and outflow is inflow."""
    network = one_road(capacity_veh_h=60.0, minutes=4.0, step_s=15, delay=impedance.affine)
    loading = load_traffic(network, np.full((1, 1, 24), 2.5))
    road, last = network.arc_name.index("1-2"), np.isclose(loading.time_min, 120.0)
    assert (loading.exit_min[road] - loading.time_min)[last] == pytest.approx(8.0, abs=1e-3)
    assert loading.vehicles_veh[road][last] == pytest.approx(4.0, abs=1e-3)


def in_series(first_veh_h, second_veh_h, step_s=15):
    roads = [(1, 2, 2.0, first_veh_h), (2, 3, 3.0, second_veh_h), (1, 4, 2.0, 6e4)]
    time = TimeGrid(5.0, 24, round(300 / step_s), 23)
    network = assemble_network(roads, {"o": 1}, {"c": (3, 1e6)}, {"car": 6}, time, delay_function=impedance.point_queue)
    departures = np.zeros((1, 1, 24))
    departures[0, 0, :2] = 7.5  # 1.5 veh/min for 10 min
    loading = load_traffic(network, departures)
    return loading, network.arc_name.index("1-2"), network.arc_name.index("2-3")


@pytest.mark.parametrize("step_s", [60, 15])
def test_two_links_in_series_delay_as_much_as_the_narrower_one(step_s):
    """1.5 veh/min for 10 min meet 1, then 0.6 veh/min: the last is through at 2 + 15, and out at 2 + 3 + 15 / 0.6.

    On the way it waits 5 min at the first bottleneck and 10 min at the second, as 15 in all at the second alone.
    """
    loading, first, second = in_series(60.0, 36.0, step_s)
    end_first = np.interp(10.0, loading.time_min, loading.exit_min[first])
    end = np.interp(end_first, loading.time_min, loading.exit_min[second])
    assert end_first == pytest.approx(17.0, abs=1e-9)
    assert end == pytest.approx(30.0, abs=1e-9)
    alone, free, narrow = in_series(6e4, 36.0, step_s)
    middle = np.interp(10.0, alone.time_min, alone.exit_min[free])
    assert np.interp(middle, alone.time_min, alone.exit_min[narrow]) == pytest.approx(30.0, abs=1e-9)
    assert loading.arrived_veh[0, 0] == pytest.approx(alone.arrived_veh[0, 0], abs=1e-9)


def test_behind_a_narrow_link_a_wide_one_has_no_queue():
    """0.6 veh/min come out of the first; the second passes 1 and takes 3 min, always."""
    loading, _, second = in_series(36.0, 60.0)
    assert loading.exit_min[second] - loading.time_min == pytest.approx(3.0, abs=1e-9)
    assert loading.arrived_veh[0, 0] == pytest.approx(np.clip(0.6 * (loading.time_min - 5), 0, 15), abs=1e-9)
