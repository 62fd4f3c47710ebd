"""Road networks of others: a few rows of each format, read, written and read again, and their known sizes."""

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evlib import InputError
from evlib.assignment.link_costs import PowerCost
from evlib.assignment.shortest_paths import Roads
from evlib.assignment.static_assignment import assign
from evlib.folders import DATA, ROOT
from evlib.inputs.roads.gmns_roads import read_gmns_roads, write_gmns_roads
from evlib.inputs.roads.osm_roads import read_osm_roads
from evlib.inputs.roads.road_file import read_own_roads, write_roads
from evlib.inputs.roads.sumo_roads import read_sumo_roads
from evlib.inputs.roads.tntp_roads import read_tntp_roads
from evlib.inputs.roads.v2sim_roads import read_v2sim_roads, read_v2sim_stations
from evlib.inputs.tntp import read_trips

SHARED = Path(os.environ.get("EVLIB_SHARED", ROOT.parent / "shared")) / "data"
V2SIM = """<roadnet v2simfmtver="1.0"><location netOffset="0,0"/>
<node id="N1" x="0" y="0"/><node id="cluster_2_3" x="1000" y="0"/><node id="CS1" x="1100" y="0"/>
<edge id="a#0" from="N1" to="cluster_2_3" length="1000" lanes="2" speed="13.889" world_id="0"/>
<edge id="a#1" from="N1" to="cluster_2_3" length="1200" lanes="1" speed="13.889" world_id="0"/>
<edge id="-a" from="cluster_2_3" to="N1" length="1000" lanes="2" speed="13.889" world_id="0"/>
<edge id="cse" from="cluster_2_3" to="CS1" length="100" lanes="1" speed="13.889" world_id="0"/></roadnet>"""
FCS = """<root><fcs name="f1" node="CS1" slots="10" bus="b0_2" x="1100" y="5"><pbuy><item btime="0" price="1"/></pbuy></fcs>
</root>"""
SUMO = """<net version="1.16"><location netOffset="0,0" convBoundary="0,0,1,1" origBoundary="0,0,1,1" projParameter="!"/>
<edge id=":J_0" function="internal"><lane id=":J_0_0" index="0" speed="5" length="4" shape="0,0 1,0"/></edge>
<edge id="ab" from="A" to="B" priority="1"><lane id="ab_0" index="0" speed="10" length="600" shape="0,0 600,0"/>
<lane id="ab_1" index="1" allow="bus" speed="10" length="600" shape="0,1 600,1"/></edge>
<edge id="ba" from="B" to="A" priority="1"><lane id="ba_0" index="0" speed="10" length="600" shape="600,0 0,0"/></edge>
<edge id="path" from="B" to="A"><lane id="p_0" index="0" allow="pedestrian" speed="2" length="600" shape="0,0 1,0"/></edge>
<junction id="A" type="priority" x="0" y="0" incLanes="ba_0" intLanes="" shape="0,0 0,1"/>
<junction id="B" type="priority" x="600" y="0" incLanes="ab_0 ab_1" intLanes="" shape="600,0 600,1"/>
<connection from="ab" to="ba" fromLane="0" toLane="0" dir="t" state="M"/></net>"""
OSM = """<osm version="0.6"><node id="1" lat="31.99" lon="118.7"/><node id="2" lat="32.0" lon="118.7"/>
<node id="3" lat="32.01" lon="118.7"/><node id="4" lat="32.0" lon="118.69"/><node id="5" lat="32.0" lon="118.71"/>
<way id="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="primary"/><tag k="lanes" v="4"/></way>
<way id="2"><nd ref="4"/><nd ref="2"/><nd ref="5"/><tag k="highway" v="residential"/><tag k="oneway" v="yes"/>
<tag k="maxspeed" v="30 mph"/></way>
<way id="3"><nd ref="1"/><nd ref="5"/><tag k="highway" v="residential"/><tag k="access" v="private"/></way>
<way id="4"><nd ref="1"/><nd ref="4"/><tag k="building" v="yes"/></way></osm>"""
GMNS = {
    "config.csv": "dataset_name,long_length,speed\nhand-made,mile,mph\n",
    "node.csv": "node_id,x_coord,y_coord,name\n1,0,0,one\n2,1,0,two\n",
    "link.csv": "link_id,from_node_id,to_node_id,directed,length,free_speed,lanes,capacity,facility_type\n"
    "7,1,2,0,1,30,2,900,street\n8,1,2,1,2,60,1,1800,motorway\n",
}


