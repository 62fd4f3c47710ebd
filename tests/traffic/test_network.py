"""Paths of the Nguyen network, the two layers, and networks that cannot be built."""

import networkx as nx
import numpy as np
import pytest

from evlib import InputError, build_network, load_scenario, load_traffic
from evlib.assignment.route_choice import nearest_paths
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid

TIME = TimeGrid(5.0, 24, 10, 20)


@pytest.fixture(scope="module")
def nguyen():
    return build_network(load_scenario("nguyen"))


def test_nguyen_has_the_eleven_paths_that_can_be_counted_on_the_map(nguyen):
    table = nguyen.path_table()
    count = table.groupby(["origin", "station"]).size().to_dict()
    assert count == {
        ("o1", "c1"): 3,
        ("o1", "c2"): 1,
        ("o1", "c3"): 1,
        ("o1", "c4"): 2,
        ("o4", "c1"): 1,
        ("o4", "c2"): 2,
        ("o4", "c4"): 1,
    }
    used = {arc for path in nguyen.paths for arc in path.arcs}
    assert nguyen.n_arcs - len(nguyen.origins) == 19
    assert sum(arc not in used for arc in range(len(nguyen.origins), nguyen.n_arcs)) == 8


def test_nearest_stations_are_c3_and_c4_as_the_article_says(nguyen):
    nearest = nearest_paths(nguyen)
    assert [nguyen.path_label(p) for p in nearest] == ["c3: 1-12", "c4: 4-5-6"]
    assert nguyen.path_free_flow_min[nearest] == pytest.approx([9.0, 12.0])


def test_shortest_path_agrees_with_dijkstra(nguyen):
    graph = nx.DiGraph()
    for arc in range(len(nguyen.origins), nguyen.n_arcs):
        graph.add_edge(nguyen.arc_tail[arc], nguyen.arc_head[arc], weight=nguyen.free_flow_min[arc])
    for p in nearest_paths(nguyen):
        path = nguyen.paths[p]
        length = min(
            nx.dijkstra_path_length(graph, str(path.nodes[0]), str(node))
            for node in nguyen.station_node
            if nx.has_path(graph, str(path.nodes[0]), str(node))
        )
        assert nguyen.path_free_flow_min[p] == pytest.approx(length)


def test_only_a_station_leads_to_the_charged_layer(nguyen):
    """Without service arcs nobody gets across: to charge exactly once is structural."""
    graph = nguyen.graph.copy()
    start, end = ("o1", "to charge"), (2, "charged")
    assert nx.has_path(graph, start, end)
    service = [(u, v, k) for u, v, k, kind in graph.edges(keys=True, data="kind") if kind == "service"]
    graph.remove_edges_from(service)
    assert not nx.has_path(graph, start, end)
    assert not any(tail[1] == "charged" and head[1] != "charged" for tail, head in nguyen.graph.edges())


def test_entry_capacity_is_that_of_the_roads_that_leave(nguyen):
    assert nguyen.capacity_veh_min[:2] * 60 == pytest.approx([300.0, 300.0])


@pytest.mark.parametrize(
    ("roads", "origins", "stations", "message"),
    [
        ([(1, 2, 3.0, -60.0)], {"o": 1}, {"c": (2, 5)}, "road 1-2: capacity -60"),
        ([(1, 2, 3.0, np.nan)], {"o": 1}, {"c": (2, 5)}, "capacity nan"),
        ([(1, 2, 0.0, 60.0)], {"o": 1}, {"c": (2, 5)}, "free-flow time 0.0 min"),
        ([(1, 2, 3.0, 60.0), (4, 3, 3.0, 60.0)], {"o": 1, "p": 3}, {"c": (2, 5)}, "origin p reaches no station"),
        ([(1, 2, 3.0, 60.0), (4, 3, 3.0, 60.0)], {"o": 1}, {"c": (2, 5), "d": (3, 5)}, "station d is reached from no"),
        ([(1, 2, 3.0, 60.0)], {"o": 1}, {"c": (2, 0)}, "0 plugs"),
        ([(1, 2, 3.0, 60.0)], {"o": 9}, {"c": (2, 5)}, "origin node 9 is on no road"),
    ],
)
def test_networks_that_cannot_be_built_are_refused(roads, origins, stations, message):
    with pytest.raises(InputError, match=message):
        assemble_network(roads, origins, stations, {"car": 6}, TIME)


def test_too_many_paths_to_enumerate_are_refused():
    nodes = range(1, 14)
    roads = [(a, b, 1.0, 60.0) for a in nodes for b in nodes if a != b]
    with pytest.raises(InputError, match="more than 5000 paths"):
        assemble_network(roads, {"o": 1}, {"c": (13, 5)}, {"car": 6}, TIME)


def test_parallel_roads_are_ways_of_their_own():
    """Two roads from a to b, one from b to c: two ways, named apart; the shortest takes the quicker."""
    roads = [("a", "b", 4.0, 60.0), ("a", "b", 3.0, 30.0), ("b", "c", 2.0, 60.0)]
    both, quickest = (
        assemble_network(roads, {"o": "a"}, {"s": ("c", 5)}, {"car": 2}, TimeGrid(5, 12, 10, 5), every_path=every)
        for every in (True, False)
    )
    assert both.arc_name == ("o", "a-b", "a-b (2)", "b-c")
    assert sorted(zip(both.path_free_flow_min, [path.arcs for path in both.paths], strict=True)) == [
        (5.0, (0, 2, 3)),
        (6.0, (0, 1, 3)),
    ]
    assert [path.arcs for path in quickest.paths] == [(0, 2, 3)]
    assert both.capacity_veh_min[0] == pytest.approx(1.5)


def test_an_origin_may_share_its_node_with_a_station():
    """Its vehicles drive on no road and plug in at once; those of the other origin drive three minutes."""
    network = assemble_network(
        [(1, 2, 3.0, 6000.0)], {"o": 1, "p": 2}, {"c": (2, 50)}, {"car": 6}, TimeGrid(5, 12, 10, 5)
    )
    assert network.path_free_flow_min.tolist() == [3.0, 0.0]
    departures = np.zeros((2, 1, 6))
    departures[:, 0, 0] = 5.0, 7.0
    loading = load_traffic(network, departures)
    assert loading.arrived_veh[0, 0, [5, 10, 17]] == pytest.approx([3.5, 7 + 5 * 0.4, 12.0], abs=0.01)
