"""Least cost of a vehicle: against HiGHS, against prices by hand, and against what any least cost must obey."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlib.errors import InputError
from evlib.flexibility import cost_of, support, to_steps, uncontrolled, vehicle_domain, violations
from evlib.flexibility.support_compiled import FIBONACCI

SEEDS = st.integers(0, 10_000)
RESERVE = dict(
    battery_kwh=100, charge_kw=10, discharge_kw=10, soc_min=0, soc_max=1, gain_kwh=0, n_cut_steps=0, unserved_cny_kwh=5,
    terminal_price_cny_kwh=1, step_h=1,
)  # fmt: skip


@pytest.mark.parametrize("n", [100, pytest.param(500, marks=pytest.mark.verify)])
@pytest.mark.parametrize("lossless", [False, True])
def test_least_cost_equals_a_linear_program_on_random_vehicles(draw, lossless, n):
    """V2G or charging only, prices of both signs, stays cut off, targets out of reach: to 1e-9 of sum |price| P h."""
    vehicles = draw.vehicles(n, seed=2, lossless=lossless)
    domain, _ = vehicle_domain(**vehicles)
    prices = draw.prices(domain, seed=3)
    value_cny, schedule = support(domain, prices)

    used = [prices[i, :n] for i, n in enumerate(domain.n_usable)]
    exact = [draw.least_cost_by_linear_program(draw.one_of(vehicles, i), used[i]) for i in range(domain.n)]
    power_kw = np.maximum(domain.charge_kw, domain.discharge_kw)
    scale_cny = np.array([np.abs(p).sum() for p in used]) * power_kw * domain.step_h
    # where the scale is 0 (no usable step, or all prices 0) the last digits of the energies still count, at 5 CNY/kWh
    rounding_cny = 1e-13 * vehicles["unserved_cny_kwh"] * vehicles["battery_kwh"]
    assert (np.abs(value_cny - exact) <= 1e-9 * scale_cny + rounding_cny).all()

    np.testing.assert_allclose(cost_of(domain, prices, schedule), value_cny, rtol=1e-14)
    found = violations(domain, schedule)
    waste_kwh = found.pop("simultaneous_kwh")
    assert max(found.values()) < 1e-10
    # only losses make it pay to burn energy at a negative price
    assert (waste_kwh > 1) if not lossless else (waste_kwh < 1e-10)
    # the draw is as varied as it claims
    assert (schedule.unserved_kwh > 1e-6).mean() > 0.04
    assert (schedule.terminal_kwh > 1e-6).mean() > 0.04
    assert (schedule.discharge_kw.max(axis=1) > 1).mean() > 0.1
    assert (domain.discharge_kw == 0).mean() > 0.04


def test_terminal_energy_dearer_than_going_unserved_is_not_bought(draw):
    """A purchase after the horizon at 7 / 0.93 CNY/kWh, a penalty of 5: the program prefers the penalty."""
    vehicles = draw.vehicles(40, seed=4, terminal_price_cny_kwh=7.0)
    domain, _ = vehicle_domain(**vehicles)
    prices = draw.prices(domain, seed=5)
    value_cny, schedule = support(domain, prices)

    exact = [
        draw.least_cost_by_linear_program(draw.one_of(vehicles, i), prices[i, :n])
        for i, n in enumerate(domain.n_usable)
    ]
    np.testing.assert_allclose(value_cny, exact, rtol=1e-11, atol=1e-11)
    assert (domain.terminal_limit_kwh > 0).any()
    assert not schedule.terminal_kwh.any()


def test_a_vehicle_sells_its_reserve_only_if_the_spread_pays_for_losses_and_wear():
    """Eta 0.9 each way, wear 0.1: to buy back at 0.2 what was sold at p costs 0.2 / 0.81; it pays beyond that + 0.1."""
    domain, _ = vehicle_domain(
        **RESERVE | dict(soc_arrival=0.5, n_stay_steps=3, eta_charge=0.9, eta_discharge=0.9, wear_cny_kwh=0.1)
    )
    threshold = 0.2 / 0.81 + 0.1
    below, idle = support(domain, [[threshold * (1 - 1e-9), 0.2]])
    above, sells = support(domain, [[0.5, 0.2]])

    assert below == 0.0
    assert not idle.power_kw.any()
    # 9 kWh into the battery in the cheap hour give 8.1 kWh in the dear one
    np.testing.assert_allclose(sells.power_kw, [[-8.1, 10.0]], rtol=1e-14)
    assert above == pytest.approx([8.1 * (0.1 - 0.5) + 10 * 0.2])


def test_a_full_battery_earns_at_a_negative_price_by_staying_on_the_hull():
    """Full, price -1, 10 kW both ways, eta 0.8: it charges for a share s of the step and discharges for the rest, level
    if 0.8 s = (1 - s) / 0.8, so s = 1 / 1.64. It draws 10 (2 s - 1) = 90 / 41 kW and loses it all."""
    domain, _ = vehicle_domain(
        **RESERVE | dict(soc_arrival=1, n_stay_steps=2, eta_charge=0.8, eta_discharge=0.8, wear_cny_kwh=0)
    )
    value_cny, schedule = support(domain, [[-1.0]])

    assert value_cny == pytest.approx([-90 / 41], rel=1e-14)
    assert schedule.charge_kw[0, 0] / 10 + schedule.discharge_kw[0, 0] / 10 == pytest.approx(1.0)


def test_a_band_of_no_width_leaves_nothing_to_do(draw):
    domain, _ = vehicle_domain(**draw.vehicles(30, seed=6))
    nothing = np.zeros(domain.n)
    domain = dataclasses.replace(domain, energy_low_kwh=nothing, energy_high_kwh=nothing, target_kwh=nothing)
    prices = np.abs(draw.prices(domain, seed=7))
    value_cny, schedule = support(domain, prices)

    assert not value_cny.any()
    assert not schedule.power_kw.any()


def test_of_equally_cheap_schedules_a_flat_price_gives_the_uncontrolled_one(draw):
    """With wear, without wear and losses, and free of charge: charging early, never without need, and no cycling."""
    for price, kind in ((0.5, {}), (0.5, dict(lossless=True, wear_cny_kwh=0.0)), (0.0, dict(lossless=True))):
        domain, _ = vehicle_domain(**draw.vehicles(200, seed=8, terminal_price_cny_kwh=price, **kind))
        _, schedule = support(domain, np.full((domain.n, domain.n_steps), price))

        np.testing.assert_allclose(schedule.power_kw, uncontrolled(domain).power_kw, atol=1e-10)
        np.testing.assert_allclose(schedule.terminal_kwh, uncontrolled(domain).terminal_kwh, atol=1e-10)


def test_a_common_factor_on_all_prices_changes_the_cost_and_nothing_else(draw):
    domain, _ = vehicle_domain(**draw.vehicles(200, seed=9))
    prices = draw.prices(domain, seed=10)
    value_cny, schedule = support(domain, prices)
    for factor in (2.0**-60, 2.0**40):
        cost = ("wear_cny_kwh", "unserved_cny_kwh", "terminal_price_cny_kwh")
        scaled = dataclasses.replace(domain, **{name: getattr(domain, name) * factor for name in cost})
        scaled_cny, same = support(scaled, prices * factor)

        np.testing.assert_array_equal(scaled_cny, value_cny * factor)
        np.testing.assert_array_equal(same.power_kw, schedule.power_kw)


def test_a_batch_is_the_sum_of_its_vehicles(draw):
    """Together or one by one: the same costs and schedules, whatever the longest stay in the batch."""
    domain, _ = vehicle_domain(**draw.vehicles(40, seed=11))
    prices = draw.prices(domain, seed=12)
    value_cny, schedule = support(domain, prices)
    for i, n in enumerate(domain.n_usable):
        alone_cny, alone = support(domain.take([i]), prices[i : i + 1, :n])
        assert alone_cny[0] == pytest.approx(value_cny[i], rel=1e-13)
        np.testing.assert_array_equal(alone.power_kw[0], schedule.power_kw[i, :n])


def test_plugging_in_later_in_shifted_prices_costs_the_same(draw):
    station = draw.station(30, 40, seed=13)
    prices = np.random.default_rng(14).normal(0.3, 0.4, 40)
    value_cny, _ = support(station.domain, to_steps(station.domain, station.offsets, prices))
    shifted = np.concatenate([np.full(7, 99.0), prices])
    later_cny, _ = support(station.domain, to_steps(station.domain, station.offsets + 7, shifted))

    np.testing.assert_array_equal(later_cny, value_cny)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(seed=SEEDS)
def test_more_room_never_costs_more(draw, seed):
    """A wider band, more power, a later purchase, a smaller target: each alone never raises the least cost."""
    domain, _ = vehicle_domain(**draw.vehicles(30, seed=seed))
    prices = draw.prices(domain, seed=seed + 1)
    value_cny, _ = support(domain, prices)
    rng = np.random.default_rng(seed)
    for name in ("energy_high_kwh", "energy_low_kwh", "charge_kw", "discharge_kw", "terminal_limit_kwh"):
        wider = dataclasses.replace(domain, **{name: getattr(domain, name) * rng.uniform(1, 2, domain.n)})
        assert (support(wider, prices)[0] <= value_cny + 1e-9).all(), name
    less = dataclasses.replace(domain, target_kwh=domain.target_kwh * rng.uniform(0, 1, domain.n))
    assert (support(less, prices)[0] <= value_cny + 1e-9).all()


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(seed=SEEDS)
def test_power_is_a_supergradient_of_the_least_cost(draw, seed):
    """V(q) <= V(p) + h (q - p) . u(p): the schedule stays feasible when prices change, so V is concave in prices."""
    domain, _ = vehicle_domain(**draw.vehicles(30, seed=seed))
    here, there = (np.where(domain.active, draw.prices(domain, seed=seed + i), 0.0) for i in (1, 2))
    value_cny, schedule = support(domain, here)
    linear_cny = value_cny + ((there - here) * schedule.power_kw).sum(axis=1) * domain.step_h

    assert (support(domain, there)[0] <= linear_cny + 1e-9).all()


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(seed=SEEDS, kind=st.sampled_from([{}, dict(lossless=True), dict(lossless=True, wear_cny_kwh=0.0)]))
def test_compiled_and_specification_agree_to_the_last_bit(draw, seed, kind):
    """All kinds of vehicles at prices of both signs with many ties: costs and schedules, no tolerance."""
    domain, _ = vehicle_domain(**draw.vehicles(40, seed=seed, longest_stay=40, **kind))
    prices = draw.prices(domain, seed=seed + 1)
    value_cny, schedule = support(domain, prices)
    specified_cny, specified = support(domain, prices, kernel="numpy")

    np.testing.assert_array_equal(value_cny, specified_cny)
    for field in dataclasses.fields(schedule):
        np.testing.assert_array_equal(getattr(schedule, field.name), getattr(specified, field.name), field.name)


def assert_same_bits(domain, prices):
    """Compiled and specified: costs and schedules, the sign of zeros included."""
    (value_cny, schedule), (specified_cny, specified) = (
        support(domain, prices, kernel=k) for k in ("compiled", "numpy")
    )
    pairs = {"value_cny": (value_cny, specified_cny)}
    pairs |= {f.name: (getattr(schedule, f.name), getattr(specified, f.name)) for f in dataclasses.fields(schedule)}
    for name, (found, expected) in pairs.items():
        np.testing.assert_array_equal(found.view(np.uint64), expected.view(np.uint64), name)


@pytest.mark.parametrize("kind", [{}, dict(lossless=True), dict(lossless=True, wear_cny_kwh=0.0)])
def test_all_short_stays_agree_to_the_last_bit_with_ties_and_without(draw, kind):
    """0 to 19 steps and 33: odd and even, around whole vectors of 8 and 16, in batches that leave some vehicles over."""
    domain, _ = vehicle_domain(**draw.vehicles(84, seed=20, terminal_price_cny_kwh=0.5, **kind))
    domain = dataclasses.replace(domain, n_usable=np.tile([*range(20), 33], 4))
    shape, rng = (domain.n, domain.n_steps), np.random.default_rng(21)
    different = rng.normal(0.3, 0.4, shape)
    # one and the same price, one that returns, slopes where the terminal cost bends, and zeros of both signs
    bends = [domain.unserved_cny_kwh * domain.eta_charge, domain.terminal_price_cny_kwh, domain.wear_cny_kwh, 0.0, -0.0]
    some_bends = np.where(rng.random(shape) < 0.05, rng.choice(bends, shape), different)
    returning = np.where(rng.random(shape) < 0.05, different[:, :1], different)
    for prices in (different, np.full(shape, 0.4), rng.choice(bends, shape), some_bends, returning):
        for n in (84, 83, 81, 80, 1):
            some = domain.take(slice(n))
            assert_same_bits(some, prices[:n, : some.n_steps])


def test_a_single_tie_among_different_slopes_is_broken_as_specified(draw):
    """Lossless and free of wear, at different prices but for two that are the same or a last of zero: a reserve filled
    at negative prices is not given away for nothing. 1,100 steps are more than the table of slopes has places at least.
    """
    for n, n_steps, seed in ((150, 96, 22), (5, 1100, 23)):
        domain, _ = vehicle_domain(**draw.vehicles(n, seed=seed, lossless=True, wear_cny_kwh=0.0))
        domain = dataclasses.replace(domain, n_usable=np.full(domain.n, n_steps))
        rng = np.random.default_rng(seed)
        prices, vehicles = rng.normal(0.2, 0.3, (domain.n, n_steps)), np.arange(domain.n)
        one, other = rng.integers(0, n_steps // 2, domain.n), rng.integers(n_steps // 2, n_steps, domain.n)
        same, last_free = prices.copy(), prices.copy()
        same[vehicles, other] = prices[vehicles, one]
        last_free[:, -1] = 0.0
        for each in (prices, same, last_free):
            assert_same_bits(domain, each)


def test_a_slope_that_returns_is_found_though_another_asked_for_its_place(draw):
    """Prices a, b, a, where the table of slopes wants a and b in one place: a tie, and not forgotten for b."""
    values = np.random.default_rng(24).normal(0.45, 0.2, 3000)
    places = ((-values).view(np.uint64) * FIBONACCI) >> np.uint64(54)
    order = np.argsort(places, kind="stable")
    pairs = np.flatnonzero(np.diff(places[order]) == 0)[:300]
    first, second = values[order[pairs]], values[order[pairs + 1]]
    domain, _ = vehicle_domain(**draw.vehicles(300, seed=25, lossless=True, wear_cny_kwh=0.0))
    domain = dataclasses.replace(domain, n_usable=np.full(domain.n, 3))

    assert len(pairs) == domain.n
    assert_same_bits(domain, np.column_stack([first, second, first]))


def test_arrays_that_numpy_hands_out_read_only_or_strided_are_read_as_they_are(draw):
    domain, _ = vehicle_domain(**draw.vehicles(30, seed=17))
    prices = draw.prices(domain, seed=18)
    value_cny, _ = support(domain, prices)
    spread = {name: np.repeat(getattr(domain, name), 2)[::2] for name in ("charge_kw", "energy_low_kwh")}
    for array in spread.values():
        array.flags.writeable = False
    odd = np.asfortranarray(prices)
    odd.flags.writeable = False

    np.testing.assert_array_equal(support(dataclasses.replace(domain, **spread), odd)[0], value_cny)


def test_another_kernel_is_refused(draw):
    domain, _ = vehicle_domain(**draw.vehicles(1, seed=19))
    with pytest.raises(InputError, match="kernel 'fortran'; must be 'compiled' or 'numpy'"):
        support(domain, np.zeros((1, domain.n_steps)), kernel="fortran")
