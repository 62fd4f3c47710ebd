"""What a scenario accepts, what it refuses and how it says so."""

import shutil

import numpy as np
import pytest
import yaml

from evlib import InputError, build_network, load_scenario, solve
from evlib.folders import DATA, SCENARIOS


@pytest.fixture
def edited(tmp_path):
    """Load the mini scenario with its YAML or one of its files changed, from a folder of its own."""

    def load(edit=None, **files):
        shutil.copytree(DATA, tmp_path / "data", dirs_exist_ok=True)
        path = tmp_path / "data" / "scenarios" / "mini.yaml"
        values = yaml.safe_load(path.read_text())
        if edit:
            edit(values)
        path.write_text(yaml.safe_dump(values, sort_keys=False))
        for name, change in files.items():
            file = tmp_path / "data" / f"{name}.csv"
            file.write_text(change(file.read_text()))
        return load_scenario(path)

    return load


def at(*keys, **new):
    """An edit that goes to a place in the file and sets keys there."""

    def edit(values):
        for key in keys:
            values = values[key]
        values.update(new)

    return edit


def drop(*keys):
    def edit(values):
        for key in keys[:-1]:
            values = values[key]
        del values[keys[-1]]

    return edit


def rename(old, new, *keys):
    def edit(values):
        for key in keys:
            values = values[key]
        values[new] = values.pop(old)

    return edit


QUANTITY = {"unit": "veh/h", "source": "assumption", "range": [1, 100]}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (at("roads", colour="red"), r"mini.yaml: roads.colour: unknown key; known here: links_file"),
        (
            rename("capacity_veh_h", "capacity_veh_min", "roads"),
            r"roads.capacity_veh_min: unknown key; did you mean 'capacity_veh_h'",
        ),
        (drop("fleet", "eta_charge"), r"mini.yaml: fleet.eta_charge: missing"),
        (
            at("roads", capacity_veh_h={"value": 60, "unit": "veh/min", "source": "assumption", "range": [1, 100]}),
            r"roads.capacity_veh_h: unit 'veh/min' is wrong; this field is in 'veh/h'",
        ),
        (at("roads", capacity_veh_h={"value": -60} | QUANTITY), r"roads.capacity_veh_h: -60.* greater than 0"),
        (at("roads", capacity_veh_h={"value": float("nan")} | QUANTITY), r"roads.capacity_veh_h: nan.* finite number"),
        (at("roads", capacity_veh_h={"value": "60"} | QUANTITY), r"roads.capacity_veh_h: '60'.* valid number"),
        (at("roads", capacity_veh_h={"value": 400} | QUANTITY), r"value 400.0 is outside its own range \[1.0, 100.0\]"),
        (at("roads", capacity_veh_h=60), r"roads.capacity_veh_h: 60.0 stands alone; write {value: 60.0, unit: veh/h"),
        (at("roads", capacity_veh_h={"value": 60, "unit": "veh/h", "range": [1, 100]}), r"source is missing"),
        (
            at("roads", capacity_veh_h={"value": 60, "unit": "veh/h", "source": "assumption", "range": 5}),
            r"range 5 is not \[low, high\]",
        ),
        (at("roads", capacity_veh_h={"value": 60, "why": 1} | QUANTITY), r"unknown key 'why'"),
        (at("roads", links_file="../nowhere.csv"), r"nowhere.csv: no such file"),
        (
            at("origins", "o1", share={"value": 0.5, "unit": "1", "source": "assumption", "range": [0, 1]}),
            r"origins' shares sum to 0.9; they must sum to 1",
        ),
        (
            at("fleet", "classes", "car", share={"value": 0.6, "unit": "1", "source": "assumption", "range": [0, 1]}),
            r"fleet: classes' shares sum to 0.9",
        ),
        (
            at(
                "fleet",
                "classes",
                "car",
                stay_min={"value": 42, "unit": "min", "source": "assumption", "range": [0, 60]},
            ),
            r"stay_min 42.* whole steps of 5",
        ),
        (
            at(
                "fleet",
                "classes",
                "car",
                soc_arrival={"value": 0.9, "unit": "1", "source": "assumption", "range": [0, 1]},
            ),
            r"arrival state of charge 0.8..1 .*soc_max 0.95",
        ),
        (
            at("time", last_departure_step={"value": 24, "unit": "step", "source": "assumption", "range": [0, 30]}),
            r"last_departure_step 24 must be below n_steps 24",
        ),
        (
            at("time", loading_step_s={"value": 7, "unit": "s", "source": "assumption", "range": [1, 600]}),
            r"loading_step_s 7.0 must divide",
        ),
        (
            at("time", n_steps={"value": 240, "unit": "steps", "source": "assumption", "range": [1, 600]}),
            r"288 rows do not cover 240 steps .*a row for 24:00",
        ),
        (at("time", start_clock=660), r"time.start_clock: 660"),
        (at("time", start_clock="11h"), r"time.start_clock: '11h' is not a clock time"),
        (at("stations", "a", node=77), r"stations.a.node: 77 is not a node"),
        (at("stations", "a", bus=77), r"stations.a.bus: 77 is not a bus"),
        (at("grid", "zones", "a", buses=[3, 5]), r"grid.zones.*bus 5 is in"),
        (at("grid", "zones", "b", buses=[6, 2]), r"lines leave the zone"),
        (at("grid", "farms", "solar_b", bus=3), r"grid.farms.solar_b.bus: 3 is not in zone b"),
        (at("grid", "farms", "solar_b", zone="x"), r"grid.farms.solar_b.zone 'x' is not one of the zones"),
        (at("grid", load_column="load_r9_pu"), r"column 'load_r9_pu' is missing"),
        (at("switches", limits="firm"), r"switches.limits: 'firm'.* 'soft' or 'hard'"),
        (at("prices", import_tariff={}), r"import_tariff is empty"),
    ],
)
def test_each_fault_in_the_file_is_named(edited, edit, message):
    with pytest.raises(InputError, match=message):
        edited(edit)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("mini_links", lambda text: text.replace("1,1,3,3", "1,1,3,nan"), r"mini_links.csv: line 3: a = 'nan'"),
        ("mini_links", lambda text: text.replace("1,1,3,3", "1,1,3,-3"), r"mini_links.csv: line 3: a = '-3'.* above 0"),
        ("mini_links", lambda text: text.replace("link,from,to,a", "link,from,to,b"), r"column 'a' is missing"),
        ("mini_nodes", lambda text: text.replace("5,2,0\n", ""), r"mini_nodes.csv: node 5 .* no coordinates"),
        ("mini_branches", lambda text: text + "6,4,6,1,1,1\n", r"mini_branches.csv.*loop"),
        ("mini_ratings", lambda text: text.replace("2,5,2\n", ""), r"mini_ratings.csv: line 2-5 has no rating_mva"),
        ("mini_ratings", lambda text: text.replace("2,5,2\n", "2,5,0\n"), r"rating_mva = '0'.* above 0"),
        ("rts_gmlc_2020-07-15_day", lambda text: "\n".join(text.splitlines()[:140]), r"rows do not cover 24 steps"),
        (
            "rts_gmlc_2020-07-15_day",
            lambda text: text.replace("2020-07-15 11:30:00", "2020-07-15 11:31:00"),
            r"a row for 11:30 is missing",
        ),
    ],
)
def test_each_fault_in_a_table_is_named(edited, name, change, message):
    with pytest.raises(InputError, match=message):
        edited(**{name: change})