def written(folder, **texts):
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def v2sim(tmp_path):
    def read(text=V2SIM):
        (tmp_path / "a.net.xml").write_text(text)
        return read_v2sim_roads(tmp_path / "a.net.xml", 1000.0)

    return read


def same(roads, folder):
    """Roads written as a case's files are read back as they are."""
    write_roads(roads, folder)
    back = read_own_roads(folder)
    assert back.tail.tolist() == roads.links["from"].tolist()
    assert back.head.tolist() == roads.links["to"].tolist()
    assert back.free_flow_min == pytest.approx(roads.links["free_flow_min"].to_numpy(), rel=1e-15)
    assert (back.capacity_veh_h == roads.links["capacity_veh_h"].to_numpy()).all()
    assert back.node.tolist() == roads.nodes["node"].tolist()


def test_v2sim_has_text_ids_parallel_roads_and_lanes(v2sim, tmp_path):
    """1,000 m at 50 km/h are 1.2 min; two lanes of 1,000 veh/h; every attribute is in the report."""
    roads = v2sim()
    assert roads.links["free_flow_min"].tolist() == pytest.approx([1.2, 1.44, 1.2, 0.12], rel=1e-4)
    assert roads.links["capacity_veh_h"].tolist() == [2000, 1000, 2000, 1000]
    assert {"edge.world_id", "edge.lanes", "node.x"} <= set(roads.report["column"])
    same(roads, tmp_path)
    (tmp_path / "b.net.xml.gz").write_bytes(gzip.compress(V2SIM.encode()))
    assert read_v2sim_roads(tmp_path / "b.net.xml.gz", 1000.0).links.equals(roads.links)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('lanes="2"', 'tracks="2"', "<edge> has an attribute 'tracks' that is unknown here"),
        (
            'from="N1" to="cluster_2_3" length="1000"',
            'from="N1" to="N1" length="1000"',
            "road a#0 leads from node N1 to itself",
        ),
        ('id="a#1"', 'id="a#0"', "road a#0 is there twice"),
        ('to="CS1"', 'to="CS2"', "road cse: to = 'CS2' is no node"),
        ('length="1200"', 'length="0"', "<edge> a#1: length = '0'; must be a finite number above 0"),
        ('length="1200"', 'length="long"', "<edge> a#1: length = 'long'; must be a finite number"),
        ('x="1100"', "", "<node> CS1: x is missing"),
        ("roadnet", "graph", "root <graph>; must be <roadnet>"),
        ("</roadnet>", "", "not readable as XML"),
        ("<location", "<place", "element <place> is unknown here"),
    ],
)
def test_faults_of_a_v2sim_network_are_named(v2sim, old, new, message):
    with pytest.raises(InputError, match=message):
        v2sim(V2SIM.replace(old, new))


def test_v2sim_stations(tmp_path):
    (tmp_path / "a.fcs.xml").write_text(FCS)
    stations, report = read_v2sim_stations(tmp_path / "a.fcs.xml")
    assert stations.iloc[0].tolist() == ["f1", "CS1", "b0_2", 10.0, 1100.0, 5.0]
    assert "fcs.pbuy" in report["column"].tolist()
    (tmp_path / "b.fcs.xml").write_text(FCS.replace("slots", "plugs"))
    with pytest.raises(InputError, match="<fcs> has an attribute 'plugs' that is unknown"):
        read_v2sim_stations(tmp_path / "b.fcs.xml")


