"""Prices: finite differences in every regime of both models, their parts, and what the loss price does to them."""

from dataclasses import replace

import numpy as np
import pytest

from evlib import load_scenario
from evlib.flexibility.station_load import no_vehicles
from evlib.grid.dno import dispatch_grid
from evlib.grid.parametric_dispatch import GridProgram, cost_derivative
from evlib.grid.prices import price_reason
from evlib.inputs.build_grid import build_grid_case, build_grid_options

STEPS = slice(48, 60)  # 14:00 to 15:00: spike at c1, wind curtailed at c2, sun at c3
MODELS = ("lindistflow", "cone")


def hour_of(case, steps=STEPS):
    """A part of the day, with its own number of steps."""
    names = ("load_kw", "load_kvar", "available_kw")
    cut = {name: getattr(case, name)[:, steps] for name in names}
    return replace(case, **cut, import_price_cny_kwh=case.import_price_cny_kwh[steps])


@pytest.fixture(scope="module")
def strained():
    """The hour of the spike with 1.5 MW less over the tie of c1, half the backup there, and a tighter line 2-19."""
    scenario = load_scenario("nguyen")
    case = hour_of(build_grid_case(scenario))
    imports, backup, rating = case.import_limit_kw.copy(), case.backup_kw.copy(), case.rating_kva.copy()
    imports[0] -= 1500
    backup[0] /= 2
    rating[np.flatnonzero(case.feeder.bus == 19) - 1] = 600
    case = replace(case, import_limit_kw=imports, backup_kw=backup, rating_kva=rating)
    return case, build_grid_options(scenario)


@pytest.fixture(scope="module", params=MODELS)
def program(strained, request):
    case, options = strained
    made = GridProgram(case, replace(options, grid_model=request.param), no_vehicles(4, case.n_steps))
    return made, made.solve()


def difference_away_from_kinks(program, base, bus, step, power_kw=50.0):
    """Central difference, with a smaller step near a kink; None on one.

    Where the cost is smooth, the distance between the one-sided differences halves with the step, and the central
    difference hardly changes.
    """
    hours = program.case.step_h

    def slopes(power):
        extra = np.zeros_like(program.case.load_kw)
        extra[bus, step] = power
        up, down = (program.solve(extra_kw=sign * extra).objective_cny for sign in (1, -1))
        return (up - base.objective_cny) / (power * hours), (base.objective_cny - down) / (power * hours)

    right, left = slopes(power_kw)
    for _ in range(4):
        finer_right, finer_left = slopes(power_kw / 2)
        halved = abs(finer_right - finer_left) <= 0.55 * abs(right - left) or abs(right - left) < 2e-5
        settled = abs(finer_right + finer_left - right - left) / 2 < 2e-4 * max(abs(right + left) / 2, 0.1)
        if halved and settled:
            return (finer_right + finer_left) / 2
        power_kw, right, left = power_kw / 2, finer_right, finer_left
    return None


@pytest.mark.parametrize(
    ("program", "each"),
    [
        ("lindistflow", (2, 1, 1, 2)),
        ("cone", (1, 1, 1, 1)),
        pytest.param("lindistflow", (6, 4, 4, 6), marks=pytest.mark.verify),
        pytest.param("cone", (6, 4, 4, 6), marks=pytest.mark.verify),
    ],
    indirect=["program"],
    ids=["lindistflow 6", "cone 4", "lindistflow 20", "cone 20"],
)
def test_prices_are_finite_differences_in_every_regime(program, each):
    """+-50 kW at 20 bus-steps, or fewer: some where load is shed, some behind a full line, some with wind curtailed, some drawn
    from all; within 1e-3 of max(|price|, 0.1)."""
    made, base = program
    case = made.case
    rng = np.random.default_rng(8)
    shedding = np.argwhere((base.shed_kw > 100) & (base.shed_kw < case.load_kw - 100))
    behind_line = [(int(case.station_bus[3]), step) for step in np.flatnonzero(base.line_overload_kva.max(axis=0) > 1)]
    at_c2 = [(int(case.station_bus[1]), step) for step in np.flatnonzero(base.curtailed_kw[0] > 100)]
    anywhere = zip(rng.integers(1, case.feeder.n_bus, 40), rng.integers(0, case.n_steps, 40), strict=True)
    found = []
    for wanted, places in zip(each, (map(tuple, shedding), behind_line, at_c2, anywhere), strict=True):
        prices = []
        for bus, step in places:
            difference = difference_away_from_kinks(made, base, bus, step)
            if difference is not None:
                prices.append(base.price_cny_kwh[bus, step])
                assert difference == pytest.approx(prices[-1], abs=1e-3 * max(abs(prices[-1]), 0.1)), (bus, step)
            if len(prices) == wanted:
                break
        found.append(prices)
    assert [len(prices) for prices in found] == [*each]
    assert max(found[0]) > 4.9  # shed
    assert min(found[2]) < -0.4  # curtailed


def test_parts_add_up_to_the_price(program):
    """Energy, loss, congestion and voltage, each from its own duals: nothing is left, at any bus and step."""
    _, base = program
    parts = base.price_parts_cny_kwh
    assert sum(parts.values()) == pytest.approx(base.price_cny_kwh, abs=1e-8)
    assert base.certificate.grid_price_residual_cny_kwh <= 1e-8
    assert np.abs(parts["congestion"]).max() > 1


