"""Drivers with a navigation app: an equilibrium at the tariff that another algorithm confirms, and the limits of it."""

import numpy as np
import pytest

from evlib import InputError, solve
from evlib.assignment.gaps import gaps
from evlib.coordination.informed import inform
from evlib.coordination.problem import CoupledProblem
from evlib.inputs.build_roads import origin_demand

STEPS = {"coordination.iterations": 4, "coordination.exact_iterations": 4, "coordination.traffic_steps": 15}
# Enough to tell two ways apart: the same steps from the same start.
BRIEF = {"coordination.iterations": 1, "coordination.exact_iterations": 1, "coordination.traffic_steps": 4}


@pytest.fixture(scope="module")
def few(mini):
    return mini.replace(STEPS)


def averages(problem, price, n_rounds):
    """The method of successive averages: everybody's best reply, with weight 1 / k (Sheffi 1985)."""
    value, demand, origin = problem.electricity(price), problem.demand_veh, problem.network.path_origin
    flows = np.zeros_like(problem.fixed_veh)
    for k in range(n_rounds):
        cost, reply = problem.traffic.evaluate(flows).costs(value), np.zeros_like(flows)
        for o in range(len(demand)):
            rows = np.flatnonzero(origin == o)
            np.put_along_axis(reply, rows[cost[rows].argmin(axis=0)][None], demand[o][None], axis=0)
        flows += (reply - flows) / (k + 1)
    return flows, gaps(problem.traffic.evaluate(flows), value)


def test_another_algorithm_finds_the_same_day(few):
    """Best replies averaged over 100 rounds: what drivers pay in all agrees, in time and at the tariff.

    Which class goes where is not unique, so what the grid then pays for them is not either.
    """
    found = inform(few, "v2g")
    assert found.certificate.converged
    assert found.certificate.relative_gap < 1e-3
    problem = CoupledProblem.of(few, "v2g", "user")
    price = np.full_like(problem.case.load_kw, problem.case.import_price_cny_kwh.mean())
    flows, measured = averages(problem, price, 100)
    assert measured.relative_gap < 1e-2
    value = problem.electricity(price)
    cost = [(f * problem.traffic.evaluate(f).costs(value)).sum() for f in (found.flows_veh, flows)]
    assert cost[0] == pytest.approx(cost[1], rel=2e-3)


def test_at_one_price_all_day_nobody_gains_from_discharging(few):
    """What is sold costs at least as much to buy back, so drivers go the same ways whether they may discharge or not."""
    flows = [inform(few.replace(BRIEF), charging).flows_veh for charging in ("v2g", "smart")]
    assert flows[0] == pytest.approx(flows[1], abs=1e-6)


def test_the_tariff_of_the_hour_is_the_mean_one_where_it_does_not_change(few):
    constant = few.replace(BRIEF | {"prices.import_tariff": {"all day": {"from_clock": "00:00", "price_cny_kwh": 0.5}}})
    flows = [inform(constant, "smart", tariff).flows_veh for tariff in ("mean", "hourly")]
    assert flows[0] == pytest.approx(flows[1], abs=1e-9)


def test_only_followers_are_informed(few):
    """The others drive to the nearest station; everybody departs when wanted."""
    half = few.replace(BRIEF | {"fleet.compliance": 0.5})
    result = solve(half, "informed", "smart", cache=False)
    paths = result.tables["paths"]
    assert paths["departures_veh"].sum() == pytest.approx(origin_demand(half).sum())
    problem = CoupledProblem.of(half, "smart", "user")
    assert (paths["departures_veh"].to_numpy() >= problem.fixed_veh.reshape(-1) - 1e-9).all()
    assert not result.certificate.converged  # after four steps
    assert result.certificate.not_applicable["price_gap"].startswith("drivers know the tariff only")
    assert (
        result.tables["convergence"]["excess_cny_veh"].iloc[-1] < result.tables["convergence"]["excess_cny_veh"].iloc[0]
    )


def test_an_unknown_tariff_is_refused(few):
    with pytest.raises(ValueError, match="must be one of mean, hourly"):
        inform(few, "smart", "weekly")
    with pytest.raises(InputError, match="informed_tou"):
        solve(few, "informd")


def test_steps_end_at_the_gap_that_is_wanted(few):
    """The first measurement within it is the last, and is what is returned; without it, all steps are taken."""
    whole = inform(few, "v2g").table
    wanted = few.replace({"coordination.stop_relative_gap": 0.01})
    ended = inform(wanted, "v2g")
    gap = ended.table["relative_gap"]
    assert 0 < len(gap) < len(whole)
    assert (gap[:-1] > 0.01).all()
    assert ended.certificate.relative_gap == gap.iloc[-1] <= 0.01
    assert whole["steps"].iloc[-1] == 60


def test_where_nobody_can_gain_any_more_no_further_steps_are_taken(mini):
    """With roads and plugs for everybody the nearest station by time is the equilibrium, and a few steps reach it."""
    empty = mini.replace({"stations.*.plugs": 1e4, "roads.capacity_veh_h": 1e5, "coordination.traffic_steps": 5})
    found = inform(empty, "smart")
    most = empty.coordination.iterations * empty.coordination.traffic_steps
    assert found.certificate.iterations < most / 3
    assert found.certificate.relative_gap <= 1e-6
