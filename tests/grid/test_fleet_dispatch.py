"""The switch `set`: the same day seen through exact domains, columns and zonotopes."""

import numpy as np
import pytest

from evlib import InputError, load_scenario, solve
from evlib.coordination.coordinate import coordinate
from evlib.flexibility.cohorts import uncontrolled_costs, vehicle_costs
from evlib.flexibility.zonotope import support_value
from evlib.flexibility.zonotope.inner_approximation import inner_zonotopes
from evlib.grid.fleet_dispatch import COLUMNS_GAP, vehicle_set
from evlib.inputs.build_fleet import all_cohorts
from evlib.inputs.build_grid import build_grid_case

SETS_COMPARED = ("exact", "columns", "zonotope_lagged", "zonotope")


def total(result):
    return result.tables["costs"].set_index("item").loc["grid: total", "cost_cny"]


@pytest.fixture(scope="module")
def by_set():
    mini = load_scenario("mini")
    return {name: solve(mini.replace(set=name), "shortest_path") for name in SETS_COMPARED}


def test_columns_cost_what_exact_domains_cost_and_zonotopes_more_but_less_than_no_control(by_set):
    exact, columns, lagged, zonotope = (total(by_set[name]) for name in SETS_COMPARED)
    alone = total(solve(load_scenario("mini"), "shortest_path", "uncontrolled"))

    assert exact * (1 - 1e-7) <= columns <= exact * (1 + COLUMNS_GAP)
    assert exact * (1 + 1e-3) < lagged < zonotope < alone


def test_whatever_the_set_vehicles_can_drive_it_and_pay_what_it_costs_them(by_set):
    """No rule is broken beyond rounding; payments equal the least costs within the set, at an optimum."""
    for name, result in by_set.items():
        certificate = result.certificate
        broken = dict(certificate.domain_violation)
        broken.pop("simultaneous_kwh")
        assert max(broken.values()) < 1e-6, name
        assert certificate.energy_residual_kwh < 1e-4, name
        # prices by columns support the dispatch up to the gap, of a total ten times what vehicles pay
        assert certificate.money_relative_residual < (10 * COLUMNS_GAP if name == "columns" else 1e-5), name


def test_a_vehicle_in_its_zonotope_pays_no_less_than_in_its_domain():
    mini = load_scenario("mini")
    case = build_grid_case(mini)
    cohorts = all_cohorts(mini, case.terminal_price_cny_kwh)
    price = np.random.default_rng(91).normal(0.5, 0.3, (len(case.stations), case.n_steps))
    exact, zonotope = (vehicle_set(cohorts, "v2g", name).vehicle_costs(price) for name in ("columns", "zonotope"))

    np.testing.assert_array_equal(exact, vehicle_costs(cohorts, price))
    assert (zonotope >= exact - 1e-9).all()
    assert (zonotope > exact + 1e-3).any()
    # one of them by hand
    first = inner_zonotopes(cohorts.domain.take([0]), objective="deficit", coordinates="stored")[0]
    seen = cohorts.cohort_prices(price)[0, : first.n_steps]
    assert zonotope[0] <= support_value(first, seen) + 1e-9
    # whatever the key, nobody steers a vehicle that charges at full power at once
    left_alone = vehicle_set(cohorts, "uncontrolled", "zonotope").vehicle_costs(price)
    np.testing.assert_array_equal(left_alone, uncontrolled_costs(cohorts, price))


@pytest.mark.verify
@pytest.mark.parametrize("name", ["columns", "zonotope"])
def test_coordination_settles_prices_that_support_the_dispatch_in_every_set(mini, name):
    few = mini.replace({"coordination.iterations": 2, "coordination.exact_iterations": 1, "switches.set": name})
    certificate = coordinate(few, method="joint").certificate

    assert abs(certificate.price_gap) <= 1e-4
    assert certificate.lower_bound_cny <= certificate.upper_bound_cny * (1 + 1e-7)
    # the bound is that of exact least costs: columns that had not been priced out would leave it far below
    assert certificate.lower_bound_cny >= certificate.upper_bound_cny * (1 - 1e-3)


def test_another_set_is_refused(mini):
    with pytest.raises(InputError, match=r"switches\.set: .box'.* 'exact', 'columns', 'zonotope' or 'zonotope_lagged'"):
        mini.replace(set="box")
