"""The bundle: certified bounds that never part, the one-shot optimum between them, and answers that must not be believed."""

from dataclasses import replace

import numpy as np
import pytest

import evlib.coordination.joint.cutting_planes as bundle
from evlib import InputError
from evlib.assignment.gaps import gaps
from evlib.assignment.route_choice import even_split
from evlib.coordination.announced_price import grid_side
from evlib.coordination.coordinate import PRICE_GAP_TOLERANCE, coordinate
from evlib.coordination.joint.cutting_planes import Cuts, solve_bundle
from evlib.coordination.joint.joint_program import joint_program, surrogate_bound
from evlib.coordination.problem import CoupledProblem
from evlib.errors import SolverError

GAP = 1e-4


@pytest.fixture(scope="module")
def problems(mini):
    return {objective: CoupledProblem.of(mini, "v2g", objective) for objective in ("user", "system")}


def instance(problem, seed):
    """Random flows, a random and often weak metric, and random loads: another day with other cohorts each time."""
    rng = np.random.default_rng(seed)
    flows = rng.random(even_split(problem.network, problem.demand_veh).shape)
    origin = problem.network.path_origin
    for o in range(len(problem.network.origins)):
        flows[origin == o] *= problem.demand_veh[o] / flows[origin == o].sum(axis=0)
    case = replace(problem.case, load_kw=problem.case.load_kw * rng.uniform(0.8, 1.1, problem.case.load_kw.shape))
    return (
        replace(problem, case=case),
        problem.traffic.evaluate(flows),
        10 ** rng.uniform(-1, 1.5) * np.ones_like(flows),
    )


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.verify) for seed in range(1, 20))]


@pytest.mark.parametrize("seed", SEEDS)
def test_bounds_close_in_on_the_one_shot_optimum(problems, seed, monkeypatch):
    """With every cut the traffic operator's own optimum rises, and the program in one piece lies between the bounds, 1e-4
    apart."""
    problem, traffic, metric = instance(problems["user" if seed % 2 else "system"], seed)
    raw, propose = [], bundle._Plan.propose

    def recorded(plan, cuts):
        answer = propose(plan, cuts)
        raw.append(answer[2])
        return answer

    monkeypatch.setattr(bundle._Plan, "propose", recorded)
    found = solve_bundle(problem, traffic, metric, Cuts(problem), gap=GAP)
    together = joint_program(problem, traffic, metric).cost_cny
    slack = 1e-6 * together
    assert found.gap <= GAP
    assert (np.diff(raw) >= -slack).all()
    assert max(raw) == found.lower_cny
    assert (found.table["upper_cny"] >= together - slack).all()
    assert found.lower_cny - slack <= together <= found.upper_cny + slack
    # The announced prices attain the bound on their own: everybody's best reply to them, grid included.
    alone = surrogate_bound(problem, traffic, metric, found.price_cny_kwh, found.rent_cny)
    assert found.lower_cny - slack <= alone <= together + slack


@pytest.mark.parametrize("seed", range(3))
def test_a_cut_touches_its_own_cohorts_and_lies_below_the_cost_of_others(problems, seed):
    """J is convex: an answer to some cohorts supports it there and bounds it at any other cohorts."""
    problem, rng = problems["user"], np.random.default_rng(seed)
    cuts = Cuts(problem)
    given, other = (rng.exponential(0.5, problem.cohorts.domain.n) for _ in range(2))
    at_given, at_other = cuts.ask(given), cuts.ask(other)
    cut = (
        cuts.memory.grid_cny[0] + cuts.memory.vehicle_cny[0] @ given,
        cuts.memory.grid_cny[0] + cuts.memory.vehicle_cny[0] @ other,
    )
    assert cut[0] == pytest.approx(at_given.objective_cny, rel=1e-5)
    assert cut[1] < at_other.objective_cny - 1.0
    assert not cuts.memory.rejected


@pytest.mark.verify
def test_cuts_outlive_the_trajectories_that_they_were_made_at(problems):
    """With the cuts of another loading at hand fewer exchanges are needed, and the bound is still below the optimum."""
    problem, traffic, metric = instance(problems["user"], 3)
    _, other, _ = instance(problems["user"], 5)
    cold = solve_bundle(problem, traffic, metric, Cuts(problem), gap=GAP)
    cuts = Cuts(problem)
    solve_bundle(problem, other, metric, cuts, gap=GAP)
    warm = solve_bundle(problem, traffic, metric, cuts, gap=GAP)
    assert warm.table["lower_cny"].iloc[0] > cold.table["lower_cny"].iloc[0] + 10
    assert len(warm.table) < len(cold.table)
    assert warm.lower_cny <= joint_program(problem, traffic, metric).cost_cny * (1 + 1e-6)


