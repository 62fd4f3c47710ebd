"""The point queue against UXsim, an independent simulator, vehicle by vehicle (platoon size 1), where queues have room."""

import numpy as np
import pytest

from evlib import InputError, load_traffic
from evlib.traffic import impedance
from evlib.traffic.network import assemble_network
from evlib.traffic.path_times import travel_times
from evlib.traffic.time_grid import TimeGrid
from study.experiments.queue_spillback import comparison_departures, comparison_network, mean_travel_min
from study.experiments.uxsim_reference import drive

LONG_ROADS_M_S = 80.0  # so long that no queue reaches their beginning


def bottleneck(over_capacity):
    """5 min of road before 1,800 veh/h, the entry and the road behind wide; 10 min of steady inflow."""
    roads = [(1, 2, 5.0, 1800.0), (2, 3, 1.0, 36_000.0), (1, 4, 5.0, 36_000.0)]
    time = TimeGrid(5.0, 12, 20, 1)
    network = assemble_network(roads, {"o": 1}, {"c": (3, 1e9)}, {"car": 1}, time, delay_function=impedance.point_queue)
    return network, np.full((1, 1, 2), over_capacity * 1800 / 12)


@pytest.mark.parametrize("over_capacity", [0.8, 1.2, 1.5])
def test_bottleneck_has_the_travel_times_of_uxsim_within_two_percent(over_capacity):
    """On paper: 6 min of driving and, above capacity, half of the 10 min x (inflow / capacity - 1) that the last waits."""
    network, departures = bottleneck(over_capacity)
    by_hand = 6 + 5 * max(over_capacity - 1, 0)
    mean_min, _ = mean_travel_min(network, departures)
    trips = drive(network, departures, speed_m_s=LONG_ROADS_M_S, lanes=1).trips

    assert mean_min == pytest.approx(by_hand, rel=1e-9)
    assert len(trips) == round(departures.sum())
    assert trips["travel_min"].mean() == pytest.approx(by_hand, rel=0.02)


def test_a_road_that_uxsim_would_throttle_is_refused_by_name():
    """6 lanes at 20 m/s pass 2.4 veh/s: 9,000 veh/h on a road for 36,000 would wait there, and be taken for its queue."""
    roads = [(1, 2, 5.0, 36_000.0), (1, 4, 5.0, 36_000.0)]
    time = TimeGrid(5.0, 12, 20, 1)
    network = assemble_network(roads, {"o": 1}, {"c": (2, 1e9)}, {"car": 1}, time, delay_function=impedance.point_queue)
    departures = np.full((1, 1, 2), 9000 / 12)
    with pytest.raises(InputError, match="road 1-2: 9000 veh/h enter, but in UXsim 6 lanes pass 8640 veh/h at 20 m/s"):
        drive(network, departures, speed_m_s=20.0)
    trips = drive(network, departures, speed_m_s=20.0, lanes=8, platoon_veh=5).trips
    assert trips["travel_min"].mean() == pytest.approx(5.0, rel=0.02)


def test_every_vehicle_of_the_bottleneck_is_where_uxsim_has_it():
    """Not only the mean: the wait grows from 0 to 5 min, and UXsim's 450 vehicles follow it within ten seconds."""
    network, departures = bottleneck(1.5)
    loading = load_traffic(network, departures)
    trips = drive(network, departures, speed_m_s=LONG_ROADS_M_S, lanes=1).trips
    road = loading.exit_min[network.arc_name.index("1-2")]
    travel_min = np.interp(trips["departure_min"], loading.time_min, road - loading.time_min) + 1
    assert np.abs(trips["travel_min"] - travel_min).max() < 1 / 6
    assert trips["travel_min"].max() > 10.5


@pytest.mark.parametrize("demand_veh_s", [0.6, 1.0])
def test_nguyen_has_the_travel_times_of_uxsim_within_two_percent(demand_veh_s):
    """All 25 paths, at free flow and with queues that make the trip half as long again, while nothing spills back."""
    network = comparison_network()
    departures = comparison_departures(network, demand_veh_s)
    mean_min, path_min = mean_travel_min(network, departures)
    trips = drive(network, departures, speed_m_s=LONG_ROADS_M_S).trips

    assert trips["travel_min"].mean() == pytest.approx(mean_min, rel=0.02)
    by_path = trips.groupby("path")["travel_min"].mean().to_numpy()
    assert by_path == pytest.approx(path_min, rel=0.08)
    free = (departures.sum(axis=(1, 2)) * network.path_free_flow_min).sum() / departures.sum()
    assert (mean_min > 1.4 * free) == (demand_veh_s == 1.0)


def test_spillback_is_what_the_point_queue_leaves_out():
    """The same demand on roads a quarter as long: the queue blocks those who do not pass the bottleneck."""
    network = comparison_network()
    departures = comparison_departures(network, 1.1)
    _, path_min = mean_travel_min(network, departures)
    trips = drive(network, departures, speed_m_s=20.0).trips
    by_path = trips.groupby("path")["travel_min"].mean().to_numpy() / path_min
    assert by_path.max() > 1.3
    roads = np.array(network.arc_kind) == "road"
    room_veh = 0.2 * 60 * 20.0 * network.free_flow_min[roads]
    assert (load_traffic(network, departures).vehicles_veh[roads].max(axis=1) > room_veh).any()


def test_uxsim_drives_the_same_paths_at_free_flow():
    """One vehicle a path: the free-flow time of each, to the two seconds that UXsim's steps of a second may add."""
    network = comparison_network()
    trips = drive(network, np.ones((25, 1, 1)), speed_m_s=LONG_ROADS_M_S).trips.set_index("path")["travel_min"]
    assert trips.sort_index().to_numpy() == pytest.approx(network.path_free_flow_min, abs=3 / 60)
    alone = load_traffic(network, np.full((25, 1, 1), 1e-3))
    assert travel_times(alone).road_min[:, 0] == pytest.approx(network.path_free_flow_min, abs=1e-2)
