"""The zonotope lies inside the exact set, the summed bounds outside, and every point of the first can be driven."""

import dataclasses

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import linprog

from evlib.errors import InputError, SolverError
from evlib.flexibility import (
    cost_of,
    summed_bounds,
    summed_support,
    support,
    to_horizon,
    to_steps,
    uncontrolled,
    vehicle_domain,
)
from evlib.flexibility.zonotope import (
    check_disaggregation,
    disaggregate,
    generator_widths,
    inner_zonotope,
    inner_zonotopes,
    paper_generators,
    station_zonotope,
    sum_zonotopes,
    support_coefficients,
    support_value,
    vehicle_schedules,
    window_normals,
)

N_HORIZON = 40
BY_HAND = dict(
    battery_kwh=100, charge_kw=10, discharge_kw=0, soc_arrival=0.5, soc_min=0, soc_max=1, gain_kwh=0, n_stay_steps=3,
    n_cut_steps=0, eta_charge=1, eta_discharge=1, wear_cny_kwh=0, unserved_cny_kwh=5, terminal_price_cny_kwh=1,
    step_h=1,
)  # fmt: skip
# lossy: charge and discharge stacked; lossless without wear: power alone; without discharge: charge alone
SPACES = {
    "stacked": {},
    "power": dict(lossless=True, wear_cny_kwh=0.0),
    "charge": dict(lossless=True),
}


def station_in(space, draw, seed, n=30):
    """30 different cohorts, one empty, some cut off by the horizon, in one of the three spaces."""
    station = draw.station(n, N_HORIZON, seed, **SPACES[space])
    if space == "charge":
        station.domain = dataclasses.replace(station.domain, discharge_kw=np.zeros(n))
    return station


def zonotope_of(station):
    return station_zonotope(station.domain, station.sizes, station.offsets, station.n_horizon)


def exact_cny(station, prices):
    return station.sizes @ support(station.domain, to_steps(station.domain, station.offsets, prices))[0]


@pytest.mark.parametrize(
    ("space", "n_points"),
    [("stacked", 100), pytest.param("stacked", 1000, marks=pytest.mark.verify), ("power", 1000), ("charge", 1000)],
)
def test_random_and_corner_points_are_driven_by_feasible_vehicles(draw, space, n_points):
    """Half inside, half corners of the box, of a sum of 30 different cohorts: no rule breaks and the powers add up."""
    station = zonotope_of(station_in(space, draw, seed=21))
    rng = np.random.default_rng(22)
    assert station.zonotope.space == space
    assert np.count_nonzero(station.zonotope.beta) > N_HORIZON
    for i in range(n_points):
        b = rng.uniform(-1, 1, station.zonotope.beta.size)
        found = check_disaggregation(station, (np.sign(b) if i % 2 else b) * station.zonotope.beta)
        waste_kwh = found.pop("simultaneous_kwh")
        assert max(found.values()) < 1e-9, found
        assert space == "stacked" or waste_kwh == 0.0


@pytest.mark.parametrize("space", SPACES)
def test_least_costs_are_ordered_inner_exact_outer(draw, space):
    """J of the zonotope >= J of the vehicles >= J of the summed bounds, by more than rounding, at any prices."""
    drawn = station_in(space, draw, seed=23)
    zonotope = zonotope_of(drawn).zonotope
    bounds = summed_bounds(drawn.domain, drawn.sizes, drawn.offsets, N_HORIZON)
    rng = np.random.default_rng(24)
    for _ in range(20):
        prices = rng.normal(0.3, 0.4, N_HORIZON)
        inner, exact, outer = support_value(zonotope, prices), exact_cny(drawn, prices), summed_support(bounds, prices)
        assert inner > exact + 1
        assert exact > outer + 1


def test_a_vehicle_alone_is_its_own_summed_bounds(draw):
    """With one vehicle nothing is summed: the outer set then costs what the exact one does."""
    domain, _ = vehicle_domain(**draw.vehicles(25, seed=25))
    rng = np.random.default_rng(26)
    for i in range(domain.n):
        one = domain.take([i])
        prices = rng.normal(0.2, 0.4, one.n_steps + 3)
        exact, _ = support(one, prices[None, 2:-1])
        assert summed_support(summed_bounds(one, [2.5], [2], prices.size), prices) == pytest.approx(
            2.5 * exact[0], rel=1e-9, abs=1e-7
        )


