"""The branch flow with losses: exact against AC with its loss price, and caught cheating without."""

from dataclasses import replace

import numpy as np
import pytest

from evlib import load_scenario, solve
from evlib.flexibility.station_load import exact_block, no_vehicles
from evlib.grid.dispatch import net_demand
from evlib.grid.dno import dispatch_grid
from evlib.grid.fleet_dispatch import dispatch_by_columns
from evlib.grid.grid_case import loss_price
from evlib.grid.power_flow import power_flow
from evlib.inputs.build_grid import build_grid_case, build_grid_options

NOBODY = no_vehicles(4, 96)


@pytest.fixture(scope="module")
def base():
    scenario = load_scenario("nguyen")
    return build_grid_case(scenario), replace(build_grid_options(scenario), grid_model="cone")


def windy(case):
    """Load down by 40 %, wind and sun up by 60 %: three quarters of what is offered cannot be used."""
    calm = {"load_kw": 0.6 * case.load_kw, "load_kvar": 0.6 * case.load_kvar}
    return replace(case, available_kw=1.6 * case.available_kw, **calm)


@pytest.fixture(scope="module")
def solved(base):
    case, options = base
    return {"base": (case, dispatch_grid(case, options, NOBODY))} | {
        "deep": (windy(case), dispatch_grid(windy(case), options, NOBODY))
    }


@pytest.mark.parametrize("name", ["base", pytest.param("deep", marks=pytest.mark.verify)])
def test_cone_dispatch_is_an_ac_power_flow(solved, base, name):
    """Voltages and losses that a sweep finds for the same injections; the deep case curtails most of what is offered."""
    case, dispatch = solved[name]
    net_kw, net_kvar = net_demand(case, dispatch)
    exact = power_flow(case.feeder, net_kw, net_kvar, root_pu=base[1].root_voltage_pu)
    assert np.abs(dispatch.voltage_pu - exact.voltage_pu).max() <= 1e-6
    assert dispatch.loss_kw.sum() == pytest.approx(exact.loss_kw.sum(), rel=1e-3)
    assert dispatch.branch_kw == pytest.approx(exact.branch_kw, abs=0.1)
    assert dispatch.import_kw - dispatch.export_kw == pytest.approx(exact.root_kw, abs=0.1)
    assert dispatch.certificate.grid_cone_gap_pu <= 1e-5
    assert dispatch.certificate.grid_cone_tight
    assert dispatch.certificate.grid_ac_voltage_error_pu <= 1e-6
    assert dispatch.certificate.grid_ac_voltage_violation_pu <= 1e-6
    assert dispatch.tolerance == 1e-8
    curtailed = dispatch.curtailed_kw.sum() / case.available_kw.sum()
    assert curtailed > (0.6 if name == "deep" else 0.2)


@pytest.mark.parametrize("name", ["base", pytest.param("deep", marks=pytest.mark.verify)])
def test_without_the_loss_price_the_cone_cheats_and_the_certificate_says_so(solved, base, name):
    """It burns what it should curtail: less curtailed than is possible, fictitious losses, an open cone."""
    case, honest = solved[name]
    cheating = dispatch_grid(case, replace(base[1], loss_price_factor=0.0), NOBODY)
    certificate = cheating.certificate
    assert cheating.status == "optimal"
    assert not certificate.grid_cone_tight
    assert certificate.grid_cone_gap_pu > 1
    assert certificate.grid_ac_voltage_error_pu > 1e-2
    assert certificate.grid_model_loss_kwh > 10 * certificate.grid_ac_loss_kwh
    burnt_kwh = certificate.grid_model_loss_kwh - honest.certificate.grid_model_loss_kwh
    saved_kwh = (honest.curtailed_kw - cheating.curtailed_kw).sum() * case.step_h
    assert saved_kwh > 0.5 * honest.curtailed_kw.sum() * case.step_h
    assert burnt_kwh == pytest.approx(saved_kwh, rel=0.1)
    assert cheating.costs_cny["total"] < honest.costs_cny["total"]


def test_loss_price_is_above_the_largest_marginal_cost_of_curtailment(base):
    """1.05 x (0.5 + 0.02 x the 9 MW of wind at c2 when it blows most); LinDistFlow has no losses to price."""
    case, options = base
    assert case.available_kw.max() > 5000
    assert loss_price(case, options) == pytest.approx(1.05 * (0.5 + 0.02 * case.available_kw.max() / 1000))
    assert loss_price(case, replace(options, grid_model="lindistflow")) == 0.0


def test_one_line_is_a_quadratic_equation(base):
    """A load behind one line: u^2 + (2 (r p + x q) - v0^2) u + (r^2 + x^2)(p^2 + q^2) = 0 gives its voltage."""
    case = replace(
        one_line_case(p_kw=1500.0, q_kvar=400.0, r_pu=0.06, x_pu=0.04), import_price_cny_kwh=np.array([0.45])
    )
    dispatch = dispatch_grid(case, replace(base[1], soft_limits=False), no_vehicles(1, 1))
    squared = np.roots([1, 2 * (0.06 * 1.5 + 0.04 * 0.4) - 1.02**2, (0.06**2 + 0.04**2) * (1.5**2 + 0.4**2)]).max()
    assert dispatch.voltage_pu[1, 0] == pytest.approx(np.sqrt(squared), abs=1e-7)
    assert dispatch.loss_kw[0, 0] == pytest.approx(1000 * 0.06 * (1.5**2 + 0.4**2) / squared, abs=1e-2)


