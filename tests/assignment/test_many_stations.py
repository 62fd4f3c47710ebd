"""Drivers among many stations: searches against all simple paths, rents against a quadratic program, outside stations."""

from dataclasses import replace

import cvxpy as cp
import networkx as nx
import numpy as np
import pytest

from evlib import InputError, load_traffic
from evlib.assignment.dynamic_equilibrium import nearest_flows
from evlib.assignment.gaps import gaps
from evlib.assignment.many_stations.choice_sets import at_stations, least_outside, with_appended, worth_adding
from evlib.assignment.many_stations.earliest_arrival import RoadSearch
from evlib.assignment.many_stations.plug_limits import DriversChoice, PathsByOrigin, choose, hessian_times, project
from evlib.assignment.many_stations.within_plugs import rents_within_plugs
from evlib.assignment.path_costs import Drivers
from evlib.assignment.traffic_problem import TrafficProblem
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid

CLOCK = TimeGrid(5.0, 24, 10, 11)
CLASSES = {"car": 6, "van": 4}


def street_grid(side, *, plugs=30.0, nearest=None, seed=0):
    """Two-way streets with random times and little capacity; two origins, three stations."""
    rng, roads = np.random.default_rng(seed), []
    for x in range(side):
        for y in range(side):
            for to_x, to_y in ((x + 1, y), (x, y + 1)):
                if to_x < side and to_y < side:
                    here, there = 100 * x + y + 1, 100 * to_x + to_y + 1
                    roads += [(a, b, rng.uniform(0.3, 4.0), 60.0) for a, b in ((here, there), (there, here))]
    last = side - 1
    stations = {"a": (100 * last + 1, plugs), "b": (100 * last + side, plugs), "c": (101, plugs)}
    origins = {"o1": 1, "o2": side}
    return assemble_network(roads, origins, stations, CLASSES, CLOCK, every_path=False, nearest_stations=nearest)


def crowd(network, vehicles=120.0):
    """Departures that fill the streets, evenly over the paths."""
    n = len(network.paths)
    return np.full((n, 2, CLOCK.n_departure_steps), vehicles / (2 * n * CLOCK.n_departure_steps))


def problem_of(network, objective="system", vehicles=120.0):
    departures = crowd(network, vehicles)
    demand = np.array([departures[network.path_origin == o].sum(axis=0) for o in range(len(network.origins))])
    drivers = Drivers(np.array([30.0, 50.0]), np.array([45.0, 75.0]))
    return TrafficProblem(network, demand, np.zeros_like(departures), drivers, objective)


def test_a_search_finds_the_earliest_of_all_simple_paths():
    """Through a congested loading; and, as nobody overtakes, a later departure never arrives earlier."""
    network = street_grid(3)
    loading = load_traffic(network, crowd(network, 300.0))
    search, depart = RoadSearch.of(network), np.linspace(0.0, 130.0, 14)
    arrival = search.arrivals(loading, depart)
    graph = nx.MultiDiGraph()
    for arc in range(network.n_entries, network.n_arcs):
        graph.add_edge(network.arc_tail[arc], network.arc_head[arc], arc)

    def out(arc, now):
        late = now > loading.time_min[-1]
        return now + network.free_flow_min[arc] if late else np.interp(now, loading.time_min, loading.exit_min[arc])

    slower = 0
    for o, entry in enumerate(network.origin_entry):
        for c, node in enumerate(network.station_node):
            ways = [
                [entry, *(edge[2] for edge in way)]
                for way in nx.all_simple_edge_paths(graph, network.arc_head[entry], str(node))
            ]
            for k, start in enumerate(depart):
                ends = []
                for way in ways:
                    now = start
                    for arc in way:
                        now = out(arc, now)
                    ends.append(now)
                assert arrival[o, k, c] == pytest.approx(min(ends), abs=1e-9)
                slower += min(ends) - start > network.free_flow_min[list(ways[int(np.argmin(ends))])].sum() + 0.5
    assert slower > 10  # the streets are full enough for time to matter
    assert (np.diff(arrival, axis=1) >= 0).all()
    path = search.ways(loading, [depart[3]], [1], [0])[0]
    now = depart[3]
    for arc in path.arcs:
        now = out(arc, now)
    assert now == pytest.approx(arrival[1, 3, 0], abs=1e-9)


