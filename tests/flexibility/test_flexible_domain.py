"""The flexible domain of vehicles: how it is built, what vehicles do alone, and what a breach of it looks like."""

import dataclasses

import numpy as np
import pytest

from evlib.errors import InputError
from evlib.flexibility import Schedule, cost_of, support, uncontrolled, vehicle_domain, violations

ONE = dict(
    battery_kwh=60.0,
    charge_kw=24.0,
    discharge_kw=24.0,
    soc_arrival=0.5,
    soc_min=0.2,
    soc_max=0.9,
    gain_kwh=15.0,
    n_stay_steps=13,
    n_cut_steps=0,
    eta_charge=0.9,
    eta_discharge=0.8,
    wear_cny_kwh=0.05,
    unserved_cny_kwh=5.0,
    terminal_price_cny_kwh=0.6,
    step_h=1 / 12,
)


def test_a_vehicle_becomes_its_domain_as_worked_out_by_hand():
    """60 kWh at 50 %: 24 kWh up, 18 down; 12 of 13 steps usable, 5 of them after the horizon with 24 kW / 12 x 0.9."""
    domain, adjustments = vehicle_domain(**ONE | dict(n_cut_steps=[0, 5]))

    assert domain.n == 2
    assert domain.n_usable.tolist() == [12, 7]
    np.testing.assert_allclose(domain.energy_low_kwh, -18.0)
    np.testing.assert_allclose(domain.energy_high_kwh, 24.0)
    np.testing.assert_allclose(domain.target_kwh, 15.0)
    np.testing.assert_allclose(domain.terminal_limit_kwh, [0.0, 5 * 1.8])
    assert adjustments.counts == {"targets_capped": 0, "arrivals_below_minimum": 0}


def test_targets_beyond_the_battery_and_arrivals_below_the_minimum_are_counted():
    """At 80 % of 60 kWh 6 kWh fit under 90 %; at 10 % the vehicle is 6 kWh below its minimum and may stay there."""
    domain, adjustments = vehicle_domain(**ONE | dict(soc_arrival=[0.8, 0.1, 0.5]))

    np.testing.assert_allclose(domain.target_kwh, [6.0, 15.0, 15.0])
    np.testing.assert_allclose(domain.energy_low_kwh, [-36.0, 0.0, -18.0])
    np.testing.assert_allclose(adjustments.target_cut_kwh, [9.0, 0.0, 0.0])
    np.testing.assert_allclose(adjustments.below_minimum_kwh, [0.0, 6.0, 0.0])
    assert adjustments.counts == {"targets_capped": 1, "arrivals_below_minimum": 1}


def test_a_target_that_fills_the_battery_exactly_is_not_counted_as_capped():
    """0.55 + 0.40 = 0.95 of the battery for many sizes: rounding in the product is no adjustment."""
    battery_kwh = np.linspace(20, 250, 777)
    share = dict(soc_arrival=0.55, soc_max=0.95, gain_kwh=0.4 * battery_kwh, soc_min=0.55)
    _, adjustments = vehicle_domain(**ONE | share | dict(battery_kwh=battery_kwh))

    assert adjustments.counts == {"targets_capped": 0, "arrivals_below_minimum": 0}


def test_an_uncontrolled_vehicle_charges_at_once_and_stops_in_the_middle_of_a_step():
    """1.8 kWh reach the battery in a full step; 15 kWh take 8 steps and a third of the ninth: 24 / 3 = 8 kW."""
    domain, _ = vehicle_domain(**ONE)
    schedule = uncontrolled(domain)

    np.testing.assert_allclose(schedule.charge_kw, [[24.0] * 8 + [8.0] + [0.0] * 3], atol=1e-12)
    assert not schedule.discharge_kw.any()
    assert schedule.energy_kwh[0, [0, 1, 8, 9, 12]] == pytest.approx([0, 1.8, 14.4, 15, 15])
    assert schedule.terminal_kwh.tolist() == schedule.unserved_kwh.tolist() == [0.0]
    # (8 x 24 + 8) kW x 1/12 h at 0.3 CNY/kWh
    assert cost_of(domain, np.full((1, 12), 0.3), schedule) == pytest.approx(200 / 12 * 0.3)


