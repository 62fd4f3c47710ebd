"""Tolls against what one more vehicle costs in a steady state, at light and at heavy load."""

import numpy as np
import pytest

from evlib import load_traffic
from evlib.assignment.marginal_costs import arc_tolls_cny, path_tolls, road_tolls
from evlib.traffic import impedance


@pytest.mark.parametrize(
    ("delay", "own_min", "others_min"),
    [
        # x = q D and D^4 = t0^4 + (x / Q)^4 give D = t0 (1 - r^4)^(-1/4), and q dD/dq = D r^4 / (1 - r^4).
        (impedance.smooth_queue, lambda r: 4 * (1 - r**4) ** -0.25, lambda r: 4 * r**4 * (1 - r**4) ** -1.25),
        # D = t0 / (1 - r), and q dD/dq = t0 r / (1 - r)^2.
        (impedance.affine, lambda r: 4 / (1 - r), lambda r: 4 * r / (1 - r) ** 2),
        (impedance.point_queue, lambda r: 4.0, lambda r: 0.0),
    ],
)
@pytest.mark.parametrize("load", [0.1, 0.4, 0.6])
def test_toll_is_the_marginal_delay_of_a_steady_flow(one_road, delay, own_min, others_min, load):
    """A vehicle more in one step delays all who come after by as much in sum as a lasting one in the steady state."""
    network = one_road(capacity_veh_h=120.0, minutes=4.0, step_s=30, delay=delay, steps=96)
    loading = load_traffic(network, np.full((1, 1, 96), load * 10.0))
    road = network.arc_name.index("1-2")
    at = np.isclose(loading.time_min, 240.0)
    assert (loading.exit_min[road] - loading.time_min)[at] == pytest.approx(own_min(load), rel=1e-3)
    toll = path_tolls(loading, [60.0], [90.0], "experienced")[0, 0, 48]  # a CNY a minute
    assert toll == pytest.approx(others_min(load), rel=2e-3, abs=1e-9)


@pytest.mark.parametrize("delay", [impedance.smooth_queue, impedance.point_queue, impedance.affine])
def test_compiled_tolls_equal_the_specification(one_road, delay):
    """Over capacity for a while, then nobody, then sparse: capacity and impedance both set exit times."""
    network = one_road(capacity_veh_h=120.0, minutes=4.0, step_s=30, delay=delay, steps=96)
    flows = np.zeros((1, 1, 96))
    flows[0, 0, 5:20], flows[0, 0, 40:90:7] = 11.0, 3.0
    loading = load_traffic(network, flows)
    compiled, specified = (arc_tolls_cny(loading, [60.0], kernel=kernel) for kernel in ("compiled", "numpy"))
    assert compiled == pytest.approx(specified, rel=1e-9, abs=1e-12)
    compiled, specified = (
        road_tolls(loading, [60.0], "experienced", kernel=kernel) for kernel in ("compiled", "numpy")
    )
    assert specified.max() > 0.1
    assert compiled == pytest.approx(specified, rel=1e-9, abs=1e-12)
