"""The grid problem: prices against finite differences, limits, and cohorts' values as subgradients."""

import cvxpy as cp
import numpy as np
import pytest

from evlib import SolverError
from evlib.flexibility.cohorts import vehicle_costs
from evlib.flexibility.station_load import StationLoad, exact_block, no_vehicles
from evlib.grid.dispatch import net_demand
from evlib.grid.dno import build_grid_model, dispatch_grid
from evlib.grid.power_flow import power_flow
from evlib.inputs.build_fleet import all_cohorts
from evlib.inputs.build_grid import build_grid_case, build_grid_options


@pytest.fixture(scope="module")
def grid(mini):
    return build_grid_case(mini), build_grid_options(mini)


def nobody(case):
    return no_vehicles(len(case.stations), case.n_steps)


def block(cohorts, sizes):
    return exact_block(cohorts, sizes)


@pytest.fixture(scope="module")
def dispatched(mini, mini_run, grid):
    """Cohorts of the mini case with the least cost J as a function of their sizes."""
    case, options = grid
    cohorts = all_cohorts(mini, case.terminal_price_cny_kwh, "v2g")
    kept = cohorts.domain.n_usable > 0

    def least_cost(sizes, **more):
        dispatch = dispatch_grid(case, options, block(cohorts, sizes), **more)
        return dispatch.costs_cny["total"], dispatch

    return cohorts, mini_run.sizes_veh, least_cost, kept


def finite_differences(case, options, make_cluster, places, power_kw):
    """Price and central difference at (bus, step) places away from kinks.

    A kink within the step shows in the distance between the one-sided differences: it halves with the step where the
    cost is smooth and stays where it is not.
    """

    def least_cost(bus, step, power):
        extra = np.zeros_like(case.load_kw)
        extra[bus, step] = power
        return dispatch_grid(case, options, make_cluster(), extra_kw=extra)

    base = least_cost(0, 0, 0.0)
    rows, kinks = [], 0
    for bus, step in places:
        price = base.price_cny_kwh[bus, step]
        allowed = 1e-3 * max(abs(price), 0.1)
        up, down = (least_cost(bus, step, sign * power_kw).costs_cny["total"] for sign in (1, -1))
        difference = (up - down) / (2 * power_kw * case.step_h)
        if abs(difference - price) > allowed:
            split = (up + down - 2 * base.costs_cny["total"]) / power_kw
            up, down = (least_cost(bus, step, sign * power_kw / 2).costs_cny["total"] for sign in (1, -1))
            if (up + down - 2 * base.costs_cny["total"]) / (power_kw / 2) > 0.55 * split or split > 0.1 * allowed:
                kinks += 1
                continue
        rows.append((price, difference, allowed))
    return np.array(rows), kinks


@pytest.mark.verify  # every regime in an hour of it: test_prices.py
def test_prices_are_finite_differences_on_the_real_feeder():
    """+-50 kW at 20 bus-steps of the 33-bus day: central differences give the dual within 1e-3 of max(|price|, 0.1)."""
    from evlib import load_scenario

    scenario = load_scenario("nguyen")
    case, options = build_grid_case(scenario), build_grid_options(scenario)
    rng = np.random.default_rng(3)
    places = zip(rng.integers(1, case.feeder.n_bus, 20), rng.integers(0, case.n_steps, 20), strict=True)
    rows, kinks = finite_differences(case, options, lambda: nobody(case), [*places, (29, 54)], 50.0)
    assert kinks <= 3
    assert (np.abs(rows[:, 0] - rows[:, 1]) <= rows[:, 2]).all()
    assert rows[:, 0].min() < -0.4
    assert rows[:, 0].max() > 1.0


@pytest.mark.parametrize("n", [8, pytest.param(20, marks=pytest.mark.verify)])
def test_prices_are_finite_differences_with_vehicles(dispatched, grid, n):
    """The same with the exact domains of all cohorts inside, +-2 kW on the small feeder."""
    case, options = grid
    cohorts, sizes, _, _ = dispatched
    rng = np.random.default_rng(4)
    places = zip(rng.integers(1, case.feeder.n_bus, n), rng.integers(0, case.n_steps, n), strict=True)
    rows, kinks = finite_differences(case, options, lambda: block(cohorts, sizes), places, 2.0)
    assert kinks <= 0.3 * n
    assert (np.abs(rows[:, 0] - rows[:, 1]) <= rows[:, 2]).all()


