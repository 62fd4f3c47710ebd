"""Trips that go on after charging, and traffic that is not electric: by hand, against the specification, and on the base case."""

from dataclasses import replace

import numpy as np
import pytest

from evlib import InputError, build_network, load_scenario, load_traffic
from evlib.assignment.dynamic_equilibrium import equilibrium
from evlib.assignment.gaps import gaps
from evlib.assignment.marginal_costs import path_tolls
from evlib.assignment.path_costs import time_costs
from evlib.assignment.route_choice import shortest_path_departures
from evlib.coordination.problem import CoupledProblem
from evlib.inputs.build_roads import everyday_traffic, origin_demand
from evlib.traffic import impedance
from evlib.traffic.network import Background, assemble_network
from evlib.traffic.path_times import travel_times
from evlib.traffic.time_grid import TimeGrid

ROADS = [(1, 2, 4.0, 240.0), (2, 3, 6.0, 120.0), (2, 4, 5.0, 120.0), (3, 5, 4.0, 90.0), (4, 5, 3.0, 150.0)]


@pytest.fixture
def through():
    """Home 1, stations at 3 and 4, work at 5; cars stay 20 minutes, vans 35."""

    def build(delay=impedance.smooth_queue, plugs=25, steps=24, onward=True, step_s=30):
        time = TimeGrid(5.0, steps, round(300 / step_s), 7)
        ends = {"work": 5} if onward else None
        stations = {"c": (3, plugs), "d": (4, plugs)}
        stays = {"car": 4, "van": 7}
        return assemble_network(ROADS, {"home": 1}, stations, stays, time, delay_function=delay, destinations=ends)

    return build


def peak(network, seed=0, scale=3.0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.3, 1.0, (len(network.paths), len(network.classes), network.time.n_departure_steps)) * scale


def test_who_charged_drives_on_after_the_stay(through):
    """What enters the road behind a station is what was plugged in a stay earlier, class by class, to the last digit."""
    network = through(plugs=10)
    loading = load_traffic(network, peak(network))
    for c, road in enumerate(("3-5", "4-5")):
        entered = loading.entered_veh[network.arc_name.index(road)]
        for m, stay in enumerate((4, 7)):
            later = 10 * stay
            plugged = loading.plugged_veh[c, m]
            assert entered[m, later:] == pytest.approx(plugged[: len(plugged) - later], abs=1e-12)
            assert not entered[m, :later].any()
    total = loading.departures_veh.sum()
    assert loading.queue_veh.max() > 1
    assert loading.left_veh[[network.arc_name.index(name) for name in ("3-5", "4-5")], :, -1].sum() == pytest.approx(
        total
    )


def test_roads_behind_stations_change_nothing_before_them(through):
    """Up to the plugs the loading is that of trips that end there; only the way home takes time as well."""
    short, long = through(onward=False), through()
    flows = peak(long)
    ends, goes = load_traffic(short, flows), load_traffic(long, flows)
    n = len(ends.time_min)
    assert goes.plugged_veh[:, :, :n] == pytest.approx(ends.plugged_veh, abs=1e-9)
    before, after = travel_times(ends), travel_times(goes)
    assert after.road_min == pytest.approx(before.road_min, abs=1e-9)
    assert not before.onward_min.any()
    assert after.onward_min.min() >= 3.0


def test_the_way_on_by_hand(through):
    """Point queues, few vehicles, plugs enough: 4 + 6 minutes there, 4 on from c; 4 + 5 and 3 by d. 30 CNY an hour."""
    network = through(delay=impedance.point_queue, plugs=100)
    flows = np.full((2, 2, 8), 0.01)
    for signal in ("experienced", "instantaneous"):
        times = travel_times(load_traffic(network, flows), signal)
        assert times.road_min == pytest.approx(np.array([[10.0], [9.0]]) * np.ones((1, 8)), abs=1e-6)
        assert times.onward_min == pytest.approx(np.array([4.0, 3.0])[:, None, None] * np.ones((2, 2, 8)), abs=1e-6)
        cost = time_costs(times, [30.0, 60.0], [45.0, 90.0])
        assert cost[:, :, 0] == pytest.approx(np.array([[7.0, 14.0], [6.0, 12.0]]), abs=1e-6)
    assert network.path_free_flow_min == pytest.approx([14.0, 12.0])
    assert network.path_label(0) == "c: 1-2-3, 3-5"