def test_an_uncontrolled_vehicle_that_is_cut_off_buys_later_first_and_leaves_the_rest_unserved():
    """2 steps bring 3.6 of 15 kWh; 3 steps after the horizon 5.4; 6 kWh stay unserved at 5 CNY/kWh."""
    domain, _ = vehicle_domain(**ONE | dict(n_stay_steps=6, n_cut_steps=3))
    schedule = uncontrolled(domain)

    assert schedule.energy_kwh[0] == pytest.approx([0, 1.8, 3.6])
    assert schedule.terminal_kwh == pytest.approx([5.4])
    assert schedule.unserved_kwh == pytest.approx([6.0])
    assert cost_of(domain, np.zeros((1, 2)), schedule) == pytest.approx(5.4 / 0.9 * 0.6 + 6.0 * 5.0)


def test_uncontrolled_schedules_of_all_kinds_of_vehicles_are_feasible(draw):
    domain, _ = vehicle_domain(**draw.vehicles(300, seed=1))

    assert max(violations(domain, uncontrolled(domain)).values()) < 1e-10


def test_each_breach_is_seen_and_measured():
    """A schedule that keeps all rules, then one rule broken at a time by a known amount."""
    domain, _ = vehicle_domain(**ONE | dict(n_stay_steps=3, gain_kwh=2.7, soc_min=0.5, discharge_kw=12.0))
    right = Schedule(*(np.array(x) for x in ([[24.0, 12.0]], [[0.0, 0.0]], [[0.0, 1.8, 2.7]], [0.0], [0.0])))
    assert max(violations(domain, right).values()) == pytest.approx(0.0, abs=1e-12)

    def breach(**changed):
        changed = {name: np.array(value) for name, value in changed.items()}
        return violations(domain, dataclasses.replace(right, **changed))

    assert breach(charge_kw=[[25.0, 12.0]])["power_kw"] == pytest.approx(1.0)
    assert breach(charge_kw=[[24.0, -2.0]])["power_kw"] == pytest.approx(2.0)
    # 6 of 12 kW discharge take half the step: 12 kW charge are allowed beside it, 24 are 12 too many
    both = breach(discharge_kw=[[6.0, 0.0]])
    assert both["power_kw"] == pytest.approx(12.0)
    assert both["simultaneous_kwh"] == pytest.approx(6.0 / 12)
    assert breach(charge_kw=[[24.0, 0.0]])["dynamics_kwh"] == pytest.approx(0.9)
    assert breach(charge_kw=[[24.0, 15.0]])["dynamics_kwh"] == pytest.approx(3 / 12 * 0.9)
    assert breach(energy_kwh=[[0.1, 1.8, 2.7]])["dynamics_kwh"] == pytest.approx(0.1)
    assert breach(energy_kwh=[[0.0, -0.3, 2.7]])["energy_kwh"] == pytest.approx(0.3)
    assert breach(energy_kwh=[[0.0, 1.8, 24.5]])["energy_kwh"] == pytest.approx(0.5)
    assert breach(energy_kwh=[[0.0, 1.8, 2.5]])["target_kwh"] == pytest.approx(0.2)
    assert breach(terminal_kwh=[0.4])["target_kwh"] == pytest.approx(0.4)
    assert breach(unserved_kwh=[-0.4])["target_kwh"] == pytest.approx(0.4)
    idle = dataclasses.replace(domain, discharge_kw=np.zeros(1))
    assert violations(idle, dataclasses.replace(right, discharge_kw=np.array([[0.0, 3.0]])))["power_kw"] == 3.0
    gone = domain.take([0, 0])
    gone = dataclasses.replace(gone, n_usable=np.array([1, 2]))
    twice = Schedule(*(np.repeat(getattr(right, f.name), 2, axis=0) for f in dataclasses.fields(Schedule)))
    assert violations(gone, twice)["power_kw"] == pytest.approx(12.0)
    with pytest.raises(InputError, match=r"schedule.charge_kw.*finite"):
        breach(charge_kw=[[24.0, np.nan]])


def test_a_stay_of_one_step_leaves_the_whole_target_unserved():
    domain, _ = vehicle_domain(**ONE | dict(n_stay_steps=1))
    value_cny, schedule = support(domain, np.zeros((1, 0)))

    assert domain.n_steps == 0
    assert value_cny == pytest.approx([15.0 * 5.0])
    assert schedule.power_kw.shape == (1, 0)
    assert uncontrolled(domain).unserved_kwh == pytest.approx([15.0])


def test_an_empty_batch_has_empty_answers():
    domain, adjustments = vehicle_domain(**ONE | dict(battery_kwh=[]))
    value_cny, schedule = support(domain, np.zeros((0, 0)))

    assert (domain.n, domain.n_steps, value_cny.shape, schedule.power_kw.shape) == (0, 0, (0,), (0, 0))
    assert max(violations(domain, uncontrolled(domain)).values()) == 0.0
    assert set(adjustments.counts.values()) == {0}


