"""The grid without its buses equals the full problem: least cost, prices of every bus, and errors.

At a kink of the least cost any price between its one-sided derivatives is right, and two solvers' paths end at different
ones. Where prices differ, the test asks the full problem for both derivatives and wants both prices between them.
"""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest

from evlib import InputError, SolverError, load_scenario
from evlib.flexibility.station_load import StationLoad, priced_power
from evlib.grid.dno import dispatch_grid
from evlib.grid.reduced import reduced_grid
from evlib.grid.reduced.machines import machines_of
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.grid.reduced.reduced_solver import climb_cones
from evlib.grid.reduced.station_cost import Block
from evlib.inputs.build_grid import build_grid_case, build_grid_options

COST_REL, PRICE_CNY_KWH = 1e-6, 1e-5


@pytest.fixture(scope="module")
def small(mini):
    return build_grid_case(mini), build_grid_options(mini)


@pytest.fixture(scope="module")
def nguyen():
    scenario = load_scenario("nguyen")
    return build_grid_case(scenario), build_grid_options(scenario)


def fixed_power(station_kw):
    return StationLoad(cp.Constant(station_kw / 1000.0), cp.Constant(0.0))


def assert_at_a_kink(case, options, station_load, base, bus, step, prices):
    """The full problem's one-sided derivatives differ, and the prices lie between them."""
    slopes = []
    for power in (-0.2, 0.2):
        extra = np.zeros_like(case.load_kw)
        extra[bus, step] = power
        moved = dispatch_grid(case, options, station_load(), extra_kw=extra)
        slopes.append((moved.objective_cny - base.objective_cny) / (power * case.step_h))
    solver = 5e-4  # a cost within 1e-8, over 0.2 kW
    assert slopes[0] - solver <= min(prices) <= max(prices) <= slopes[1] + solver, (bus, step, prices, slopes)
    assert slopes[1] - slopes[0] > 10 * solver


def assert_equal(case, options, station_load, answer):
    """The answer has the full problem's least cost and prices; returns the full dispatch and the number of kinks."""
    full = dispatch_grid(case, options, station_load())
    paid = sum(abs(cost) for cost in full.costs_cny.values())
    assert abs(answer.cost_cny - full.objective_cny) <= COST_REL * max(abs(full.objective_cny), 0.1 * paid)
    off = np.abs(answer.price_cny_kwh - full.price_cny_kwh)
    kinks = np.argwhere(off > PRICE_CNY_KWH)
    assert len(kinks) <= 0.05 * off.size
    for bus, step in kinks:
        prices = answer.price_cny_kwh[bus, step], full.price_cny_kwh[bus, step]
        assert_at_a_kink(case, options, station_load, full, bus, step, prices)
    return full, len(kinks)


@pytest.mark.parametrize("grid", ["small", "nguyen"])
def test_fixed_power_costs_what_the_full_problem_says(grid, request):
    case, options = request.getfixturevalue(grid)
    reduced, shape = ReducedGrid(case, options), (len(case.stations), case.n_steps)
    for station_kw in (np.zeros(shape), np.random.default_rng(0).uniform(-200, 600, shape)):
        answer = reduced.fixed(station_kw)
        _, kinks = assert_equal(case, options, lambda power=station_kw: fixed_power(power), answer)
        assert kinks == 0
        assert answer.cost_cny == pytest.approx(answer.grid_cny, rel=1e-9)
        np.testing.assert_allclose(answer.station_kw, station_kw)


def test_free_power_at_prices_equals_the_full_problem(nguyen):
    """Prices at which stations feed in and draw much overload lines, which the first solve does not know of."""
    case, options = nguyen
    price = np.random.default_rng(1).uniform(0.3, 1.5, (4, case.n_steps))
    reduced = ReducedGrid(case, options)
    answer = reduced.free(price)
    full, kinks = assert_equal(case, options, lambda: priced_power(price, case.step_h), answer)
    assert kinks == 0
    np.testing.assert_allclose(answer.station_kw, full.station_kw, atol=0.5)
    np.testing.assert_allclose(answer.price_cny_kwh[case.station_bus], price, atol=1e-6)
    assert any(name.startswith("line") for name in answer.monitored)
    assert answer.solves > 1
    other = reduced.free(price + 1e-3)
    again = reduced.free(price)
    assert again.solves == 1
    assert again.cost_cny == pytest.approx(answer.cost_cny, rel=1e-9)
    assert other.cost_cny < again.cost_cny - 1.0
    assert reduced.free(price) is again
    with pytest.raises(ValueError, match="read-only"):
        again.price_cny_kwh[0] = 0.0
    reduced.monitor(reduced.monitored)  # stations may see other rows now: the answer is made anew
    assert reduced.free(price) is not again


