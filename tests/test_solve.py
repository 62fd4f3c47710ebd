"""The public face: strategies, accounts that close, cache, comparison, command line."""

import logging

import numpy as np
import pandas as pd
import pytest

import evlib
from evlib import InputError, build_network, compare, load_scenario, solve
from evlib.__main__ import main
from evlib.inputs.sizing import line_ratings, sizing_table
from evlib.results.result import read_result, write_result

MODES = ("uncontrolled", "smart", "v2g")
FEW = {"coordination.iterations": 3, "coordination.exact_iterations": 3}
STRATEGIES = ("snapshot", "user", "coordinated")


@pytest.fixture(scope="module")
def results(mini):
    return (
        {mode: solve(mini, "shortest_path", mode, cache=False) for mode in MODES}
        | {"no_ev": solve(mini, "no_ev", cache=False)}
        | {name: solve(mini.replace(FEW), name, cache=False) for name in STRATEGIES}
    )


@pytest.mark.parametrize("mode", MODES + STRATEGIES)
def test_accounts_close(results, mode):
    """Vehicles, energy and money: what stations deliver is what vehicles receive and what drivers pay for."""
    tables, certificate = results[mode].tables, results[mode].certificate
    cohorts, stations = tables["cohorts"], tables["stations"]
    step_h = 5 / 60
    assert cohorts["vehicles_veh"].sum() == pytest.approx(80.0, abs=1e-6)
    delivered = step_h * stations["net_kw"].sum()
    received = (cohorts["charged_kwh"] - cohorts["discharged_kwh"]).sum()
    assert received == pytest.approx(delivered, abs=1e-6)
    stored = 0.95 * cohorts["charged_kwh"] - cohorts["discharged_kwh"] / 0.95
    wanted = cohorts["target_kwh"] - cohorts["terminal_kwh"] - cohorts["unserved_kwh"]
    assert (stored - wanted).min() >= -1e-5
    receipts = step_h * (stations["net_kw"] * stations["price_cny_kwh"]).sum()
    assert cohorts["payment_cny"].sum() == pytest.approx(receipts, rel=1e-6)
    named = cohorts[["wear_cny", "terminal_cny", "unserved_cny"]].to_numpy().sum()
    bill = tables["summary"].set_index("measure")["value"]["drivers' electricity bill"]
    # announced prices support the dispatch up to the price gap, a share of the grid cost without vehicles
    slack = 1e-6 * abs(bill) + 1200 * max(0.0, certificate.price_gap if mode in STRATEGIES[1:] else 0.0)
    assert bill == pytest.approx(receipts + named, abs=slack)
    assert certificate.grid_status == "optimal"
    assert max(certificate.domain_violation[name] for name in ("power_kw", "energy_kwh", "target_kwh")) <= 1e-4


def test_schedules_add_up_to_the_station_profile(results):
    tables = results["v2g"].tables
    keys = ["station", "vehicle_class", "soc_type", "plug_in_step"]
    each = tables["schedules"].merge(tables["cohorts"][[*keys, "vehicles_veh"]], on=keys)
    each["net_kw"] = each["vehicles_veh"] * (each["charge_kw_veh"] - each["discharge_kw_veh"])
    total = each.groupby(["station", "step"])["net_kw"].sum()
    profile = tables["stations"].set_index(["station", "step"])["net_kw"]
    assert (total - profile.loc[total.index]).abs().max() <= 1e-6
    assert profile.drop(total.index).abs().max() <= 1e-6


def test_more_freedom_never_costs_more(results):
    """Discharging contains charging only, which contains full power at once: least grid costs fall in that order."""
    cost = {mode: results[mode].tables["costs"].set_index("item")["cost_cny"]["grid: total"] for mode in MODES}
    assert cost["v2g"] <= cost["smart"] * (1 + 1e-7) <= cost["uncontrolled"] * (1 + 2e-7)
    assert cost["v2g"] < cost["uncontrolled"] - 1


def test_no_ev_has_nobody_and_costs_less_than_a_day_with_unmanaged_vehicles(results):
    nobody = results["no_ev"].tables
    assert nobody["cohorts"].empty
    assert nobody["stations"]["net_kw"].abs().max() == 0
    summary = nobody["summary"].set_index("measure")["value"]
    assert summary["vehicles"] == 0
    assert np.isnan(summary["mean time on the road"])
    assert summary["grid cost"] < results["uncontrolled"].tables["summary"].set_index("measure")["value"]["grid cost"]


def test_all_modes_see_the_same_traffic(results):
    for table in ("arcs",):
        pd.testing.assert_frame_equal(results["v2g"].tables[table], results["smart"].tables[table])


def test_nearest_station_takes_all_in_the_base_case():
    """The article's shortest path: everybody at c3 and c4."""
    result = solve(load_scenario("nguyen"), "shortest_path", "v2g")
    summary = result.tables["summary"].set_index("measure")["value"]
    assert summary[["vehicles at c1", "vehicles at c2", "vehicles at c3", "vehicles at c4"]].tolist() == pytest.approx(
        [0, 0, 600, 600], abs=1e-6
    )
    certificate = result.certificate
    assert certificate.vehicle_residual_veh <= 1e-6
    assert certificate.money_relative_residual <= 1e-6
    assert certificate.grid_ac_voltage_violation_pu == 0
    assert certificate.grid_ac_voltage_error_pu <= 3e-3
    assert certificate.dropped_veh <= 1e-6


def test_base_case_is_sized_by_its_rule():
    table = sizing_table(load_scenario("nguyen"))
    assert len(table) == 7
    assert table["holds"].all(), table.to_string()