def test_price_at_the_root_is_the_marginal_import(grid):
    case, options = grid
    dispatch = dispatch_grid(case, options, nobody(case))
    importing = (dispatch.import_kw > 1) & (dispatch.import_kw < options.import_limit_kw - 1)
    marginal = case.import_price_cny_kwh + options.import_slope * dispatch.import_kw / 1000
    assert dispatch.price_cny_kwh[0, importing] == pytest.approx(marginal[importing], abs=1e-6)


def test_curtailed_sun_is_priced_at_minus_its_penalty(grid):
    case, options = grid
    dispatch = dispatch_grid(case, options, nobody(case))
    cut = (dispatch.curtailed_kw[0] > 1) & (dispatch.curtailed_kw[0] < case.available_kw[0] - 1)
    assert cut.sum() > 5
    marginal = -(options.curtailment_cny_kwh + options.curtailment_slope * dispatch.curtailed_kw[0] / 1000)
    assert dispatch.price_cny_kwh[case.farm_bus[0], cut] == pytest.approx(marginal[cut], abs=1e-5)


def test_shed_load_is_priced_at_its_penalty(mini):
    scenario = mini.replace(
        {"grid.zones.a.backup_mw": 0.0, "grid.zones.a.import_limit_mw": 0.4, "switches.limits": "hard"}
    )
    case, options = build_grid_case(scenario), build_grid_options(scenario)
    dispatch = dispatch_grid(case, options, nobody(case))
    bus = case.station_bus[0]
    shed = (dispatch.shed_kw[bus] > 1) & (dispatch.shed_kw[bus] < case.load_kw[bus] - 1)
    assert shed.any()
    marginal = options.shedding_cny_kwh + options.shedding_slope * dispatch.shed_kw[bus] / 1000
    assert dispatch.price_cny_kwh[bus, shed] == pytest.approx(marginal[shed], abs=1e-5)


@pytest.mark.parametrize("n_filled", [6, pytest.param(19, marks=pytest.mark.verify)])
def test_cohort_value_is_a_subgradient_of_the_least_cost(dispatched, n_filled):
    """J(N + h) >= J(N) + h V and J(N - h) >= J(N) - h V for some cohorts, one of them empty."""
    cohorts, sizes, least_cost, kept = dispatched
    cost, dispatch = least_cost(sizes)
    case_prices = dispatch.price_cny_kwh[_station_bus(cohorts, dispatch)]
    value = vehicle_costs(cohorts, case_prices)
    rng = np.random.default_rng(5)
    filled = rng.choice(np.flatnonzero(kept & (sizes > 0.2)), n_filled, replace=False)
    empty = rng.choice(np.flatnonzero(kept & (sizes == 0)), 1)
    slack = 2e-6 * cost
    for index in [*filled, *empty]:
        for step in (0.1, -0.1):
            if sizes[index] + step < 0:
                continue
            moved = sizes.copy()
            moved[index] += step
            assert least_cost(moved)[0] >= cost + step * value[index] - slack
    everybody = sizes * 1.02
    assert least_cost(everybody)[0] >= cost + (0.02 * sizes * value).sum() - slack


def _station_bus(cohorts, dispatch):
    return np.array([3, 5])  # mini: station a at bus 4, b at bus 6, in a feeder sorted from its root


def test_station_buses_of_the_helper_above(grid):
    case, _ = grid
    assert case.feeder.bus[case.station_bus].tolist() == [4, 6]
    assert case.station_bus.tolist() == [3, 5]


@pytest.mark.parametrize("charging", ["v2g", "smart", "uncontrolled"])
def test_optimal_dispatch_pays_exactly_the_least_costs(mini, charging):
    """N V = payments + wear + unserved + terminal terms: the schedules found are best answers to their own prices."""
    from evlib.coordination.one_day import solve_run

    run = solve_run(mini, "shortest_path", charging)
    domain, schedule = run.cohorts.domain, run.schedule
    prices = run.cohorts.cohort_prices(run.dispatch.price_cny_kwh[run.case.station_bus])
    paid = domain.step_h * (prices * schedule.power_kw).sum(axis=1)
    paid += domain.step_h * domain.wear_cny_kwh * schedule.discharge_kw.sum(axis=1)
    paid += domain.unserved_cny_kwh * schedule.unserved_kwh
    paid += domain.terminal_price_cny_kwh / domain.eta_charge * schedule.terminal_kwh
    here = run.sizes_veh > 0
    assert paid[here] == pytest.approx(run.vehicle_cny[here], abs=2e-4)
    assert (run.sizes_veh * paid).sum() == pytest.approx((run.sizes_veh * run.vehicle_cny).sum(), rel=1e-6)


