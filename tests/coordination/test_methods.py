"""Rules that steer a run from iteration to iteration, against their formulas on rows written by hand."""

import numpy as np
import pytest

from evlib.coordination.iteration import Iteration
from evlib.coordination.methods import Inertia
from evlib.coordination.problem import CoupledProblem


@pytest.fixture(scope="module")
def problem(mini):
    return CoupledProblem.of(mini, "v2g", "user")


def talk_with(mini, changes):
    return Iteration(CoupledProblem.of(mini.replace(changes), "v2g", "user"))


def weights(talk, price_gaps):
    """The parts of new prices that inertia takes, one iteration after the other."""
    method, found = Inertia(talk), []
    for iteration, gap in enumerate(price_gaps):
        talk.state.rows.append({"price_gap": gap})
        found.append(method._weight(iteration))
    return found


def test_constant_and_falling_damping(mini):
    constant, decreasing = (
        talk_with(mini, {"coordination.damping": 0.4, "switches.damping_rule": rule})
        for rule in ("constant", "decreasing")
    )
    assert weights(constant, [0.1, 9.0, 0.0]) == [0.4] * 3
    falling = weights(decreasing, [0.1] * 4)
    assert falling == pytest.approx([0.4, 0.4 / 2**0.5, 0.4 / 3**0.5, 0.2])


def test_adaptive_damping_follows_the_price_gap_between_its_limits(mini):
    """A larger gap takes 0.6 of it, another 1.1; never more than the whole way, never less than plain averages would."""
    keys = {"coordination.damping": 0.5, "switches.damping_rule": "adaptive"}
    found = weights(talk_with(mini, keys), [0.0, 1.0, 2.0, 1.5, 1.5])
    assert found == pytest.approx([0.5, 0.5, 0.3, 0.33, 0.363])
    rising = weights(talk_with(mini, keys), [0.0, *range(1, 12)])
    assert rising[-1] == pytest.approx(0.5 / 12)
    assert min(np.array(rising) * np.arange(1, 13)) == pytest.approx(0.5)
    assert weights(talk_with(mini, keys), [0.0, *range(30, 0, -1)])[-1] == 1.0


@pytest.mark.parametrize(
    ("excess", "level"),
    [([1.0], 60.0), ([1.0, 1.06], 90.0), ([1.0, 1.04], 48.0), ([1.0, 0.5], 48.0)],
)
def test_the_metric_grows_after_a_worse_iteration_and_falls_by_the_key_after_others(mini, excess, level):
    talk = talk_with(mini, {"coordination.metric_fall": 0.8})
    talk.state.rows = [{"excess_cny_veh": value} for value in excess]
    metric = talk.metric()
    assert talk.state.level_cny_veh == pytest.approx(level)
    wanted = talk.problem.demand_veh[talk.problem.network.path_origin]
    assert metric.of_sums == pytest.approx(level / np.maximum(wanted.sum(axis=1), 0.05))
    assert metric.each == pytest.approx(0.1 * level / np.maximum(wanted, 0.05))


def test_the_metric_has_a_floor(problem):
    talk = Iteration(problem)
    talk.state.rows = [{"excess_cny_veh": 1.0}] * 2
    for _ in range(40):
        talk.metric()
    assert talk.state.level_cny_veh == 0.1