def test_what_crosses_the_border_is_cohorts_prices_and_costs(problems):
    """Up go at most 192 cohorts and 48 asked prices; down come 48 prices, the cost and two constants."""
    problem, traffic, metric = instance(problems["user"], 1)
    table = solve_bundle(problem, traffic, metric, Cuts(problem), gap=GAP).table
    assert set(table["to_traffic"].iloc[:-1]) == {48 + 1 + 1 + 1}
    assert table["to_traffic"].iloc[-1] == 48 + 1 + 1  # no prices are asked once the gap is reached
    n_cohorts = problem.cohorts.domain.n
    assert (table["to_grid"] > 48).iloc[:-1].all()
    assert (table["to_grid"] <= n_cohorts + 48).all()


def test_measuring_an_iterate_crosses_the_border_too(problems):
    """Up: its cohorts and the 48 announced prices; down: 48 prices, the cost, and the grid's side at both sets of prices."""
    problem, traffic, _ = instance(problems["user"], 1)
    sizes, cuts = problem.sizes(traffic), Cuts(problem)
    cuts.observe(sizes, problem.dispatch(sizes).dispatch)
    assert cuts.memory.to_grid == (sizes > 1e-9).sum() + 48
    assert cuts.memory.to_traffic == 48 + 1 + 2
    assert len(cuts.memory.grid_cny) == 1


@pytest.mark.verify
def test_an_answer_that_failed_or_cannot_be_right_is_rejected_and_recorded(problems, monkeypatch):
    """The second dispatch fails, and the grid once states 5 CNY too much: neither becomes a cut, the end is the same."""
    problem, traffic, metric = instance(problems["user"], 7)
    clean = solve_bundle(problem, traffic, metric, Cuts(problem), gap=GAP)
    calls = {"dispatch": 0, "side": 0}

    def failing(*arguments):
        calls["dispatch"] += 1
        if calls["dispatch"] == 2:
            raise SolverError("grid problem ended with status 'optimal_inaccurate', not 'optimal'")
        return dispatch(*arguments)

    def wrong(*arguments):
        calls["side"] += 1
        return grid_side(*arguments) + (5.0 if calls["side"] == 3 else 0.0)

    dispatch = CoupledProblem.dispatch
    monkeypatch.setattr(CoupledProblem, "dispatch", failing)
    monkeypatch.setattr(bundle, "grid_side", wrong)
    cuts = Cuts(problem)
    found = solve_bundle(problem, traffic, metric, cuts, gap=GAP)
    assert len(cuts.memory.rejected) == 2
    assert "optimal_inaccurate" in cuts.memory.rejected[0]
    assert "where the cost is" in cuts.memory.rejected[1]
    assert found.table["rejected"].iloc[-1] == 2
    assert found.upper_cny == pytest.approx(clean.upper_cny, rel=2 * GAP)


def test_without_any_valid_cut_the_bundle_gives_up(problems, monkeypatch):
    problem, traffic, metric = instance(problems["user"], 7)
    monkeypatch.setattr(bundle, "grid_side", lambda *_: np.nan)
    with pytest.raises(SolverError, match="an exchange brought no valid cut; a cut that is not finite"):
        solve_bundle(problem, traffic, metric, Cuts(problem))


@pytest.mark.parametrize(("gap", "most"), [(0.0, 5), (1e-4, 0)])
def test_a_gap_that_cannot_be_reached_is_refused(problems, gap, most):
    problem, traffic, metric = instance(problems["user"], 1)
    with pytest.raises(InputError, match=f"gap {gap}, most {most}; must be positive and at least 1"):
        solve_bundle(problem, traffic, metric, Cuts(problem), gap=gap, most=most)


@pytest.mark.parametrize(("iterations", "converged"), [(1, False), pytest.param(16, True, marks=pytest.mark.verify)])
def test_exchanging_prices_coordinates_as_well_as_one_program(mini, iterations, converged):
    """On mini: converged in the end, and the certificate is that of the flows and prices returned."""
    keys = {"coordination.iterations": iterations, "coordination.exact_iterations": iterations}
    found = coordinate(mini.replace(keys), method="bundle")
    assert found.certificate.converged == converged
    # short of equilibrium the iterate with the least money open is returned, and its price gap may be somewhat larger
    assert abs(found.certificate.price_gap) <= (1 if converged else 2) * PRICE_GAP_TOLERANCE
    assert found.certificate.rejected_cuts == 0
    assert found.certificate.lower_bound_cny <= found.certificate.upper_bound_cny
    problem = CoupledProblem.of(mini, "v2g", "system")
    fresh = gaps(problem.traffic.evaluate(found.flows_veh), problem.electricity(found.price_cny_kwh), found.rent_cny)
    assert fresh.excess_cny_veh == pytest.approx(found.certificate.excess_cny_veh, rel=1e-9)