def test_taking_vehicles_keeps_them_and_shrinks_to_their_longest_stay():
    domain, _ = vehicle_domain(**ONE | dict(n_stay_steps=[13, 4, 6], gain_kwh=[1.0, 2.0, 3.0]))
    few = domain.take([2, 1])

    assert (few.n, few.n_steps) == (2, 5)
    assert few.target_kwh.tolist() == [3.0, 2.0]
    assert few.eta_charge == domain.eta_charge


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(soc_arrival=[0.5, 0.95]), r"soc_arrival: vehicle 1 has 57.0 kWh; must be an energy in \[0, battery"),
        (dict(soc_arrival=-0.1), "soc_arrival: vehicle 0 has -6.0 kWh"),
        (dict(soc_min=0.95), r"soc_min: vehicle 0 has 0.95; must be in \[0, soc_max\]"),
        (dict(soc_max=1.1), "soc_max: vehicle 0 has 1.1; must be at most 1"),
        (dict(gain_kwh=[1.0, 2.0, np.nan]), "gain_kwh: vehicle 2 has nan; must be finite"),
        (dict(gain_kwh=-1.0), "gain_kwh: vehicle 0 has -1.0; must be 0 or more"),
        (dict(battery_kwh=0.0), "battery_kwh: vehicle 0 has 0.0; must be positive"),
        (dict(charge_kw=0.0), "charge_kw: vehicle 0 has 0.0; must be positive"),
        (dict(charge_kw=-5.0), "charge_kw: vehicle 0 has -5.0; must be positive"),
        (dict(discharge_kw=-5.0), "discharge_kw: vehicle 0 has -5.0; must be 0 or more"),
        (dict(n_stay_steps=0), "n_stay_steps: vehicle 0 has 0; must be 1 or more"),
        (dict(n_stay_steps=2.5), "n_stay_steps.*whole"),
        (dict(n_cut_steps=13), r"n_cut_steps: vehicle 0 has 13; must be in 0\.\.n_stay_steps - 1"),
        (dict(eta_charge=0.0), r"eta_charge: 0.0; must be in \(0, 1\]"),
        (dict(eta_discharge=1.2), "eta_discharge: 1.2"),
        (dict(eta_charge=np.nan), "eta_charge: nan"),
        (dict(wear_cny_kwh=-0.1), "wear_cny_kwh: -0.1; must be finite and 0 or more"),
        (dict(unserved_cny_kwh=np.inf), "unserved_cny_kwh: inf"),
        (dict(terminal_price_cny_kwh=-1.0), "terminal_price_cny_kwh: -1.0"),
        (dict(step_h=0.0), "step_h: 0.0; must be finite and positive"),
        (dict(gain_kwh=[1.0, 2.0], charge_kw=[1.0, 2.0, 3.0]), "arrays of one length"),
        (dict(gain_kwh="much"), "must be numbers"),
    ],
)
def test_a_vehicle_that_cannot_be_is_refused_with_name_and_amount(wrong, message):
    with pytest.raises(InputError, match=message):
        vehicle_domain(**ONE | wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(charge_kw=np.ones(2)), r"charge_kw: shape \(2,\); must be \(1,\)"),
        (dict(energy_low_kwh=np.array([1.0])), "energy_low_kwh: vehicle 0 has 1.0; must be 0 or less"),
        (dict(target_kwh=np.array([99.0])), "target_kwh: vehicle 0 has 99.0; must be at most energy_high_kwh"),
        (dict(n_usable=np.array([-1])), "n_usable: vehicle 0 has -1; must be 0 or more"),
    ],
)
def test_a_domain_that_contradicts_itself_is_refused(wrong, message):
    domain, _ = vehicle_domain(**ONE)
    with pytest.raises(InputError, match=message):
        dataclasses.replace(domain, **wrong)


def test_prices_of_the_wrong_shape_or_not_finite_are_refused_but_not_after_the_stay():
    domain, _ = vehicle_domain(**ONE | dict(n_stay_steps=[3, 2]))
    prices = np.array([[0.1, 0.2], [0.3, np.nan]])

    assert np.isfinite(support(domain, prices)[0]).all()
    with pytest.raises(InputError, match=r"prices_cny_kwh: shape \(1, 2\); must be \(2, 2\)"):
        support(domain, prices[:1])
    with pytest.raises(InputError, match=r"prices_cny_kwh: vehicle 1 .*finite in every usable step"):
        support(domain, prices[:, ::-1])
