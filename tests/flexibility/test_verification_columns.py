"""Column generation: bounds that enclose the least cost, schedules that can be driven, and columns that outlive a fleet."""

import dataclasses

import cvxpy as cp
import numpy as np
import pytest

from evlib import build_network, load_scenario, load_traffic
from evlib.assignment.route_choice import shortest_path_departures
from evlib.errors import InputError, SolverError
from evlib.flexibility import Fleet, mixed_schedule, solve_by_columns, support, violations
from evlib.flexibility.fleet import mean_vehicles
from evlib.flexibility.station_load import exact_block
from evlib.grid.dno import dispatch_grid, solve_grid
from evlib.grid.fleet_dispatch import dispatch_by_columns
from evlib.inputs.build_fleet import all_cohorts
from evlib.inputs.build_grid import build_grid_case, build_grid_options
from evlib.inputs.build_roads import origin_demand
from evlib.traffic.arrival_levels import plug_ins
from evlib.traffic.path_times import plug_in_shares

N_STEPS = 40


def random_fleet(draw, n, seed, **given):
    station = draw.station(n, N_STEPS, seed, **given)
    where = np.random.default_rng(seed).integers(0, 2, n)
    return Fleet(station.domain, station.sizes, where, station.offsets, 2, N_STEPS)


def slope_and_price(seed):
    """A grid of two stations whose marginal cost rises with their common power: price + slope * total [CNY/kWh]."""
    price = np.random.default_rng(seed).normal(0.4, 0.2, N_STEPS)

    def build(station_load):
        total = cp.sum(station_load.power_mw, axis=0)
        cost = (price @ total + cp.sum_squares(total) / 4) / 12 + station_load.cost_kcny
        return cp.Problem(cp.Minimize(cost), station_load.constraints), total

    return build


def solve(problem):
    solve_grid(problem, "toy grid")


def exact_cost_cny(build, fleet):
    problem, _ = build(exact_block(fleet))
    solve(problem)
    return 1000 * problem.value


def mini_fleet():
    scenario = load_scenario("mini")
    case, options = build_grid_case(scenario), build_grid_options(scenario)
    network = build_network(scenario)
    loading = load_traffic(network, shortest_path_departures(network, origin_demand(scenario)))
    cohorts = all_cohorts(scenario, case.terminal_price_cny_kwh)
    sizes = cohorts.sizes_of(plug_ins(loading, plug_in_shares(loading))[..., : case.n_steps])
    first = cohorts.plug_in_step + 1
    return case, options, Fleet(cohorts.domain, sizes, cohorts.station, first, len(case.stations), case.n_steps)


@pytest.mark.parametrize("kind", [{}, dict(lossless=True), dict(discharge=False)])
def test_bounds_enclose_the_least_cost_at_every_iteration_and_meet(draw, kind):
    """Sixty different cohorts in a toy grid, by columns and with every exact domain in one problem."""
    discharge, kind = kind.get("discharge", True), {k: v for k, v in kind.items() if k != "discharge"}
    fleet = random_fleet(draw, 60, 61, **kind)
    if not discharge:
        fleet = dataclasses.replace(fleet, domain=dataclasses.replace(fleet.domain, discharge_kw=np.zeros(60)))
    build = slope_and_price(62)
    exact = exact_cost_cny(build, fleet)
    found = solve_by_columns(build, solve, fleet, gap=1e-4)

    rounding = 1e-6 * abs(exact)
    assert (found.history["lower_cny"] <= exact + rounding).all()
    assert (found.history["upper_cny"] >= exact - rounding).all()
    assert found.history["lower_cny"].is_monotonic_increasing
    assert (found.upper_cny - found.lower_cny) / abs(found.upper_cny) == pytest.approx(found.gap)
    assert found.gap <= 1e-4
    schedule = mixed_schedule(found, fleet)
    broken = violations(fleet.domain, schedule)
    broken.pop("simultaneous_kwh")
    assert max(broken.values()) < 1e-9
    np.testing.assert_allclose(fleet.station_kw(schedule.power_kw), found.power_kw, atol=1e-4)