def test_optimum_agrees_with_another_solver(dispatched, grid):
    """The same problem by SCS-free means: OSQP cannot take cones, so lines are left unlimited for both."""
    from dataclasses import replace

    case, options = grid
    cohorts, sizes, _, _ = dispatched
    free = replace(case, rating_kva=np.full_like(case.rating_kva, 1e7))
    ours = dispatch_grid(free, options, block(cohorts, sizes)).costs_cny["total"]
    problem = build_grid_model(free, options, block(cohorts, sizes)).problem
    cones = [item for item in problem.constraints if isinstance(item, cp.SOC)]
    linear = cp.Problem(problem.objective, [item for item in problem.constraints if item not in cones])
    linear.solve(solver=cp.OSQP, eps_abs=1e-7, eps_rel=1e-7, max_iter=400_000, polishing=True)
    assert linear.status == cp.OPTIMAL
    assert 1000 * linear.value == pytest.approx(ours, rel=1e-5)


def test_balance_of_energy_over_the_day(mini_run):
    """What comes in and is generated equals what is drawn: the linear model has no losses."""
    case, dispatch = mini_run.case, mini_run.dispatch
    supply = dispatch.import_kw - dispatch.export_kw + dispatch.backup_kw.sum(axis=0)
    supply = supply + (case.available_kw - dispatch.curtailed_kw).sum(axis=0)
    demand = (case.load_kw - dispatch.shed_kw).sum(axis=0) + dispatch.station_kw.sum(axis=0)
    assert supply == pytest.approx(demand, abs=1e-6)


def test_dispatch_respects_every_limit(mini, mini_run):
    case, dispatch, options = mini_run.case, mini_run.dispatch, build_grid_options(mini)
    feeder = case.feeder
    assert (dispatch.voltage_pu[1:] >= feeder.v_min_pu[1:, None] + options.voltage_margin_pu - 1e-7).all()
    assert (dispatch.voltage_pu[1:] <= feeder.v_max_pu[1:, None] + 1e-7).all()
    assert (dispatch.backup_kw <= case.backup_kw[:, None] + 1e-4).all()
    assert (
        np.abs(np.diff(dispatch.backup_kw, axis=1)) <= options.backup_ramp_share * case.backup_kw[:, None] + 1e-4
    ).all()
    assert (dispatch.curtailed_kw <= case.available_kw + 1e-4).all()
    assert (dispatch.shed_kw <= case.load_kw + 1e-4).all()
    tie = dispatch.branch_kw[case.tie]
    assert (tie <= case.import_limit_kw[:, None] + dispatch.tie_overload_kw + 1e-4).all()
    assert (-tie <= case.export_limit_kw[:, None] + dispatch.tie_overload_kw + 1e-4).all()
    assert dispatch.tie_overload_kw.max() > 1


def test_hard_limits_are_kept_hard(mini):
    scenario = mini.replace(limits="hard")
    case = build_grid_case(scenario)
    dispatch = dispatch_grid(case, build_grid_options(scenario), nobody(case))
    tie = dispatch.branch_kw[case.tie]
    assert (tie <= case.import_limit_kw[:, None] + 1e-4).all()
    assert (-tie <= case.export_limit_kw[:, None] + 1e-4).all()
    assert dispatch.export_kw.max() <= 1e-4