def test_summed_bounds_are_the_vehicles_bounds_added_up():
    """2 vehicles of 10 kW from step 1, 1 of 20 kW from step 2, two steps each: 20, 40, 20 kW; 20, 60, 80 kWh."""
    domain, _ = vehicle_domain(**BY_HAND | dict(charge_kw=[10, 20], discharge_kw=[5, 20], gain_kwh=[15, 30]))
    bounds = summed_bounds(domain, [2, 1], [1, 2], 5)

    np.testing.assert_allclose(bounds.charge_max_kw, [0, 20, 40, 20, 0])
    np.testing.assert_allclose(bounds.discharge_max_kw, [0, 10, 30, 20, 0])
    np.testing.assert_allclose(bounds.energy_high_kwh, [0, 0, 20, 60, 80, 80])
    np.testing.assert_allclose(bounds.energy_low_kwh, [0, 0, -10, -40, -60, -60])
    # step 3: the two small ones are gone with 15 each, the large one has one step of 20 left for its 30
    np.testing.assert_allclose(bounds.energy_need_kwh[3], 2 * 15 + 10)


@pytest.mark.parametrize("space", SPACES)
def test_the_cost_of_the_sum_is_the_sum_of_the_vehicles_costs(draw, space):
    """At its cheapest point the station costs what its disaggregated vehicles cost, and what its members cost alone."""
    drawn = station_in(space, draw, seed=27)
    station = zonotope_of(drawn)
    members = inner_zonotopes(drawn.domain)
    for seed in range(5):
        prices = np.random.default_rng(seed).normal(0.3, 0.4, N_HORIZON)
        value_cny = support_value(station.zonotope, prices)
        b = support_coefficients(station.zonotope, prices)
        vehicles_cny = cost_of(
            drawn.domain, to_steps(drawn.domain, drawn.offsets, prices), vehicle_schedules(station, b)
        )
        windows = [prices[o : o + z.n_steps] for z, o in zip(members, drawn.offsets, strict=True)]
        alone = [support_value(z, seen) for z, seen in zip(members, windows, strict=True)]
        assert drawn.sizes @ vehicles_cny == pytest.approx(value_cny, rel=1e-12)
        assert drawn.sizes @ alone == pytest.approx(value_cny, rel=1e-12)


def test_cohorts_of_the_same_window_add_like_a_station(draw):
    domain, _ = vehicle_domain(**draw.vehicles(6, seed=28) | dict(n_stay_steps=13, n_cut_steps=0, discharge_kw=30.0))
    sizes = np.array([3.0, 0.5, 2.0, 0.0, 7.0, 1.0])
    members = inner_zonotopes(domain)
    total = sum_zonotopes(members, sizes)
    station = station_zonotope(domain, sizes, np.full(6, 2), 14)
    prices = np.random.default_rng(29).normal(0.3, 0.4, 14)

    assert support_value(total, prices[2:]) == pytest.approx(support_value(station.zonotope, prices), rel=1e-13)
    assert total.unserved_kwh == pytest.approx(station.zonotope.unserved_kwh)
    b = support_coefficients(total, prices[2:])
    points = disaggregate(
        b, total.beta, np.stack([z.beta for z in members]), np.stack([z.center for z in members]), total.generators
    )
    np.testing.assert_allclose(sizes @ points, total.point(b), rtol=1e-12, atol=1e-10)
    with pytest.raises(InputError, match="number 1 differs from number 0"):
        sum_zonotopes([members[0], inner_zonotope(dataclasses.replace(domain, n_usable=domain.n_usable - 1))], [1, 1])
    with pytest.raises(InputError, match="number 1 differs from number 0"):
        sum_zonotopes([members[0], dataclasses.replace(members[0], wear_cny_kwh=0.1)], [1, 1])
    with pytest.raises(InputError, match="one number of 0 or more for each of 6 zonotopes"):
        sum_zonotopes(members, -sizes)


