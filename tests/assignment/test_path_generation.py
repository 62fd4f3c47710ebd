"""Generated paths against all paths where these can be named, against networkx, and on a network where they cannot."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from evlib import InputError, build_network, load_scenario, load_traffic
from evlib.assignment.dynamic_equilibrium import equilibrium
from evlib.assignment.gaps import gaps
from evlib.assignment.path_generation import generate_paths, quickest_paths
from evlib.assignment.route_choice import shortest_path_departures
from evlib.coordination.coordinate import coordinate
from evlib.coordination.problem import CoupledProblem
from evlib.inputs.build_roads import origin_demand
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid


def at_tariff(problem):
    return problem.electricity(np.tile(problem.case.import_price_cny_kwh, (len(problem.case.load_kw), 1)))


def city(side, clock, capacity_veh_h=60.0):
    """A grid of two-way streets of 2 and 3 minutes: origins in two corners, stations at two others."""
    roads = []
    for x in range(side):
        for y in range(side):
            here = 100 * x + y + 1
            if x + 1 < side:
                roads += [(here, here + 100, 2.0 + (y % 2), capacity_veh_h), (here + 100, here, 2.0, capacity_veh_h)]
            if y + 1 < side:
                roads += [(here, here + 1, 2.0 + (x % 2), capacity_veh_h), (here + 1, here, 2.0, capacity_veh_h)]
    last = side - 1
    origins, stations = {"o1": 1, "o2": last + 1}, {"a": (100 * last + 1, 30), "b": (100 * last + side, 30)}
    return assemble_network(roads, origins, stations, {"car": 8, "van": 6}, clock, every_path=False)


@pytest.mark.verify
@pytest.mark.parametrize("signal", ["experienced", "instantaneous"])
def test_the_generated_equilibrium_is_that_of_all_paths(signal):
    """Nguyen with few plugs scarce: from one path a station the search finds what drivers need of the eleven, and the gap
    over all eleven is as small as when all were there from the start."""
    scenario = load_scenario("nguyen").replace({"stations.*.plugs": 2000.0}, signal=signal)
    every = CoupledProblem.of(scenario, "smart", "user")
    first = CoupledProblem.of(scenario.replace({}, path_set="generated"), "smart", "user")
    assert (len(every.network.paths), len(first.network.paths)) == (11, 7)
    found = generate_paths(first.traffic, lambda traffic: at_tariff(first.with_traffic(traffic)), n_steps=50)
    known = set(every.network.paths)
    assert set(found.problem.network.paths) <= known
    assert found.table["n_new"].iloc[-1] == 0
    flows = np.zeros((11, *found.flows_veh.shape[1:]))
    for path, row in zip(found.problem.network.paths, found.flows_veh, strict=True):
        flows[every.network.paths.index(path)] = row
    start = shortest_path_departures(every.network, every.demand_veh)
    whole = equilibrium(every.traffic, at_tariff(every), start, n_steps=100)
    own = gaps(every.traffic.evaluate(flows), at_tariff(every))
    assert own.relative_gap == pytest.approx(found.gaps.relative_gap, abs=2e-3)
    assert own.relative_gap < 1e-2
    mean = [(f * every.traffic.evaluate(f).time_cny).sum() / 1200 for f in (flows, whole.flows_veh)]
    assert mean[0] == pytest.approx(mean[1], rel=5e-3)


def test_on_an_empty_network_the_quickest_path_is_that_of_networkx():
    network = city(5, TimeGrid(5.0, 24, 10, 2))
    loading = load_traffic(network, np.zeros((len(network.paths), 2, 3)))
    graph = nx.DiGraph()
    for arc in range(2, network.n_arcs):
        graph.add_edge(network.arc_tail[arc], network.arc_head[arc], minutes=network.free_flow_min[arc])
    found = quickest_paths(loading)
    assert len(found) == 4
    for path in found:
        source, target = network.arc_head[path.origin], str(network.station_node[path.station])
        best = nx.shortest_path_length(graph, source, target, "minutes")
        assert network.free_flow_min[list(path.arcs)].sum() == pytest.approx(best)
        assert [int(network.arc_head[arc]) for arc in path.arcs] == list(path.nodes)


def test_behind_the_station_the_search_goes_on_to_the_destination():
    """On empty roads both parts are the quickest of networkx, for every pair of origin and destination and every station."""
    plain = city(4, TimeGrid(5.0, 24, 10, 2))
    roads = [
        (int(plain.arc_tail[arc]), int(plain.arc_head[arc]), plain.free_flow_min[arc], 60.0)
        for arc in range(2, plain.n_arcs)
    ]
    stations = {"a": (301, 30), "b": (304, 30)}
    network = assemble_network(
        roads, {"o1": 1, "o2": 4}, stations, {"car": 3}, plain.time, every_path=False, destinations={"x": 203, "y": 301}
    )
    graph = nx.DiGraph()
    graph.add_weighted_edges_from((str(tail), str(head), minutes) for tail, head, minutes, _ in roads)
    found = quickest_paths(load_traffic(network, np.zeros((len(network.paths), 1, 3))))
    assert {(path.origin, path.station) for path in found} == {(o, c) for o in range(4) for c in range(2)}
    for path in found:
        start, site, end = ("1", "4")[path.origin // 2], ("301", "304")[path.station], ("203", "301")[path.origin % 2]
        best = [nx.shortest_path_length(graph, *pair, "weight") for pair in ((start, site), (site, end))]
        parts = [network.free_flow_min[list(part)].sum() for part in (path.arcs, path.onward)]
        assert parts == pytest.approx(best)


def test_generated_paths_that_go_on_are_among_all_paths():
    """Nguyen with destinations: what the search finds after the nearest stations are full is among the 28 paths of all."""
    home = load_scenario("nguyen").replace({}, trip_end="destination")
    every, first = build_network(home), build_network(home.replace({}, path_set="generated"))
    assert (len(every.paths), len(first.paths)) == (28, 10)
    loading = load_traffic(first, shortest_path_departures(first, origin_demand(home)))
    found = {*first.paths, *quickest_paths(loading)}
    assert found <= set(every.paths)
    assert len(found) > len(first.paths)


def test_the_search_goes_around_a_queue_that_will_be_there():
    """Two ways of 4 and 5 minutes; the first's second road has a queue of some minutes when the vehicle gets there, though
    none at departure: told at departure the first is quicker, met on the way the second."""
    roads = [(1, 2, 2.0, 600.0), (2, 4, 2.0, 30.0), (1, 3, 2.5, 600.0), (3, 4, 2.5, 600.0), (5, 2, 1.0, 600.0)]
    network = assemble_network(
        roads, {"o": 1, "p": 5}, {"c": (4, 1e6)}, {"car": 2}, TimeGrid(5.0, 24, 20, 1), every_path=True
    )
    departures = np.zeros((len(network.paths), 1, 2))
    through = [p for p, path in enumerate(network.paths) if network.origins[path.origin] == "p"]
    departures[through, 0, 0] = 20.0  # 20 vehicles in 5 minutes for a road that passes 2.5
    loading = load_traffic(network, departures)
    ways = {
        signal: {path.nodes for path in quickest_paths(loading, signal) if path.origin == 0}
        for signal in ("experienced", "instantaneous")
    }
    assert ways["experienced"] == {(1, 3, 4)}
    assert (1, 3, 4) in ways["instantaneous"]


@pytest.mark.parametrize(
    ("side", "n_steps", "rounds"), [(7, 20, 6), pytest.param(10, 40, 12, marks=pytest.mark.verify)], ids=["49", "100"]
)
def test_a_city_too_large_to_enumerate_settles(still, side, n_steps, rounds):
    """49 or a hundred crossings, so many simple paths that none would list them: the set stays small and the gap over all
    paths falls below two in a hundred."""
    problem = CoupledProblem.of(still.replace({"fleet.vehicles": 160.0}), "smart", "user")
    network = city(side, problem.network.time)
    nobody = np.zeros((len(network.paths), 2, 15))
    roads = replace(problem.traffic, network=network, fixed_veh=nobody)
    found = generate_paths(roads, at_tariff(problem), n_steps=n_steps, rounds=rounds)
    assert len(network.paths) == 4 < len(found.problem.network.paths) < 200
    assert found.gaps.relative_gap < 0.02 < found.table["relative_gap"].iloc[0]
    assert found.flows_veh.sum() == pytest.approx(160.0)


@pytest.mark.verify
def test_coordination_on_generated_paths_says_what_they_miss(mini):
    few = {"coordination.iterations": 4, "coordination.exact_iterations": 4}
    every = coordinate(mini.replace(few), objective="user")
    found = coordinate(mini.replace(few, path_set="generated"), objective="user")
    assert found.certificate.paths_missing == 0
    assert found.certificate.excess_over_all_paths_cny_veh == pytest.approx(found.certificate.excess_cny_veh)
    assert every.certificate.paths_missing is None
    by_station = [[run.flows_veh[run.network.path_station == c].sum() for c in range(2)] for run in (every, found)]
    assert by_station[0] == pytest.approx(by_station[1], abs=2.0)


def test_too_many_paths_are_refused_with_the_way_out():
    clock = TimeGrid(5.0, 24, 10, 2)
    network = city(7, clock)
    roads = [
        (int(network.arc_tail[a]), int(network.arc_head[a]), network.free_flow_min[a], 60.0)
        for a in range(2, network.n_arcs)
    ]
    with pytest.raises(InputError, match=r"more than 5000 paths; too many to enumerate, set switches\.path_set"):
        assemble_network(roads, {"o1": 1}, {"a": (607, 30)}, {"car": 8}, clock)


def test_no_round_at_all_is_refused(mini):
    problem = CoupledProblem.of(mini, "smart", "user")
    with pytest.raises(InputError, match="rounds 0; must be at least 1"):
        generate_paths(problem.traffic, at_tariff(problem), rounds=0)
