"""Method newton: derivatives of the dual against finite differences, weak duality against the joint program, certificates."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from evlib import solve
from evlib.coordination import coordinate as coordinate_module
from evlib.coordination.announced_price import grid_side, price_gap
from evlib.coordination.coordinate import coordinate, default_method
from evlib.coordination.iteration import Iteration, IterationRow
from evlib.coordination.joint.joint_program import joint_program
from evlib.coordination.newton import method, step
from evlib.coordination.newton.curvature import respond
from evlib.coordination.newton.dual import Dual
from evlib.coordination.newton.method import CLOSE, PRICE_GAP_TOLERANCE, Newton
from evlib.coordination.newton.step import FALL, LEAST_INERTIA, MOST_INERTIA, Ascent, Step, ascend
from evlib.coordination.problem import CoupledProblem
from evlib.errors import InfeasibleError, InputError
from evlib.flexibility.proximal_reply import ProximalFleet
from evlib.grid.reduced import reduced_grid
from evlib.grid.reduced.reduced_grid import ReducedGrid


@pytest.fixture(scope="module")
def scarce(mini):
    """A start where plugs are scarce, so that rents matter."""
    plugs = {f"stations.{station.name}.plugs": 8.0 for station in mini.stations}
    problem = CoupledProblem.of(mini.replace(plugs), "v2g", "system")
    run = Iteration(problem)
    traffic = problem.traffic.evaluate(run.state.flows_veh)
    metric = 10.0 * run.per_level
    fleet, grid = ProximalFleet(problem.cohorts), ReducedGrid(problem.case, problem.options)
    return Dual(problem, traffic, metric, fleet, grid, fleet.idle(), 0.02)


def test_the_dual_falls_by_what_prices_and_rents_leave_over(scarce):
    """Its derivative by a price is what vehicles draw more than the grid sells; by a rent, plugs held beyond those there are."""
    case, network = scarce.problem.case, scarce.problem.network
    rng = np.random.default_rng(1)
    price = np.repeat(
        case.import_price_cny_kwh[None] + rng.uniform(0.02, 0.3, case.n_steps), len(case.stations), axis=0
    )
    rent = rng.uniform(0.0, 2.0, price.shape)
    point = scarce.at(price, rent)
    response = respond(scarce, point)
    sold = scarce.grid.free(price).station_kw
    by_price = case.step_h * (response.station_kw.sum(axis=0) - sold.sum(axis=0))
    by_rent = response.held_plugs - np.asarray(network.plugs)[:, None]
    step, checked = 1e-5, 0
    for k in range(2, 20, 3):
        moved = np.zeros_like(price)
        moved[:, k] = step  # stations between which no tie binds have one price
        up, down = (scarce.at(price + sign * moved, rent).value_cny for sign in (1, -1))
        assert (up - down) / (2 * step) == pytest.approx(by_price[k], rel=1e-3, abs=0.05)
        moved = np.zeros_like(price)
        moved[0, k] = step
        up, down = (scarce.at(price, rent + sign * moved).value_cny for sign in (1, -1))
        assert (up - down) / (2 * step) == pytest.approx(by_rent[0, k], rel=1e-3, abs=1e-3)
        checked += 2
    assert checked == 12
    assert np.abs(by_rent).max() > 1.0


def test_softened_waiting_bends_the_dual_as_its_curvature_says(scarce):
    """By rents alone, flows held by a large weight: the curvature is that of the waiting choice, exactly."""
    stiff = Dual(
        scarce.problem, scarce.traffic, 1e9 * scarce.metric, scarce.fleet, scarce.grid, scarce.plan_kwh, 0.02, 0.7
    )
    n_steps, rng = scarce.problem.case.n_steps, np.random.default_rng(2)
    price = np.repeat(scarce.problem.case.import_price_cny_kwh[None], 2, axis=0)
    rent = rng.uniform(0.5, 2.0, price.shape)
    rent[:, 10:] *= 0.2  # cheaper later, so that some wait
    response = respond(stiff, stiff.at(price, rent))
    direction = rng.uniform(-1.0, 1.0, price.shape)
    held = [respond(stiff, stiff.at(price, rent + sign * 1e-5 * direction)).held_plugs for sign in (1, -1)]
    expected = -np.einsum("cij,cj->ci", response.curvature[:, n_steps:, n_steps:], direction)
    assert (held[0] - held[1]) / 2e-5 == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert np.abs(expected).max() > 0.1


@pytest.mark.parametrize("objective", ["user", "system"])
def test_the_highest_dual_is_the_least_joint_cost(mini, scarce, objective):
    """Strong duality with the program in one piece: equal at its own prices and rents, scarce plugs or not, if plans and the
    choice to wait are hardly softened; from the tariff
    Newton steps come close to it as the plan settles."""
    problem = CoupledProblem.of(mini, "v2g", objective)
    everywhere = np.ones((2, problem.case.n_steps), dtype=bool)
    run = Iteration(problem)
    traffic, metric = problem.traffic.evaluate(run.state.flows_veh), 10.0 * run.per_level
    sharp = scarce.fleet, scarce.grid, scarce.plan_kwh, 1e-7, 1e-6
    cases = [Dual(problem, traffic, metric, *sharp)]
    if objective == "system":
        cases.append(Dual(scarce.problem, scarce.traffic, scarce.metric, *sharp))
    for dual in cases:
        joint = joint_program(dual.problem, dual.traffic, dual.metric, watched=everywhere)
        price = joint.price_cny_kwh[problem.case.station_bus]
        sold_cny = grid_side(problem, price)  # of stations whose prices differ by what a tie costs
        assert dual.at(price, joint.rent_cny, sold_cny).value_cny == pytest.approx(joint.cost_cny, rel=1e-6)
    joint = joint_program(problem, traffic, metric, watched=everywhere)
    price = np.repeat(problem.case.import_price_cny_kwh[None], 2, axis=0)
    rent, plan = None if objective == "user" else np.zeros_like(price), scarce.plan_kwh
    for weight in (0.05, 0.02, 0.01, 0.005, 0.005):
        dual = Dual(problem, traffic, metric, scarce.fleet, scarce.grid, plan, weight)
        point = ascend(dual, dual.at(price, rent), 12).point
        price, rent, plan = point.price_cny_kwh, point.rent_cny, point.reply.change_kwh
    assert point.value_cny == pytest.approx(joint.cost_cny, rel=1e-4)


def test_newton_steps_never_lead_down_and_take_more_inertia_where_the_model_is_poor(scarce):
    """The dual is concave: where flows move almost freely a step of the model leads far beyond its top."""
    problem = scarce.problem
    free = Dual(problem, scarce.traffic, 0.005 * scarce.metric, scarce.fleet, scarce.grid, scarce.plan_kwh, 5e-3, 0.05)
    price = np.repeat(problem.case.import_price_cny_kwh[None], 2, axis=0)
    point, inertia, values, inertias = free.at(price, np.zeros_like(price)), LEAST_INERTIA, [], []
    for _ in range(12):
        ascent = ascend(free, point, 1, inertia)
        values.append((ascent.point.value_cny - point.value_cny) / problem.scale_cny)
        assert ascent.gain == values[-1]
        point, inertia = ascent.point, ascent.inertia
        inertias.append(inertia)
    assert min(values) >= -FALL
    assert max(inertias) > LEAST_INERTIA
    assert sum(values) > 0.1


@pytest.mark.parametrize(
    ("excess", "relative_gap", "level"),
    [
        ([1.0], 0.1, 40.0),
        ([1.0, 0.9], 0.1, 40.0),  # slow once
        ([1.0, 0.9, 0.81], 0.1, 20.0),  # twice in turn
        ([1.0, 0.9, 0.6], 0.1, 40.0),  # fast again
        ([1.0, 0.5, 0.51], 0.1, 40.0),
        ([1.0, 0.9, 1.0], 0.1, 80.0),  # worse, far from equilibrium
        ([1.0, 0.9, 1.0], 0.005, 60.0),  # and near it
    ],
)
def test_the_weight_on_flows_falls_where_the_excess_creeps_and_rises_where_it_grows(mini, excess, relative_gap, level):
    run = Iteration(CoupledProblem.of(mini, "v2g", "user"))
    answering = Newton(run)
    measures = {"relative_gap": relative_gap, "price_gap": 0.0, "metric_cny_veh": 0.0, "priced_by": "exact"}
    times = {"seconds_load": 0.0, "seconds_check": 0.0}
    run.state.rows = [
        IterationRow(iteration=i, excess_cny_veh=value, **measures, **times) for i, value in enumerate(excess)
    ]
    weight = answering._metric()
    assert run.state.level_cny_veh == level
    assert weight == pytest.approx(0.5 * level * run.per_level)


@pytest.mark.parametrize(("objective", "least"), [("user", 4.0), ("system", 8.0)])
def test_the_weight_on_flows_has_bounds(mini, objective, least):
    run = Iteration(CoupledProblem.of(mini, "v2g", objective))
    answering = Newton(run)
    measures = {
        "price_gap": 0.0,
        "metric_cny_veh": 0.0,
        "priced_by": "exact",
        "seconds_load": 0.0,
        "seconds_check": 0.0,
    }
    for ratio, bound in ((1.2, 160.0), (0.9, least)):
        run.state.rows = [
            IterationRow(iteration=i, excess_cny_veh=ratio**i, relative_gap=0.1, **measures) for i in range(3)
        ]
        for _ in range(12):
            answering._metric()
        assert run.state.level_cny_veh == bound


@pytest.mark.parametrize(("gain", "falls"), [(math.inf, False), (2e-3, False), (5e-4, True)])
def test_plans_and_waiting_are_sharpened_only_once_the_dual_is_nearly_climbed(mini, monkeypatch, gain, falls):
    run = Iteration(CoupledProblem.of(mini, "v2g", "system"))
    answering = Newton(run)
    answering.measure(0)
    monkeypatch.setattr(method, "ascend", lambda dual, point, *_: Ascent(point, 0.5, gain))
    answering.answer(0)
    weight, softness = (method.WEIGHT_FALL, method.SOFTNESS_FALL) if falls else (1.0, 1.0)
    assert run.state.plan_weight == pytest.approx(weight * method.FIRST_WEIGHT)
    assert run.state.softness_cny == pytest.approx(softness * method.FIRST_SOFTNESS)
    assert run.state.rent_inertia == 0.5


def test_where_every_step_leads_down_the_point_stays_and_is_said_to_gain_nothing_known(scarce, monkeypatch):
    price = np.repeat(scarce.problem.case.import_price_cny_kwh[None], 2, axis=0)
    point = scarce.at(price, np.zeros_like(price))
    tried = []

    def downwards(problem, grid, price_cny_kwh, rent_cny, response, inertia, tolerance):
        tried.append(inertia)
        return Step(np.full_like(price, 50.0), np.zeros_like(price), scarce.grid.free(price + 50.0).cost_cny)

    monkeypatch.setattr(step, "newton_step", downwards)
    ascent = ascend(scarce, point, 3)
    assert ascent.point is point
    assert math.isinf(ascent.gain)
    assert ascent.inertia == MOST_INERTIA
    assert tried == pytest.approx([1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4])
    # Told at the start and in seven steps of two lengths: prices and rents of 2 stations in 24 steps, and the value of the reply.
    # Answered once: power and held plugs, and the curvature, of which each pair of entries is one number.
    entries = respond(scarce, point).curvature != 0
    pairs = (entries.sum() + np.einsum("cii->ci", entries).sum()) / 2
    assert ascent.exchanged == 15 * (2 * 48 + 1) + 2 * 48 + pairs


@pytest.mark.parametrize("objective", ["user", "system"])
def test_a_certified_run_is_certified_by_the_full_programs_too(mini, certified, objective):
    """The price gap, bounded without a dispatch, is no less than that of a dispatch of the same vehicles in full."""
    run = certified[objective]
    certificate = run.certificate
    assert certificate.converged
    assert not certificate.interrupted
    assert certificate.relative_gap <= CLOSE
    problem = CoupledProblem.of(mini, "v2g", objective)
    sizes = problem.sizes(problem.traffic.evaluate(run.flows_veh))
    full = price_gap(problem, sizes, run.price_cny_kwh, problem.dispatch(sizes).dispatch.objective_cny)
    assert -1e-7 <= full <= certificate.price_gap + 1e-7
    assert certificate.price_gap <= PRICE_GAP_TOLERANCE


def test_a_run_told_when_to_stop_ends_at_its_first_iterate_within_and_returns_it(mini, certified, monkeypatch):
    stop = {"coordination.stop_relative_gap": 1e-2, "coordination.stop_price_gap": 1e-2}
    monkeypatch.setattr(coordinate_module, "PRICE_GAP_TOLERANCE", 1e-9)  # no iterate is within what holds otherwise
    run = coordinate(mini.replace(stop), method="newton", objective="user")
    rows = run.convergence
    within = (rows["relative_gap"] <= 1e-2) & (rows["price_gap"] <= 1e-2)
    assert within.to_list() == [False] * (len(rows) - 1) + [True]
    assert len(rows) < len(certified["user"].convergence)
    assert rows["price_gap"].idxmin() < len(rows) - 1  # an earlier one has less price gap, and more excess
    assert run.certificate.relative_gap == rows["relative_gap"].iloc[-1]


@pytest.mark.verify
@pytest.mark.parametrize("objective", ["user", "system"])
def test_newton_and_joint_agree_within_their_certificates(mini, certified, objective):
    """Two methods, one equilibrium: what time and grid cost together differs by less than 1 %."""
    problem = CoupledProblem.of(mini, "v2g", objective)
    fewer = mini.replace({"coordination.iterations": 12, "coordination.exact_iterations": 3})
    joint = coordinate(fewer, method="joint", objective=objective)
    totals = []
    for run in (certified[objective], joint):
        traffic = problem.traffic.evaluate(run.flows_veh)
        cost = problem.dispatch(problem.sizes(traffic)).dispatch.objective_cny
        totals.append(cost + float((run.flows_veh * traffic.time_cny).sum()))
    assert totals[0] == pytest.approx(totals[1], rel=0.01)


@pytest.mark.verify
def test_plans_do_not_bias_the_prices(mini, certified):
    """Of a certified run the plan costs nothing: vehicles that reply without it pay what those pay who keep to it."""
    problem = CoupledProblem.of(mini, "v2g", "system")
    run = Iteration(problem)
    method = Newton(run)
    for iteration in range(40):
        method.measure(iteration)
        if method.settled():
            break
        run.answered(*method.answer(iteration), 0.0)
    price = run.state.price_cny_kwh[problem.case.station_bus]
    fleet, sizes = method.fleet, problem.sizes(run.traffic)
    reply = fleet.reply(price, run.state.plan_kwh, run.state.plan_weight)
    near = sizes @ (fleet.paid_cny(price, reply) + reply.own_cny)
    free = sizes @ problem.vehicles.vehicle_costs(price)
    assert 0.0 <= near - free <= 2 * PRICE_GAP_TOLERANCE * problem.scale_cny


@pytest.mark.parametrize(
    ("changes", "charging", "message"),
    [
        ({"switches.grid_model": "cone"}, "v2g", "switches.grid_model is 'cone'"),
        ({"switches.set": "zonotope"}, "v2g", "switches.set is 'zonotope'"),
        ({"fleet.logit_cny": 0.5}, "smart", "fleet.logit_cny is 0.5"),
        ({}, "uncontrolled", "charging 'uncontrolled'"),
    ],
)
def test_what_newton_cannot_do_is_refused_by_name_and_left_to_joint(mini, changes, charging, message):
    scenario = mini.replace(changes)
    with pytest.raises(InputError, match=f"method 'newton': {message}.*use method 'joint'"):
        coordinate(scenario, method="newton", charging=charging)
    assert default_method(scenario, charging) == "joint"
    assert default_method(mini, "v2g") == "newton"


def test_results_name_the_method_that_made_them(mini):
    few = mini.replace({"coordination.iterations": 1, "coordination.exact_iterations": 1})
    assert solve(few, "coordinated", "v2g", cache=False).method == "newton"


def test_programs_at_a_looser_tolerance_are_said_in_the_certificate(mini, monkeypatch):
    """Every program seems to have failed at its first tolerance: the certificate counts them; untouched, there are none."""
    few = mini.replace({"coordination.iterations": 2, "coordination.exact_iterations": 1})
    assert coordinate(few).certificate.statuses == "optimal in every iteration"
    whole = reduced_grid.climb_cones

    def second(problem, tolerance):
        solve = whole(problem, tolerance)
        failed = replace(solve.ladder[0], status="optimal_inaccurate")
        return replace(solve, ladder=(failed, *solve.ladder))

    monkeypatch.setattr(reduced_grid, "climb_cones", second)
    said = coordinate(few).certificate.statuses
    count = int(re.fullmatch(r"optimal in every iteration; (\d+) programs at a looser tolerance", said)[1])
    assert count > 10


def test_where_no_dispatch_is_near_the_plan_the_price_gap_is_that_of_the_exact_one(mini, monkeypatch):
    """It lies between nothing and the bound that vehicles near their plan give, for the same first flows and prices."""

    def first_gap(infeasible):
        run = Iteration(CoupledProblem.of(mini, "v2g", "user"))
        method = Newton(run)
        if infeasible:
            monkeypatch.setattr(method.grid, "fixed", refuse)
        method.measure(0)
        return run.state.rows[0].price_gap

    def refuse(station_kw):
        raise InfeasibleError("none near the plan")

    bound, exact = first_gap(False), first_gap(True)
    assert -1e-7 < exact < bound


@pytest.mark.verify
def test_an_exact_dispatch_that_set_the_prices_is_not_solved_twice(mini, monkeypatch):
    """It is the answer to the vehicles that came; any others are dispatched anew."""
    monkeypatch.setattr(Newton, "_price_gap", lambda *_: 1.0)  # so only an exact dispatch may settle the prices
    run = coordinate(mini.replace({"coordination.stop_relative_gap": 1e-2}), method="newton", objective="user")
    assert run.certificate.converged
    problem = CoupledProblem.of(mini, "v2g", "user")
    sizes = problem.sizes(problem.traffic.evaluate(run.flows_veh))
    anew = problem.dispatch(sizes).dispatch
    fewer = problem.dispatch(0.5 * sizes).dispatch
    assert run.dispatch(0.5 * sizes).dispatch.objective_cny == pytest.approx(fewer.objective_cny, rel=1e-9)

    def refuse(*_):
        raise AssertionError("dispatched again")

    monkeypatch.setattr(type(problem.vehicles), "dispatch", refuse)
    kept = run.dispatch(sizes).dispatch
    assert kept.objective_cny == pytest.approx(anew.objective_cny, rel=1e-7)
    assert np.array_equal(kept.price_cny_kwh, run.price_cny_kwh)
