"""Drivers who do not follow the signal, and drivers who misjudge it: closed forms, duality, and the ends of each scale."""

import numpy as np
import pytest
from scipy.optimize import brentq

from evlib import InputError
from evlib.assignment.dynamic_equilibrium import Extragradient
from evlib.assignment.gaps import gaps, regret_cny
from evlib.assignment.route_choice import even_split, nearest_paths
from evlib.coordination.coordinate import coordinate
from evlib.coordination.joint_program import joint_program, surrogate_bound
from evlib.coordination.one_day import solve_run
from evlib.coordination.problem import CoupledProblem
from evlib.inputs.build_roads import origin_demand

SOME_FOLLOW = {"fleet.compliance": 0.6}
MISJUDGED = {"fleet.logit_cny": 2.0}


def logit_shares(cost_cny, scale_cny):
    weight = np.exp(-cost_cny / scale_cny)
    return weight / weight.sum(axis=0)


def test_who_does_not_follow_drives_to_the_nearest_station(mini):
    """Six in ten follow: four in ten of every origin, class and step are on the shortest path, whatever the signal."""
    found = coordinate(mini.replace(SOME_FOLLOW | {"coordination.iterations": 3, "coordination.exact_iterations": 3}))
    demand, problem = origin_demand(mini), CoupledProblem.of(mini.replace(SOME_FOLLOW), "v2g", "system")
    nearest = nearest_paths(problem.network)
    assert (found.flows_veh[nearest] >= 0.4 * demand - 1e-9).all()
    assert found.flows_veh.sum() == pytest.approx(80.0, abs=1e-6)
    others = np.setdiff1d(np.arange(len(found.flows_veh)), nearest)
    assert found.flows_veh[others].sum() > 1.0
    assert problem.fixed_veh.sum() == pytest.approx(0.4 * 80.0)


def test_only_followers_can_be_discontent(mini):
    """Nobody follows, nearly: the excess is that of the few, per vehicle of theirs, and equals a sum done by hand."""
    problem = CoupledProblem.of(mini.replace({"fleet.compliance": 0.01}), "smart", "user")
    flows = even_split(problem.network, problem.demand_veh)
    traffic, electricity = problem.traffic.evaluate(flows), np.zeros((2, 2, 25))
    cost, origin = traffic.costs(electricity), problem.network.path_origin
    least = np.array([cost[origin == o].min(axis=0) for o in range(2)])[origin]
    assert traffic.flows_veh == pytest.approx(flows, abs=1e-12)
    assert traffic.loading.departures_veh.sum() == pytest.approx(80.0)
    by_hand = (flows * (cost - least)).sum() / flows.sum()
    assert gaps(traffic, electricity).excess_cny_veh == pytest.approx(by_hand)


@pytest.mark.parametrize("changes", [SOME_FOLLOW, MISJUDGED, SOME_FOLLOW | MISJUDGED])
@pytest.mark.parametrize("objective", ["user", "system"])
def test_the_joint_program_and_its_bound_agree(mini, changes, objective):
    """Two ways to the same number: one program, and the best replies of drivers, vehicles and grid at its prices."""
    problem = CoupledProblem.of(mini.replace(changes), "v2g", objective)
    traffic = problem.traffic.evaluate(even_split(problem.network, problem.demand_veh))
    metric = np.full(traffic.flows_veh.shape, 20.0) + traffic.misjudged()[1]
    answer = joint_program(problem, traffic, metric)
    bound = surrogate_bound(problem, traffic, metric, answer.price_cny_kwh, answer.rent_cny)
    assert bound == pytest.approx(answer.cost_cny, rel=1e-6)
    assert answer.flows_veh.sum() == pytest.approx(problem.demand_veh.sum(), rel=1e-6)


def test_entropy_of_drivers_who_misjudge_has_the_slope_and_curvature_it_says(mini):
    """Finite differences of theta sum f ln(f / d), demand held."""
    problem = CoupledProblem.of(mini.replace(MISJUDGED), "smart", "user")
    flows = np.random.default_rng(6).uniform(0.5, 1.5, even_split(problem.network, problem.demand_veh).shape)
    origin = problem.network.path_origin
    demand = np.array([flows[origin == o].sum(axis=0) for o in range(2)])[origin]
    slope, curvature = problem.traffic.evaluate(flows).misjudged()

    def entropy(f):
        return 2.0 * (f * np.log(f / demand)).ravel()

    ends = [entropy(flows + step) for step in (-1e-4, 0.0, 1e-4)]
    assert (ends[2] - ends[0]) / 2e-4 == pytest.approx(
        slope.ravel() + 2.0, rel=1e-6
    )  # the constant is the same everywhere
    assert (ends[2] - 2 * ends[1] + ends[0]) / 1e-8 == pytest.approx(curvature.ravel(), rel=1e-4)