def test_sumo_roads_are_those_open_to_cars(tmp_path):
    """600 m at 10 m/s are a minute; a bus lane and a footpath are not for cars, and the report counts them."""
    pytest.importorskip("sumolib")
    (tmp_path / "a.net.xml").write_text(SUMO)
    roads = read_sumo_roads(tmp_path / "a.net.xml", 800.0)
    assert roads.links["link"].tolist() == ["ab", "ba"]
    assert roads.links["free_flow_min"].tolist() == pytest.approx([1.0, 1.0])
    assert roads.links["capacity_veh_h"].tolist() == [800, 800]
    rows = roads.report.set_index("column")["rows"]
    assert (rows["edge (function)"], rows["edge (closed)"], rows["connection"]) == (1, 1, 1)
    same(roads, tmp_path)
    (tmp_path / "b.net.xml").write_text(SUMO.replace("<connection", "<bridge"))
    with pytest.raises(InputError, match="element <bridge> is unknown here"):
        read_sumo_roads(tmp_path / "b.net.xml")


def test_osm_roads_are_cut_where_they_meet(tmp_path):
    """A way of three nodes crossed in its middle by a one-way street at 30 mph: the defaults of osm2gmns elsewhere.

    A hundredth of a degree of latitude is 1.11195 km on a sphere of the earth's mean radius.
    """
    (tmp_path / "a.osm").write_text(OSM)
    roads = read_osm_roads(tmp_path / "a.osm")
    assert roads.links["link"].tolist() == ["1_0", "1_0_back", "1_1", "1_1_back", "2_0", "2_1"]
    north = roads.links.iloc[0]
    assert north["length_km"] == pytest.approx(1.11195, rel=1e-4)
    assert north["free_flow_min"] == pytest.approx(60 * 1.11195 / 80, rel=1e-4)
    assert north[["lanes", "capacity_veh_h"]].tolist() == [2, 3600]
    east = roads.links.iloc[4]
    assert east["free_flow_min"] / east["length_km"] == pytest.approx(60 / (30 * 1.609344))
    assert roads.report.set_index("column").loc["way (closed)", "rows"] == 1
    same(roads, tmp_path)
    (tmp_path / "b.osm").write_text(OSM.replace("primary", "footway").replace("residential", "footway"))
    with pytest.raises(InputError, match="no roads for cars"):
        read_osm_roads(tmp_path / "b.osm")


def test_gmns_says_its_units_and_what_a_capacity_is_of(tmp_path):
    """A mile at 30 mph takes two minutes; two lanes of 900; a link that is not directed is two roads."""
    roads = read_gmns_roads(written(tmp_path, **GMNS))
    assert roads.links["link"].tolist() == ["7", "8", "7_back"]
    assert roads.links["free_flow_min"].tolist() == pytest.approx([2.0, 2.0, 2.0])
    assert roads.links["length_km"].tolist() == pytest.approx([1.609344, 3.218688, 1.609344])
    assert roads.links["capacity_veh_h"].tolist() == [1800, 1800, 1800]
    assert read_gmns_roads(tmp_path, capacity_is="link").links["capacity_veh_h"].tolist() == [900, 1800, 900]
    assert "link.facility_type" in roads.report["column"].tolist()
    same(roads, tmp_path)


def test_gmns_is_written_and_read_back(tmp_path, v2sim):
    roads = v2sim()
    write_gmns_roads(roads, tmp_path)
    back = read_gmns_roads(tmp_path).links
    assert back[["link", "from", "to"]].equals(roads.links[["link", "from", "to"]])
    for column in ("length_km", "free_flow_min", "lanes", "capacity_veh_h"):
        assert back[column].to_numpy() == pytest.approx(roads.links[column].to_numpy(), rel=1e-12)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("config.csv", "mile", "league", "long_length = 'league'; must be m or meter"),
        ("link.csv", "capacity", "volume", "column 'capacity' is missing"),
        ("link.csv", "facility_type", "colour", "column 'colour' is unknown"),
        ("link.csv", "8,1,2", "8,1,3", "road 8: to = '3' is no node"),
        ("link.csv", "8,1,2", "7,1,2", "link_id 7 is there 2 times"),
    ],
)
def test_faults_of_a_gmns_network_are_named(tmp_path, file, old, new, message):
    written(tmp_path, **(GMNS | {file: GMNS[file].replace(old, new)}))
    with pytest.raises(InputError, match=message):
        read_gmns_roads(tmp_path)