def test_the_feeder_is_dispatched_at_the_cost_of_the_exact_domains_and_its_prices_support_it():
    """The small scenario: least cost between the bounds, and the lower bound is attained by the prices announced."""
    case, options, fleet = mini_fleet()
    kept = fleet.take(fleet.size_veh > 0)
    block = exact_block(kept)
    exact = dispatch_grid(case, options, block)
    dispatch, found = dispatch_by_columns(case, options, fleet, gap=1e-3)

    assert found.lower_cny <= exact.costs_cny["total"] * (1 + 1e-7)
    assert found.upper_cny >= exact.costs_cny["total"] * (1 - 1e-7)
    assert dispatch.costs_cny["total"] == pytest.approx(found.upper_cny)
    np.testing.assert_allclose(dispatch.price_cny_kwh[case.station_bus], found.price_cny_kwh, atol=1e-5)
    np.testing.assert_allclose(dispatch.station_kw, found.power_kw)


def test_columns_of_one_day_are_evaluated_anew_for_another(draw):
    """Twice the vehicles at the same prices: fewer iterations than from nothing, and bounds of the new fleet."""
    fleet, build = random_fleet(draw, 60, 63), slope_and_price(64)
    first = solve_by_columns(build, solve, fleet, gap=1e-3)
    more = dataclasses.replace(fleet, size_veh=1.1 * fleet.size_veh)
    again = solve_by_columns(build, solve, more, gap=1e-3, columns=first.columns)
    exact = exact_cost_cny(build, more)

    assert again.lower_cny - 1e-6 * abs(exact) <= exact <= again.upper_cny + 1e-6 * abs(exact)
    assert again.history["gap"].iloc[0] < solve_by_columns(build, solve, more, gap=1e-3).history["gap"].iloc[0]
    assert again.columns[: len(first.columns)] == first.columns


def test_a_grid_without_curvature_and_vehicles_alone_costs_what_they_cost_alone(draw):
    """At fixed prices nobody competes: the dispatch is the sum of the vehicles' least costs."""
    fleet = random_fleet(draw, 30, 65)
    price = np.random.default_rng(66).normal(0.4, 0.2, (2, N_STEPS))

    def build(station_load):
        cost = cp.sum(cp.multiply(price, station_load.power_mw)) / 12 + station_load.cost_kcny
        # without a limit the problem at other prices than these would have no bound
        limits = [cp.abs(station_load.power_mw) <= 50]
        return cp.Problem(cp.Minimize(cost), [*station_load.constraints, *limits]), None

    found = solve_by_columns(build, solve, fleet, gap=1e-6)
    alone_cny = fleet.size_veh @ support(fleet.domain, fleet.cohort_prices(price))[0]
    assert found.upper_cny == pytest.approx(alone_cny, rel=1e-6)
    assert found.lower_cny == pytest.approx(alone_cny, rel=1e-6)


def test_mean_vehicles_keep_number_energy_and_place(draw):
    fleet = random_fleet(draw, 200, 67)
    few = mean_vehicles(fleet)

    assert few.n < fleet.n
    for name in ("target_kwh", "energy_high_kwh", "charge_kw"):
        total = fleet.size_veh @ getattr(fleet.domain, name)
        assert few.size_veh @ getattr(few.domain, name) == pytest.approx(total, rel=1e-9)
    assert np.bincount(few.station, few.size_veh) == pytest.approx(np.bincount(fleet.station, fleet.size_veh))


def test_an_empty_fleet_leaves_the_grid_alone(draw):
    fleet, build = random_fleet(draw, 5, 68).take([]), slope_and_price(69)
    found = solve_by_columns(build, solve, fleet)

    assert found.upper_cny == pytest.approx(0.0, abs=1e-4)
    assert not found.power_kw.any() or np.abs(found.power_kw).max() < 1e-4


def test_what_cannot_be_is_refused(draw):
    fleet, build = random_fleet(draw, 10, 70), slope_and_price(71)
    with pytest.raises(InputError, match=r"gap: 0\.0; must be positive"):
        solve_by_columns(build, solve, fleet, gap=0.0)
    with pytest.raises(SolverError, match="after 1 iterations, not 1e-12"):
        solve_by_columns(build, solve, fleet, gap=1e-12, most_iterations=1)
    with pytest.raises(InputError, match=r"station: vehicle 0 has 2; must be in 0\.\.1"):
        dataclasses.replace(fleet, station=np.full(10, 2))
    with pytest.raises(InputError, match=r"price_cny_kwh: shape \(3,\); must be \(2, 40\) and finite"):
        fleet.cohort_prices(np.zeros(3))