def test_a_line_rating_binds(mini):
    """With a 0.3 MVA line to bus 4, no more than that passes when limits are hard, and little more when soft."""
    from dataclasses import replace

    for limits, room in (("hard", 1e-3), ("soft", 150.0)):
        scenario = mini.replace(limits=limits)
        case = build_grid_case(scenario)
        rating = case.rating_kva.copy()
        rating[2] = 300.0
        tight = replace(case, rating_kva=rating)
        wide = dispatch_grid(case, build_grid_options(scenario), nobody(case))
        dispatch = dispatch_grid(tight, build_grid_options(scenario), nobody(case))
        assert np.hypot(wide.branch_kw[2], wide.branch_kvar[2]).max() > 300
        assert np.hypot(dispatch.branch_kw[2], dispatch.branch_kvar[2]).max() <= 300 + room


def test_linear_voltages_are_close_to_the_ac_ones(mini_run, mini):
    """And the lossless model errs on the side that the margin is for: it reads low voltages too high."""
    net_kw, net_kvar = net_demand(mini_run.case, mini_run.dispatch)
    ac = power_flow(mini_run.case.feeder, net_kw, net_kvar, root_pu=mini.grid.root_voltage_pu)
    error = mini_run.dispatch.voltage_pu - ac.voltage_pu
    assert np.abs(error).max() < 3e-3
    assert np.abs(error).max() > 1e-6


def test_a_problem_without_solution_is_an_error_with_its_status(grid):
    case, options = grid
    impossible = cp.Variable(name="x")
    station_load = StationLoad(
        cp.Constant(np.zeros((len(case.stations), case.n_steps))), cp.Constant(0.0), [impossible >= 1, impossible <= 0]
    )
    with pytest.raises(SolverError, match="infeasible"):
        dispatch_grid(case, options, station_load)


def test_surplus_and_deficit_by_hand(grid):
    case, _ = grid
    step = 5
    zone_b = case.bus_zone == 1
    assert case.surplus_kw()[1, step] == pytest.approx(
        max(0, case.available_kw[0, step] - case.load_kw[zone_b, step].sum() - 50.0)
    )
    peak = 14
    assert case.deficit_kw()[0, peak] == pytest.approx(max(0, case.load_kw[case.bus_zone == 0, peak].sum() - 700.0))


def test_spike_is_as_high_as_stated(mini):
    """0.4 MW on top at step 14, half of it 12.5 min away, nothing 25 min away."""
    with_spike = build_grid_case(mini).load_kw.sum(axis=0)
    without = build_grid_case(mini.replace({"grid.spike.peak_mw": 0.0})).load_kw.sum(axis=0)
    bump = with_spike - without
    assert bump[14] == pytest.approx(400.0)
    assert bump[[14 - 5, 14 + 5]] == pytest.approx(0.0, abs=1e-9)
    assert (bump[14 - 3] + bump[14 - 2]) / 2 == pytest.approx(200.0, rel=1e-6)


def test_renewable_swap_moves_the_second_wind_farm_to_c1():
    from evlib import load_scenario

    base = load_scenario("nguyen")
    case, swapped = build_grid_case(base), build_grid_case(base.replace(renewable_swap=True))
    assert [case.zones[z] for z in case.farm_zone] == ["c2", "c4", "c3"]
    assert [swapped.zones[z] for z in swapped.farm_zone] == ["c2", "c1", "c3"]
    assert swapped.available_kw == pytest.approx(case.available_kw)


def test_a_negative_price_is_received_for_import_alone(mini):
    """A morning at -0.30 CNY/kWh on the small case: what crosses the root is bought or fed back, never both."""
    changes = {"prices.import_tariff.morning.price_cny_kwh": -0.3, "grid.reverse_limit_mw": 2.0}
    scenario = mini.replace(changes | {"grid.import_limit_mw": 10.0})
    case, options = build_grid_case(scenario), build_grid_options(scenario)
    dispatch = dispatch_grid(case, options, nobody(case))
    net_kw = dispatch.import_kw - dispatch.export_kw
    at_the_root, _ = net_demand(case, dispatch)
    assert net_kw == pytest.approx(at_the_root.sum(axis=0), abs=1e-2)
    price, step_h = case.import_price_cny_kwh, case.step_h
    paid = step_h * (np.where(price < 0, net_kw, dispatch.import_kw) @ price)
    assert dispatch.costs_cny["import"] == pytest.approx(paid, rel=1e-6)
    assert dispatch.import_kw.sum() * step_h == pytest.approx(
        1042.3, abs=1.0
    )  # 3,380 kWh before, of which most was made up
    assert dispatch.certificate.grid_import_and_export_kwh < 1e-3
