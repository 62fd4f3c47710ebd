"""Road files of others: options that apply or are refused, units, one-way kinds, uses, and round trips."""

import dataclasses
import re

import pytest
from test_feeders_of_others import GRID
from test_road_files import FCS, GMNS, OSM, SUMO, V2SIM, written
from test_round_trips import TNTP

from evlib import InputError, load_scenario
from evlib.__main__ import main
from evlib.inputs.new_case.sources import road_source
from evlib.inputs.roads.gmns_roads import read_gmns_roads, write_gmns_roads
from evlib.inputs.roads.osm_roads import read_osm_roads
from evlib.inputs.roads.road_file import write_roads
from evlib.inputs.roads.v2sim_roads import read_v2sim_roads, read_v2sim_stations


def read(folder, name, text, **options):
    (folder / name).write_text(text)
    return road_source(folder / name, **options)


ABSURD = {
    "tntp": (
        "a.tntp",
        TNTP.replace("1000 2 3", "1000 5280 3"),
        r"road 1: 5280 km in 3 min: .*--length-unit-km and --time-unit-min",
    ),
    "tntp time": (
        "a.tntp",
        TNTP.replace("1 3 1000 2 3", "1 3 1000 2 0"),
        r"road 1: free_flow_time = 0; must be above 0",
    ),
    "tntp capacity": (
        "a.tntp",
        TNTP.replace("1 3 1000", "1 3 1"),
        r"road 1: capacity_veh_h = 1 veh/h; .*must be in veh/h",
    ),
    "v2sim km/h": ("a.net.xml", V2SIM.replace('speed="13.889"', 'speed="130"'), r"speed = 468 km/h; .*speed in m/s"),
    "v2sim speed": (
        "a.net.xml",
        V2SIM.replace('speed="13.889"', 'speed="0"', 1),
        r"<edge> a#0: speed = '0'; .* above 0",
    ),
    "sumo": (
        "a.net.xml",
        SUMO.replace('speed="10"', 'speed="0"'),
        r"<edge> ab: speed of its lanes = 0; must be above 0",
    ),
    "osm": ("a.osm", OSM.replace("30 mph", "300 mph"), r"speed = 482.803 km/h; .*correct the tag maxspeed"),
    "osm node": (
        "a.osm",
        OSM.replace('lat="31.99" lon="118.7"', 'lat="31.99"'),
        r"<node> 1: lon = None, lat = '31.99'",
    ),
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_roads_of_others_name_what_cures_them(tmp_path, name):
    file, text, message = ABSURD[name]
    with pytest.raises(InputError, match=message):
        read(tmp_path, file, text)


def test_absurd_roads_of_gmns_name_the_units_that_the_file_states(tmp_path):
    written(tmp_path, **(GMNS | {"link.csv": GMNS["link.csv"].replace(",60,1,1800", ",600,1,1800")}))
    with pytest.raises(
        InputError, match=r"speed = 965.606 km/h; .*config.csv says mile and mph: correct long_length or speed"
    ):
        read_gmns_roads(tmp_path)
    written(tmp_path, **(GMNS | {"link.csv": GMNS["link.csv"].replace("2,900", "2,60000")}))
    with pytest.raises(InputError, match=r"capacity_veh_h = 120000 veh/h; .*read as that of a lane: --capacity-is"):
        read_gmns_roads(tmp_path)


def test_connectors_of_zones_may_be_of_any_speed(tmp_path):
    """Published networks have connectors of no length to speak of; here node 1 is one that no path passes."""
    text = TNTP.replace("NODE> 1", "NODE> 2").replace("1 3 1000 2 3", "1 3 999999 900 3")
    assert len(read(tmp_path, "a.tntp", text).links) == 3
    with pytest.raises(InputError, match="road 2: 900 km"):
        read(tmp_path, "a.tntp", text.replace("3 2 2000 1 1.5", "3 2 2000 900 1.5"))


def test_a_station_without_plugs_is_named_in_its_own_file(tmp_path):
    (tmp_path / "a.fcs.xml").write_text(FCS.replace('slots="10"', 'slots="0"'))
    with pytest.raises(InputError, match=r"a\.fcs\.xml: <fcs> f1: slots = '0'; must be a finite number above 0"):
        read_v2sim_stations(tmp_path / "a.fcs.xml")


@pytest.mark.parametrize(
    ("name", "text", "option", "value"),
    [
        ("a.tntp", TNTP, "lane_veh_h", 900.0),
        ("a.tntp", TNTP, "capacity_is", "link"),
        ("a.net.xml", V2SIM, "capacity_is", "link"),
        ("a.net.xml", V2SIM, "time_unit_min", 0.6),
        ("a.net.xml", SUMO, "length_unit_km", 2.0),
        ("a.osm", OSM, "capacity_is", "lane"),
        ("a.osm", OSM, "time_unit_min", 1.0),
    ],
)
def test_an_option_that_a_format_has_no_use_for_is_refused_by_its_name(tmp_path, name, text, option, value):
    flag = {"lane_veh_h": "--lane-capacity", "capacity_is": "--capacity-is"}.get(
        option, f"--{option.replace('_', '-')}"
    )
    with pytest.raises(
        InputError, match=f"{flag} {value}: .*{re.escape(name)} has no use for it: .*leave the option out"
    ):
        read(tmp_path, name, text, **{option: value})


def test_options_of_folders_and_of_the_command_line(tmp_path, capsys):
    written(tmp_path, **GMNS)
    with pytest.raises(InputError, match=r"--lane-capacity 900\.0: .* GMNS files state their units and capacities"):
        road_source(tmp_path, lane_veh_h=900.0)
    (tmp_path / "a_net.tntp").write_text(TNTP)
    command = ["new", str(tmp_path / "case"), "--roads", str(tmp_path / "a_net.tntp"), "--feeder", "x.m"]
    assert main([*command, "--lane-capacity", "900"]) == 2
    assert "--lane-capacity 900.0: " in capsys.readouterr().err
    assert main([*command, "--time-unit-min", "-1"]) == 2
    assert "--time-unit-min -1: must be above 0" in capsys.readouterr().err


def test_a_city_takes_the_units_of_its_roads(tmp_path, capsys):
    """Minutes of 0.6; capacities of TNTP stay, as there are no lanes to give another to."""
    (tmp_path / "a_net.tntp").write_text(TNTP)
    (tmp_path / "a.grid.xml").write_text(GRID)
    command = [
        "city",
        str(tmp_path / "c"),
        "--roads",
        str(tmp_path / "a_net.tntp"),
        "--feeder",
        str(tmp_path / "a.grid.xml"),
    ]
    assert main([*command, "--lane-capacity", "50"]) == 2
    assert "a_net.tntp has no lanes; leave the option out" in capsys.readouterr().err
    assert main([*command, "--time-unit-min", "0.6"]) == 0
    assert load_scenario(tmp_path / "c").tables.link_free_flow_min.tolist() == pytest.approx([1.8, 0.9, 3.0])
    assert main(["city", str(tmp_path / "d"), "--time-unit-min", "0.6"]) == 2
    assert "--time-unit-min without --roads" in capsys.readouterr().err


def test_a_city_says_what_of_the_stations_it_does_not_use(tmp_path, capsys):
    (tmp_path / "a_net.tntp").write_text(TNTP)
    (tmp_path / "a.grid.xml").write_text(GRID)
    (tmp_path / "s.csv").write_text("station,node,plugs,plug_kw,fee_cny_kwh\ns,3,4,50,0.1\n")
    files = [
        f"--{name}={tmp_path / file}"
        for name, file in zip(("roads", "feeder", "stations"), ("a_net.tntp", "a.grid.xml", "s.csv"), strict=True)
    ]
    assert main(["city", str(tmp_path / "c"), *files]) == 0
    said = capsys.readouterr().out
    assert (
        f"not used: plugs, plug_kw, fee_cny_kwh of {tmp_path / 's.csv'}; a city has plugs of 60 kW by --plug-factor"
        in said
    )
    assert "stations: plug" not in said


def test_options_that_apply_are_used(tmp_path):
    """Of V2Sim's two lanes; of OpenStreetMap's two lanes in each direction; of a TNTP file in 0.6 min and half km."""
    assert read(tmp_path, "a.net.xml", V2SIM, lane_veh_h=700.0).links["capacity_veh_h"].iloc[0] == 1400
    osm = read(tmp_path, "a.osm", OSM, lane_veh_h=700.0)
    assert osm.links["capacity_veh_h"].iloc[0] == 1400
    assert "capacity: 700 for each lane" in osm.report["meaning"].tolist()
    tntp = read(tmp_path, "a.tntp", TNTP, time_unit_min=0.6, length_unit_km=0.5)
    assert tntp.links[["free_flow_min", "length_km"]].iloc[0].tolist() == pytest.approx([1.8, 1.0])


WAYS = """<osm version="0.6"><node id="1" lat="31.99" lon="118.7"/><node id="2" lat="32.0" lon="118.7"/>
<node id="3" lat="32.01" lon="118.71"/><node id="4" lat="32.0" lon="118.72"/>
<way id="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="KIND"/>TAGS</way>
<way id="2"><nd ref="2"/><nd ref="3"/><nd ref="4"/><nd ref="1"/><tag k="highway" v="primary"/></way></osm>"""


@pytest.mark.parametrize(
    ("kind", "tags", "ways"),
    [
        ("motorway", {}, "12"),
        ("motorway", {"oneway": "no"}, "12 21"),
        ("motorway", {"oneway": "-1"}, "21"),
        ("motorway_link", {}, "12 21"),
        ("motorway_link", {"oneway": "yes"}, "12"),
        ("primary", {"junction": "roundabout"}, "12"),
        ("primary", {"junction": "circular"}, "12"),
        ("primary", {"junction": "roundabout", "oneway": "no"}, "12 21"),
        ("primary", {}, "12 21"),
        ("primary", {"oneway": "alternating"}, "12 21"),
        ("primary", {"oneway": "reversible"}, ""),
        ("primary", {"oneway": "sometimes"}, "12 21"),
        ("primary", {"access": "private"}, ""),
        ("primary", {"access": "no", "motor_vehicle": "yes"}, "12 21"),
        ("primary", {"motorcar": "no", "access": "yes"}, ""),
    ],
)
def test_which_ways_of_openstreetmap_are_one_way_and_which_are_open(tmp_path, kind, tags, ways):
    """Its wiki: motorways and roundabouts are one-way where no tag says otherwise, links of motorways are not."""
    text = "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
    (tmp_path / "a.osm").write_text(WAYS.replace("KIND", kind).replace("TAGS", text))
    roads = read_osm_roads(tmp_path / "a.osm")
    found = [row["from"] + row["to"] for _, row in roads.links.iterrows() if row["link"].startswith("1_")]
    assert found == ways.split()
    rows = roads.report.groupby("column")["rows"].sum()
    assert rows["way (closed)"] == (not ways)
    assert rows["(implied)"] == (ways == "12" and "oneway" not in tags)
    assert rows["tag.oneway (other)"] == (tags.get("oneway") == "sometimes")


USES = "link_id,from_node_id,to_node_id,directed,length,free_speed,lanes,capacity,allowed_uses\n"


def with_uses(folder, *rows, **files):
    return written(folder, **(GMNS | {"link.csv": USES + "\n".join(rows) + "\n"} | files))


def test_links_of_gmns_that_are_closed_to_cars_are_left_out_and_counted(tmp_path):
    """Paths for walking may have neither lanes nor a capacity; an empty cell is open to all; groups are looked up."""
    rows = (
        '1,1,2,1,1,30,2,900,"AUTO,bike"',
        "2,2,1,1,1,30,1,900,",
        "3,1,2,0,1,3,0,,walk;bike",
        "4,2,1,1,1,30,1,900,motor",
    )
    with_uses(tmp_path, *rows, **{"use_group.csv": "use_group,uses\nmotor,auto truck\n"})
    roads = read_gmns_roads(tmp_path)
    assert roads.links["link"].tolist() == ["1", "2", "4"]
    counts = roads.report.set_index("column")["rows"]
    assert (counts["link.allowed_uses"], counts["link (closed)"]) == (3, 1)
    with_uses(tmp_path, "1,1,2,1,1,30,2,900,auto", "2,2,1,1,1,30,1,900,p")
    with pytest.raises(InputError, match=r"link\.csv: line 3: allowed_uses = 'p': 'p' is not known here; must be auto"):
        read_gmns_roads(tmp_path)
    with_uses(tmp_path, "1,1,2,1,1,30,2,900,bike")
    with pytest.raises(InputError, match="no link is open to cars: allowed_uses of all 1 name others"):
        read_gmns_roads(tmp_path)


def test_zones_of_gmns_are_origins_where_each_has_one_node(tmp_path):
    nodes = "node_id,x_coord,y_coord,zone_id\n1,0,0,7\n2,1,0,\n3,2,0,8\n4,3,0,8\n"
    links_csv = USES + "1,1,2,0,1,30,1,900,\n2,2,3,0,1,30,1,900,\n3,3,4,0,1,30,1,900,\n"
    written(tmp_path, **(GMNS | {"node.csv": nodes, "link.csv": links_csv}))
    roads = read_gmns_roads(tmp_path)
    assert roads.zones == ("1",)
    counts = roads.report.set_index("column")["rows"]
    assert (counts["node.zone_id"], counts["node.zone_id (shared)"]) == (1, 2)
    write_gmns_roads(roads, tmp_path)
    assert read_gmns_roads(tmp_path).zones == ("1",)
    closed = dataclasses.replace(roads, nodes=roads.nodes.assign(through="no"))
    with pytest.raises(InputError, match="GMNS has no field for nodes that no path passes, as 1; write a case"):
        write_gmns_roads(closed, tmp_path)


def test_a_second_row_of_units_is_refused_and_unused_columns_of_the_first_are_listed(tmp_path):
    written(tmp_path, **GMNS)
    assert "config.dataset_name" in read_gmns_roads(tmp_path).report["column"].tolist()
    written(tmp_path, **(GMNS | {"config.csv": GMNS["config.csv"] + "other,km,km/h\n"}))
    with pytest.raises(InputError, match=r"config\.csv: 2 rows; must be one"):
        read_gmns_roads(tmp_path)


def test_roads_of_another_case_keep_their_names_and_lanes_and_say_what_was_put_in(tmp_path):
    """Nothing in the report that the files do not have, unless it is called a default."""
    (tmp_path / "links.csv").write_text("link,from,to,length_km,speed_km_h,lanes\nmain,a,b,1,50,2\nback,b,a,1,50,1\n")
    (tmp_path / "nodes.csv").write_text("node,x,y\na,0,0\nb,1,0\n")
    roads = road_source(tmp_path)
    assert roads.links["link"].tolist() == ["main", "back"]
    assert roads.links[["lanes", "capacity_veh_h"]].to_numpy().tolist() == [[2, 3600], [1, 1800]]
    columns = roads.report["column"].tolist()
    assert columns[:6] == ["link", "from", "to", "length_km", "speed_km_h", "lanes"]
    assert not {"capacity_veh_h", "free_flow_min"} & set(columns)
    assert "capacity_veh_h: 1800 for each of the lanes" in roads.report["meaning"].tolist()
    (tmp_path / "links.csv").write_text("from,to,free_flow_min\na,b,1\nb,a,1\n")
    bare = road_source(tmp_path)
    assert "capacity_veh_h: 1800; none in links.csv" in bare.report["meaning"].tolist()
    assert "link: number of the row" in bare.report["meaning"].tolist()


@pytest.mark.parametrize("name", ["tntp", "v2sim", "sumo", "osm", "gmns"])
def test_roads_are_read_written_as_a_case_and_read_equal(tmp_path, name):
    """Every column of links and nodes, to the last digit."""
    if name == "sumo":
        pytest.importorskip("sumolib")
    texts = {"tntp": ("a_net.tntp", TNTP.replace("NODE> 1", "NODE> 2")), "osm": ("a.osm", OSM)}
    texts |= {"v2sim": ("a.net.xml", V2SIM), "sumo": ("a.net.xml", SUMO)}
    source, target = tmp_path / "source", tmp_path / "written"
    source.mkdir(), target.mkdir()
    if name == "gmns":
        before = read_gmns_roads(written(source, **GMNS))
    else:
        before = read(source, *texts[name])
    write_roads(before, target)
    after = road_source(target)
    for table in ("links", "nodes"):
        one, two = getattr(before, table), getattr(after, table)
        assert set(one) == set(two)
        for column in one:
            assert one[column].tolist() == two[column].tolist(), column
    assert before.ends_only == after.ends_only
    assert read_v2sim_roads(source / "a.net.xml").links.equals(before.links) if name == "v2sim" else True
