"""A loop may start from other flows, if they are a split of the demand."""

import numpy as np
import pytest

from evlib.assignment.gaps import gaps
from evlib.assignment.route_choice import even_split, shortest_path_departures
from evlib.coordination.coordinate import coordinate
from evlib.coordination.problem import CoupledProblem
from evlib.errors import InputError


@pytest.fixture(scope="module")
def problem(mini):
    return CoupledProblem.of(mini, "v2g", "user")


def test_the_first_iterate_is_the_start(mini, problem):
    """Its excess is that of these flows at the tariff, which newton starts from."""
    start = shortest_path_departures(problem.network, problem.demand_veh)
    few = mini.replace({"coordination.iterations": 1, "coordination.exact_iterations": 1})
    tariff = np.broadcast_to(problem.case.import_price_cny_kwh, problem.case.load_kw.shape)
    expected = gaps(problem.traffic.evaluate(start), problem.electricity(tariff)).excess_cny_veh
    table = coordinate(few, objective="user", start_veh=start).convergence
    assert table["excess_cny_veh"].iloc[0] == pytest.approx(expected, rel=1e-9)


def _longer(flows):
    return flows[:, :, 1:]


def _negative(flows):
    flows[0] -= 2 * flows[0].max()
    return flows


def _one_missing(flows):
    flows[:, 0, 3] *= 0.5
    return flows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_longer, "paths x classes x departure steps"),
        (_negative, "must be 0 or more"),
        (lambda flows: flows * np.nan, "must be 0 or more"),
        (_one_missing, "car, step 3; must be"),
    ],
)
def test_a_start_that_is_no_split_of_the_demand_is_refused(mini, problem, change, message):
    flows = change(even_split(problem.network, problem.demand_veh))
    with pytest.raises(InputError, match=f"start_veh: .*{message}"):
        coordinate(mini, objective="user", start_veh=flows)