@pytest.mark.parametrize("delay", [impedance.smooth_queue, impedance.point_queue, impedance.affine])
@pytest.mark.parametrize("seed", range(3))
def test_compiled_loading_equals_the_specification_with_both(through, delay, seed):
    """Long queues at few plugs, onward trips and background on three ways: the same to the bit, ring buffer enlarged."""
    network = through(delay=delay, plugs=12, steps=48)
    rng = np.random.default_rng(seed)
    roads = {name: arc for arc, name in enumerate(network.arc_name)}
    ways = tuple(tuple(roads[name] for name in way) for way in (("1-2", "2-3"), ("2-4", "4-5"), ("3-5",)))
    network = replace(network, background=Background(ways, rng.uniform(0, 6, (3, 48))))
    flows = peak(network, seed)
    ours, spec = (load_traffic(network, flows, kernel=kernel) for kernel in ("compiled", "numpy"))
    assert ours.queue_veh.max() > 5
    for name in ("entered_veh", "left_veh", "exit_min", "plugged_veh", "background_entered_veh", "background_left_veh"):
        assert np.array_equal(getattr(ours, name), getattr(spec, name)), name


def test_a_background_vehicle_takes_the_room_of_an_electric_one(through):
    """The same flow on road 1-2, once as cars to c, once as background that ends there: exit times are the same."""
    network = through(onward=False)
    flows = peak(network)
    road = network.arc_name.index("1-2")
    cars = flows.copy()
    cars[0, 0] += 5.0
    more = np.zeros((1, 24))
    more[0, :8] = 5.0
    both = load_traffic(network, cars)
    mixed = load_traffic(replace(network, background=Background(((road,),), more)), flows)
    n = min(len(both.time_min), len(mixed.time_min))
    assert mixed.exit_min[road, :n] == pytest.approx(both.exit_min[road, :n], abs=1e-9)
    assert mixed.all_entered_veh[road, :n] == pytest.approx(both.all_entered_veh[road, :n], abs=1e-9)
    assert mixed.background_left_veh[road, -1] == pytest.approx(40.0)
    assert mixed.entered_veh[road, :, -1].sum() == pytest.approx(flows.sum())


def test_tolls_of_the_way_on_and_beside_background_are_finite_differences():
    """A wide road to a wide station, a narrow one on: own cost plus toll is the derivative of everybody's cost, with a part
    of the narrow road taken by others whose time counts for nothing."""
    time = TimeGrid(5.0, 36, 10, 35)
    roads = [(1, 2, 4.0, 16000.0), (2, 3, 5.0, 160.0)]
    network = assemble_network(roads, {"o": 1}, {"c": (2, 1e6)}, {"car": 5}, time, destinations={"d": 3})
    network = replace(network, background=Background(((2,),), np.full((1, 36), 40.0 / 12)))
    flows = np.zeros((1, 1, 36))
    flows[0, 0, :12] = [6, 8, 10, 14, 16, 15, 13, 12, 9, 6, 4, 2]
    values = np.array([30.0]), np.array([45.0])

    def total(flows):
        return float((flows * time_costs(travel_times(load_traffic(network, flows)), *values)).sum())

    loading = load_traffic(network, flows)
    told = time_costs(travel_times(loading), *values) + path_tolls(loading, *values, "experienced")
    for k in (1, 4, 8, 10):
        up, down = flows.copy(), flows.copy()
        up[0, 0, k] += 1e-3
        down[0, 0, k] -= 1e-3
        assert told[0, 0, k] == pytest.approx((total(up) - total(down)) / 2e-3, rel=0.05)


@pytest.fixture(scope="module")
def home():
    """The base case with trips that go on to nodes 2 and 3, half each."""
    return load_scenario("nguyen").replace({}, trip_end="destination")


