"""Roads shorter than a loading step: exact where the answer is known, and as a loading at 1-s steps where it is not."""

import os
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from evlib import load_traffic
from evlib.folders import ROOT
from evlib.inputs.new_case.matching import connected_part, spread
from evlib.inputs.new_case.synthetic_city import CitySize, synthetic_roads
from evlib.inputs.roads.v2sim_roads import read_v2sim_roads
from evlib.traffic.dynamic_loading.used_arcs import used_part
from evlib.traffic.impedance import affine, point_queue, smooth_queue
from evlib.traffic.network import assemble_network
from evlib.traffic.path_times import travel_times
from evlib.traffic.short_roads import find_short_roads
from evlib.traffic.time_grid import TimeGrid

KERNELS = ("compiled", "numpy")


def network_of(roads, origins, stations, *, step_s=30, delay=smooth_queue, steps=24, every_path=True):
    time = TimeGrid(5.0, steps, round(300 / step_s), steps - 1)
    return assemble_network(roads, origins, stations, {"car": 2}, time, delay_function=delay, every_path=every_path)


def same_curves(network, departures):
    one, other = (load_traffic(network, departures, kernel=kernel) for kernel in KERNELS)
    for name in ("entered_veh", "left_veh", "exit_min", "arrived_veh", "plugged_veh"):
        assert (getattr(one, name) == getattr(other, name)).all(), name
    assert (one.n_overtaking_guard, one.n_capacity_guard) == (other.n_overtaking_guard, other.n_capacity_guard)
    return one


def conserves(loading):
    """What leaves a road enters the next, nobody goes back in time, and no road lets out more than its capacity."""
    network = loading.network
    through, arrived = np.zeros_like(loading.left_veh[..., -1]), np.zeros_like(loading.arrived_veh[..., -1])
    for path, flows in zip(network.paths, loading.departures_veh.sum(axis=2), strict=True):
        through[list(path.arcs)] += flows
        arrived[path.station] += flows
    assert loading.left_veh[..., -1] == pytest.approx(through, abs=1e-8)
    assert loading.arrived_veh[..., -1] == pytest.approx(arrived, abs=1e-8)
    assert np.diff(loading.exit_min, axis=1).min() >= 0
    assert np.diff(loading.left_veh, axis=2).min() >= -1e-9
    flow = np.diff(loading.left_veh.sum(axis=1), axis=1) / network.time.loading_step_min
    road = slice(network.n_entries, None)
    assert (flow[road] <= network.capacity_veh_min[road, None] * (1 + 1e-9) + 1e-9).all()


@pytest.mark.parametrize("seconds", [0.5, 11.0])
def test_free_flow_through_forty_short_roads_is_exact(seconds):
    """Forty roads of a few seconds at steps of 30 s: everybody arrives forty times as many seconds later."""
    roads = [(n, n + 1, seconds / 60, 6000.0) for n in range(40)]
    network = network_of(roads, {"o": 0}, {"c": (40, 1e6)}, delay=point_queue, steps=8)
    departures = np.zeros((1, 1, 8))
    departures[0, 0, :6] = 1, 4, 0, 2, 3, 1
    loading = same_curves(network, departures)
    assert travel_times(loading).road_min == pytest.approx(40 * seconds / 60, abs=1e-9)
    assert loading.arrived_veh[0, 0, -1] == pytest.approx(11.0, abs=1e-12)
    conserves(loading)


def test_vickrey_bottleneck_on_a_road_of_six_seconds(one_road):
    """10 min at 1.5 x capacity: the last vehicle waits 5 min and leaves 15 min after the first, as on a long road."""
    network = one_road(capacity_veh_h=120, minutes=0.1, step_s=30)
    departures = np.zeros((1, 1, 24))
    departures[0, 0, :2] = 1.5 * 2 * 5
    loading = same_curves(network, departures)
    road = network.arc_name.index("1-2")
    assert (loading.exit_min - loading.time_min)[road].max() == pytest.approx(0.1 + 5.0, abs=1e-9)
    left = loading.left_veh[road, 0]
    assert loading.time_min[np.argmax(left >= left[-1] - 1e-9)] == pytest.approx(15.5, abs=0.5)  # 15.1, in steps
    conserves(loading)