def test_an_answer_that_is_remembered_counts_as_solved_at_its_tolerance(nguyen, monkeypatch):
    """A resumed run has to solve it again, and must say the same of itself."""

    def at_second_step(problem, tolerance):
        solve = climb_cones(problem, tolerance)
        return replace(solve, ladder=(*solve.ladder, *solve.ladder))

    monkeypatch.setattr(reduced_grid, "climb_cones", at_second_step)
    case, options = nguyen
    reduced, price = ReducedGrid(case, options), np.full((4, case.n_steps), 0.5)
    reduced.free(price)
    reduced.take_looser_solves()
    reduced.free(price)
    assert reduced.take_looser_solves() == 1


def variant(small, seed):
    """A day on the mini feeder with four stations and three farms, some of them on the trunk, on which something binds."""
    case, options = small
    rng = np.random.default_rng(seed)
    n_bus, n_steps = case.load_kw.shape
    tight = rng.random() < 0.5
    feeder = replace(
        case.feeder,
        v_min_pu=np.where(rng.random(n_bus) < 0.5, case.feeder.v_min_pu, 0.97 + 0.02 * rng.random()),
        v_max_pu=np.full(n_bus, 1.0201 + 0.01 * rng.random()),
        r_pu=case.feeder.r_pu * rng.uniform(0.5, 6),
        x_pu=case.feeder.x_pu * rng.uniform(0.5, 6),
    )
    case = replace(
        case,
        feeder=feeder,
        load_kw=case.load_kw * rng.uniform(0.3, 2.2, (n_bus, 1)),
        load_kvar=case.load_kvar * rng.uniform(0.3, 2.5, (n_bus, 1)),
        farms=("w1", "w2", "w3"),
        farm_bus=np.array([5, 4, rng.integers(1, n_bus)]),
        farm_zone=np.array([1, 1, 0]),
        available_kw=np.maximum(rng.uniform(-200, 900, (3, n_steps)), 0),
        stations=("a", "b", "c", "d"),
        station_bus=np.array([3, 2, 5, rng.integers(1, n_bus)]),
        import_price_cny_kwh=rng.uniform(-0.4, 1.0, n_steps) if tight else case.import_price_cny_kwh,
        rating_kva=rng.uniform(300, 1500, n_bus - 1),
        import_limit_kw=rng.uniform(200, 700, 2),
        export_limit_kw=rng.uniform(50, 500, 2),
        backup_kw=np.array([rng.choice([0.0, 200.0]), 150.0]),
        backup_start_kw=np.array([0.0, 100.0 * (rng.random() < 0.5)]) if rng.random() < 0.5 else None,
    )
    options = replace(
        options,
        soft_limits=bool(rng.random() < 0.6),
        farm_power_factor=float(rng.choice([1.0, 0.9])),
        backup_ramp_share=float(rng.choice([0.05, 0.3, 1.0])),
        shedding_slope=float(rng.choice([0.5, 5.0])),
        shedding_cny_kwh=float(rng.choice([5.0, 0.8])),
        reverse_limit_kw=float(rng.choice([0.0, 300.0])),
        import_limit_kw=float(rng.uniform(300, 2500)),
        root_voltage_pu=float(rng.uniform(1.0, 1.02)),
    )
    return case, options, rng


HARD_DAYS, SOFT_DAYS, INFEASIBLE_DAYS = (2, 15, 16, 56), (0, 12, 20, 44), (8, 34)


@pytest.mark.parametrize("seed", HARD_DAYS + SOFT_DAYS)
def test_a_random_day_on_which_limits_bind(small, seed):
    case, options, rng = variant(small, seed)
    assert options.soft_limits == (seed in SOFT_DAYS)
    station_kw = rng.uniform(-150, 250, (4, case.n_steps))
    answer = ReducedGrid(case, options).fixed(station_kw)
    assert answer.solves > 1
    assert_equal(case, options, lambda: fixed_power(station_kw), answer)