def test_an_origin_without_a_station_is_refused_before_anything_is_solved(edited):
    scenario = edited(mini_links=lambda text: text.replace("2,2,3,4\n", "2,3,2,4\n").replace("6,2,5,7\n", "6,5,2,7\n"))
    with pytest.raises(InputError, match="origin o2 reaches no station"):
        build_network(scenario)
    with pytest.raises(InputError, match="origin o2 reaches no station"):
        solve(scenario, "shortest_path", cache=False)


def test_a_station_that_no_origin_reaches_is_refused(edited):
    scenario = edited(mini_links=lambda text: text.replace("4,3,5,4\n", "4,5,3,4\n").replace("6,2,5,7\n", "6,5,2,7\n"))
    with pytest.raises(InputError, match="station b is reached from no origin"):
        build_network(scenario)


def test_unknown_scenario_name_lists_the_known_ones():
    with pytest.raises(InputError, match="mini, nguyen"):
        load_scenario("nguyn")


def test_a_key_given_twice_is_refused(tmp_path):
    text = (SCENARIOS / "mini.yaml").read_text() + "\nname: again\n"
    (tmp_path / "twice.yaml").write_text(text)
    with pytest.raises(InputError, match="'name' appears twice"):
        load_scenario(tmp_path / "twice.yaml")


def test_replace_changes_the_hash_and_nothing_else(mini):
    more = mini.replace({"stations.*.plugs": 60.0})
    assert [station.plugs for station in more.stations] == [60.0, 60.0]
    assert [station.plugs for station in mini.stations] == [30.0, 30.0]
    assert more.hash != mini.hash
    assert more.replace({"stations.*.plugs": 30.0}).hash == mini.hash
    assert mini.replace(limits="hard").switches.limits == "hard"