def test_loss_part_is_what_one_more_kwh_loses(program):
    """Along a branch: 2 P / w (r (price + loss price) + x reactive price); nothing in the linear model."""
    made, _ = program
    base = made.solve()
    loss = base.price_parts_cny_kwh["loss"]
    if made.options.grid_model == "lindistflow":
        assert not loss.any()
        return
    branches = made._model.flow
    feeder, reactive = made.case.feeder, made._model.constraints["nodal balance"][1].dual_value / made.case.step_h
    paid = feeder.r_pu[:, None] * (base.price_cny_kwh[1:] + made._loss.value) + feeder.x_pu[:, None] * reactive
    added = 2 * branches.flow_p.value / branches.sending.value * paid
    assert loss[feeder.branch_to] - loss[feeder.branch_from] == pytest.approx(added, abs=1e-6)
    assert np.abs(loss).max() > 0.05


@pytest.mark.parametrize("grid_model", MODELS)
def test_a_voltage_limit_has_its_price(strained, grid_model):
    """With 0.988 pu as the lower limit, far buses pay for voltage, and the parts still add up."""
    case, options = strained
    narrow = replace(case.feeder, v_min_pu=np.full(33, 0.988))
    dispatch = dispatch_grid(
        replace(case, feeder=narrow), replace(options, grid_model=grid_model), no_vehicles(4, case.n_steps)
    )
    parts = dispatch.price_parts_cny_kwh
    assert parts["voltage"].max() > 0.1
    assert sum(parts.values()) == pytest.approx(dispatch.price_cny_kwh, abs=1e-8)
    assert dispatch.certificate.grid_ac_voltage_violation_pu <= 1e-6


@pytest.mark.verify
def test_cost_without_the_loss_price_is_what_its_derivative_says(strained):
    """The envelope theorem's derivative of C against finite differences of C itself, where the two models' prices differ."""
    case, options = strained
    options = replace(options, grid_model="cone")
    nobody = no_vehicles(4, case.n_steps)
    derivative = cost_derivative(case, options, nobody)
    made = GridProgram(case, options, nobody)
    price = made.solve().price_cny_kwh
    checked = 0
    for bus, step in ((13, 9), (24, 2), (32, 11), (20, 3), (5, 7)):
        extra = np.zeros_like(case.load_kw)
        extra[bus, step] = 10.0
        slopes = []
        for size in (1.0, 0.5):
            up, down = (made.solve(extra_kw=sign * size * extra).costs_cny["total"] for sign in (1, -1))
            slopes.append((up - down) / (2 * size * 10 * case.step_h))
        if abs(slopes[0] - slopes[1]) < 1e-4:
            assert derivative[bus, step] == pytest.approx(slopes[0], abs=3e-4), (bus, step)
            checked += abs(price[bus, step] - derivative[bus, step]) > 1e-3
    assert checked >= 3


@pytest.mark.parametrize("grid_model", MODELS)
def test_order_of_farms_does_not_matter(strained, grid_model):
    """Two farms share the surplus of c2 by the slope of their penalty, whichever comes first."""
    case, options = strained
    options = replace(options, grid_model=grid_model)
    half = case.available_kw[[0, 0]] * np.array([[0.6], [0.4]])
    bus = np.array([case.farm_bus[0], case.farm_bus[0] - 4])
    more = {
        "farms": ("west", "east", *case.farms[1:]),
        "farm_bus": np.concatenate([bus, case.farm_bus[1:]]),
        "farm_zone": np.concatenate([case.farm_zone[[0, 0]], case.farm_zone[1:]]),
        "available_kw": np.concatenate([half, case.available_kw[1:]]),
    }
    order = np.array([3, 1, 0, 2])
    turned = {name: tuple(np.array(value)[order]) if name == "farms" else value[order] for name, value in more.items()}
    nobody = no_vehicles(4, case.n_steps)
    first = dispatch_grid(replace(case, **more), options, nobody)
    second = dispatch_grid(replace(case, **turned), options, nobody)
    assert first.curtailed_kw[:2].min(axis=0).max() > 50
    assert second.curtailed_kw == pytest.approx(first.curtailed_kw[order], abs=0.5)


def test_the_reason_of_a_price_adds_up_and_names_who_is_marginal(strained):
    """At c2 the tie is full outwards and wind is curtailed; shed load sets the price of c1."""
    case, options = strained
    dispatch = dispatch_grid(case, options, no_vehicles(4, case.n_steps))
    table = price_reason(case, options, dispatch, bus=14, step=9).set_index("what")
    price = float(table.loc["price", "cny_kwh"])
    assert price == dispatch.price_cny_kwh[case.feeder.index(14), 9]
    steps = table.loc[table.index.isin(["energy", "loss", "congestion", "voltage"]), "cny_kwh"]
    assert steps.sum() == pytest.approx(price, abs=1e-3)
    assert "tie of c2" in table.loc["congestion", "why"]
    assert table.loc["marginal", "where"] == "wind_c2"
    assert table.loc["marginal", "cny_kwh"] == pytest.approx(price, abs=1e-5)
    assert price < -0.5
    spike = price_reason(case, options, dispatch, bus=30, step=6)
    marginal = spike[spike["what"] == "marginal"]
    assert marginal["where"].str.startswith("load at bus").any()
    shed = marginal[marginal["where"].str.startswith("load")]
    assert shed["cny_kwh"].to_numpy() == pytest.approx(spike.loc[spike["what"] == "price", "cny_kwh"].item(), abs=1e-3)