def test_the_random_days_cover_what_may_bind(small):
    bound = set()
    for seed in HARD_DAYS + SOFT_DAYS:
        case, options, rng = variant(small, seed)
        answer = ReducedGrid(case, options).fixed(rng.uniform(-150, 250, (4, case.n_steps)))
        bound |= {name.split(" at ")[0].split()[0] for name in answer.monitored}
        bound |= {f"power factor {options.farm_power_factor:g}", f"negative {case.import_price_cny_kwh.min() < 0}"}
    assert bound == {
        "line",
        "lower",
        "upper",
        "shed",
        "power factor 0.9",
        "power factor 1",
        "negative True",
        "negative False",
    }


@pytest.mark.parametrize("seed", [0, 7, 25])
def test_free_power_on_a_random_day(small, seed):
    """Stations that share a group, at equal prices; the call splits groups where it starts to monitor rows."""
    case, options, rng = variant(small, seed)
    price = np.tile(rng.uniform(0.2, 1.5, case.n_steps), (4, 1))
    reduced = ReducedGrid(case, options)
    before = reduced.n_groups
    answer = reduced.free(price)
    assert_equal(case, options, lambda: priced_power(price, case.step_h), answer)
    assert reduced.n_groups >= before
    assert answer.station_kw.shape == (reduced.n_groups, case.n_steps)


def test_a_ramp_from_the_start_and_a_ramp_between_steps_bind(small):
    case, options = small
    case = replace(case, import_limit_kw=case.import_limit_kw * 0.4, backup_start_kw=np.array([150.0, 0.0]))
    options = replace(options, backup_ramp_share=0.08)
    station_kw = np.zeros((2, case.n_steps))
    full, _ = assert_equal(case, options, lambda: fixed_power(station_kw), ReducedGrid(case, options).fixed(station_kw))
    steps = np.abs(np.diff(full.backup_kw, axis=1, prepend=case.backup_start_kw[:, None]))
    at_limit = steps > options.backup_ramp_share * case.backup_kw[:, None] - 1e-2
    assert at_limit[:, 0].any()
    assert at_limit[:, 1:].any()


@pytest.mark.parametrize("seed", INFEASIBLE_DAYS)
def test_an_infeasible_day_names_the_limits_as_the_full_problem_does(small, seed):
    case, options, rng = variant(small, seed)
    station_kw = rng.uniform(-150, 250, (4, case.n_steps))
    with pytest.raises(SolverError, match=r"cannot hold: (tie|voltage) limits") as full:
        dispatch_grid(case, options, fixed_power(station_kw))
    with pytest.raises(SolverError) as reduced:
        ReducedGrid(case, options).fixed(station_kw)
    assert str(reduced.value) == str(full.value)


def test_price_is_the_derivative_of_the_least_cost(nguyen):
    case, options = nguyen
    rng = np.random.default_rng(2)
    reduced, station_kw = ReducedGrid(case, options), rng.uniform(0, 900, (4, case.n_steps))
    base = reduced.fixed(station_kw)
    for station, step in zip(rng.integers(0, 4, 12), rng.integers(0, case.n_steps, 12), strict=True):
        moved = np.zeros_like(station_kw)
        moved[station, step] = 1.0
        up, down = (reduced.fixed(station_kw + sign * moved).cost_cny for sign in (1.0, -1.0))
        price = base.price_cny_kwh[case.station_bus[station], step]
        assert (up - down) / (2 * case.step_h) == pytest.approx(price, abs=2e-3), (station, step)


def responses(rng, n_groups, n_steps, n_extra):
    """Convex blocks as a Newton step has them, with curvatures of some 1e-4 CNY/kW^2."""
    blocks = []
    for group in range(n_groups):
        factor = rng.normal(size=(n_steps + n_extra, n_steps + n_extra))
        unit = np.concatenate([np.full(n_steps, 3e-3), np.full(n_extra, 0.3)])
        quadratic = np.outer(unit, unit) * (factor @ factor.T / n_steps + np.eye(len(unit)))
        linear = np.concatenate([rng.normal(-0.1, 0.1, n_steps), rng.normal(-0.5, 1.0, n_extra)])
        blocks.append(Block(group, quadratic, linear, np.linalg.inv(np.linalg.cholesky(quadratic)).T))
    return blocks