def test_generators_are_the_papers():
    """T single steps and T - 1 shifts to the next step, all of length 1; further lags add further shifts."""
    generators = paper_generators(4)

    np.testing.assert_array_equal(generators[:, :4], np.eye(4))
    np.testing.assert_allclose(generators[:, 4:] * np.sqrt(2), [[-1, 0, 0], [1, -1, 0], [0, 1, -1], [0, 0, 1]])
    np.testing.assert_allclose(np.linalg.norm(paper_generators(9, lags=(1, 3, 6)), axis=0), 1.0)
    assert paper_generators(9, lags=(1, 3, 20)).shape == (9, 9 + 8 + 6)
    assert paper_generators(0).shape == (0, 0)


def test_two_free_steps_give_the_whole_square_and_a_full_battery_only_its_diagonal():
    """10 kW, two hours. Room for 20 kWh: the box with centre 5 and half-length 5. Exactly 10 kWh wanted and possible:
    the shift alone, from (10, 0) to (0, 10), half-length 5 sqrt 2."""
    free, _ = vehicle_domain(**BY_HAND)
    tight, _ = vehicle_domain(**BY_HAND | dict(soc_arrival=0.9, gain_kwh=10))

    box = inner_zonotope(free)
    np.testing.assert_allclose(box.center, [5, 5, 0], atol=1e-9)
    np.testing.assert_allclose(box.beta, [5, 5, 0], atol=1e-9)
    diagonal = inner_zonotope(tight)
    np.testing.assert_allclose(diagonal.center, [5, 5, 0], atol=1e-9)
    np.testing.assert_allclose(diagonal.beta, [0, 0, 5 * np.sqrt(2)], atol=1e-9)
    assert support_value(diagonal, [0.2, 0.3]) == pytest.approx(2.0)
    np.testing.assert_allclose(diagonal.point(support_coefficients(diagonal, [0.2, 0.3])), [10, 0, 0], atol=1e-9)


def test_a_vehicle_cut_off_buys_later_what_it_lacks():
    """An hour of 10 kW inside the horizon and one after it, 15 kWh wanted: 5 to 10 now, the rest of 15 later at 1."""
    domain, _ = vehicle_domain(**BY_HAND | dict(gain_kwh=15, n_cut_steps=1))
    zonotope = inner_zonotope(domain)

    np.testing.assert_allclose(zonotope.center, [7.5, 7.5], atol=1e-9)
    np.testing.assert_allclose(zonotope.point([2.5]), [10, 5], atol=1e-9)
    np.testing.assert_allclose(zonotope.point([-2.5]), [5, 10], atol=1e-9)
    assert support_value(zonotope, [0.5]) == pytest.approx(10 * 0.5 + 5)
    assert support_value(zonotope, [1.5]) == pytest.approx(5 * 1.5 + 10)


def test_what_cannot_be_served_is_a_constant_of_the_set():
    """20 of 45 kWh fit into two hours, 10 into the one after the horizon: 15 kWh at 5 CNY/kWh, full power always."""
    domain, _ = vehicle_domain(**BY_HAND | dict(gain_kwh=45, n_stay_steps=4, n_cut_steps=1))
    zonotope = inner_zonotope(domain)

    assert zonotope.unserved_kwh == pytest.approx(15.0)
    np.testing.assert_allclose(zonotope.center, [10, 10, 10], atol=1e-9)
    np.testing.assert_allclose(zonotope.beta, 0.0, atol=1e-9)
    assert support_value(zonotope, [0.5, 0.5]) == pytest.approx(10 + 10 + 75)


def test_the_widths_of_two_steps_by_hand_and_a_set_that_lets_the_final_energy_vary():
    """Runs (1, 0), (0, 1), (1, 1) / sqrt 2: a step counts 1 + 1 / sqrt 2, the shift 2 / sqrt 2. A private car of the
    base case gets half-lengths in single steps, so that its energy at the end may vary."""
    np.testing.assert_allclose(generator_widths(2), [1 + np.sqrt(0.5), 1 + np.sqrt(0.5), np.sqrt(2)])
    car = dict(battery_kwh=60, charge_kw=22, discharge_kw=22, soc_arrival=0.35, soc_min=0.2, soc_max=0.95, gain_kwh=18)
    domain, _ = vehicle_domain(**BY_HAND | car | dict(n_stay_steps=19, step_h=1 / 12))
    summed, widened = inner_zonotope(domain), inner_zonotope(domain, objective="widths")

    assert widened.beta[:18].sum() > 22
    assert widened.beta @ generator_widths(18) > summed.beta @ generator_widths(18) + 1
    assert summed.beta.sum() > widened.beta.sum() + 1
    with pytest.raises(InputError, match="objective: 'volume'; must be 'sum', 'widths', 'deficit' or reference"):
        inner_zonotope(domain, objective="volume")


