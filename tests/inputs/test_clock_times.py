"""Clock times over midnight: tariffs repeat every day, and a peak of departures lies after the start of the day."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from evlib import InputError, load_scenario
from evlib.folders import DATA
from evlib.inputs.build_grid import build_grid_case
from evlib.inputs.build_roads import departure_profile, origin_demand
from evlib.inputs.schema import minutes_after

# Hashes of the arrays before clock times went over midnight.
BEFORE = {
    ("mini", "tariff"): "501693e4b8a3623df27112afc637f5269556731b8e4248452d69bc50ebc3d599",
    ("mini", "demand"): "7c8f3418b1804081211dc39ca035a58c5e3f95c766333b25b2efde129a43e33b",
    ("nguyen", "tariff"): "3ef3ae74146e4dc417093c4bbe4b16752aaec4c1819c3ee8d3c8fc54177d5048",
    ("nguyen", "demand"): "4787fe4dcdcb5b728aec5805396ebcd68cc5b9f9d93899e73617abd92f2cee9a",
}


@pytest.fixture
def night(tmp_path, mini):
    """The mini case from 21:00 to 05:00: two days of profiles, blocks at 22:00 and 00:00, departures that peak at 00:30."""
    day = pd.read_csv(DATA / mini.grid.profiles_file.removeprefix("../"), comment="#")
    stamps = pd.date_range("2020-07-15", periods=2 * len(day), freq="5min").strftime("%Y-%m-%d %H:%M:%S")
    pd.concat([day, day]).assign(time=stamps).to_csv(tmp_path / "two_days.csv", index=False)
    blocks = {
        "late": {"from_clock": "22:00", "price_cny_kwh": 0.4},
        "night": {"from_clock": "00:00", "price_cny_kwh": 0.3},
    }
    return mini.replace(
        {
            "time.start_clock": "21:00",
            "time.n_steps": 96,
            "time.last_departure_step": 65,
            "fleet.peak_clock": "00:30",
            "prices.import_tariff": blocks,
            "grid.profiles_file": str(tmp_path / "two_days.csv"),
        }
    )


def test_minutes_go_on_after_midnight():
    assert minutes_after("00:30", "21:00") == 210
    assert minutes_after("12:00", "10:00") == 120
    assert minutes_after("10:00", "10:00") == 0


def test_tariff_blocks_hold_until_the_next_one_of_every_day(night):
    """0.30 (which holds from midnight to 22:00) until 22:00, 0.40 until midnight, 0.30 until the end."""
    price = build_grid_case(night).import_price_cny_kwh
    assert price.tolist() == [0.3] * 12 + [0.4] * 24 + [0.3] * 60
    before = {
        "first": {"from_clock": "06:00", "price_cny_kwh": 0.5},
        "last": {"from_clock": "23:00", "price_cny_kwh": 0.2},
    }
    price = build_grid_case(night.replace({"prices.import_tariff": before})).import_price_cny_kwh
    assert price.tolist() == [0.5] * 24 + [0.2] * 72


def test_a_peak_after_midnight_lies_three_and_a_half_hours_after_nine_in_the_evening(night):
    demand = origin_demand(night)
    car = night.fleet.classes[0]
    expected = departure_profile(5.0, 66, 210.0, night.fleet.peak_width_min, car.peak_over_mean)
    assert demand[0, 0] / demand[0, 0].sum() == pytest.approx(expected, abs=1e-12)
    assert demand.sum(axis=(0, 1)).argmax() in (41, 42)  # minute 210 is the border of these two steps


@pytest.mark.parametrize("peak", ["20:55", "02:31", "12:00"])
def test_a_peak_outside_the_departures_is_refused_with_their_window(night, peak):
    with pytest.raises(InputError, match=rf"fleet\.peak_clock '{peak}' must lie in 21:00\.\.02:30"):
        night.replace({"fleet.peak_clock": peak})
    assert night.replace({"fleet.peak_clock": "02:30"}).fleet.peak_clock == "02:30"


@pytest.mark.parametrize("name", ["mini", "nguyen"])
def test_the_base_cases_have_the_same_arrays(name):
    """To nine digits behind the point: the last bits of an exponential are not the same on every processor."""
    scenario = load_scenario(name)
    arrays = {"tariff": build_grid_case(scenario).import_price_cny_kwh, "demand": origin_demand(scenario)}
    for what, array in arrays.items():
        assert hashlib.sha256(np.ascontiguousarray(array.round(9)).tobytes()).hexdigest() == BEFORE[name, what]
    hashes = {"mini": "b607bd858b79", "nguyen": "e5c0c9a993e9"}
    assert scenario.hash.startswith(hashes[name])
