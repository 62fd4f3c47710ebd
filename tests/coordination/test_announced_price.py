"""Announced prices: a scale for their gap that does not vanish, parts that add up, days on which nobody drives."""

from dataclasses import replace

import numpy as np
import pytest

from evlib import load_scenario, solve
from evlib.coordination.coordinate import coordinate
from evlib.coordination.problem import CoupledProblem, cost_scale
from evlib.inputs.build_grid import build_grid_case, build_grid_options

FEW = {"coordination.iterations": 4, "coordination.exact_iterations": 2}


@pytest.mark.parametrize("empty_cost_cny", [0.0, -5.0, 1e-9])
def test_the_scale_of_price_gaps_does_not_vanish(mini, empty_cost_cny):
    """Where J(0) is small or negative: a hundredth of shedding all load and curtailing all sun, here by hand."""
    case, options = build_grid_case(mini), build_grid_options(mini)
    at_stake = (5.0 * case.load_kw.sum() + 0.5 * case.available_kw.sum()) / 12
    assert cost_scale(case, options, empty_cost_cny) == pytest.approx(0.01 * at_stake)
    dark = replace(case, load_kw=0 * case.load_kw, load_kvar=0 * case.load_kvar, available_kw=0 * case.available_kw)
    assert cost_scale(dark, options, empty_cost_cny) == max(1.0, abs(empty_cost_cny))


def test_on_the_small_case_the_scale_is_the_cost_without_vehicles(mini):
    costs = solve(mini, "no_ev").tables["costs"].set_index("item")["cost_cny"]
    assert CoupledProblem.of(mini, "v2g", "user").scale_cny == pytest.approx(costs["grid: total"], rel=1e-7)


def test_a_day_of_negative_prices_is_coordinated(mini):
    """-0.30 CNY/kWh all day: J(0) is negative, gaps are not; what is bought after the day costs nothing, and that is said."""
    scenario = mini.replace(FEW | {"prices.import_tariff.*.price_cny_kwh": -0.3})
    result = solve(scenario, "coordinated", cache=False)
    assert (result.tables["convergence"]["price_gap"].dropna() > -1e-6).all()
    assert result.certificate.terminal_price_cny_kwh == 0.0
    assert result.certificate.grid_import_and_export_kwh < 1e-2
    assert result.certificate.money_relative_residual < 1e-2


@pytest.mark.verify
def test_the_base_case_with_a_negative_morning_is_coordinated():
    """One answer of the joint program at -0.30 CNY/kWh until 14:00, with 2 MW that may be fed back."""
    changes = {"prices.import_tariff.morning.price_cny_kwh": -0.3, "grid.reverse_limit_mw": 2.0}
    once = {"coordination.iterations": 1, "coordination.exact_iterations": 1}
    result = solve(load_scenario("nguyen").replace(changes | once), "coordinated", method="joint", cache=False)
    certificate = result.certificate
    assert certificate.grid_status == "optimal"
    assert certificate.grid_import_and_export_kwh < 1e-3
    assert certificate.energy_residual_kwh < 1e-3
    assert certificate.vehicle_residual_veh < 1e-6
    assert certificate.lower_bound_cny <= certificate.upper_bound_cny


@pytest.mark.parametrize("strategy", ["user", "coordinated"])
@pytest.mark.parametrize("domain_set", ["exact", "columns", "zonotope"])
def test_nobody_to_coordinate_is_the_day_without_vehicles(mini, strategy, domain_set):
    result = solve(mini.replace({"fleet.vehicles": 0.0}, set=domain_set), strategy, cache=False)
    alone = solve(mini, "no_ev")
    for table in ("dispatch", "prices"):
        numbers = [item.tables[table].select_dtypes("number").to_numpy() for item in (result, alone)]
        np.testing.assert_allclose(*numbers, atol=1e-9)
    assert result.certificate.iterations == 0
    assert result.certificate.not_applicable["relative_gap"] == "nobody drives"
    assert result.tables["convergence"].empty


def test_parts_of_prices_by_columns_add_up(mini):
    """Prices by columns are those of the lower bound; their parts were those of another problem, up to 0.157 CNY/kWh off."""
    result = solve(mini.replace(set="columns"), "shortest_path")
    parts = result.tables["price_parts"].set_index(["station", "step"])
    prices = result.tables["prices"].query("station != 'root'").set_index(["station", "step"])["price_cny_kwh"]
    names = [f"{name}_cny_kwh" for name in ("energy", "loss", "congestion", "voltage")]
    assert parts[names].sum(axis=1).to_numpy() == pytest.approx(prices.to_numpy(), abs=1e-9)
    assert result.certificate.grid_price_residual_cny_kwh < 1e-9


def test_what_announced_prices_add_to_the_parts_is_said(mini):
    """Coordination announces its own prices: the rest beyond the dispatch's parts is a column, and in the certificate."""
    result = solve(mini.replace(FEW), "coordinated", cache=False)
    parts = result.tables["price_parts"].set_index(["station", "step"])
    prices = result.tables["prices"].query("station != 'root'").set_index(["station", "step"])["price_cny_kwh"]
    names = [f"{name}_cny_kwh" for name in ("energy", "loss", "congestion", "voltage", "announced_beyond")]
    assert parts[names].sum(axis=1).to_numpy() == pytest.approx(prices.to_numpy(), abs=1e-9)
    beyond = parts["announced_beyond_cny_kwh"].abs().max()
    assert result.certificate.grid_price_residual_cny_kwh >= beyond > 0


def test_with_few_followers_the_certificate_is_about_them(mini):
    """One in ten follows: what the others' queue leaves unexplained is not the followers' excess (4.7 CNY/veh before)."""
    keys = {"coordination.iterations": 4, "coordination.exact_iterations": 2, "fleet.compliance": 0.1}
    certificate = coordinate(mini.replace(keys), objective="system").certificate
    assert certificate.rent_gap_cny_veh < 0.5