def largest_deficit(domain, zonotope):
    """Largest gap between the supports of a vehicle's lossless domain and of a zonotope, over windows and their opposites,
    each support by a linear program [kW]."""
    n, h = zonotope.n_steps, domain.step_h
    rows = np.vstack([np.tril(np.ones((n, n))), -np.tril(np.ones((n, n)))])
    low = np.full(n, domain.energy_low_kwh[0])
    low[-1] = max(low[-1], domain.target_kwh[0])
    limits = np.r_[np.full(n, domain.energy_high_kwh[0]), -low] / h
    powers, gaps = [(-domain.discharge_kw[0], domain.charge_kw[0])] * n, []
    for begin in range(n):
        for end in range(begin + 1, n + 1):
            for sign in (1, -1):
                normal = sign * np.isin(np.arange(n), np.arange(begin, end)) / np.sqrt(end - begin)
                exact = -linprog(-normal, A_ub=rows, b_ub=limits, bounds=powers).fun
                inner = normal @ zonotope.center[:n] + np.abs(normal @ zonotope.generators[:n]) @ zonotope.beta
                gaps.append(exact - inner)
    assert min(gaps) > -1e-7
    return max(gaps)


def test_the_published_objective_leaves_the_least_largest_deficit():
    """Two steps, 6 kW both ways, 4 kWh of room, as much wanted as brought: notebook 03's car B. The exact supports are 4,
    6, 4 / sqrt 2 up and 6, 4, 0 down; with t = 4 - 2 sqrt 2 the set fits, and its area is 8 + 8 sqrt 2 = 19.3 of 32."""
    car_b = BY_HAND | dict(battery_kwh=40, charge_kw=6, discharge_kw=6, soc_arrival=0.8, soc_max=0.9)
    domain, _ = vehicle_domain(**car_b)
    zonotope = inner_zonotope(domain, objective="deficit")

    np.testing.assert_allclose(window_normals(2), [[1, 0], [np.sqrt(0.5), np.sqrt(0.5)], [0, 1]])
    area = (
        4 * zonotope.beta @ [zonotope.beta[1], (zonotope.beta[2] + 0) * np.sqrt(0.5), zonotope.beta[0] * np.sqrt(0.5)]
    )
    assert area == pytest.approx(8 + 8 * np.sqrt(2), rel=1e-6)
    deficit = largest_deficit(domain, zonotope)
    for other in ("sum", "widths"):
        assert deficit < largest_deficit(domain, inner_zonotope(domain, objective=other)) - 0.5


@pytest.mark.parametrize("lags", [(1,), (1, 2, 4)])
def test_no_other_zonotope_has_a_smaller_largest_deficit(lags):
    """Against the same program written out anew with supports by linear programs; more lags never leave a larger one."""
    car = BY_HAND | dict(charge_kw=11, discharge_kw=7, soc_arrival=0.9, gain_kwh=5, n_stay_steps=7)
    domain, _ = vehicle_domain(**car)
    n, generators, charge = 6, paper_generators(6, lags), cp.Variable(6)
    beta, t = cp.Variable(generators.shape[1], nonneg=True), cp.Variable()
    width = lambda rows: np.abs(rows @ generators) @ beta  # noqa: E731
    prefix, rules = np.tril(np.ones((n, n))), [charge + width(np.eye(n)) <= 11, charge - width(np.eye(n)) >= -7]
    rules += [prefix @ charge + width(prefix) <= 10, prefix @ charge - width(prefix) >= -90]
    rules += [cp.sum(charge) - width(np.ones((1, n)))[0] >= 5]
    for normal in [*window_normals(n), *-window_normals(n)]:
        point = cp.Variable(n)
        inside = [point <= 11, point >= -7, prefix @ point <= 10, prefix @ point >= -90, cp.sum(point) >= 5]
        exact = cp.Problem(cp.Maximize(normal @ point), inside).solve(solver=cp.HIGHS)
        rules.append(exact - normal @ charge - width(normal[None])[0] <= t)
    least = cp.Problem(cp.Minimize(t), rules).solve(solver=cp.HIGHS)

    assert largest_deficit(domain, inner_zonotope(domain, lags=lags, objective="deficit")) == pytest.approx(
        least, abs=0.03
    )
    assert least < largest_deficit(domain, inner_zonotope(domain, lags=lags)) - 0.1