def test_logit_drivers_on_two_routes_end_where_share_and_cost_agree():
    """5 + 0.2 x and 11 + 0.1 (60 - x), scale 2 CNY: x solves x = 60 / (1 + exp((c1 - c2) / 2)), by root finding."""

    def off(x):
        return x - 60 / (1 + np.exp((5 + 0.2 * x - 11 - 0.1 * (60 - x)) / 2))

    fixed, slope = (np.array(values).reshape(2, 1, 1) for values in ([5.0, 11.0], [0.2, 0.1]))
    walk = Extragradient(np.full((1, 1, 1), 60.0), np.array([0, 0]), logit_cny=2.0)
    flows = walk.run(lambda x: fixed + slope * x, np.array([60.0, 0.0]).reshape(2, 1, 1), 200)
    assert flows[0, 0, 0] == pytest.approx(brentq(off, 0, 60), abs=1e-6)


def test_regret_is_zero_at_logit_shares_and_positive_elsewhere():
    """Summed over the flows it is theta times the Kullback-Leibler distance from the shares that the costs imply."""
    rng = np.random.default_rng(5)
    cost = rng.uniform(5, 9, (3, 2, 4))
    shares = logit_shares(cost, 1.5)
    assert 7.0 * shares * regret_cny(cost, 7.0 * shares, 1.5) == pytest.approx(0.0, abs=1e-12)
    flows = rng.dirichlet(np.ones(3), (2, 4)).transpose(2, 0, 1)
    distance = 1.5 * (flows * np.log(flows / shares)).sum(axis=0)
    assert (flows * regret_cny(cost, flows, 1.5)).sum(axis=0) == pytest.approx(distance)
    assert distance.min() > 0
    assert (flows * regret_cny(cost, flows, 1e-3)).sum() == pytest.approx(
        (flows * (cost - cost.min(axis=0))).sum(), abs=0.1
    )


@pytest.mark.verify  # test_logit_drivers_on_two_routes_end_where_share_and_cost_agree is the short one
def test_coordinated_logit_drivers_choose_as_their_costs_say(mini):
    """On the small case: the run settles, and shares of paths are exp(-C / theta), up to the gap."""
    scenario = mini.replace({"fleet.logit_cny": 1.0}, objective="user")
    found = coordinate(scenario)
    assert found.certificate.converged
    problem = CoupledProblem.of(scenario, "v2g", "user")
    cost = problem.traffic.evaluate(found.flows_veh).costs(problem.electricity(found.price_cny_kwh))
    for o in range(2):
        own = problem.network.path_origin == o
        share = found.flows_veh[own] / problem.demand_veh[o]
        assert share == pytest.approx(logit_shares(cost[own], 1.0), abs=0.03)


def test_a_snapshot_of_drivers_who_misjudge_is_less_of_a_stampede(mini):
    """They spread over the paths by their costs; with a wide scale nearly evenly."""
    sure, unsure = (solve_run(mini.replace({"fleet.logit_cny": scale}), "snapshot", "smart") for scale in (0.0, 1e3))
    both = [run.loading.departures_veh.sum(axis=(1, 2)) for run in (sure, unsure)]
    network = unsure.network
    even = np.array([48.0, 32.0])[network.path_origin] / np.bincount(network.path_origin)[network.path_origin]
    assert both[1] == pytest.approx(even, rel=0.05)
    assert both[0].min() < 0.5 * even.min()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fleet.compliance": 0.0}, "fleet.compliance: 0.0.*greater than 0"),
        ({"fleet.compliance": 1.2}, "fleet.compliance: 1.2.*less than or equal to 1"),
        ({"fleet.logit_cny": -1.0}, "fleet.logit_cny: -1.0.*greater than or equal to 0"),
    ],
)
def test_shares_and_scales_out_of_range_are_refused(mini, changes, message):
    with pytest.raises(InputError, match=message):
        mini.replace(changes)