def test_trips_of_the_base_case_go_on_where_roads_lead(home):
    """Node 3 cannot be reached from c1, nor node 2 from c2: nobody with that destination has a path there."""
    network = build_network(home)
    assert network.origins == ("o1 to d2", "o1 to d3", "o4 to d2", "o4 to d3")
    pairs = {(network.origins[path.origin], network.stations[path.station]) for path in network.paths}
    assert ("o1 to d3", "c1") not in pairs
    assert ("o4 to d2", "c2") not in pairs
    assert len(pairs) == 10
    assert origin_demand(home).sum(axis=(1, 2)) == pytest.approx([300.0] * 4)
    ends = {network.arc_head[path.onward[-1]] for path in network.paths}
    assert ends == {"2", "3"}


@pytest.mark.verify
def test_drivers_who_go_on_settle_too(home):
    """Prices at the tariff, roads and plugs of the base case: the excess falls to a twentieth of the start's."""
    problem = CoupledProblem.of(home, "smart", "user")
    V = problem.electricity(np.tile(problem.case.import_price_cny_kwh, (len(problem.case.load_kw), 1)))
    start = shortest_path_departures(problem.network, problem.demand_veh)
    found = equilibrium(problem.traffic, V, start, n_steps=20, every=10)
    assert found.gaps.excess_cny_veh < 0.05 * found.table["excess_cny_veh"].iloc[0]
    assert set(found.gaps.excess_cny_veh_by_origin) == set(problem.network.origins)


def test_background_of_the_base_case_drives_between_the_classic_pairs():
    """600 trips an hour by the proportions 400/800/600/200; with capacity for both, electric vehicles are slower than alone."""
    base = load_scenario("nguyen").replace({"roads.capacity_veh_h": 350.0})
    busy = base.replace({"roads.background_veh_h": 600.0})
    ways, veh_h = everyday_traffic(busy)
    tail, head = busy.tables.link_tail, busy.tables.link_head
    by_pair = {}
    for way, flow in zip(ways, veh_h, strict=True):
        pair = int(tail[way[0]]), int(head[way[-1]])
        by_pair[pair] = by_pair.get(pair, 0.0) + flow
    assert by_pair == {
        (1, 2): pytest.approx(120),
        (1, 3): pytest.approx(240),
        (4, 2): pytest.approx(180),
        (4, 3): pytest.approx(60),
    }
    problems = [CoupledProblem.of(item, "smart", "user") for item in (base, busy)]
    both = [item.traffic.evaluate(shortest_path_departures(item.network, item.demand_veh)) for item in problems]
    alone, beside = (traffic.loading for traffic in both)
    assert beside.background_left_veh[:, -1] == pytest.approx(beside.background_entered_veh[:, -1])
    assert beside.background_entered_veh[: beside.network.n_entries].sum() == 0
    mean = [(run.departures_veh.sum(axis=1) * travel_times(run).road_min).sum() / 1200 for run in (alone, beside)]
    assert mean[1] > mean[0] + 0.2
    assert np.isfinite(gaps(both[1], np.zeros((4, 3, 97))).excess_cny_veh)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("mini", {"switches.trip_end": "destination"}, "destinations is empty; name at least one"),
        ("mini", {"roads.background_veh_h": 10.0}, "roads.background_veh_h: 10 without roads.od_file"),
        ("nguyen", {"roads.background_veh_h": -1.0}, "greater than or equal to 0"),
        ("nguyen", {"destinations.d2.share": 0.9}, "destinations' shares sum to 1.4; they must sum to 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(name, changes, message):
    with pytest.raises(InputError, match=message):
        build_network(load_scenario(name).replace(changes))


def test_roads_behind_a_station_must_join(through):
    network = through()
    broken = replace(network.paths[0], onward=(network.arc_name.index("4-5"),))
    with pytest.raises(InputError, match="is not connected behind its station"):
        load_traffic(replace(network, paths=(broken, network.paths[1])), np.ones((2, 2, 1)))