def test_in_stored_energy_a_car_with_losses_gives_back_and_every_point_can_be_driven(draw):
    """The private car of the base case: nothing from the largest sum of half-lengths, 10 kW and more in stored energy."""
    car = dict(battery_kwh=60, charge_kw=22, discharge_kw=22, soc_arrival=0.45, soc_min=0.2, soc_max=0.95, gain_kwh=18)
    lossy = dict(n_stay_steps=18, step_h=1 / 12, eta_charge=0.95, eta_discharge=0.95, wear_cny_kwh=0.05)
    domain, _ = vehicle_domain(**BY_HAND | car | lossy)

    def least_kw(zonotope):
        power = zonotope.power_map
        return (power @ zonotope.center - np.abs(power @ zonotope.generators) @ zonotope.beta).min()

    assert least_kw(inner_zonotope(domain)) > -1e-9
    assert least_kw(inner_zonotope(domain, objective="deficit", coordinates="stored")) < -10
    drawn = station_in("stacked", draw, seed=35)
    station = station_zonotope(
        drawn.domain, drawn.sizes, drawn.offsets, N_HORIZON, (1, 3), objective="deficit", coordinates="stored"
    )
    rng = np.random.default_rng(36)
    for _ in range(20):
        found = check_disaggregation(station, rng.choice([-1, 1], station.zonotope.beta.size) * station.zonotope.beta)
        found.pop("simultaneous_kwh")
        assert max(found.values()) < 1e-9, found
    with pytest.raises(InputError, match="coordinates: 'battery'; must be one of 'meter', 'stored'"):
        inner_zonotope(domain, coordinates="battery")


@pytest.mark.parametrize("space", ["stacked", "power"])
def test_a_zonotope_directed_by_one_price_contains_the_best_schedule_at_it(draw, space):
    """One reference price: its best answer is a point of the zonotope, so both least costs are one."""
    vehicles = draw.vehicles(15, seed=33, **SPACES[space]) | dict(n_stay_steps=13, n_cut_steps=0, discharge_kw=30.0)
    domain, _ = vehicle_domain(**vehicles)
    price = np.random.default_rng(34).normal(0.3, 0.4, 12)
    exact_cny, _ = support(domain, np.tile(price, (15, 1)))
    for v, exact in enumerate(exact_cny):
        directed = inner_zonotope(domain, v, lags=(1, 3), objective=price[None, :])
        assert support_value(directed, price) == pytest.approx(exact, abs=1e-6)
        assert support_value(inner_zonotope(domain, v, lags=(1, 3)), price) >= exact - 1e-9
    with pytest.raises(InputError, match=r"objective: prices of shape \(1, 11\); must be \(m, 12 or more\) and finite"):
        inner_zonotope(domain, 0, objective=price[None, :11])


def test_more_lags_and_alike_vehicles(draw):
    """Further shifts enlarge the sum of half-lengths; vehicles that are alike are solved once; points are feasible."""
    drawn = station_in("stacked", draw, seed=31)
    domain = drawn.domain.take(np.r_[np.arange(30), np.arange(30)])
    few, many = inner_zonotopes(domain), inner_zonotopes(domain, lags=(1, 3, 6))

    assert all(few[i] is few[i + 30] for i in range(30))
    assert all(m.beta.sum() >= f.beta.sum() - 1e-9 for f, m in zip(few, many, strict=True))
    sizes, offsets = np.tile(drawn.sizes, 2), np.tile(drawn.offsets, 2)
    for given in (dict(zonotopes=many), dict(objective="widths")):
        station = station_zonotope(domain, sizes, offsets, N_HORIZON, lags=(1, 3, 6), **given)
        b = station.zonotope.beta * np.random.default_rng(32).choice([-1, 1], station.zonotope.beta.size)
        found = check_disaggregation(station, b)
        found.pop("simultaneous_kwh")
        assert max(found.values()) < 1e-9