@pytest.mark.parametrize(
    ("delay", "law"), [(smooth_queue, lambda u: (1 - u**4) ** -0.25), (affine, lambda u: 1 / (1 - u))]
)
@pytest.mark.parametrize("load", [0.3, 0.8])
def test_steady_delay_of_a_short_road_solves_its_law(one_road, delay, law, load):
    """x = r D and D = D(x): t0 / (1 - u^4)^(1/4) with a smooth queue, t0 / (1 - u) with a straight line, u = r / Q."""
    network = one_road(capacity_veh_h=120, minutes=0.1, step_s=30, delay=delay)
    departures = np.full((1, 1, 24), load * 2 * 5)
    loading = same_curves(network, departures)
    road = network.arc_name.index("1-2")
    steady = (loading.exit_min - loading.time_min)[road, 200]
    assert steady == pytest.approx(0.1 * law(load), rel=1e-6)


def roundabout(step_s, delay=smooth_queue):
    """Four arms, a circle of four roads of 2 s: each way shares roads with all others, and no order of them is right."""
    ring = [(1, 2), (2, 3), (3, 4), (4, 1)]
    arms = [(10 + n, n, 1.0, 600.0) for n in (1, 2, 3, 4)] + [(n, 20 + n, 0.2, 600.0) for n in (1, 2, 3, 4)]
    roads = [(tail, head, 2 / 60, 500.0) for tail, head in ring] + arms
    origins, stations = {f"o{n}": 10 + n for n in (1, 2, 3, 4)}, {f"c{n}": (20 + n, 1e6) for n in (1, 2, 3, 4)}
    return network_of(roads, origins, stations, step_s=step_s, delay=delay)


@pytest.mark.parametrize("delay", [smooth_queue, point_queue])
def test_vehicles_pass_a_roundabout_within_a_step(delay):
    network = roundabout(30, delay)
    short = find_short_roads([(*path.arcs, network.n_arcs + path.station) for path in network.paths], network)
    assert 4 in np.diff(short.begin)
    rng = np.random.default_rng(5)
    departures = rng.exponential(4.0, (len(network.paths), 1, 8))
    loading = same_curves(network, departures)
    conserves(loading)
    assert loading.n_capacity_guard > 0
    fine = travel_times(load_traffic(roundabout(1, delay), departures)).road_min[:, :8]
    coarse = travel_times(loading).road_min[:, :8]
    assert (departures[:, 0] * coarse).sum() == pytest.approx((departures[:, 0] * fine).sum(), rel=0.02)


def city(step_s, seed=2):
    """8 x 8 crossings, two-way roads of 2 to 45 s with capacities that queue, four origins, six stations."""
    rng, side = np.random.default_rng(seed), 8
    roads = []
    for row in range(side):
        for column in range(side):
            node = side * row + column
            for other in [node + 1] * (column + 1 < side) + [node + side] * (row + 1 < side):
                minutes, veh_h = rng.uniform(2, 45) / 60, rng.choice([400.0, 600.0, 900.0])
                roads += [(node, other, minutes, veh_h), (other, node, minutes, veh_h)]
    origins = {f"o{node}": node for node in (0, 7, 56, 63)}
    stations = {f"c{node}": (node, 1e6) for node in (10, 21, 27, 36, 42, 53)}
    return network_of(roads, origins, stations, step_s=step_s, every_path=False)


@pytest.mark.verify
def test_mean_travel_time_is_that_of_a_loading_at_one_second():
    """Most roads take less than 30 s, and queues of minutes stand: the mean over all paths is within 2 %."""
    coarse, fine = city(30), city(1)
    is_road = np.array(coarse.arc_kind) == "road"
    assert (coarse.free_flow_min[is_road] < 0.5).mean() > 0.5
    rng = np.random.default_rng(3)
    departures = rng.exponential(6.0, (len(coarse.paths), 1, 12))
    loading = same_curves(coarse, departures)
    conserves(loading)
    ours, theirs = (travel_times(each).road_min[:, :12] for each in (loading, load_traffic(fine, departures)))
    assert theirs.max() - coarse.path_free_flow_min.min() > 2.0
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.02)
    assert np.abs(ours.mean(axis=1) / theirs.mean(axis=1) - 1).max() < 0.05


