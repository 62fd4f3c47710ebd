"""When vehicles of a path arrive and plug in: shares of steps, where many reach the station at one and the same time too."""

import numpy as np
import pytest

from evlib import build_network, load_traffic
from evlib.traffic.path_times import arrival_shares, plug_in_shares, travel_times
from evlib.traffic.station_waiting import interval_shares


def test_shares_of_an_interval_by_hand():
    """From 0 to 4: a quarter before 1, a quarter up to 2, half after; what has no length lies where its moment is."""
    edges = np.array([0.0, 1.0, 2.0, 5.0, np.inf])
    shares = interval_shares(np.array([0.0, 2.0, 6.0]), np.array([4.0, 2.0, 8.0]), edges)
    assert shares.tolist() == [[0.25, 0.25, 0.5, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]


def test_departures_that_arrive_at_one_time_have_shares(mini):
    """5.623 cars from a by 2-3-4 in step 11 and nobody else, point queues: arrival times coincide, which was 0 / 0."""
    network = build_network(mini.replace(impedance="point_queue"))
    departures = np.zeros((len(network.paths), len(network.classes), network.time.n_departure_steps))
    path = next(p for p in range(len(network.paths)) if network.path_label(p) == "a: 2-3-4")
    departures[path, network.classes.index("car"), 11] = 5.623
    shares = arrival_shares(load_traffic(network, departures))
    assert np.isfinite(shares).all()
    assert shares.sum(axis=2) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("impedance", ["smooth_queue", "point_queue"])
def test_sparse_departures_leave_no_nan(mini, impedance):
    """One to three departures in a day, at random: on 168 of 200 such days shares were nan."""
    network, rng = build_network(mini.replace(impedance=impedance)), np.random.default_rng(0)
    shape = (len(network.paths), len(network.classes), network.time.n_departure_steps)
    for _ in range(40):
        departures = np.zeros(shape)
        for _ in range(rng.integers(1, 4)):
            departures[tuple(rng.integers(n) for n in shape)] = rng.uniform(1, 15)
        loading = load_traffic(network, departures)
        for shares in (arrival_shares(loading), plug_in_shares(loading)):
            assert shares.sum(axis=2) == pytest.approx(1.0, abs=1e-9)
        times = travel_times(loading)
        assert np.isfinite(times.road_min).all()
        assert np.isfinite(times.waiting_min).all()
