"""The case study's tables and figures: what is drawn is what the results say."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from evlib import load_scenario, solve
from evlib.errors import InputError
from evlib.figures import case_costs, case_grid, case_roads, network_loading
from evlib.inputs.build_grid import build_grid_case
from evlib.inputs.build_roads import build_network
from evlib.inputs.map_table import drawing_table
from evlib.results import comparison_tables


@pytest.fixture(scope="module")
def results():
    """The mini case without vehicles, on shortest paths, and after one answer of everybody."""
    mini = load_scenario("mini")
    return {name: solve(mini, name, "v2g") for name in ("no_ev", "shortest_path", "snapshot")}


@pytest.fixture
def arcs():
    """Two roads, two cases, three steps; only road a is above capacity, once, in the first case."""
    rows = [("one", "a", [0.5, 1.2, 1.0]), ("one", "b", [0.0, 0.0, 0.0])]
    rows += [("two", "a", [0.4, 0.9, 0.8]), ("two", "b", [0.0, 0.3, 0.2])]
    parts = [pd.DataFrame({"case": c, "arc": a, "clock": ["10:00", "10:05", "10:10"], "y": y}) for c, a, y in rows]
    return pd.concat(parts, ignore_index=True).rename(columns={"y": "inflow_over_capacity"})


def test_a_dot_marks_the_one_step_above_capacity_and_unused_roads_stay_white(arcs):
    figure = case_roads.volume_pair(arcs, "title")
    heat = [trace for trace in figure.data if trace.type == "heatmap"]
    dots = [trace for trace in figure.data if trace.type == "scatter"]
    assert np.isnan(heat[0].z[1]).all()
    assert list(dots[0].y) == ["a"]
    assert dots[0].x[0] == pytest.approx(10 + 7.5 / 60)  # the middle of the second step
    assert len(dots[1].y) == 0
    assert figure.layout.coloraxis.cmax == pytest.approx(1.2)


@pytest.mark.parametrize("draw", [case_roads.volume_pair, network_loading.volume_over_capacity])
def test_a_night_is_drawn_in_its_order(draw):
    """From 23:00 over midnight to 01:00: columns, ticks and range go on instead of starting anew at 0."""
    clock = ["23:00", "23:30", "00:00", "00:30", "01:00"]
    rows = {"case": "one", "arc": "a", "clock": clock, "inflow_over_capacity": [0.1, 0.2, 1.3, 0.4, 0.5]}
    figure = draw(pd.DataFrame(rows), "title")
    heat, dots = figure.data
    assert list(heat.x) == pytest.approx([23.25, 23.75, 24.25, 24.75, 25.25])
    assert list(np.ravel(heat.z)) == [0.1, 0.2, 1.3, 0.4, 0.5]
    assert list(dots.x) == pytest.approx([24.25])
    axis = figure.layout.xaxis
    assert axis.range[0] == 23
    assert [int(text[:2]) for text in axis.ticktext] == [hour % 24 for hour in map(int, axis.tickvals)]
    assert max(axis.tickvals) <= axis.range[1]


def test_the_map_writes_each_change_at_its_road_and_refuses_an_unknown_one():
    scenario = load_scenario("nguyen")
    items = drawing_table(scenario, build_network(scenario), build_grid_case(scenario))
    changes = pd.DataFrame({"arc": ["1-12", "4-9", "9-13"], "more_veh": [-109.4, 300.2, 0.2]})
    figure = case_roads.difference_map(items, changes, "title")
    assert sorted(note.text for note in figure.layout.annotations) == ["+300", "−109"]
    widths = {trace.line.width for trace in figure.data if trace.mode == "lines" and trace.line.color == "#0072B2"}
    assert max(widths) == pytest.approx(10.5)  # the largest change
    with pytest.raises(InputError, match="'7-9' is not on the map"):
        case_roads.difference_map(items, changes.assign(arc=["1-12", "7-9", "9-13"]), "title")


def test_panels_end_with_the_last_step_and_hold_every_value():
    clock = ["10:00", "10:30", "11:00"]
    rows = [("one", "c", [1.0, 2.0, 0.0]), ("two", "c", [0.0, -1.0, 3.0])]
    table = pd.concat([pd.DataFrame({"case": k, "station": c, "clock": clock, "kw": y}) for k, c, y in rows])
    figure = case_roads.station_panels(table, {"kw": "power [kW]"}, "title", levels={"kw": ("limit", 5.0)})
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name["two"].x) == pytest.approx([10, 10.5, 11, 11.5])
    assert list(by_name["two"].y) == [0.0, -1.0, 3.0, 3.0]
    assert list(by_name["limit"].y) == [5.0, 5.0]
    low, high = figure.layout.yaxis.range
    assert low < -1.0
    assert high > 5.0


def test_side_by_side_names_every_row_of_every_case(results):
    table = comparison_tables.side_by_side(results, "stations")
    assert list(table.columns[:2]) == ["case", "station"]
    assert (table.groupby("case").size() == len(results["no_ev"].tables["stations"])).all()


def test_vehicles_at_a_station_came_and_have_not_left(results):
    """Present at the end of a step: all that arrived so far, less those that have left; nobody before the first."""
    table = comparison_tables.stations_table(results)
    for name, result in results.items():
        rows = table[table["case"] == name]
        arrived = rows.groupby("station")["arrived_veh"].sum()
        assert (rows.groupby("station")["present_veh"].max() <= arrived + 1e-9).all()
        assert rows["arrived_veh"].sum() == pytest.approx(result.tables["stations"]["arrived_veh"].sum())
    stations = results["snapshot"].tables["stations"]
    crowd = table[table["case"] == "snapshot"]["present_veh"].to_numpy()
    assert (crowd[stations["queue_veh"] > 0] > stations["occupied_plugs"][stations["queue_veh"] > 0]).all()
    assert (stations["queue_veh"] > 0).any()


def test_what_a_station_takes_lies_between_its_summed_bounds(results):
    table = comparison_tables.domain_table(results)
    assert (table["chosen_mw"] >= table["lowest_mw"] - 1e-9).all()
    assert (table["chosen_mw"] <= table["highest_mw"] + 1e-9).all()
    assert (table["taken_mwh"] <= table["most_mwh"] + 1e-6).all()
    assert (table.loc[table["case"] == "no_ev", ["highest_mw", "most_mwh"]] == 0).all(axis=None)


def test_energy_taken_by_the_end_is_what_the_cohorts_gained(results):
    result = results["shortest_path"]
    fleet, cohorts = result.scenario.fleet, result.tables["cohorts"]
    gained = fleet.eta_charge * cohorts["charged_kwh"] - cohorts["discharged_kwh"] / fleet.eta_discharge
    table = comparison_tables.domain_table({"one": result})
    last = table[table["step"] == table["step"].max()]["taken_mwh"].sum()
    assert last == pytest.approx(gained.sum() / 1000, rel=1e-6)


def test_highest_power_is_that_of_all_vehicles_that_may_charge(results):
    """Every vehicle of mini is usable from the step after plug-in for ``usable_steps`` steps."""
    result = results["shortest_path"]
    power_kw = {item.name: item.charge_kw for item in result.scenario.fleet.classes}
    cohorts = result.tables["cohorts"]
    step = 8
    first = cohorts["plug_in_step"] + 1
    here = cohorts[(first <= step) & (step < first + cohorts["usable_steps"])]
    expected_kw = (here["vehicles_veh"] * here["vehicle_class"].map(power_kw)).sum()
    table = comparison_tables.domain_table({"one": result})
    assert expected_kw > 0
    assert table[table["step"] == step]["highest_mw"].sum() == pytest.approx(expected_kw / 1000)


def _result(**tables):
    return SimpleNamespace(tables={name: pd.DataFrame(table) for name, table in tables.items()})


def test_a_line_belongs_to_the_bus_that_it_feeds():
    buses = {"bus": [1, 2, 3, 1, 2, 3], "ac_voltage_pu": [1.0, 0.98, 0.97, 1.0, 0.99, 0.95]}
    lines = {"line": ["1-2", "2-3", "1-2", "2-3"], "ac_loading": [0.5, 0.2, 0.4, 0.9]}
    table = comparison_tables.feeder_table({"one": _result(buses=buses, lines=lines)}).set_index("bus")
    assert table["lowest_pu"].tolist() == [1.0, 0.98, 0.95]
    assert np.isnan(table.loc[1, "highest_loading"])
    assert table.loc[[2, 3], "highest_loading"].tolist() == [0.5, 0.9]


def test_costs_that_are_drawn_add_up_to_the_total(results):
    table = comparison_tables.cost_table(results)
    for name, result in results.items():
        total = result.tables["costs"].set_index("item").loc["society: time and queue plus grid", "cost_cny"]
        assert table[table["case"] == name]["cost_cny"].sum() == pytest.approx(total)


def test_a_cost_item_that_nobody_draws_is_refused():
    costs = {"item": ["grid: import", "grid: fees", "society: time and queue plus grid"], "cost_cny": [1.0, 2.0, 3.0]}
    with pytest.raises(InputError, match="costs of one: items add up to 2 CNY off the total"):
        comparison_tables.cost_table({"one": _result(costs=costs)})


def test_the_cost_figure_writes_the_sum_of_both_sides():
    rows = [("time and queue", 2000.0), ("import", 3000.0), ("backup", 500.0)]
    items = [*dict.fromkeys(comparison_tables.COST_ITEMS.values())]
    table = pd.DataFrame({"case": "one", "item": items, "cost_cny": [dict(rows).get(item, 0.0) for item in items]})
    figure = case_costs.cost_breakdown(table, "title")
    assert "3.5; with time <b>5.5</b>" in [note.text for note in figure.layout.annotations]
    assert [trace.name for trace in figure.data] == ["time and queue", "import", "backup"]
    with pytest.raises(InputError, match="item 'fees' is unknown"):
        case_costs.cost_breakdown(table.replace("import", "fees"), "title")


def test_group_means_weighted_by_vehicles_give_the_cost_of_all(results):
    result = results["shortest_path"]
    paths = result.tables["paths"]
    group = paths["origin"] + ", " + paths["vehicle_class"].str.replace("_", " ")
    vehicles = paths.groupby(group)["departures_veh"].sum()
    table = comparison_tables.group_table({"one": result}).set_index("group")
    total = result.tables["costs"].set_index("item").loc["drivers: time and queue", "cost_cny"]
    assert (table["time_cny_veh"] * vehicles).sum() == pytest.approx(total)
    cost = (paths["departures_veh"] * paths["experienced_cost_cny"]).sum()
    assert (table[["time_cny_veh", "electricity_cny_veh"]].sum(axis=1) * vehicles).sum() == pytest.approx(cost)
    figure = case_costs.who_gains(table.reset_index(), {"time_cny_veh": "time [CNY]"}, "title")
    assert sorted(figure.data[-1].x) == pytest.approx(sorted(table["time_cny_veh"]))


def test_what_a_driver_is_shown_is_what_the_loading_and_the_prices_say(results):
    """Minutes times the value of time, waiting at one and a half, and the cohort's least cost: each station's total by hand."""
    result = next(iter(results.values()))
    table = comparison_tables.driver_table(result, "o1", "11:30")
    assert table.groupby("vehicle_class")["station"].apply(list).to_dict() == {"car": ["a", "b"], "van": ["a", "b"]}
    value = table["vehicle_class"].map({"car": 30.0, "van": 40.0}) / 60
    by_hand = value * (table["road_min"] + 1.5 * table["waiting_min"]) + table["electricity_cny"]
    assert by_hand.to_numpy() == pytest.approx(table["total_cny"].to_numpy())
    assert table[table["best"]].groupby("vehicle_class").size().to_dict() == {"car": 1, "van": 1}
    paths = result.tables["paths"].query("origin == 'o1' and clock == '11:30' and vehicle_class == 'car'")
    assert table.query("vehicle_class == 'car' and best")["total_cny"].item() == paths["experienced_cost_cny"].min()
    with pytest.raises(InputError, match="clock '03:00': nobody departs there"):
        comparison_tables.driver_table(result, "o1", "03:00")
    with pytest.raises(InputError, match=r"origin 'o9'.*must be one of o1, o2"):
        comparison_tables.driver_table(result, "o9", "11:30")


def test_the_other_figures_draw_every_case(results):
    pair = {name: results[name] for name in ("shortest_path", "snapshot")}
    groups = {"all": results["no_ev"].tables["buses"]["bus"].unique()}
    dispatch = comparison_tables.side_by_side(pair, "dispatch").query("zone != 'trunk'")
    figures = [
        case_grid.domain_panels(comparison_tables.domain_table(pair), "title"),
        case_grid.dispatch_pair(dispatch, "title"),
        case_grid.feeder_panels(comparison_tables.feeder_table(pair), groups, "title", low_pu=0.9),
    ]
    for figure in figures:
        texts = [trace.name or "" for trace in figure.data] + [note.text for note in figure.layout.annotations]
        texts += [axis.title.text or "" for axis in figure.select_yaxes()]
        assert all(any(name in text for text in texts) for name in pair)


def test_dispatch_has_a_row_a_case_and_writes_what_is_wasted():
    """Zone z: 6 kW of 10 wasted in each of 4 quarters of an hour in the first case is 6 kWh, nothing in the second."""
    steps = {"step": range(4), "clock": ["10:00", "10:15", "10:30", "10:45"], "zone": "z", "load_kw": 4000.0}
    steps |= dict.fromkeys(["vehicles_kw", "backup_kw", "shed_kw", "tie_kw"], 0.0)
    cases = {"one": (10000.0, 6000.0), "two": (4000.0, 0.0)}
    parts = [pd.DataFrame({"case": k, "available_kw": a, "curtailed_kw": c, **steps}) for k, (a, c) in cases.items()]
    figure = case_grid.dispatch_pair(pd.concat(parts), "title")
    assert [note.text for note in figure.layout.annotations] == ["zone z", "", "wasted 6.0 MWh"]
    assert [axis.title.text for axis in figure.select_yaxes()] == ["one<br>power [MW]", "two<br>power [MW]"]
    assert {trace.name for trace in figure.data} == {
        "renewables used",
        "over the tie",
        "curtailed",
        "load",
        "load and vehicles",
    }  # no backup, nothing shed: not in the legend


@pytest.fixture
def claims():
    rows = [
        ("A3", "time and queue", 47.0, 94.0, "direction only"),
        ("A3", "at DLMP", 47.0, 47.0, "reproduced"),
        ("A4", "against shortest path", 67.9, -13.58, "not reproduced"),
    ]
    return pd.DataFrame(rows, columns=["claim", "definition", "article", "ours", "verdict"])


NAMES = {"A3": "travel cost", "A4": "wind at c2"}


def test_ratios_of_claims_are_ours_over_the_articles_in_the_row_of_their_claim(claims):
    figure = case_costs.claim_ratios(claims, NAMES, "title")
    drawn = {trace.name: (trace.x[0], round(trace.y[0])) for trace in figure.data}
    assert drawn["direction only"] == (pytest.approx(2.0), 0)
    assert drawn["reproduced"] == (pytest.approx(1.0), 0)
    assert drawn["not reproduced"] == (pytest.approx(-0.2), 1)
    heights = [trace.y[0] for trace in figure.data if round(trace.y[0]) == 0]
    assert len(set(heights)) == 2  # two definitions of one claim do not hide each other
    assert list(figure.layout.yaxis.ticktext) == ["A3: travel cost", "A4: wind at c2"]


def test_a_ratio_beyond_the_axis_is_written_at_its_edge(claims):
    figure = case_costs.claim_ratios(claims.assign(ours=[47.0 * 9, 47.0 * 5, -67.9 * 5]), NAMES, "title", most=4.0)
    notes = sorted((note.text, note.x, note.y) for note in figure.layout.annotations)
    assert notes == [("5.0, 9.0 →", 4.0, 0), ("← −5.0", -4.0, 1)]
    assert not figure.data


@pytest.mark.parametrize(("column", "value"), [("article", 0.0), ("article", np.nan), ("ours", np.nan)])
def test_a_claim_without_both_numbers_has_no_ratio(claims, column, value):
    claims.loc[0, column] = value
    with pytest.raises(InputError, match="every row must have the article's number"):
        case_costs.claim_ratios(claims, NAMES, "title")


def test_an_unknown_verdict_and_a_claim_without_a_name_are_refused(claims):
    with pytest.raises(InputError, match="claim 'A4' is unknown; must be one of A3"):
        case_costs.claim_ratios(claims, {"A3": "travel cost"}, "title")
    with pytest.raises(InputError, match="verdict 'nearly' is unknown"):
        case_costs.claim_ratios(claims.replace("reproduced", "nearly"), NAMES, "title")