def one_line_case(p_kw, q_kvar, r_pu, x_pu):
    from evlib.grid.feeder import feeder_from_arrays
    from evlib.grid.grid_case import GridCase

    feeder = feeder_from_arrays(
        bus=[1, 2], p_kw=[0, p_kw], q_kvar=[0, q_kvar], from_bus=[1], to_bus=[2], r_ohm=[100 * r_pu],
        x_ohm=[100 * x_pu], base_kv=10, v_min_pu=0.8,
    )  # fmt: skip
    zone = {"zones": ("z",), "bus_zone": np.array([-1, 0]), "tie": np.array([0]), "backup_bus": np.array([1])}
    limits = {"import_limit_kw": np.array([9e3]), "export_limit_kw": np.array([9e3]), "backup_kw": np.array([0.0])}
    farms = {"farms": (), "farm_bus": np.zeros(0, int), "farm_zone": np.zeros(0, int), "available_kw": np.zeros((0, 1))}
    return GridCase(
        feeder=feeder, load_kw=feeder.load_kw[:, None], load_kvar=feeder.load_kvar[:, None], **zone, **limits, **farms,
        stations=("c",), station_bus=np.array([1]), rating_kva=np.array([9e3]), import_price_cny_kwh=np.array([0.45]),
        step_h=1.0,
    )  # fmt: skip


def test_losses_cost_and_are_in_the_price(base):
    """One line, tariff 0.45 and slope s: price = (tariff + s import) (1 + marginal loss); no loss price without farms."""
    case, options = one_line_case(1500.0, 400.0, 0.06, 0.04), replace(base[1], soft_limits=False)
    dispatch = dispatch_grid(case, options, no_vehicles(1, 1))
    root = 0.45 + options.import_slope * dispatch.import_kw[0] / 1000

    def loss_mw(p):
        b, c = 2 * (0.06 * p + 0.04 * 0.4) - 1.02**2, (0.06**2 + 0.04**2) * (p**2 + 0.4**2)
        return 0.06 * (p**2 + 0.4**2) / np.roots([1, b, c]).max()

    marginal = (loss_mw(1.5 + 1e-5) - loss_mw(1.5 - 1e-5)) / 2e-5
    assert dispatch.price_cny_kwh[0, 0] == pytest.approx(root, abs=1e-6)
    assert dispatch.price_cny_kwh[1, 0] == pytest.approx(root * (1 + marginal), abs=1e-6)


def test_the_whole_chain_runs_on_the_cone(mini):
    """One key; the final AC check then agrees with the model a thousand times closer than the linear one does."""
    linear = solve(mini, "shortest_path", cache=False).certificate
    cone = solve(mini.replace(grid_model="cone"), "shortest_path", cache=False).certificate
    assert (linear.grid_model, cone.grid_model) == ("lindistflow", "cone")
    assert cone.grid_ac_voltage_error_pu < 1e-3 * linear.grid_ac_voltage_error_pu
    assert cone.grid_ac_loss_kwh == pytest.approx(cone.grid_model_loss_kwh, rel=1e-3)
    assert cone.money_relative_residual <= 1e-5


@pytest.mark.verify
def test_traffic_and_grid_coordinate_on_the_cone(mini):
    """The joint program holds the cones too; its announced prices support the dispatch."""
    few = {"coordination.iterations": 2, "coordination.exact_iterations": 2}
    certificate = solve(mini.replace(few).replace(grid_model="cone"), "coordinated", cache=False).certificate
    assert certificate.grid_cone_tight
    assert abs(certificate.price_gap) <= 1e-2


@pytest.mark.verify
def test_columns_find_the_exact_optimum_on_the_cone_too(mini, mini_run):
    """Column generation sees the grid as any convex problem: its bounds enclose the least penalised cost."""
    case, options = mini_run.case, replace(build_grid_options(mini), grid_model="cone")
    fleet = mini_run.fleet
    block = exact_block(fleet)
    exact = dispatch_grid(case, options, block)
    dispatch, found = dispatch_by_columns(case, options, fleet, gap=1e-3)
    assert found.lower_cny <= exact.objective_cny * (1 + 1e-7) <= found.upper_cny * (1 + 2e-7)
    assert found.gap <= 1e-3
    assert dispatch.objective_cny == pytest.approx(found.upper_cny)
    assert dispatch.certificate.grid_cone_tight


@pytest.mark.verify
def test_the_cone_may_have_the_last_word_alone(mini):
    """With `cone_final` the loop stays linear: its announced prices are the same, and what is dispatched knows losses."""
    few = {"coordination.iterations": 2, "coordination.exact_iterations": 2}
    linear = solve(mini.replace(few), "coordinated", method="joint", cache=False)
    final = solve(mini.replace(few).replace(grid_model="cone_final"), "coordinated", method="joint", cache=False)
    assert final.certificate.grid_model == "cone"
    assert final.certificate.grid_ac_voltage_error_pu <= 1e-6 < linear.certificate.grid_ac_voltage_error_pu
    announced = [result.tables["prices"]["price_cny_kwh"].to_numpy() for result in (linear, final)]
    assert (announced[0] == announced[1]).all()
    assert final.certificate.upper_bound_cny == linear.certificate.upper_bound_cny