def test_a_station_that_no_way_leads_to_stays_out_of_reach_between_searched_departures():
    """From o1 only a can be reached, also at departures whose arrivals are taken from their neighbours'."""
    roads = [(1, 2, 2.0, 600.0), (3, 2, 2.0, 600.0), (3, 4, 1.0, 600.0)]
    stations = {"a": (2, 500.0), "b": (4, 500.0)}
    network = assemble_network(roads, {"o1": 1, "o2": 3}, stations, CLASSES, CLOCK)
    traffic = problem_of(network, "user", 12.0).evaluate(crowd(network, 12.0))
    with np.errstate(invalid="raise"):
        outside = least_outside(
            RoadSearch.of(network), traffic, [30.0, 50.0], np.zeros((2, 2, CLOCK.n_steps + 1)), every=4
        )
    assert len(outside.searched) < CLOCK.n_departure_steps
    assert (outside.station[0] == 0).all()
    assert (outside.station[1] == 1).all()
    assert np.isfinite(outside.least_cny).all()


def test_a_station_outside_the_choice_is_seen_where_it_is_cheaper():
    """Drivers know the nearest station only. Electricity there costs 4 CNY more: the next one is worth driving to."""
    network = street_grid(3, nearest=1, plugs=500.0)
    assert len(network.paths) == 2
    problem = problem_of(network, "user", vehicles=20.0)
    traffic = problem.evaluate(crowd(network, 20.0))
    dear = np.zeros((3, 2, CLOCK.n_steps + 1))
    dear[np.unique(network.path_station)] = 4.0
    search, vot = RoadSearch.of(network), problem.drivers.vot_cny_h
    paid = at_stations(traffic, dear, None, problem.drivers.queue_cny_h)
    outside = least_outside(search, traffic, vot, paid)
    cost = traffic.costs(dear)
    assert gaps(traffic, dear).excess_cny_veh == pytest.approx(0.0, abs=1e-12)  # no other path is known
    bound = outside.excess_cny_veh(traffic, cost)
    minutes = search.arrivals(traffic.loading, outside.depart_min) - outside.depart_min[:, None]
    other = np.setdiff1d(np.arange(3), network.path_station)
    for o, own in enumerate(network.path_station):
        saved = 4.0 + vot[0] / 60.0 * (minutes[o, :, own] - minutes[o][:, other].min(axis=1))
        assert outside.least_cny[o, 0] == pytest.approx(cost[o, 0] - np.maximum(saved, 0.0), abs=0.05)
    added = worth_adding(search, traffic, outside, cost)
    assert {path.station for path in added} <= set(other.tolist())
    wider = with_appended(problem, added)
    flows = np.pad(crowd(network, 20.0), ((0, len(added)), (0, 0), (0, 0)))
    measured = gaps(wider.evaluate(flows), dear).excess_cny_veh
    assert measured == pytest.approx(bound, rel=0.02)
    assert measured > 0.5
    wider_traffic = wider.evaluate(flows)
    again = least_outside(search, wider_traffic, vot, at_stations(wider_traffic, dear, None, [45.0, 75.0]))
    assert worth_adding(search, wider_traffic, again, wider_traffic.costs(dear)) == []


@pytest.fixture(scope="module")
def choice():
    """Three stations with few plugs: without rents more would be held than there are."""
    network = street_grid(3, plugs=14.0)
    problem = problem_of(network, vehicles=90.0)
    flows = crowd(network, 90.0)
    traffic = problem.evaluate(flows)
    return DriversChoice(
        network=network,
        groups=PathsByOrigin.of(network.path_origin, 2),
        demand_veh=problem.demand_veh,
        fixed_veh=problem.fixed_veh,
        present_veh=flows,
        cost_cny=traffic.time_cny - traffic.stations.waiting_cny,
        metric_cny_veh2=3.0 / problem.demand_veh[network.path_origin],
        arrival_shares=traffic.stations.arrival_shares,
        queue_cny_h=problem.drivers.queue_cny_h,
        plugs=network.plugs,
    )


