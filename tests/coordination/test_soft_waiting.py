"""The softened choice to wait: its cost against the exact one, shares by hand, and derivatives by finite differences."""

import math

import numpy as np
import pytest

from evlib.assignment.plug_prices import station_costs_cny
from evlib.coordination.newton.soft_waiting import soft_waiting
from evlib.inputs.build_roads import build_network

QUEUE_CNY_H = np.array([30.0, 45.0])


@pytest.fixture(scope="module")
def network(mini):
    return build_network(mini)


@pytest.fixture(scope="module")
def rent(network):
    rng = np.random.default_rng(3)
    return rng.uniform(0.0, 3.0, (len(network.stations), network.time.n_steps))


def test_it_becomes_the_exact_cost_from_below(network, rent):
    exact = station_costs_cny(network, rent, QUEUE_CNY_H)
    for softness in (1.0, 0.1, 1e-3):
        soft = soft_waiting(network, rent, QUEUE_CNY_H, softness).cost_cny
        assert (soft <= exact + 1e-12).all()
        assert np.abs(soft - exact).max() <= softness * math.log(network.time.n_steps + 1)


def test_two_steps_by_hand(network):
    """A stay costs 3 + 1 from the last step but one on, and 1 from the last, after a wait of 2.5."""
    rent = np.zeros((len(network.stations), network.time.n_steps))
    rent[0, -2:] = 3.0, 1.0
    tau, wait = 0.5, QUEUE_CNY_H[0] / 60 * network.time.step_min
    soft = soft_waiting(network, rent, QUEUE_CNY_H, tau)
    last = -tau * math.log(math.exp(-1.0 / tau) + math.exp(-wait / tau))
    now, later = 4.0, last + wait
    assert soft.cost_cny[0, 0, -2] == pytest.approx(last, rel=1e-12)
    assert soft.cost_cny[0, 0, -3] == pytest.approx(
        -tau * math.log(math.exp(-now / tau) + math.exp(-later / tau)), rel=1e-12
    )
    assert soft.plug_in[0, 0, -2] == pytest.approx(1 / (1 + math.exp((now - later) / tau)), rel=1e-12)


def test_held_plugs_are_the_derivative_of_the_cost_and_the_curvature_that_of_held_plugs(network, rent):
    rng = np.random.default_rng(4)
    arrivals = rng.uniform(0.0, 5.0, (len(network.stations), len(QUEUE_CNY_H), network.time.n_steps))
    direction, step = rng.uniform(-1.0, 1.0, rent.shape), 1e-5

    def paid(rents):
        soft = soft_waiting(network, rents, QUEUE_CNY_H, 0.4)
        held = np.einsum("cmk,cmkj->cj", arrivals, soft.hold)
        return (arrivals * soft.cost_cny[:, :, :-1]).sum(), held, soft

    up, down, here = paid(rent + step * direction), paid(rent - step * direction), paid(rent)
    assert (up[0] - down[0]) / (2 * step) == pytest.approx((here[1] * direction).sum(), rel=1e-7)
    bent = -np.einsum("cij,cj->ci", here[2].curvature(arrivals), direction)
    assert (up[1] - down[1]) / (2 * step) == pytest.approx(bent, rel=1e-5, abs=1e-5)
    assert np.linalg.eigvalsh(here[2].curvature(arrivals)).min() > -1e-9