def blocks_in_full(case, linear_cny_kw, group, blocks):
    """Stations with the same responses as a part of the full problem, and its extra variables."""
    power = cp.Variable((len(case.stations), case.n_steps))
    by_group = np.eye(len(linear_cny_kw))[:, group] @ power * 1000.0
    cost, extras = cp.sum(cp.multiply(linear_cny_kw, by_group)), []
    for block in blocks:
        extras.append(cp.Variable(len(block.linear) - case.n_steps, nonneg=True))
        y = cp.hstack([by_group[block.group], extras[-1]])
        cost = cost + 0.5 * cp.sum_squares(np.linalg.cholesky(block.quadratic).T @ y) + block.linear @ y
    return StationLoad(power, cost / 1000.0), extras


@pytest.mark.parametrize(("seed", "by_factor"), [(None, False), (0, False), (11, False), (None, True), (11, True)])
def test_quadratic_responses_equal_those_in_the_full_problem(small, seed, by_factor):
    """On the mini day, and on days with stations that share a group, which the call splits; by both ways to pose them."""
    case, options = small if seed is None else variant(small, seed)[:2]
    rng = np.random.default_rng(5)
    reduced = ReducedGrid(case, options)
    group, n_groups = reduced.station_group, reduced.n_groups
    linear = -case.step_h * rng.uniform(0.3, 1.0, (n_groups, case.n_steps))
    blocks = responses(rng, n_groups, case.n_steps, 5)
    posed = blocks if by_factor else [replace(block, factor=None) for block in blocks]
    answer = reduced.with_blocks(linear, posed)
    load, extras = blocks_in_full(case, linear, group, blocks)
    full = dispatch_grid(case, options, load)
    assert answer.cost_cny == pytest.approx(full.objective_cny, rel=COST_REL, abs=1e-4)
    power = np.zeros((n_groups, case.n_steps))
    np.add.at(power, group, full.station_kw)
    np.testing.assert_allclose(answer.station_kw, power, atol=0.05)
    for found, variable in zip(answer.extras, extras, strict=True):
        np.testing.assert_allclose(found, variable.value, atol=1e-3)
    assert any((found < 1e-4).any() and (found > 0.1).any() for found in answer.extras)
    np.testing.assert_allclose(answer.price_cny_kwh, full.price_cny_kwh, atol=PRICE_CNY_KWH)
    if seed is not None:
        assert reduced.n_groups > n_groups


def test_blocks_without_extras_or_blocks_are_linear_costs(small):
    case, options = small
    price = np.random.default_rng(3).uniform(0.3, 1.0, (2, case.n_steps))
    reduced = ReducedGrid(case, options)
    linear, free = reduced.with_blocks(-case.step_h * price, []), reduced.free(price)
    assert linear.cost_cny == pytest.approx(free.cost_cny, rel=1e-9)
    assert linear.extras == []


def special(case, name):
    """Arrays or options at the edge of what is allowed."""
    n_steps = case.n_steps
    none = {"farms": (), "farm_bus": np.zeros(0, int), "farm_zone": np.zeros(0, int)}
    ties = {"import_limit_kw": case.import_limit_kw * 0.2}
    third = np.where(np.arange(n_steps) % 3 == 0, -0.3, 0.5)
    series = ("load_kw", "load_kvar", "available_kw")
    first_two = {key: getattr(case, key)[:, :2] for key in series}
    first_two |= {"import_price_cny_kwh": case.import_price_cny_kwh[:2], "backup_start_kw": np.array([50.0, 0.0])}
    return {
        "no farms": (none | {"available_kw": np.zeros((0, n_steps))}, {"farm_power_factor": 0.9}),
        "no backup": ({"backup_kw": np.zeros(2)}, {}),
        "two steps": (first_two, {}),
        "shedding without slope": (ties | {"backup_kw": case.backup_kw * 0.1}, {"shedding_slope": 0.0}),
        "capacitive loads": ({"load_kvar": -0.6 * case.load_kvar}, {}),
        "negative prices": ({"import_price_cny_kwh": third}, {"reverse_limit_kw": 500.0}),
    }[name]


SPECIAL = ("no farms", "no backup", "two steps", "shedding without slope", "negative prices", "capacitive loads")