def test_line_ratings_are_what_their_rule_gives():
    scenario = load_scenario("nguyen")
    ratings = line_ratings(scenario)
    assert ratings["rating_mva"].to_numpy() == pytest.approx(scenario.tables.rating_mva)
    # From a tie to its station (19-20-21 feed c4, whose tie 2-19 may import 4 MW) no line carries less than the tie.
    names = ratings["from_bus"].astype(str) + "-" + ratings["to_bus"].astype(str)
    rating = dict(zip(names, ratings["rating_mva"], strict=True))
    assert min(rating[line] for line in ("2-19", "19-20", "20-21")) == 4.0
    assert min(rating[line] for line in ("6-7", "7-8", "3-23", "23-24")) == 3.0
    assert rating["21-22"] == 2.0


def test_a_cached_result_is_the_solved_one_number_for_number(mini, tmp_path, monkeypatch):
    monkeypatch.setenv("EVLIB_CACHE", str(tmp_path))
    first = solve(mini, "shortest_path", "smart")
    second = solve(mini, "shortest_path", "smart")
    fresh = solve(mini, "shortest_path", "smart", cache=False)
    assert len(list(tmp_path.glob("*/result.json"))) == 1
    for name, table in fresh.tables.items():
        pd.testing.assert_frame_equal(first.tables[name], table, check_exact=True, check_dtype=False)
        pd.testing.assert_frame_equal(second.tables[name], table, check_exact=True, check_dtype=False)
    assert second.certificate.to_json() == fresh.certificate.to_json()


def test_the_cache_tells_cases_apart(mini, tmp_path, monkeypatch):
    monkeypatch.setenv("EVLIB_CACHE", str(tmp_path))
    solve(mini, "no_ev")
    solve(mini.replace({"fleet.vehicles": 40.0}), "no_ev")
    solve(mini, "shortest_path", "uncontrolled")
    assert len(list(tmp_path.glob("*/result.json"))) == 3


def test_a_result_cut_short_is_not_taken_for_one(results, mini, tmp_path):
    write_result(results["smart"], tmp_path)
    assert read_result(mini, tmp_path).strategy == "shortest_path"
    with pytest.raises(InputError, match="made from another scenario"):
        read_result(mini.replace({"fleet.vehicles": 40.0}), tmp_path)
    (tmp_path / "result.json").unlink()
    with pytest.raises(InputError, match="no complete result"):
        read_result(mini, tmp_path)


def test_compare_puts_two_results_side_by_side(results):
    table = compare(results["smart"], results["v2g"]).set_index("measure")
    assert list(table.columns) == ["unit", "shortest_path, smart", "shortest_path, v2g", "difference", "ratio"]
    grid = table.loc["grid cost"]
    assert grid["difference"] == pytest.approx(grid["shortest_path, v2g"] - grid["shortest_path, smart"])
    assert table.loc["time and queue cost", "difference"] == 0
    with pytest.raises(InputError, match="different measures; compare results with the same stations and farms"):
        compare(results["smart"], solve(load_scenario("nguyen"), "no_ev"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("shortest",),
            "strategy 'shortest' is unknown; must be one of no_ev, shortest_path, snapshot, informed, informed_tou, "
            "user, coordinated",
        ),
        (("shortest_path", "fast"), "charging 'fast' is unknown; must be one of uncontrolled, smart, v2g"),
        (("shortest_path", "v2g", "magic"), "method 'magic' is unknown"),
    ],
)
def test_unknown_options_are_refused(mini, arguments, message):
    with pytest.raises(InputError, match=message):
        solve(mini, *arguments)


def test_public_face():
    assert set(evlib.__all__) >= {"build_network", "compare", "load_scenario", "load_traffic", "solve"}


def test_command_line_writes_tables_and_certificate(tmp_path, forked):
    done = forked(
        main,
        ["solve", "mini", "--strategy", "shortest_path", "--out", str(tmp_path / "run")],
        environment={"EVLIB_CACHE": str(tmp_path / "cache")},
    )
    assert done.exitcode == 0, done.stderr
    assert {
        "result.json",
        "arcs.csv",
        "stations.csv",
        "cohorts.csv",
        "dispatch.csv",
        "buses.csv",
        "prices.csv",
        "costs.csv",
    } <= {path.name for path in (tmp_path / "run").iterdir()}
    assert "grid cost" in done.stdout


def test_command_line_refuses_bad_input_in_one_line_and_writes_nothing(tmp_path, forked):
    done = forked(
        main,
        ["solve", "mini", "--strategy", "fast", "--out", str(tmp_path / "run")],
        environment={"EVLIB_CACHE": str(tmp_path / "cache")},
    )
    assert done.exitcode == 2
    assert done.stderr.strip().splitlines() == [
        "error: strategy 'fast' is unknown; must be one of no_ev, shortest_path, snapshot, informed, informed_tou, "
        "user, coordinated"
    ]
    assert not (tmp_path / "run").exists()


def test_a_terminal_hears_from_the_first_second_what_is_done(mini, tmp_path, capsys, monkeypatch, request):
    """The first line comes before the scenario is read; without a terminal nothing is written to standard error."""
    logger = logging.getLogger("evlib")
    request.addfinalizer(lambda: logger.setLevel(logging.NOTSET))
    monkeypatch.setattr(logger, "handlers", [])
    assert main(["solve", "mini", "--charging", "smart", "--out", str(tmp_path / "day")]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert main(["solve", "mini", "--charging", "smart", "--out", str(tmp_path / "again"), "--no-cache"]) == 0
    first, paths, loading, dispatching = capsys.readouterr().err.splitlines()[:4]
    assert (first, paths) == ("reading mini", "shortest_path: looking for paths of 2 origins to 2 stations")
    assert loading == f"loading {mini.fleet.vehicles:g} vehicles on {len(build_network(mini).paths)} paths"
    assert dispatching.startswith("dispatching ")