def test_rents_make_drivers_choose_what_a_quadratic_program_with_plugs_would(choice):
    """Flows and duals of the same program in CVXPY, where waiting does not pay."""
    network, n_steps = choice.network, CLOCK.n_steps
    free = choose(choice, np.zeros((3, n_steps)))
    assert free.plugs.max() > 1.2 * 14.0
    settled = rents_within_plugs(choice, np.zeros((3, n_steps)), 1e-7, 60)
    assert settled.unsettled_cny < 1e-6
    shape = choice.cost_cny.shape
    flows = cp.Variable(choice.cost_cny.size, nonneg=True)
    held = np.zeros((3 * n_steps, choice.cost_cny.size))
    dense = choice.arrival_shares.dense
    for p, m, k in np.ndindex(shape):
        for arrival in range(n_steps):
            for step in range(arrival, min(arrival + network.stay_steps[m], n_steps)):
                column = np.ravel_multi_index((p, m, k), shape)
                held[network.path_station[p] * n_steps + step, column] += dense[p, k, arrival]
    by_origin = np.array([network.path_origin == o for o in range(2)], dtype=float)
    adds = np.kron(by_origin, np.eye(shape[1] * shape[2]))
    move = cp.multiply(np.sqrt(choice.metric_cny_veh2.ravel()), flows - choice.present_veh.ravel())
    within = held @ flows <= 14.0
    cost = choice.cost_cny.ravel() @ flows + cp.sum_squares(move) / 2
    program = cp.Problem(cp.Minimize(cost), [adds @ flows == choice.demand_veh.ravel(), within])
    program.solve(solver=cp.CLARABEL)
    assert settled.held.value_cny == pytest.approx(program.value, rel=1e-6)
    assert settled.held.flows_veh.ravel() == pytest.approx(flows.value, abs=1e-4)
    assert (settled.held.begin == np.arange(n_steps)).all()  # nobody waits
    assert settled.held.plugs.max() <= 14.0 + 1e-6


def test_held_plugs_fall_with_rents_as_the_derivative_says(choice):
    rng = np.random.default_rng(3)
    rent = rng.uniform(0.0, 0.05, (3, CLOCK.n_steps))
    direction = rng.normal(size=rent.shape)
    step = 1e-6
    up, down = (choose(choice, rent + sign * step * direction).plugs for sign in (1, -1))
    exact = hessian_times(choice, choose(choice, rent), direction)
    assert (down - up) / (2 * step) == pytest.approx(exact, abs=1e-4 * np.abs(exact).max())


def test_the_compiled_projection_is_the_projection():
    rng = np.random.default_rng(0)
    origin = np.array([0, 1, 0, 1, 1, 0])
    demand = rng.uniform(0.0, 2.0, (2, 3, 5))
    demand[0, 0, 0] = 0.0
    wanted = rng.normal(size=(6, 3, 5)) * 2
    compiled = project(wanted, demand, PathsByOrigin.of(origin, 2))
    assert compiled == pytest.approx(nearest_flows(wanted, demand, origin), abs=1e-12)


def test_a_station_that_no_way_reaches_is_named():
    network = street_grid(3)
    alone = replace(network, station_node=(network.station_node[0], 999, network.station_node[2]))
    loading = load_traffic(network, crowd(network))
    search = RoadSearch.of(alone)
    assert np.isinf(search.arrivals(loading, [0.0])[:, 0, 1]).all()
    with pytest.raises(InputError, match="no way leads from origin o2 to station b; add a road"):
        search.ways(loading, [0.0], [1], [1])
