"""The most that a vehicle can discharge in a step."""

from dataclasses import replace

import numpy as np
import pytest

from evlib.flexibility import support, vehicle_domain
from evlib.inputs.build_fleet import all_cohorts
from evlib.results.measures import discharge_limit_kw


def test_discharge_limit_by_hand():
    """12 kW for 5 min are 1 kWh. Empty on arrival, 3 steps, 1 kWh wanted: what was charged first can be given back."""
    common = dict(battery_kwh=60, charge_kw=12, discharge_kw=12, soc_arrival=0.5, soc_min=0.5, soc_max=1, n_cut_steps=0)
    common |= dict(n_stay_steps=4, eta_charge=1, eta_discharge=1, wear_cny_kwh=0, unserved_cny_kwh=5)
    common |= dict(terminal_price_cny_kwh=1, step_h=1 / 12)
    domain, _ = vehicle_domain(gain_kwh=[1, 2, 3], **common)
    assert discharge_limit_kw(domain) == pytest.approx(np.array([[0, 12, 12], [0, 0, 0], [0, 0, 0]]), abs=1e-9)


@pytest.mark.parametrize(("least", "most"), [(0.38, 0.95), (0.2, 0.57)])
def test_discharge_limit_is_the_lower_bound_of_the_domain(mini, least, most):
    """The most that any schedule discharges in one step, targets met as far as possible, found by the exact recursion."""
    scenario = mini.replace({"fleet.classes.*.gain_share": 0.14, "fleet.soc_min": least, "fleet.soc_max": most})
    domain = all_cohorts(scenario, 0.0).domain
    free = replace(domain, wear_cny_kwh=0.0, unserved_cny_kwh=1e3)
    limit = discharge_limit_kw(domain)
    for step in range(domain.n_steps):
        price = np.zeros((domain.n, domain.n_steps))
        price[:, step] = 1.0
        value, _ = support(free, price)
        given = (1e3 * domain.least_unserved_kwh - value) / domain.step_h
        assert np.maximum(given, 0.0) == pytest.approx(limit[:, step], abs=1e-6)
    assert (limit > 0).any()
    assert (limit < domain.discharge_kw[:, None])[domain.active].any()
