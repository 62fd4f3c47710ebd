"""Each small fixture of a reader: read, written as the files of a case, read again: the same to the last digit."""

import pandas as pd
import pytest
from pandapower_networks import pandapower_network
from test_feeders_of_others import GRID, MATPOWER
from test_own_case import FILES

from evlib.inputs.feeders.feeder_file import write_feeders
from evlib.inputs.feeders.matpower_feeder import read_matpower
from evlib.inputs.feeders.pandapower_net import read_pandapower
from evlib.inputs.feeders.v2sim_grid import read_v2sim_grid
from evlib.inputs.fleets.session_files import read_session_file
from evlib.inputs.new_case.sources import feeder_source, road_source, station_source, trips_source
from evlib.inputs.roads.road_file import write_roads
from evlib.inputs.roads.tntp_roads import read_tntp_roads

TNTP = """<NUMBER OF ZONES> 2
<NUMBER OF NODES> 3
<FIRST THRU NODE> 1
<NUMBER OF LINKS> 3
<END OF METADATA>
~ init_node term_node capacity length free_flow_time b power speed toll link_type ;
1 3 1000 2 3 0.15 4 0 0 1 ;
3 2 2000 1 1.5 0.15 4 0 0 1 ;
2 1 1500 4 5 0.15 4 0 0 1 ;
"""


def of_matpower(folder):
    pytest.importorskip("matpowercaseframes")
    (folder / "two.m").write_text(MATPOWER)
    return read_matpower(folder / "two.m")


def of_v2sim(folder):
    (folder / "a.grid.xml").write_text(GRID.replace('x="5" y="0" V="1.0"', 'x="5" y="0" V="1.02"'))
    return read_v2sim_grid(folder / "a.grid.xml")


def of_pandapower(folder):
    return read_pandapower(pandapower_network("create_cigre_network_mv"))


def of_own_files(folder):
    """Two feeders, with voltages of their own."""
    for name in ("buses", "branches"):
        (folder / f"{name}.csv").write_text(FILES[name])
    (folder / "feeders.csv").write_text("root,root_pu,import_limit_mw\n1,1.02,1.5\n3,0.98,2\n")
    return feeder_source(folder)


@pytest.mark.parametrize("reader", [of_matpower, of_v2sim, of_pandapower, of_own_files])
def test_feeders(reader, tmp_path):
    read = reader(tmp_path)
    (tmp_path / "written").mkdir()
    write_feeders(read, tmp_path / "written")
    again = feeder_source(tmp_path / "written")
    for name in ("buses", "branches", "feeders", "profile"):
        before, after = getattr(read, name), getattr(again, name)
        assert (before is None) == (after is None), name
        if before is not None:
            pd.testing.assert_frame_equal(before, after[before.columns], check_dtype=False, rtol=1e-15)
            assert set(before) == set(after), name


def test_roads_of_the_transportation_networks_collection(tmp_path):
    (tmp_path / "a_net.tntp").write_text(TNTP)
    roads = read_tntp_roads(tmp_path / "a_net.tntp", time_unit_min=1.0, length_unit_km=1.0)
    if roads.nodes["x"].isna().any():
        roads.nodes[["x", "y"]] = 0.0
    write_roads(roads, tmp_path)
    again = road_source(tmp_path).links
    for name in ("from", "to", "free_flow_min", "capacity_veh_h", "length_km"):
        assert again[name].tolist() == roads.links[name].tolist(), name


def test_stations_and_trips(tmp_path):
    (tmp_path / "stations.csv").write_text(
        "station,node,bus,plugs,plug_kw,site_kw\ns1,b,2,10,50,200\ns2,m,T4,20,22,5000\n"
    )
    (tmp_path / "trips.csv").write_text("count,origin,departure,soc\n2.5,a,21:05,0.4\n1,b,22:00:30,0.55\n")
    for source, name in ((station_source, "stations.csv"), (trips_source, "trips.csv")):
        read = source(tmp_path / name)[0]
        read.dropna(axis="columns").to_csv(tmp_path / name, index=False)
        pd.testing.assert_frame_equal(source(tmp_path / name)[0], read)


def test_sessions(tmp_path):
    """Sessions in one's own format: arrival, departure, energy, power and states of charge."""
    text = "arrival,departure,energy_kwh,power_kw,soc_arrival,soc_departure,battery_kwh\n"
    text += "2023-04-03 10:00:00,2023-04-03 10:45:00,20.5,50,0.3,0.62,60\n"
    text += "2023-04-03 11:00:00,2023-04-03 12:00:00,30,60,0.2,0.6,70\n"
    (tmp_path / "a.csv").write_text(text)
    read = read_session_file(tmp_path / "a.csv").table
    back = read.assign(departure=read["arrival"] + pd.to_timedelta(read["stay_min"], unit="min")).drop(
        columns="stay_min"
    )
    back.to_csv(tmp_path / "b.csv", index=False, date_format="%Y-%m-%d %H:%M:%S")
    pd.testing.assert_frame_equal(read_session_file(tmp_path / "b.csv").table, read)
