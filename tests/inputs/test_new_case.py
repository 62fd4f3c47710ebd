"""From files of others to a solved case by two commands."""

import pandas as pd
import pytest
import yaml
from test_feeders_of_others import GRID
from test_road_files import FCS, GMNS, V2SIM, written

from evlib import InputError, load_scenario, solve
from evlib.__main__ import main
from evlib.inputs.new_case.matching import connected_part, match_stations, spread

BACK = '<edge id="back" from="CS1" to="cluster_2_3" length="100" lanes="1" speed="13.889" world_id="0"/></roadnet>'


@pytest.fixture
def sources(tmp_path):
    files = {"a.net.xml": V2SIM.replace("</roadnet>", BACK), "a.fcs.xml": FCS.replace("b0_2", "b1"), "a.grid.xml": GRID}
    return written(tmp_path, **files)


def new(folder, *more, stations=True):
    command = [
        "new",
        str(folder / "case"),
        "--roads",
        str(folder / "a.net.xml"),
        "--feeder",
        str(folder / "a.grid.xml"),
    ]
    return main([*command, *(["--stations", str(folder / "a.fcs.xml")] if stations else []), *more])


def test_a_new_case_is_short_commented_and_solved(sources, capsys):
    """Roads, stations and two feeders of V2Sim: at most 60 lines, a map, a report of every column; everybody plugs in."""
    assert new(sources) == 0
    shown = capsys.readouterr().out
    assert "world_id" in shown
    assert "assumed: stations: plug_kw was not given: 60" in shown
    case = sources / "case"
    text = (case / "case.yaml").read_text()
    assert len(text.splitlines()) <= 60
    assert text.count("#") >= 8
    assert (case / "map.html").stat().st_size > 1000
    scenario = load_scenario(case / "case.yaml")
    assert [zone.name for zone in scenario.grid.zones] == ["feeder_r0", "feeder_r1"]
    summary = (
        solve(scenario, "shortest_path", "uncontrolled", cache=False).tables["summary"].set_index("measure")["value"]
    )
    assert summary["vehicles"] == pytest.approx(10)
    stations = pd.read_csv(case / "stations.csv")
    assert stations.loc[0, ["node", "bus", "node_distance"]].tolist() == ["CS1", "b1", 5.0]
    assert stations.loc[0, "bus_distance"] == pytest.approx((1099**2 + 5**2) ** 0.5, abs=1e-3)


def test_check_says_what_a_case_holds_and_what_was_assumed(sources, capsys):
    new(sources)
    capsys.readouterr()
    assert main(["check", str(sources / "case")]) == 0
    shown = capsys.readouterr().out
    for text in ("3 nodes, 5 roads, 2 of them shorter", "1 stations with 10 plugs", "2 with 4 buses", "load 0.800 MW"):
        assert text in shown
    assert "fleet.wear_cny_kwh: 0.05" in shown
    assert "about" in shown
    assert main(["check", "mini"]) == 0


def test_a_case_is_not_overwritten(sources, capsys):
    assert new(sources) == 0
    assert new(sources) == 2
    assert "there is a case already" in capsys.readouterr().err


def test_gmns_roads_without_stations(tmp_path, capsys):
    """Stations and origins where none are given are said to be assumed."""
    written(tmp_path, **GMNS)
    (tmp_path / "a.grid.xml").write_text(GRID)
    folder = tmp_path / "case"
    assert main(["new", str(folder), "--roads", str(tmp_path), "--feeder", str(tmp_path / "a.grid.xml")]) == 0
    shown = capsys.readouterr().out
    assert "assumed: no stations were given" in shown
    assert "assumed: no zones were given" in shown
    assert len(yaml.safe_load((folder / "case.yaml").read_text())["fleet"]["classes"]) == 1


@pytest.mark.parametrize(
    ("file", "old", "new_text", "message"),
    [
        ("a.fcs.xml", "CS1", "CS9", "node is no node of the roads: f1 (CS9)"),
        ("a.fcs.xml", "b1", "b9", "bus is no bus of the feeders: f1 (b9)"),
        ("a.fcs.xml", 'y="5"', 'y="900"', "1 stations are more than 100 m from their node: f1 (900 from CS1)"),
        ("a.net.xml", BACK, "</roadnet>", "is not reached from, or does not reach, the others: f1 (CS1)"),
    ],
)
def test_stations_that_cannot_be_matched_are_listed(sources, capsys, file, old, new_text, message):
    path = sources / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new_text))
    assert new(sources, "--most-distance", "100") == 2
    assert message in capsys.readouterr().err


