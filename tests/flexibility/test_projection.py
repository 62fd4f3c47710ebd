"""Outlines in the plane: energy in one window against energy in another."""

import numpy as np
import pytest

from evlib.errors import InputError
from evlib.flexibility import (
    exact_extreme,
    outline,
    summed_bounds,
    summed_extreme,
    support,
    uncontrolled,
    vehicle_domain,
    zonotope_extreme,
)
from evlib.flexibility.zonotope import inner_zonotope, station_zonotope

EV = dict(
    battery_kwh=100, charge_kw=10, discharge_kw=10, soc_arrival=0.5, soc_min=0.4, soc_max=1, gain_kwh=5, n_stay_steps=5,
    n_cut_steps=0, eta_charge=1, eta_discharge=1, wear_cny_kwh=0.05, unserved_cny_kwh=5, terminal_price_cny_kwh=1,
    step_h=1,
)  # fmt: skip
EARLY, LATE = np.arange(2), np.arange(2, 4)


def area(polygon):
    x, y = polygon.T
    return 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1))


def test_the_exact_outline_of_one_vehicle_is_the_polygon_worked_out_by_hand():
    """Four hours, 10 kW both ways, 10 kWh down, 50 up, 5 wanted: -10 <= a <= 20, |b| <= 20, 5 <= a + b."""
    domain, _ = vehicle_domain(**EV)
    polygon = outline(lambda d: exact_extreme(domain, [1], [0], 4, EARLY, LATE, d), 64)

    expected = [(20, 20), (-10, 20), (-10, 15), (20, -15)]
    np.testing.assert_allclose(polygon, expected, atol=1e-9)
    assert area(polygon) == pytest.approx(30 * 5 + 30 * 30 / 2)


def test_a_target_out_of_reach_shrinks_the_exact_outline_to_full_power():
    domain, _ = vehicle_domain(**EV | dict(gain_kwh=45))
    polygon = outline(lambda d: exact_extreme(domain, [1], [0], 4, EARLY, LATE, d), 32)

    np.testing.assert_allclose(polygon, [[20, 20]], atol=1e-9)


def test_windows_that_cancel_still_meet_the_target():
    """One window on both axes and the direction (1, -1): all schedules are equally far, none may leave energy out."""
    domain, _ = vehicle_domain(**EV)
    point = exact_extreme(domain, [1], [0], 4, np.arange(4), np.arange(4), [1, -1])

    assert point[0] == point[1]
    assert point[0] >= 5 - 1e-9
    summed = summed_extreme(summed_bounds(domain, [1], [0], 4), np.arange(4), np.arange(4), [1, -1])
    assert summed[0] >= 5 - 1e-6


def test_windows_may_overlap():
    """All four hours count 2, the late two -1 as well, so 2 and 1: full power throughout is farthest."""
    domain, _ = vehicle_domain(**EV)

    np.testing.assert_allclose(exact_extreme(domain, [1], [0], 4, np.arange(4), LATE, [2, -1]), [40, 20])


def test_the_zonotope_of_a_battery_to_fill_exactly_is_a_segment():
    """Two hours of 10 kW, 10 kWh up and wanted: from all in the first hour to all in the second."""
    domain, _ = vehicle_domain(**EV | dict(soc_arrival=0.9, gain_kwh=10, n_stay_steps=3, discharge_kw=0))
    ends = [zonotope_extreme(inner_zonotope(domain), [0], [1], direction) for direction in ([1, 0], [0, 1])]

    np.testing.assert_allclose(ends, [[10, 0], [0, 10]], atol=1e-9)


def test_an_outline_does_not_depend_on_the_cost_of_unserved_energy():
    """Unserved for nothing the vehicle would not charge at a price of 1; its outline is that of the feasible set."""
    domain, _ = vehicle_domain(**EV | dict(unserved_cny_kwh=0.0))
    assert support(domain, np.ones((1, 4)))[1].unserved_kwh > 1
    polygon = outline(lambda d: exact_extreme(domain, [1], [0], 4, EARLY, LATE, d), 64)

    assert polygon.sum(axis=1).min() >= 5 - 1e-9


@pytest.mark.parametrize("n_cohorts", [1, pytest.param(25, marks=pytest.mark.verify)])
def test_zonotope_lies_in_exact_and_exact_in_summed_bounds(draw, n_cohorts):
    """In every direction, for one vehicle and for a station; uncontrolled charging lies in the exact set, too."""
    station = draw.station(n_cohorts, 40, seed=50)
    args = (station.domain, station.sizes, station.offsets, 40)
    zonotope, bounds = station_zonotope(*args).zonotope, summed_bounds(*args)
    first, last = (0, 40) if n_cohorts > 1 else (station.offsets[0], station.offsets[0] + station.domain.n_usable[0])
    windows = np.array_split(np.arange(first, last), 2)
    power = np.zeros(40)
    for v, own in enumerate(uncontrolled(station.domain).power_kw):
        n, at = station.domain.n_usable[v], station.offsets[v]
        power[at : at + n] += station.sizes[v] * own[:n]
    alone = np.array([power[w].sum() for w in windows]) * station.domain.step_h
    for angle in np.linspace(0, 2 * np.pi, 23):
        direction = np.array([np.cos(angle), np.sin(angle)])
        inner = direction @ zonotope_extreme(zonotope, *windows, direction)
        exact = direction @ exact_extreme(*args, *windows, direction)
        outer = direction @ summed_extreme(bounds, *windows, direction)
        assert inner <= exact + 1e-7
        assert exact <= outer + 1e-6
        assert direction @ alone <= exact + 1e-7
    areas = [
        area(outline(lambda d: zonotope_extreme(zonotope, *windows, d))),
        area(outline(lambda d: exact_extreme(*args, *windows, d))),
        area(outline(lambda d: summed_extreme(bounds, *windows, d))),
    ]
    assert 1 < areas[0] < areas[1]
    # of a single vehicle the summed bounds are the exact set
    assert areas[1] <= areas[2] * (1 + 1e-9)


def test_an_outline_runs_counter_clockwise_and_needs_three_directions():
    """A disc of radius 2, by 360 directions: a regular polygon of area 360 / 2 x 4 sin(1 degree)."""
    disc = outline(lambda d: 2 * d, 360)
    assert area(disc) == pytest.approx(720 * np.sin(np.pi / 180))
    with pytest.raises(InputError, match="n_directions: 2; must be 3 or more"):
        outline(lambda d: d, 2)
    domain, _ = vehicle_domain(**EV)
    with pytest.raises(InputError, match="not both 0"):
        zonotope_extreme(inner_zonotope(domain), EARLY, LATE, [0, 0])
