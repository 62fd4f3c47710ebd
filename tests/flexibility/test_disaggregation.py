"""A dispatch becomes schedules of single vehicles: nothing broken, everything delivered, whole vehicles to rounding."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlib.errors import InputError
from evlib.flexibility import (
    Fleet,
    check_delivery,
    summed_bounds,
    summed_support,
    support,
    uncontrolled,
    vehicle_domain,
    whole_vehicles,
)
from evlib.flexibility.zonotope import station_zonotope, support_value

SEEDS = st.integers(0, 10_000)
N_STEPS = 40
PROPERTY = settings(max_examples=15, deadline=None, derandomize=True, database=None)


def random_fleet(draw, n, seed, n_stations=2):
    station = draw.station(n, N_STEPS, seed)
    where = np.random.default_rng(seed).integers(0, n_stations, n)
    return Fleet(station.domain, station.sizes, where, station.offsets, n_stations, N_STEPS)


@PROPERTY
@given(seed=SEEDS)
def test_whole_vehicles_keep_all_rules_and_every_running_total_to_half_a_vehicle(draw, seed):
    fleet = random_fleet(draw, 30, seed)
    _, schedule = support(fleet.domain, fleet.cohort_prices(np.random.default_rng(seed).normal(0.4, 0.3, (2, N_STEPS))))
    few, own = whole_vehicles(fleet, schedule)

    assert (few.size_veh == 1).all()
    for c in range(2):
        for step in range(N_STEPS + 1):
            real = fleet.size_veh[(fleet.station == c) & (fleet.first_step <= step)].sum()
            assert abs(np.count_nonzero((few.station == c) & (few.first_step <= step)) - real) <= 0.5 + 1e-9
    found = check_delivery(few, own, few.station_kw(own.power_kw))
    found.pop("simultaneous_kwh")
    assert max(value for name, value in found.items() if name != "sum_share") < 1e-9


def test_whole_cohorts_are_delivered_exactly_and_real_ones_to_rounding(draw):
    """100 vehicles in each of 20 cohorts: nothing is missed. Half a vehicle more in each: at most a vehicle a station."""
    fleet = random_fleet(draw, 20, 71)
    fleet = dataclasses.replace(fleet, size_veh=np.full(20, 100.0))
    schedule = uncontrolled(fleet.domain)
    profile = fleet.station_kw(schedule.power_kw)
    few, own = whole_vehicles(fleet, schedule)
    assert few.n == 2000
    assert check_delivery(few, own, profile)["sum_share"] == pytest.approx(0.0, abs=1e-12)

    half = dataclasses.replace(fleet, size_veh=np.full(20, 100.5))
    few, own = whole_vehicles(half, schedule)
    found = check_delivery(few, own, half.station_kw(schedule.power_kw))
    assert 0 < found["sum_share"] < 0.01
    # at most half a vehicle of every cohort that is plugged in
    assert found["sum_kw"] <= 0.5 * fleet.domain.charge_kw.sum()


def test_a_profile_that_is_not_delivered_is_measured(draw):
    fleet = random_fleet(draw, 5, 72)
    schedule = uncontrolled(fleet.domain)
    profile = fleet.station_kw(schedule.power_kw)
    profile[1, 7] += 30.0
    found = check_delivery(fleet, schedule, profile)

    assert found["sum_kw"] == pytest.approx(30.0)
    assert found["sum_share"] == pytest.approx(30.0 / np.abs(profile).sum())
    nobody = fleet.take([])
    assert np.isnan(check_delivery(nobody, uncontrolled(nobody.domain), np.zeros((2, N_STEPS)))["sum_share"])
    with pytest.raises(InputError, match=r"station_kw: shape \(3,\); must be \(2, 40\) and finite"):
        check_delivery(fleet, schedule, np.zeros(3))
    assert whole_vehicles(nobody, uncontrolled(nobody.domain))[0].n == 0


@PROPERTY
@given(seed=SEEDS)
def test_order_and_number_of_vehicles_only_permute_and_multiply_their_costs(draw, seed):
    """In any order each costs the same, and n copies of a vehicle cost n times as much."""
    domain, _ = vehicle_domain(**draw.vehicles(25, seed=seed))
    prices = draw.prices(domain, seed=seed + 1)
    value_cny, schedule = support(domain, prices)
    order = np.random.default_rng(seed).permutation(25)
    permuted_cny, permuted = support(domain.take(order), prices[order])
    copies = np.repeat(np.arange(25), 3)

    np.testing.assert_array_equal(permuted_cny, value_cny[order])
    np.testing.assert_array_equal(permuted.power_kw, schedule.power_kw[order])
    np.testing.assert_array_equal(support(domain.take(copies), prices[copies])[0], np.repeat(value_cny, 3))


@PROPERTY
@given(seed=SEEDS)
def test_inner_sets_cost_no_less_and_outer_sets_no_more_than_the_exact_one(draw, seed):
    """At any prices, for any station: J of the zonotope >= J of the vehicles >= J of the summed bounds."""
    fleet = random_fleet(draw, 12, seed, n_stations=1)
    price = np.random.default_rng(seed).normal(0.3, 0.4, N_STEPS)
    exact_cny = fleet.size_veh @ support(fleet.domain, fleet.cohort_prices(price[None, :]))[0]
    where = (fleet.domain, fleet.size_veh, fleet.first_step, N_STEPS)
    rounding = 1e-7 * max(1.0, abs(exact_cny))

    assert support_value(station_zonotope(*where).zonotope, price) >= exact_cny - rounding
    assert summed_support(summed_bounds(*where), price) <= exact_cny + rounding
