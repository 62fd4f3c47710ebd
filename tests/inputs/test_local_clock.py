"""Nights and days on which clocks change, against zoneinfo; steps of any length and another currency come with them."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from test_own_case import CASE, FILES, PROFILE

from evlib import InputError, load_scenario, solve
from evlib.inputs.build_grid import build_grid_case
from evlib.inputs.build_roads import build_network
from evlib.inputs.reading.local_clock import horizon_min, local_minutes, minutes_until

BERLIN = "Europe/Berlin"
NIGHT = 'start_clock: "21:00", step_min: 15, hours: 8'


@pytest.fixture
def night(tmp_path):
    """The case of one's own at a place and date, from 21:00 until 05:00, with an hourly profile: n per unit in hour n."""

    def read(date, zone=BERLIN, step_min=15, start="21:00", end="05:00", **changes):
        for name, text in FILES.items():
            (tmp_path / f"{name}.csv").write_text(text)
        (tmp_path / "profile.csv").write_text(PROFILE)
        clock = f'start_clock: "{start}", end_clock: "{end}", step_min: {step_min}, zone: {zone}, date: "{date}"'
        text = CASE.replace(NIGHT, clock).replace("fleet:", "grid: {profiles_file: profile.csv}\nfleet:")
        for old, new in changes.items():
            text = text.replace(old, new)
        (tmp_path / "case.yaml").write_text(text)
        return load_scenario(tmp_path / "case.yaml")

    return read


@pytest.mark.parametrize(("date", "hours"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-06-01", 8)])
@pytest.mark.parametrize("step_min", [1, 15, 60])
def test_a_night_has_the_hours_between_two_moments_of_zoneinfo(night, date, hours, step_min):
    """Nine in the evening until five: 7 h where clocks are put forward, 9 h where they are put back, else 8 h."""
    begin = datetime.fromisoformat(f"{date} 21:00").replace(tzinfo=ZoneInfo(BERLIN))
    end = datetime.fromisoformat(f"{date} 05:00").replace(tzinfo=ZoneInfo(BERLIN)) + timedelta(days=1)
    assert (end.astimezone(UTC) - begin.astimezone(UTC)) == timedelta(hours=hours)
    scenario = night(date, step_min=step_min)
    assert scenario.time.n_steps == hours * 60 // step_min


@pytest.mark.parametrize(("date", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_of_a_place_has_23_24_or_25_hours(date, hours):
    time = SimpleNamespace(start_clock="00:00", zone=BERLIN, date=date)
    assert horizon_min("00:00", time) == 60 * hours


@pytest.mark.parametrize("date", ["2026-03-28", "2026-10-24"])
@pytest.mark.parametrize("step_min", [1, 15, 60])
def test_every_step_begins_at_the_clock_time_that_zoneinfo_shows(night, date, step_min):
    time = night(date, step_min=step_min).time
    begin = datetime.fromisoformat(f"{date} 21:00").replace(tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)
    shown = [
        (begin + timedelta(minutes=step_min * step)).astimezone(ZoneInfo(BERLIN)).strftime("%H:%M")
        for step in range(time.n_steps)
    ]
    assert [f"{int(m) // 60 % 24:02d}:{int(m) % 60:02d}" for m in local_minutes(time)] == shown


def test_tariff_and_loads_follow_the_clock_when_it_is_put_back(night):
    """21:00-22:00 at 0.30 EUR, until midnight 0.40, then 0.30 for six hours; the hour from 02:00 is there twice."""
    scenario = night("2026-10-24")
    assert scenario.currency == "EUR"
    assert build_grid_case(scenario).import_price_cny_kwh == pytest.approx([0.3] * 4 + [0.4] * 8 + [0.3] * 24)
    hourly = [21, 22, 23, 0, 1, 2, 2, 3, 4]
    assert scenario.tables.load_pu.tolist() == np.repeat(hourly, 4).tolist()
    clock = build_network(scenario).time.clock(np.arange(0, 36, 4))
    assert clock == [f"{hour:02d}:00" for hour in hourly]


def test_loads_leave_out_the_hour_that_the_clock_leaves_out(night):
    assert night("2026-03-28", step_min=60).tables.load_pu.tolist() == [21, 22, 23, 0, 1, 3, 4]


def test_a_peak_after_the_change_is_an_hour_nearer_or_further(night):
    """From 21:00 until 04:00 are 7 h by the clock: 6 h in March, 8 h in October."""
    for date, hours in (("2026-03-28", 6), ("2026-10-24", 8), ("2026-06-01", 7)):
        assert minutes_until("04:00", SimpleNamespace(start_clock="21:00", zone=BERLIN, date=date)) == 60 * hours


def test_a_night_of_nine_hours_is_solved(night):
    """Everybody plugs in, and the tables show the clock of the place."""
    result = solve(night("2026-10-24", step_min=30), "shortest_path", "smart", cache=False)
    assert result.tables["summary"].set_index("measure")["value"]["vehicles"] == pytest.approx(60)
    clocks = result.tables["prices"]["clock"].iloc[:18].tolist()
    assert clocks[10:16] == ["02:00", "02:30", "02:00", "02:30", "03:00", "03:30"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zone": "Europe/Paderborn"}, "zone"),
        ({"date": "29.03.2026"}, "date"),
        ({"start": "02:30", "date": "2026-03-29"}, "02:30 does not exist on 2026-03-29"),
        ({"end": "25:00"}, r"time\.end_clock: '25:00'"),
        ({"step_min": 50}, "time.end_clock: hours until then: 8.0; must be whole steps of 50 min"),
    ],
)
def test_a_clock_that_cannot_be_is_refused_by_name(night, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        night(**({"date": "2026-06-01"} | changes))
    assert "case.yaml" in str(caught.value)


def test_a_zone_needs_a_date_and_a_date_a_zone(night, tmp_path):
    night("2026-06-01")
    text = (tmp_path / "case.yaml").read_text()
    for gone in (f", zone: {BERLIN}", ', date: "2026-06-01"'):
        (tmp_path / "case.yaml").write_text(text.replace(gone, ""))
        with pytest.raises(InputError, match=re.escape("zone and date: must both be stated, or none of them")):
            load_scenario(tmp_path / "case.yaml")