def test_the_hash_covers_the_files_and_not_their_place(edited, mini):
    assert edited().hash == mini.hash
    assert edited(mini_links=lambda text: text.replace("1,1,3,3", "1,1,3,4")).hash != mini.hash
    assert edited(mini_branches=lambda text: text.replace("1,1,2,0.4", "1,1,2,0.5")).hash != mini.hash


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"roads.capacity_veh_min": 3.0}, "unknown key 'capacity_veh_min'; did you mean 'capacity_veh_h'"),
        ({"stations.z.plugs": 3.0}, "'z' names no member"),
        ({"roads.capacity_veh_h": -3.0}, "greater than 0"),
        ({"switches.signal": "guess"}, "'experienced' or 'instantaneous'"),
    ],
)
def test_replace_refuses_what_the_file_could_not_hold(mini, changes, message):
    with pytest.raises(InputError, match=message):
        mini.replace(changes)


def test_scenario_and_tables_are_frozen(mini):
    with pytest.raises(ValueError, match="frozen"):
        mini.fleet.vehicles = 3
    with pytest.raises(ValueError, match="read-only"):
        mini.tables.load_pu[0] = 3


def test_every_parameter_has_unit_source_and_range():
    table = load_scenario("nguyen").parameters()
    assert len(table) == 110
    assert not table[["unit", "source"]].eq("").any().any()
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert np.isfinite(table[["value", "low", "high"]].to_numpy(dtype=float)).all()
    facts = table[table["kind"] == "fact of the article"]["parameter"].tolist()
    assert facts == ["time.step_min", "time.n_steps"]


def test_parameters_of_stations_that_replace_has_made(mini):
    """New members have a unit and no source; those that state one keep it, in the order of the sections."""
    plugs = {"value": 20, "unit": "plugs", "source": "a survey", "range": [10, 40], "note": "two halves"}
    stations = {"a": {"node": 4, "bus": 4, "plugs": 15.0}, "c": {"node": 5, "bus": 6, "plugs": plugs}}
    stations["d"] = {"node": 4, "bus": 4, "plugs": 5.0}
    scenario = mini.replace({"stations": stations})
    table = scenario.parameters().set_index("parameter")
    assert table.index.is_unique
    assert table.loc[[f"stations.{name}.plugs" for name in "acd"], "value"].tolist() == [15.0, 20.0, 5.0]
    assert table.loc["stations.a.plugs", ["source", "low", "high"]].tolist() == ["assumption", 10.0, 60.0]
    assert table.loc["stations.c.plugs", ["source", "low", "high", "note"]].tolist() == [
        "a survey",
        10,
        40,
        "two halves",
    ]
    assert table.loc["stations.d.plugs", ["unit", "kind", "source"]].tolist() == ["plugs", "not stated", "replace"]
    assert np.isnan(table.loc["stations.d.plugs", "low"])
    assert "stations.b.plugs" not in table.index
    again = scenario.replace({"stations.d.plugs": 6.0}).parameters().set_index("parameter")
    assert again.loc["stations.c.plugs", "source"] == "a survey"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stations": {"a": {"node": 4, "bus": 4, "plugs": {"value": 20}}}}, r"stations\.a\.plugs: unit is missing"),
        (
            {"fleet.vehicles": {"value": 20, "unit": "kW", "source": "x", "range": [1, 30]}},
            r"fleet\.vehicles: unit 'kW' is wrong; this field is in 'veh'",
        ),
        ({"stations": {"a": {"node": 4, "bus": 4}}}, r"stations\.a\.plugs: missing"),
        ({"stations": {"a": {"name": "b", "node": 4, "bus": 4, "plugs": 3.0}}}, r"'a' holds a key 'name'"),
        ({"stations.a.name": "b"}, r"replace 'stations.a.name': a member's key is its name"),
        (
            {"stations": {name: {"node": 4, "bus": 4, "plugs": 3.0} for name in (1, "1")}},
            r"stations: key '1' is there twice, as a number and as text",
        ),
        ({3: 4}, r"replace 3: must be a dotted field name"),
        ({"stations": 3}, r"stations: 3 must be a mapping from names to members"),
        ({"stations.b.plugs": -3.0}, r"stations\.b\.plugs: -3\.0; must be greater than 0"),
        ({"time.n_steps": 10**9}, r"time\.n_steps: 1000000000; must be less than or equal to 10000"),
        ({"grid.spike.peak_step": 24}, r"grid\.spike\.peak_step 24 must be a step 0\.\.23"),
        ({"prices.import_tariff.*.from_clock": "10:00"}, r"morning and noon both begin at 10:00"),
        ({"fleet.vehicles": 10**40}, r"fleet\.vehicles: .* is too large"),
        ({"fleet.vehicles": True}, r"fleet\.vehicles: True; must be a valid number"),
    ],
)
def test_replace_refuses_what_would_be_bent(mini, changes, message):
    with pytest.raises(InputError, match=message):
        mini.replace(changes)
