"""Roads of cases of one's own: capacities and lanes, lengths and room, what is said twice, limits of what can be meant."""

import re

import numpy as np
import pytest
from test_own_case import CASE, FILES

from evlib import InputError, build_network, load_scenario
from evlib.inputs.new_case.check_case import case_report
from evlib.inputs.new_case.convert import convert
from evlib.inputs.new_case.sources import station_source
from evlib.inputs.road_files.room import room_veh

ROWS = ("a,m,1", "a,m,2", "m,b,0.1", "m,a,1", "b,m,1")


def links(header, *cells):
    """Table of the five links of the case, with these columns after the speed; one text of cells for all, or one each."""
    cells = cells * len(ROWS) if len(cells) == 1 else cells or ("",) * len(ROWS)
    lines = [f"{row},50,{cell}".rstrip(",") for row, cell in zip(ROWS, cells, strict=True)]
    return "\n".join([f"from,to,length_km,speed_km_h,{header}".rstrip(","), *lines]) + "\n"


@pytest.fixture
def case(tmp_path):
    """The case with other links, and some lines for its section on roads."""

    def read(table, roads="", **files):
        for name, text in (FILES | {"links": table} | files).items():
            (tmp_path / f"{name}.csv").write_text(text)
        (tmp_path / "case.yaml").write_text(CASE + (f"roads: {{{roads}}}\n" if roads else ""))
        return load_scenario(tmp_path / "case.yaml")

    return read


def capacities(scenario):
    return (60 * build_network(scenario).capacity_veh_min[2:]).round(6).tolist()


@pytest.mark.parametrize(
    ("header", "cells", "roads", "veh_h"),
    [
        ("", "", "", 1800),
        ("", "", "capacity_veh_h: 700", 700),
        ("lanes", "2", "", 3600),
        ("lanes", "2", "capacity_veh_h_lane: 500", 1000),
        ("lanes", "2", "capacity_veh_h: 700", 700),
        ("lanes,capacity_veh_h_lane", "3,400", "", 1200),
        ("lanes,capacity_veh_h", "3,900", "", 900),
    ],
)
def test_capacity_of_a_road(case, header, cells, roads, veh_h):
    """By the column of roads, by that of lanes, by the case's key for either, or 1800 for a lane and for a road."""
    assert capacities(case(links(header, cells), roads)) == [veh_h] * 5


def test_check_says_which_capacity_holds(case):
    """A default only where some road has it; lanes that are not used are named."""
    own, lanes, unused = (
        case_report(case(links(*columns), roads))
        for columns, roads in (
            (("lanes,capacity_veh_h", "2,900"), ""),
            (("lanes", "2"), ""),
            (("lanes", "2"), "capacity_veh_h: 700"),
        )
    )
    assert "capacity_veh_h: 1800" not in own
    assert not re.search(r"^  roads: .*capacity_veh_h", own, re.MULTILINE)
    assert "lanes of links.csv are not used; its capacity_veh_h is that of a road" in own
    assert "links.csv: lanes: each has 1800 veh/h by default; roads.capacity_veh_h_lane states another" in lanes
    assert "links.csv: lanes: not used for capacity: roads.capacity_veh_h is that of a road" in unused
    assert "capacity_veh_h 1800" in case_report(case(links("")))


def test_a_variant_changes_the_capacity_that_roads_share_and_no_other(case):
    scenario = case(links(""), "capacity_veh_h: 700")
    assert capacities(scenario.replace({"roads.capacity_veh_h": 800.0})) == [800] * 5
    with pytest.raises(InputError, match=r"roads\.capacity_veh_h: 800: links\.csv says the capacity of each road"):
        case(links("capacity_veh_h", "900")).replace({"roads.capacity_veh_h": 800.0})


ROOM = "jam_veh_km_lane: 150, ev_share: 0.5"


def test_room_is_that_of_each_roads_lanes(case):
    """150 veh/km and lane, half of them of the fleet: 75 veh for a lane and km."""
    table = links("lanes,capacity_veh_h", "1,600", "2,600", "3,600", "4,600", "1,600")
    assert room_veh(case(table, ROOM)) == pytest.approx(75 * np.array([1, 2 * 2, 0.1 * 3, 4, 1]))
    shared = case(links("capacity_veh_h", "600"), f"{ROOM}, lanes: 2")
    assert room_veh(shared) == pytest.approx(150 * np.array([1, 2, 0.1, 1, 1]))


def test_lengths_of_a_case_may_follow_from_one_speed(case):
    """At 30 km/h a minute is half a km; without any length nobody knows what driving takes."""
    table = "from,to,free_flow_min\na,m,1\nm,b,2\nb,m,2\nm,a,1\n"
    assert case(table, "free_flow_km_h: 30").tables.link_length_km.tolist() == [0.5, 1, 1, 0.5]
    with pytest.raises(
        InputError, match=r"drive_kwh_km: 0.2, but roads have no length; set roads.free_flow_km_h, or give"
    ):
        case(table).replace({"fleet.classes.car.drive_kwh_km": 0.2})