@pytest.mark.verify
def test_a_part_of_nanjing_is_as_at_one_second():
    """554 crossings of V2Sim's Nanjing, 86 % of the roads below 30 s, with queues: the mean over paths is within 2 %."""
    file = Path(os.environ.get("EVLIB_SHARED", ROOT.parent / "shared")) / "data" / "v2sim" / "Nanjing.net.xml.gz"
    if not file.is_file():
        pytest.skip("V2Sim's cases are not here")
    roads = read_v2sim_roads(file, 1000.0)
    offset = (roads.nodes[["x", "y"]] - roads.nodes[["x", "y"]].median()).abs().max(axis=1)
    near = set(roads.nodes.loc[offset < 1800, "node"])
    links = roads.links[roads.links["from"].isin(near) & roads.links["to"].isin(near)]
    inside = connected_part(links)
    links = links[links["from"].isin(inside) & links["to"].isin(inside)]
    rows = list(links[["from", "to", "free_flow_min", "capacity_veh_h"]].itertuples(index=False, name=None))
    places = spread(roads.nodes, inside, 14)
    origins, stations = {f"o{node}": node for node in places[4:]}, {f"s{node}": (node, 1e6) for node in places[:4]}
    coarse, fine = (network_of(rows, origins, stations, step_s=step_s, every_path=False) for step_s in (30, 1))
    departures = np.random.default_rng(3).exponential(12.0, (len(coarse.paths), 1, 12))
    ours, theirs = (travel_times(load_traffic(net, departures)).road_min[:, :12] for net in (coarse, fine))
    assert theirs.max() > 10
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.02)


@pytest.mark.verify
def test_a_part_of_the_synthetic_city_is_as_at_one_second():
    """25 by 22 streets of the synthetic city, some 90 % of them below 30 s, with queues: 200 paths, within 2 %."""
    roads = synthetic_roads(CitySize(25, 22, stations=10), 600.0)
    links = roads.links
    rows = list(links[["from", "to", "free_flow_min", "capacity_veh_h"]].itertuples(index=False, name=None))
    assert len(rows) > 500
    assert (links["free_flow_min"] < 0.5).mean() > 0.8
    places = spread(roads.nodes, connected_part(links), 30)
    origins, stations = {f"o{node}": node for node in places[10:]}, {f"s{node}": (node, 1e6) for node in places[:10]}
    coarse, fine = (network_of(rows, origins, stations, step_s=step_s, every_path=False) for step_s in (30, 1))
    assert len(coarse.paths) == 200
    departures = np.random.default_rng(3).exponential(6.0, (200, 1, 12))
    ours, theirs = (travel_times(load_traffic(net, departures)).road_min[:, :12] for net in (coarse, fine))
    assert theirs.mean() > 1.3 * coarse.path_free_flow_min.mean()  # queues stand
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.02)


def test_memory_grows_with_the_roads_that_some_vehicle_takes():
    """One way of four through 1,000 roads: the loading works on four, and the others let pass freely."""
    beside = [(n, n + 1, 0.3, 600.0) for n in range(100, 1_100)]
    roads = [(n, n + 1, 0.3, 600.0) for n in range(4)]
    alone, among = (network_of(list_, {"o": 0}, {"c": (4, 1e6)}) for list_ in (roads, roads + beside))
    departures = np.full((1, 1, 6), 30.0)
    few = load_traffic(alone, departures)
    tracemalloc.start()
    many = load_traffic(among, departures)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    full = many.exit_min.nbytes
    assert (many.exit_min[:5] == few.exit_min).all()
    assert (many.left_veh[:5] == few.left_veh).all()
    np.testing.assert_allclose(
        many.exit_min[5:], np.broadcast_to(many.time_min + 0.3, (1_000, len(many.time_min))), rtol=1e-6
    )
    assert peak < 6 * full  # three curves of results and their passing parts; not twice the horizon of each class
    part, _, arcs = used_part(among, departures)
    assert part.n_arcs == len(arcs) == 5


def test_parallel_ways_in_both_directions_settle():
    """Ways that pass the same three short roads forth and back are a circle of six roads for the order."""
    both = [(a, b, 5 / 60, 300.0) for a, b in pairwise((1, 2, 3, 4))]
    roads = both + [(head, tail, minutes, veh_h) for tail, head, minutes, veh_h in both]
    roads += [(10, 1, 1.0, 900.0), (11, 4, 1.0, 900.0), (4, 20, 1.0, 900.0), (1, 21, 1.0, 900.0)]
    network = network_of(roads, {"o1": 10, "o2": 11}, {"c1": (20, 1e6), "c2": (21, 1e6)})
    departures = np.random.default_rng(1).exponential(5.0, (len(network.paths), 1, 10))
    conserves(same_curves(network, departures))