@pytest.mark.parametrize("name", SPECIAL)
def test_a_special_grid_equals_the_full_problem(small, name):
    of_case, of_options = special(small[0], name)
    case, options = replace(small[0], **of_case), replace(small[1], **of_options)
    station_kw = np.random.default_rng(1).uniform(-100, 200, (2, case.n_steps))
    assert_equal(case, options, lambda: fixed_power(station_kw), ReducedGrid(case, options).fixed(station_kw))


def test_free_overloads_are_bounded_by_what_the_first_solve_leaves_out(small):
    """At no cost of overloads only voltages limit what stations feed in; the least program is unbounded."""
    case, options = small[0], replace(small[1], overload_slope=0.0)
    price = np.random.default_rng(2).uniform(0.3, 0.9, (2, case.n_steps))
    answer = ReducedGrid(case, options).free(price)
    full = dispatch_grid(case, options, priced_power(price, case.step_h))
    assert answer.cost_cny == pytest.approx(full.objective_cny, rel=COST_REL)
    assert any("voltage" in name for name in answer.monitored)


def test_a_step_of_the_ladder_that_fails_is_said(small):
    """No solver reaches 1e-15; the next step does what it can, and its tolerance is the answer's."""
    case, options = small
    reduced = ReducedGrid(case, options)
    linear = np.full((2, case.n_steps), -0.05)
    answer = reduced.with_blocks(linear, [], tolerance=1e-15)
    assert [attempt.status == "optimal" for attempt in answer.ladder] == [False, True]
    assert answer.tolerance == 1e-8
    rough = reduced.with_blocks(linear, [], tolerance=1e-6)
    assert rough.tolerance == 1e-6
    assert rough.iterations < answer.iterations
    assert rough.cost_cny == pytest.approx(answer.cost_cny, rel=1e-4)


def test_losses_are_refused(small):
    case, options = small
    with pytest.raises(InputError, match=r"grid_model = 'cone'.*must be 'lindistflow'"):
        ReducedGrid(case, replace(options, grid_model="cone"))


def test_bad_arrays_are_refused(small):
    case, options = small
    shape = (2, case.n_steps)
    reduced = ReducedGrid(case, options)
    gap = np.full(shape, 0.5)
    gap[1, 3] = np.nan
    with pytest.raises(InputError, match=r"station_kw has shape \(3, 24\); must be \(2, 24\)"):
        reduced.fixed(np.zeros((3, case.n_steps)))
    with pytest.raises(InputError, match="price_cny_kwh: row 1, step 3: nan; must be finite"):
        reduced.free(gap)
    with pytest.raises(InputError, match="block: group = 2; must be 0 to 1"):
        reduced.with_blocks(np.zeros(shape), [Block(2, np.eye(24), np.zeros(24))])
    with pytest.raises(InputError, match="block of group 0: quadratic has shape"):
        reduced.with_blocks(np.zeros(shape), [Block(0, np.eye(23), np.zeros(24))])
    together = replace(case, station_bus=np.array([3, 2]))
    price = np.full(shape, 0.5)
    price[1, 7] = 0.6
    with pytest.raises(InputError, match=r"step 7: 0\.5; stations between which no limit binds must have equal prices"):
        ReducedGrid(together, options).free(price)


@pytest.mark.parametrize("which", ["small", "nguyen"])
def test_machines_do_what_they_do_in_the_full_problem(which, request):
    """Slopes of marginal costs make the dispatch unique; both programs end within a few watts of it."""
    case, options = request.getfixturevalue(which)
    station_kw = np.full((len(case.stations), case.n_steps), 300.0 if which == "nguyen" else 60.0)
    machines = machines_of(case, ReducedGrid(case, options).fixed(station_kw))
    full = dispatch_grid(case, options, fixed_power(station_kw))
    for name in ("backup_kw", "curtailed_kw", "shed_kw", "import_kw", "export_kw", "tie_overload_kw"):
        np.testing.assert_allclose(getattr(machines, name), getattr(full, name), atol=0.5, err_msg=name)
    assert machines.line_overload_kva.max(initial=0.0) == pytest.approx(full.line_overload_kva.max(), abs=0.5)
    sold = machines.import_kw - machines.export_kw + machines.backup_kw.sum(axis=0) - machines.curtailed_kw.sum(axis=0)
    wanted = (case.load_kw - machines.shed_kw).sum(axis=0) + station_kw.sum(axis=0) - case.available_kw.sum(axis=0)
    np.testing.assert_allclose(sold, wanted, atol=1e-5)
