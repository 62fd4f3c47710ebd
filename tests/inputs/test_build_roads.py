"""Departure profiles and demand."""

import re

import numpy as np
import pytest

from evlib import InputError, load_scenario
from evlib.inputs.build_roads import departure_profile, origin_demand


def test_profile_sums_to_one_and_peaks_where_and_as_high_as_asked():
    profile = departure_profile(5.0, 66, 120.0, 60.0, 1.67)
    assert profile.sum() == pytest.approx(1.0, abs=1e-12)
    assert profile.max() / profile.mean() == pytest.approx(1.67, abs=1e-12)
    assert profile.argmax() in (23, 24)  # minute 120 is the border of these two steps


def test_flat_profile_is_flat():
    assert departure_profile(5.0, 10, 20.0, 10.0, 1.0) == pytest.approx(0.1)


def test_a_floor_below_zero_is_refused():
    with pytest.raises(InputError, match=r"peak_over_mean: 4\.0; .* peak_width_min of 90, must be at most 1\.70$"):
        departure_profile(5.0, 66, 120.0, 90.0, 4.0)


def test_a_floor_below_zero_is_said_of_the_class_in_its_file_and_the_advice_holds(mini):
    """The largest peak that the message allows is allowed."""
    with pytest.raises(InputError, match=r"mini\.yaml: fleet\.classes\.van\.peak_over_mean: 9\.0; needs") as caught:
        origin_demand(mini.replace({"fleet.classes.van.peak_over_mean": 9.0}))
    most = float(re.search(r"at most ([0-9.]+)$", str(caught.value)).group(1))
    assert origin_demand(mini.replace({"fleet.classes.van.peak_over_mean": most})).min() >= 0
    with pytest.raises(InputError, match="needs a negative floor"):
        origin_demand(mini.replace({"fleet.classes.van.peak_over_mean": most + 0.01}))


def test_base_case_demand_has_the_stated_total_shares_and_peak():
    scenario = load_scenario("nguyen")
    demand = origin_demand(scenario)
    assert demand.shape == (2, 3, 66)
    assert demand.sum() == pytest.approx(1200.0)
    assert demand.sum(axis=(1, 2)) == pytest.approx([600.0, 600.0])
    assert demand.sum(axis=(0, 2)) == pytest.approx([720.0, 300.0, 180.0])
    together = demand.sum(axis=(0, 1))
    assert together.max() / together.mean() == pytest.approx(1.6, abs=0.01)
    buses = demand.sum(axis=0)[2]
    assert buses.max() / buses.mean() < together.max() / together.mean()
    assert np.unravel_index(together.argmax(), together.shape)[0] in (23, 24)