def test_gmns_without_units_is_refused(tmp_path):
    written(tmp_path, **{name: text for name, text in GMNS.items() if name != "config.csv"})
    with pytest.raises(InputError, match=r"config\.csv: no such file; units are not guessed"):
        read_gmns_roads(tmp_path)


@pytest.mark.parametrize(
    ("name", "n_nodes", "n_roads", "n_stations", "n_short"),
    [("37nodes", 47, 150, 10, 20), ("Nanjing", 3888, 8312, 315, 7492)],
)
def test_known_sizes_of_v2sim_cases(name, n_nodes, n_roads, n_stations, n_short):
    """37 crossings with ten stations beside; Nanjing with 7,492 roads shorter than 30 s."""
    folder = DATA / "v2sim_37nodes" if name == "37nodes" else SHARED / "v2sim"
    file = folder / ("Nanjing.net.xml.gz" if name == "Nanjing" else f"ux_{name}.net.xml")
    if not file.is_file():
        pytest.skip("V2Sim's cases are not here")
    roads, (stations, _) = read_v2sim_roads(file), read_v2sim_stations(folder / f"ux_{name}.fcs.xml")
    assert (len(roads.nodes), len(roads.links), len(stations)) == (n_nodes, n_roads, n_stations)
    assert (roads.links["free_flow_min"] < 0.5).sum() == n_short
    assert set(stations["node"]) <= set(roads.nodes["node"])


@pytest.mark.parametrize(
    ("name", "n_zones", "beckmann"), [("SiouxFalls", 24, 42.31335287107440e5), ("Anaheim", 38, None)]
)
def test_static_optimum_of_the_roads_of_a_case_is_that_of_the_file(name, n_zones, beckmann, tmp_path):
    """Written as a case's roads and read back, a network has its own capacities: the published optimum is unchanged."""
    file = SHARED / "tntp" / f"{name}_net.tntp"
    if not file.is_file():
        pytest.skip("the TNTP collection is not here")
    roads = read_tntp_roads(file, length_unit_km=1.0 if name == "SiouxFalls" else 0.0003048)
    assert len(roads.zones) == n_zones
    write_roads(roads, tmp_path)
    back = read_own_roads(tmp_path)
    trips = read_trips(SHARED / "tntp" / f"{name}_trips.tntp")
    trips = trips[trips["origin"] != trips["destination"]].reset_index(drop=True)
    assert [*map(int, back.ends_only)] == ([] if name == "SiouxFalls" else list(range(1, 39)))
    graph = Roads(len(back.node), back.tail.astype(int), back.head.astype(int), len(back.ends_only) + 1)
    cost = PowerCost.bpr(back.free_flow_min, back.capacity_veh_h, 0.15, 4.0)
    flow = assign(graph, cost, trips, gap=1e-6).flow_veh
    if beckmann is not None:
        assert cost.integral(flow).sum() == pytest.approx(beckmann, rel=1e-6)
    known = pd.read_csv(SHARED / "tntp" / f"{name}_flow.tntp", sep=r"\s+", comment="~")
    column = next(c for c in known if c.lower().startswith("vol"))
    best = known[column].to_numpy(dtype=float)
    assert cost.integral(flow).sum() == pytest.approx(cost.integral(best).sum(), rel=1e-5)
    assert np.abs(flow - best).max() < 0.02 * best.max()
