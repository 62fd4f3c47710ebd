"""Rules that steer a run from iteration to iteration, against their formulas on rows written by hand."""

import numpy as np
import pytest

from evlib.coordination.coordinate import coordinate
from evlib.coordination.iteration import Iteration, IterationRow
from evlib.coordination.methods import Inertia
from evlib.coordination.problem import CoupledProblem


@pytest.fixture(scope="module")
def problem(mini):
    return CoupledProblem.of(mini, "v2g", "user")


def run_with(mini, changes):
    return Iteration(CoupledProblem.of(mini.replace(changes), "v2g", "user"))


def row(iteration, excess=0.0, price_gap=0.0):
    """A row of the convergence table of which only these measures matter."""
    measures = {"excess_cny_veh": excess, "relative_gap": 0.0, "price_gap": price_gap, "metric_cny_veh": 0.0}
    return IterationRow(iteration=iteration, **measures, priced_by="exact", seconds_load=0.0, seconds_check=0.0)


def weights(run, price_gaps):
    """The parts of new prices that inertia takes, one iteration after the other."""
    method, parts = Inertia(run), []
    for iteration, gap in enumerate(price_gaps):
        run.state.rows.append(row(iteration, price_gap=gap))
        parts.append(method._weight(iteration))
    return parts


def test_constant_and_falling_damping(mini):
    constant, decreasing = (
        run_with(mini, {"coordination.damping": 0.4, "switches.damping_rule": rule})
        for rule in ("constant", "decreasing")
    )
    assert weights(constant, [0.1, 9.0, 0.0]) == [0.4] * 3
    falling = weights(decreasing, [0.1] * 4)
    assert falling == pytest.approx([0.4, 0.4 / 2**0.5, 0.4 / 3**0.5, 0.2])


def test_adaptive_damping_follows_the_price_gap_between_its_limits(mini):
    """A larger gap takes 0.6 of it, another 1.1; never more than the whole way, never less than plain averages would."""
    keys = {"coordination.damping": 0.5, "switches.damping_rule": "adaptive"}
    found = weights(run_with(mini, keys), [0.0, 1.0, 2.0, 1.5, 1.5])
    assert found == pytest.approx([0.5, 0.5, 0.3, 0.33, 0.363])
    rising = weights(run_with(mini, keys), [0.0, *range(1, 12)])
    assert rising[-1] == pytest.approx(0.5 / 12)
    assert min(np.array(rising) * np.arange(1, 13)) == pytest.approx(0.5)
    assert weights(run_with(mini, keys), [0.0, *range(30, 0, -1)])[-1] == 1.0


@pytest.mark.parametrize(
    ("excess", "level"),
    [([1.0], 60.0), ([1.0, 1.06], 90.0), ([1.0, 1.04], 48.0), ([1.0, 0.5], 48.0)],
)
def test_the_metric_grows_after_a_worse_iteration_and_falls_by_the_key_after_others(mini, excess, level):
    run = run_with(mini, {"coordination.metric_fall": 0.8})
    run.state.rows = [row(i, excess=value) for i, value in enumerate(excess)]
    metric = run.metric()
    assert run.state.level_cny_veh == pytest.approx(level)
    wanted = run.problem.demand_veh[run.problem.network.path_origin]
    assert metric.of_sums == pytest.approx(level / np.maximum(wanted.sum(axis=1), 0.05))
    assert metric.each == pytest.approx(0.1 * level / np.maximum(wanted, 0.05))


def test_the_metric_has_a_floor(problem):
    run = Iteration(problem)
    run.state.rows = [row(0, excess=1.0), row(1, excess=1.0)]
    for _ in range(40):
        run.metric()
    assert run.state.level_cny_veh == 0.1


def test_drivers_rest_at_the_last_prices_and_these_no_longer_support_the_day(mini):
    """The article's loop in its fairer reading: the gap of drivers closes, that of prices does not. Literally, neither."""
    keys = {"coordination.iterations": 1, "coordination.exact_iterations": 1, "coordination.traffic_steps": 12}
    found = {
        method: coordinate(mini.replace(keys), method=method, objective="user", charging="smart").convergence.iloc[-1]
        for method in ("rested_response", "best_response")
    }
    assert found["rested_response"]["relative_gap"] < 2e-2 < found["best_response"]["relative_gap"]
    assert min(row["price_gap"] for row in found.values()) > 1e-3