@pytest.mark.parametrize(
    ("columns", "roads", "message"),
    [
        (
            ("capacity_veh_h", "600"),
            "capacity_veh_h: 500",
            "column capacity_veh_h: the case has roads.capacity_veh_h: 500",
        ),
        (
            ("lanes,capacity_veh_h_lane", "1,600"),
            "capacity_veh_h: 500",
            "column capacity_veh_h_lane: the case has roads.cap",
        ),
        (("lanes", "1"), "capacity_veh_h: 500, capacity_veh_h_lane: 500", "keep one of them"),
        (("", ""), "capacity_veh_h_lane: 500", "roads.capacity_veh_h_lane without lanes; add a column lanes"),
        (("lanes", "1"), "capacity_veh_h_lane: many", "roads.capacity_veh_h_lane: 'many'; must be a number above 0"),
        (("", ""), "capacity_veh_h: null", "roads.capacity_veh_h: None; must be a number above 0"),
        (("", ""), "capacity_veh_h: 2", r"roads.capacity_veh_h = 2 veh/h; must be 10 to 100000 veh/h"),
        (("capacity_veh_h", "600"), "jam_veh_km_lane: 150", "roads.jam_veh_km_lane without roads.lanes; give"),
        (
            ("lanes,capacity_veh_h", "1,600"),
            "jam_veh_km_lane: 150",
            "roads.jam_veh_km_lane without roads.ev_share; give",
        ),
        (("lanes,capacity_veh_h", "1,600"), f"{ROOM}, lanes: 2", "roads.lanes: 2, but .*links.csv has a column lanes"),
        (("lanes,capacity_veh_h", "1,99000"), ROOM, "room for fewer than the 1.98e.03 vehicles"),
        (("capacity_veh_h", "600"), "free_flow_km_h: 40", "roads.free_flow_km_h: 40, but .* has a column length_km"),
        (
            ("capacity_veh_h", "2"),
            "",
            r"links.csv: line 2: capacity_veh_h = 2 veh/h; must be 10 to 100000 veh/h \(5 such\)",
        ),
        (("lanes", "150"), "", r"line 2: lanes = 150 lanes; must be at most 20 lanes"),
    ],
)
def test_what_is_said_twice_or_cannot_be_meant_is_refused(case, columns, roads, message):
    with pytest.raises(InputError, match=message):
        case(links(*columns), roads)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "5280,1.09",
            r"line 2: 5280 km in 1.09 min: speed = 290642 km/h; must be 1 to 300 km/h: correct length_km, free_",
        ),
        ("0.001,6", r"line 2: 0.001 km in 6 min: speed = 0.01 km/h; must be 1 to 300 km/h"),
        ("2000,1200", r"line 2: length_km = 2000 km; must be at most 500 km"),
    ],
)
def test_lengths_and_times_in_other_units_are_refused(case, rows, message):
    table = f"from,to,length_km,free_flow_min\na,m,{rows}\nm,b,1,1\nb,m,1,1\nm,a,1,1\n"
    with pytest.raises(InputError, match=message):
        case(table)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"stations": FILES["stations"].replace("10,50,", "10,0.05,")},
            r"stations.csv: line 2: plug_kw = 0.05 kW; must be 1 to",
        ),
        (
            {"stations": FILES["stations"].replace("50,200", "50,0.2")},
            r"site_kw = 0.2 kW; .*MW must be multiplied by 1000",
        ),
        (
            {"buses": FILES["buses"].replace("100,20", "2,0.4").replace("300,20", "3,0.4")},
            r"buses.csv: p_kw: all loads are 5 kW at 20 kV; must be at least 10 kW, or none: a number in MW",
        ),
    ],
)
def test_electric_numbers_in_other_units_are_refused(case, files, message):
    with pytest.raises(InputError, match=message):
        case(links("", ""), **files)


def test_batteries_in_other_units_are_refused(case, tmp_path):
    scenario = case(links("", ""))
    with pytest.raises(InputError, match=r"fleet.classes.car.battery_kwh = 60000 kWh; .*Wh must be divided by 1000"):
        scenario.replace({"fleet.classes.car.battery_kwh": 60000.0})
    (tmp_path / "trips.csv").write_text("count,origin,departure,battery_kwh\n3,o1,21:05,60\n2,o1,21:10,60000\n")
    text = CASE.replace("vehicles: 60,", "trips_file: trips.csv,")
    (tmp_path / "case.yaml").write_text(text)
    (tmp_path / "origins.csv").write_text("origin,node\no1,a\n")
    with pytest.raises(InputError, match=r"trips.csv: line 3: battery_kwh = 60000 kWh; must be 1 to 2000 kWh"):
        load_scenario(tmp_path / "case.yaml")
    (tmp_path / "st.csv").write_text("station,node,plug_kw\ns,a,0.06\n")
    with pytest.raises(InputError, match=r"st.csv: line 2: plug_kw = 0.06 kW; must be 1 to 5000 kW"):
        station_source(tmp_path / "st.csv")


def test_a_converted_case_has_the_lengths_and_the_room_of_its_scenario(tmp_path):
    """The study's case states one speed, lanes and jam density: they hold in the case, whose links have capacities."""
    scenario = load_scenario("nguyen")
    file, _ = convert(scenario.file, tmp_path)
    own = load_scenario(file)
    assert own.tables.link_length_km.tolist() == scenario.tables.link_length_km.tolist()
    assert room_veh(own).tolist() == room_veh(scenario).tolist()
    assert own.roads.capacity_veh_h is None
    assert capacities(own)[:2] == [scenario.roads.capacity_veh_h] * 2
