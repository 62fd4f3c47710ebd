"""Costs of static flows against finite differences; coefficients that make no sense."""

import numpy as np
import pytest

from evlib.assignment.link_costs import PowerCost
from evlib.errors import InputError


@pytest.mark.parametrize("power", [1.0, 2.5, 4.0])
def test_slope_integral_and_marginal_cost_are_finite_differences(power):
    cost, flow, veh = PowerCost.bpr([2.0, 5.0], [10.0, 20.0], [0.15, 1.0], power), np.array([8.0, 30.0]), 1e-4
    up, down = flow + veh, flow - veh
    assert (cost(up) - cost(down)) / (2 * veh) == pytest.approx(cost.slope(flow), rel=1e-6)
    assert (cost.integral(up) - cost.integral(down)) / (2 * veh) == pytest.approx(cost(flow), rel=1e-6)
    assert (up * cost(up) - down * cost(down)) / (2 * veh) == pytest.approx(cost.marginal()(flow), rel=1e-6)
    assert cost([10.0, 20.0]) == pytest.approx([2.3, 10.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PowerCost([1.0], [-1.0], [1.0]), "factor of arc 0 is -1"),
        (lambda: PowerCost([1.0], [1.0], [0.5]), "power of arc 0 is 0.5"),
        (lambda: PowerCost([np.nan], [1.0], [1.0]), "constant of arc 0 is nan"),
        (lambda: PowerCost([1.0, 2.0], [1.0], [1.0]), "shapes"),
        (lambda: PowerCost.bpr([1.0], [0.0]), "capacity of arc 0 is 0"),
    ],
)
def test_costs_that_make_no_sense_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