def test_a_station_without_cohorts_or_usable_steps_is_a_point():
    domain, _ = vehicle_domain(**BY_HAND | dict(gain_kwh=[5.0, 7.0], n_stay_steps=[1, 2], n_cut_steps=[0, 1]))
    station = station_zonotope(domain, [2.0, 3.0], [4, 4], 4)

    assert station.zonotope.unserved_kwh == pytest.approx(10.0)
    # the second vehicle buys its 7 kWh after the horizon
    assert support_value(station.zonotope, np.zeros(4)) == pytest.approx(10 * 5 + 21 * 1)
    assert support(domain, np.zeros((2, 0)))[0] == pytest.approx([25.0, 7.0])
    nobody = station_zonotope(domain.take([]), [], [], 4)
    assert support_value(nobody.zonotope, np.ones(4)) == 0.0
    assert check_disaggregation(nobody, nobody.zonotope.beta)["sum_kw"] == 0.0
    assert summed_support(summed_bounds(domain.take([]), [], [], 4), np.ones(4)) == 0.0


def test_profiles_go_from_the_horizon_to_the_vehicles_and_back():
    domain, _ = vehicle_domain(**BY_HAND | dict(gain_kwh=20, n_stay_steps=[3, 2]))
    offsets, sizes = np.array([1, 3]), np.array([2.0, 5.0])

    np.testing.assert_array_equal(to_steps(domain, offsets, np.arange(4)), [[1, 2], [3, 0]])
    np.testing.assert_array_equal(to_steps(domain, offsets, np.arange(8).reshape(2, 4)), [[1, 2], [7, 0]])
    profile = to_horizon(domain, sizes, offsets, uncontrolled(domain).power_kw, 5)
    np.testing.assert_allclose(profile, [0, 20, 20, 50, 0])


def test_bad_stations_and_points_are_refused(draw):
    domain, _ = vehicle_domain(**BY_HAND | dict(gain_kwh=[5.0, 7.0]))
    with pytest.raises(InputError, match=r"sizes: vehicle 1 has -1.0; must be finite and 0 or more"):
        station_zonotope(domain, [1, -1], [0, 0], 4)
    with pytest.raises(InputError, match=r"offsets: vehicle 1 has 3; .* horizon of 4 steps"):
        station_zonotope(domain, [1, 1], [0, 3], 4)
    with pytest.raises(InputError, match=r"offsets: shape \(1,\); must be \(2,\)"):
        summed_bounds(domain, [1, 1], [0], 4)
    station = station_zonotope(domain, [1, 1], [0, 1], 4)
    with pytest.raises(InputError, match=r"b: coefficient \d+ is .*its half-length"):
        vehicle_schedules(station, station.zonotope.beta * 1.1)
    with pytest.raises(InputError, match=r"b: shape \(3,\)"):
        vehicle_schedules(station, np.zeros(3))
    with pytest.raises(InputError, match=r"prices_cny_kwh: shape \(3,\); must be \(4,\)"):
        support_value(station.zonotope, np.zeros(3))
    with pytest.raises(InputError, match=r"prices_cny_kwh: shape \(3,\); must be \(4,\)"):
        summed_support(summed_bounds(domain, [1, 1], [0, 1], 4), np.zeros(3))


def test_a_zonotope_that_the_solver_leaves_outside_is_an_error(monkeypatch):
    """A solution shifted by 1e-8 of the power is found out, not handed on."""
    domain, _ = vehicle_domain(**BY_HAND)
    module = __import__("evlib.flexibility.zonotope.inner_approximation", fromlist=["linprog"])
    solve = module.linprog

    def careless(*args, **options):
        result = solve(*args, **options)
        result.x[0] += 1e-8
        return result

    monkeypatch.setattr(module, "linprog", careless)
    with pytest.raises(SolverError, match="HiGHS left a residual"):
        inner_zonotope(domain)
