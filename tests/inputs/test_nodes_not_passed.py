"""Zones before the first through node of a TNTP file: trips begin and end there, and no search leads a path through one."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_feeders_of_others import GRID

from evlib import InputError, build_network, load_scenario, load_traffic
from evlib.__main__ import main
from evlib.assignment.many_stations.earliest_arrival import RoadSearch
from evlib.assignment.path_generation import quickest_paths
from evlib.assignment.shortest_paths import Roads, cheapest_paths
from evlib.folders import ROOT
from evlib.inputs.new_case.matching import connected_part
from evlib.inputs.new_case.sources import road_source
from evlib.inputs.roads.tntp_roads import read_tntp_roads
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid

SHARED = Path(os.environ.get("EVLIB_SHARED", ROOT.parent / "shared")) / "data"
# Zones 1, 2 and 3 join each other in 1 min a road; around zone 2 leads node 4, in 9 min a road.
NET = """<NUMBER OF ZONES> 3
<NUMBER OF NODES> 4
<FIRST THRU NODE> 4
<NUMBER OF LINKS> 8
<AUTHOR> a hand
<END OF METADATA>
~ init_node term_node capacity length free_flow_time b power speed toll link_type ;
1 2 1000 1 1 0.15 4 0 0 1 ;
2 3 1000 1 1 0.15 4 0 0 1 ;
3 2 1000 1 1 0.15 4 0 0 1 ;
2 1 1000 1 1 0.15 4 0 0 1 ;
1 4 1000 9 9 0.15 4 0 0 1 ;
4 3 1000 9 9 0.15 4 0 0 1 ;
3 4 1000 9 9 0.15 4 0 0 1 ;
4 1 1000 9 9 0.15 4 0 0 1 ;
"""
CLOCK = TimeGrid(5.0, 24, 10, 11)


def four_nodes(ends_only=(1, 2, 3), every_path=True, **more):
    ways = [(1, 2, 1), (2, 3, 1), (3, 2, 1), (2, 1, 1), (1, 4, 9), (4, 3, 9), (3, 4, 9), (4, 1, 9)]
    roads = [(tail, head, float(minutes), 1000.0) for tail, head, minutes in ways]
    ends = {"origins": {"o": 1}, "stations": {"s": (3, 5)}, "stay_steps": {"car": 6}} | more
    return assemble_network(roads, time=CLOCK, every_path=every_path, ends_only=ends_only, **ends)


def nodes_of(paths):
    return {path.nodes for path in paths}


@pytest.mark.parametrize("every_path", [True, False])
def test_no_listed_path_leads_through_a_zone(every_path):
    """1-4-3 takes 18 min; without the rule 1-2-3 in 2 min is there, too."""
    assert nodes_of(four_nodes(every_path=every_path).paths) == {(1, 4, 3)}
    assert (1, 2, 3) in nodes_of(four_nodes((), every_path).paths)


@pytest.mark.parametrize("signal", ["experienced", "instantaneous"])
def test_no_search_through_a_loading_leads_through_a_zone(signal):
    """Neither the generated paths nor the search among many stations; both find 1-2-3 without the rule."""
    for ends_only, way, minutes in (((1, 2, 3), (1, 4, 3), 18.0), ((), (1, 2, 3), 2.0)):
        network = four_nodes(ends_only, every_path=False)
        loading = load_traffic(network, np.zeros((1, 1, CLOCK.n_departure_steps)))
        assert nodes_of(quickest_paths(loading, signal)) == {way}
        search = RoadSearch.of(network)
        assert search.arrivals(loading, [10.0])[0, 0, 0] == pytest.approx(10.0 + minutes)
        assert search.ways(loading, [10.0], [0], [0])[0].nodes == way


@pytest.mark.parametrize("signal", ["experienced", "instantaneous"])
def test_no_search_behind_a_station_leads_through_a_zone(signal):
    """From a station in zone 1 on to zone 3 by 1-4-3, from one in zone 2 by 2-3: a zone is left where the way begins."""
    for closed, station, way in (((1, 2, 3), 1, ["1-4", "4-3"]), ((), 1, ["1-2", "2-3"]), ((1, 2, 3), 2, ["2-3"])):
        network = four_nodes(closed, every_path=False, stations={"s": (station, 5)}, destinations={"d": 3})
        paths = quickest_paths(load_traffic(network, np.zeros((1, 1, CLOCK.n_departure_steps))), signal)
        assert [[network.arc_name[road] for road in path.onward] for path in paths] == [way]


def test_trips_end_begin_and_go_on_at_zones():
    """To a station in zone 2, from it on to zone 3, and from a zone to a station in it: none of this passes a zone."""
    at_2 = four_nodes(stations={"s": (2, 5)}, destinations={"d": 3})
    assert [path.nodes for path in at_2.paths] == [(1, 2)]  # not by 1-4-3-2, which passes zone 3
    assert [at_2.arc_name[road] for road in at_2.paths[0].onward] == ["2-3"]
    assert nodes_of(four_nodes(stations={"s": (1, 5)}).paths) == {(1,)}


def test_a_station_that_only_a_way_through_a_zone_reaches_is_refused():
    with pytest.raises(
        InputError, match="origin o reaches no station without passing a node at which trips only begin"
    ):
        four_nodes((2, 4))


def test_the_part_that_is_connected_holds_zones_with_ways_of_their_own(tmp_path):
    """Zone 2 has roads to zones only, so nobody starts there; nodes 1, 3 and 4 reach each other."""
    (tmp_path / "a_net.tntp").write_text(NET)
    roads = read_tntp_roads(tmp_path / "a_net.tntp")
    assert roads.ends_only == ("1", "2", "3")
    assert connected_part(roads.links, roads.ends_only) == {"1", "3", "4"}
    ramps = pd.DataFrame({"from": ["z", "in", "a", "b", "b", "out"], "to": ["in", "a", "b", "a", "out", "z"]})
    assert connected_part(ramps, ("z",)) == {"a", "b", "z"}  # by nodes of one direction each
    with pytest.raises(InputError, match="no path may pass any node"):
        connected_part(roads.links, ("1", "2", "3", "4"))


def test_the_file_says_it_and_the_case_keeps_it(tmp_path, capsys):
    """From the file by `new` to the paths of the solved case: 18 min instead of 2; the tables and `check` say it."""
    text = NET.replace("<NUMBER OF ZONES> 3", "<NUMBER OF ZONES> 1")  # origins at zone 1 only
    (tmp_path / "a_net.tntp").write_text(text)
    (tmp_path / "a.grid.xml").write_text(GRID)
    (tmp_path / "st.csv").write_text("station,node,plugs\nA,3,20\n")
    folder = tmp_path / "case"
    files = {"--roads": "a_net.tntp", "--feeder": "a.grid.xml", "--stations": "st.csv"}
    command = ["new", str(folder), *(str(word) for key, name in files.items() for word in (key, tmp_path / name))]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "<FIRST THRU NODE> 4" in shown
    assert "<AUTHOR> a hand" in shown
    assert "at 3 nodes trips begin and end, but no path passes" in shown
    network = build_network(load_scenario(folder))
    assert [network.path_label(0), len(network.paths)] == ["A: 1-4-3", 1]
    assert network.path_free_flow_min.tolist() == [18.0]
    assert main(["check", str(folder)]) == 0
    assert "3 nodes that no path passes" in capsys.readouterr().out
    again = road_source(folder)
    assert again.ends_only == ("1", "2", "3")
    assert again.links["free_flow_min"].tolist() == [1, 1, 1, 1, 9, 9, 9, 9]
    nodes = folder / "nodes.csv"
    nodes.write_text("".join(line.replace("yes", "no") for line in nodes.open()))
    assert main(["check", str(folder)]) == 2
    assert "1 origins reach no station, so the case cannot be solved: o_1" in capsys.readouterr().err


def test_a_word_beside_yes_and_no_is_refused(tmp_path):
    (tmp_path / "links.csv").write_text("from,to,free_flow_min\na,b,1\nb,a,1\n")
    (tmp_path / "nodes.csv").write_text("node,x,y,through\na,0,0,no\nb,1,0,maybe\n")
    with pytest.raises(InputError, match=r"nodes\.csv: line 3: through = 'maybe'; must be yes or no"):
        road_source(tmp_path)


def test_paths_of_anaheim_are_the_cheapest_of_static_assignment():
    """All 38 zones to six of them: the times of another search, in which zones are split nodes."""
    file = SHARED / "tntp" / "Anaheim_net.tntp"
    if not file.is_file():
        pytest.skip("the TNTP collection is not here")
    read = read_tntp_roads(file, length_unit_km=0.0003048)
    links, zones, targets = read.links, [*map(int, read.zones)], [1, 5, 12, 20, 31, 38]
    tail, head = (links[name].astype(int).to_numpy() for name in ("from", "to"))
    roads = list(zip(tail.tolist(), head.tolist(), links["free_flow_min"], links["capacity_veh_h"], strict=True))
    origins = {f"o{zone}": zone for zone in zones}
    stations = {f"s{zone}": (zone, 5) for zone in targets}
    closed = [*map(int, read.ends_only)]
    assert closed == list(range(1, 39))
    network = assemble_network(roads, origins, stations, {"car": 6}, CLOCK, every_path=False, ends_only=closed)
    pairs = [(zones[path.origin], targets[path.station]) for path in network.paths]
    driven = [row for row, (one, two) in enumerate(pairs) if one != two]
    cost, _ = cheapest_paths(
        Roads(416, tail, head, len(closed) + 1),
        *np.array([pairs[row] for row in driven]).T,
        links["free_flow_min"].to_numpy(),
    )
    assert len(driven) == 38 * 6 - 6
    assert network.path_free_flow_min[driven] == pytest.approx(cost, rel=1e-12)
    assert not any(set(path.nodes[1:-1]) & set(closed) for path in network.paths)
