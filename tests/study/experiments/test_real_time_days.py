"""The table of days in real time: complete, closed, of the present scenario, and made of runs that can be made again."""

import pytest

from evlib import load_scenario
from evlib.coordination.real_time.day import prepare
from evlib.files import write_json
from evlib.folders import RESULTS
from evlib.inputs.weather.day import weather_of
from study.experiments import real_time_mini
from study.experiments.provenance import is_stale, read_table, renew_hash
from study.experiments.real_time_days import (
    DAYS,
    REAL_TIME_FILE,
    REPLANS,
    SEEDS,
    SIGNALS,
    FirstPlans,
    row_of,
    scenario_of_days,
    table_of_days,
)

FILE, MINI_FILE = RESULTS / REAL_TIME_FILE, real_time_mini.MINI_FILE
# What the base case has stated since the first two pairs were run.
STATED_SINCE = (
    *(f"roads.{key}" for key in ("free_flow_km_h", "jam_veh_km_lane", "lanes", "ev_share")),
    "fleet.arrival_levels",
    "fleet.classes.*.drive_kwh_km",
)


TABLES = pytest.mark.parametrize("name", [REAL_TIME_FILE, MINI_FILE])


def table(name=REAL_TIME_FILE):
    return read_table(name).set_index(["signal", "day", "seed"])


def scenario_of_table():
    """The maker's scenario, or that of the first two pairs: without energy of driving, planned anew in every step."""
    text, first = FILE.read_text(encoding="utf-8"), load_scenario("nguyen").replace(dict.fromkeys(STATED_SINCE))
    return next(scenario for scenario in (scenario_of_days(), first) if f" {scenario.hash}\n" in text)


def test_results_are_those_of_the_scenario_as_it_is():
    """The table may be of the case without energy of driving; days that are run from now on have it."""
    scenario = scenario_of_table()
    assert scenario.fleet.vehicles == load_scenario("nguyen").fleet.vehicles
    assert scenario_of_days().coordination.replan_every_steps == REPLANS["coordination.replan_every_steps"]
    assert all(member.drive_kwh_km > 0 for member in scenario_of_days().fleet.classes)


@TABLES
def test_every_day_has_every_signal_and_all_closes(name):
    runs = table(name)
    pairs = {signal: set(rows.index.droplevel("signal")) for signal, rows in runs.groupby("signal")}
    assert set(pairs) == {*SIGNALS, "promised"}
    assert len(set(map(frozenset, pairs.values()))) == 1
    assert {day for day, _ in pairs["perfect"]} <= set(DAYS)
    assert runs["residual_vehicles_veh"].max() < 1e-6
    assert runs["residual_energy_kw"].max() < 1e-3
    assert runs["residual_money_cny"].max() < 1e-4


def test_all_pairs_of_the_small_case_were_run():
    runs = table(MINI_FILE)
    assert f"mini with REPLANS {real_time_mini.scenario_of_days().hash}\n" in (RESULTS / MINI_FILE).read_text("utf-8")
    assert set(runs.loc["perfect"].index) == {(day, seed) for day in DAYS for seed in SEEDS}
    total = runs["total_cny"].unstack("signal")
    assert (total["perfect"] <= 1.01 * total.min(axis=1)).all()  # an equilibrium, no minimum: within a hundredth


@TABLES
def test_a_promise_moves_money_and_no_vehicle(name):
    runs = table(name)
    told, kept = runs.loc["predicted"], runs.loc["promised"]
    assert (told["total_cny"] == kept["total_cny"]).all()
    assert (kept["surprise_cny_veh"] <= told["surprise_cny_veh"]).all()
    assert (kept["surprise_cny_veh"] == kept["time_surprise_cny_veh"]).all()
    assert (told["operator_bears_cny"] == 0).all()


def test_days_all_differ_and_cover_the_year():
    assert len(set(DAYS)) == 20
    assert {day[5:7] for day in DAYS} == {f"{month:02d}" for month in range(1, 13)}


def test_what_was_run_is_not_run_again(tmp_path):
    """Files of runs are read as they are; a table that was stopped goes on with what is missing."""
    for signal in SIGNALS:
        write_json(tmp_path / f"2020-01-10-0-{signal}.json", [{"signal": signal, "day": "2020-01-10", "seed": 0}])
    rows = table_of_days(None, ["2020-01-10"], (0,), folder=tmp_path)
    assert rows["signal"].tolist() == list(SIGNALS)


@pytest.mark.verify
def test_a_small_day_is_a_row_for_each_signal(mini, tmp_path):
    rows = table_of_days(mini, ["2020-07-15"], (0,), folder=tmp_path).set_index("signal")
    assert list(rows.index) == ["perfect", "predicted", "promised", "now", "informed", "nearest"]
    assert rows.loc["perfect", "total_cny"] < rows.loc["nearest", "total_cny"]


@pytest.mark.verify
def test_a_day_of_the_small_case_can_be_made_again(tmp_path):
    scenario, day = real_time_mini.scenario_of_days(), DAYS[7]
    fresh = table_of_days(scenario, [day], (2,), folder=tmp_path).set_index("signal")["total_cny"]
    committed = table(MINI_FILE)["total_cny"].unstack("signal").loc[(day, 2)]
    assert fresh.to_dict() == pytest.approx(committed.to_dict(), rel=1e-2)
    if is_stale(RESULTS / MINI_FILE):
        renew_hash(RESULTS / MINI_FILE)


@pytest.mark.verify
def test_a_day_of_the_table_can_be_made_again():
    """The first day with everybody at the nearest station; a file that still holds gets the present code's hash."""
    scenario = scenario_of_table()
    day = prepare(scenario, weather_of(scenario, DAYS[0]), signal="nearest", seed=0)
    fresh = row_of(day, "nearest", FirstPlans())[0]
    assert fresh["total_cny"] == pytest.approx(table().loc[("nearest", DAYS[0], 0), "total_cny"], rel=1e-3)
    if is_stale(FILE):
        renew_hash(FILE)