def test_an_unknown_format_says_which_are_known(tmp_path, capsys):
    (tmp_path / "roads.shp").write_text("x")
    assert main(["new", str(tmp_path / "c"), "--roads", str(tmp_path / "roads.shp"), "--feeder", "x"]) == 2
    assert "roads of no known format; must be *.tntp" in capsys.readouterr().err


def test_a_file_of_roads_is_no_scenario_and_the_error_says_how_to_make_one(sources, capsys):
    assert main(["solve", str(sources / "a.net.xml"), "--out", str(sources / "out")]) == 2
    assert "python -m evlib new FOLDER --roads FILE --feeder FILE" in capsys.readouterr().err


def test_a_folder_with_a_case_is_solved_by_its_name(sources):
    new(sources)
    out = sources / "out"
    assert main(["solve", str(sources / "case"), "--charging", "smart", "--out", str(out), "--no-cache"]) == 0
    assert (out / "result.json").is_file()


def test_tables_of_a_result_name_the_currency_of_the_case(sources):
    new(sources)
    file = sources / "case" / "case.yaml"
    file.write_text(file.read_text().replace("currency: CNY", "currency: EUR").replace("_cny_", "_eur_"))
    out = sources / "out"
    assert main(["solve", str(file), "--charging", "smart", "--out", str(out), "--no-cache"]) == 0
    summary = pd.read_csv(out / "summary.csv").set_index("measure")
    assert {"EUR", "EUR/kWh"} <= set(summary["unit"])
    assert "price_eur_kwh" in pd.read_csv(out / "prices.csv")
    assert not any("cny" in path.read_text().split("\n")[0] for path in out.glob("*.csv"))


def test_stations_by_coordinates_get_the_nearest_node_and_bus():
    nodes = pd.DataFrame({"node": ["a", "b", "far"], "x": [0.0, 10.0, 11.0], "y": [0.0, 0.0, 0.0]})
    buses = pd.DataFrame(
        {"bus": [1, 2, 3], "type": ["slack", "pq", "pq"], "p_kw": [0, 5, 5], "x": [0.0, 1, 9], "y": 0.0}
    )
    stations = pd.DataFrame({"station": ["s"], "x": [10.8], "y": [0.0]})
    matched = match_stations(stations, nodes, buses, {"a", "b"}, most_distance=1.0, where="stations")
    assert matched.loc[0, ["node", "bus"]].tolist() == ["b", "3"]
    assert matched.loc[0, ["node_distance", "bus_distance"]].tolist() == pytest.approx([0.8, 1.8])
    with pytest.raises(InputError, match=r"more than 0\.5 from their node: s \(0\.8 from b\)"):
        match_stations(stations, nodes, buses, {"a", "b"}, most_distance=0.5, where="stations")


def test_spread_nodes_are_far_from_each_other():
    """The middle of a line of five, then its ends, then the two between."""
    nodes = pd.DataFrame({"node": list("abcde"), "x": [0.0, 1, 2, 3, 4], "y": 0.0})
    assert spread(nodes, set("abcde"), 3) == ["c", "a", "e"]
    links = pd.DataFrame({"from": list("abcd"), "to": list("bacd")})
    assert connected_part(links) == {"a", "b"}


def test_a_table_of_trips_is_the_fleet_of_a_new_case(sources, capsys):
    """Five vehicles of two classes from one node: the case has their origin, both classes, and no profile."""
    trips = "count,origin,class,departure\n3,cluster_2_3,car,08:05\n2,cluster_2_3,van,09:20\n"
    (sources / "trips.csv").write_text(trips)
    assert new(sources, "--fleet", str(sources / "trips.csv")) == 0
    assert "departure" in capsys.readouterr().out
    text = (sources / "case" / "case.yaml").read_text()
    assert "trips_file: trips.csv" in text
    assert "peak_width_min" not in text
    scenario = load_scenario(sources / "case")
    assert [(item.name, item.share) for item in scenario.fleet.classes] == [("car", 0.6), ("van", 0.4)]
    assert (scenario.fleet.vehicles, [item.node for item in scenario.origins]) == (5, ["cluster_2_3"])


@pytest.mark.parametrize(
    ("trips", "more", "message"),
    [
        ("count,origin,departure\n3,nowhere,08:05\n", (), "trips: origin nowhere is no road node"),
        ("count,origin,departs\n3,CS1,08:05\n", (), "column 'departure' is missing"),
        ("count,origin,departure\n3,CS1,08:05\n", ("--vehicles", "5"), "--vehicles 5 with trips"),
    ],
)
def test_trips_that_do_not_fit_the_roads_are_refused(sources, capsys, trips, more, message):
    (sources / "trips.csv").write_text(trips)
    assert new(sources, "--fleet", str(sources / "trips.csv"), *more) == 2
    assert message in capsys.readouterr().err
