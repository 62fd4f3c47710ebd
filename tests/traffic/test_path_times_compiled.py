"""Compiled times and shares of paths equal the specification in NumPy, on ordinary, sparse and overloaded days."""

import numpy as np
import pytest

from evlib import build_network, load_traffic
from evlib.traffic.path_times import arrival_shares, plug_in_shares, travel_times
from evlib.traffic.path_times_compiled import trace_paths
from evlib.traffic.step_shares import StepShares


def days(network, seed):
    """Departures of four kinds: a full day, a tenth of it, a few single departures, far too many for the plugs."""
    rng = np.random.default_rng(seed)
    shape = (len(network.paths), len(network.classes), network.time.n_departure_steps)
    full = rng.exponential(0.3, shape)
    sparse = np.where(rng.uniform(size=shape) < 0.01, full, 0.0)
    return full, 0.1 * full, sparse, 4.0 * full


@pytest.mark.parametrize("impedance", ["smooth_queue", "point_queue"])
def test_compiled_trace_equals_the_specification(mini, impedance):
    network = build_network(mini.replace(impedance=impedance))
    for departures in days(network, seed=3):
        loading = load_traffic(network, departures)
        trace, times = trace_paths(loading), travel_times(loading)
        assert trace.road_min == pytest.approx(times.road_min, abs=1e-9)
        assert trace.waiting_min == pytest.approx(times.waiting_min, abs=1e-9)
        assert trace.arrival_shares.dense == pytest.approx(arrival_shares(loading), abs=1e-9)
        assert trace.plug_in_shares.dense == pytest.approx(plug_in_shares(loading), abs=1e-9)
        assert trace.plug_in_shares.share.shape[2] < network.time.n_steps / 2  # sparse where the specification is dense


def test_shares_by_step_go_back_and_forth():
    """Shares that begin anywhere, at step 0 and at the last among them, and a row that only the last column holds."""
    dense = np.zeros((2, 2, 6))
    dense[0, 0, :2], dense[0, 1, 3:5], dense[1, 0, 5], dense[1, 1, 2:6] = 0.5, (0.2, 0.8), 1.0, 0.25
    shares = StepShares.of(dense)
    assert shares.dense.tolist() == dense.tolist()
    values = np.random.default_rng(0).normal(size=(3, 2, 6))
    station = np.array([2, 0])
    by_hand = np.einsum("pkn,pmn->pmk", dense, values[station])
    assert shares.mean_of(values, station) == pytest.approx(by_hand, abs=1e-14)
    path, depart, step, share = shares.nonzero()
    assert (dense[path, depart, step] == share).all()
    assert share.sum() == pytest.approx(dense[:, :, :5].sum())


def test_sums_and_pairs_of_steps_are_those_of_shares_of_every_step():
    """Departures near the horizon arrive partly after it: what does so counts in neither."""
    rng = np.random.default_rng(5)
    n_stations, path_station, n_steps = 3, np.array([0, 1, 1, 2]), 6
    dense = np.zeros((2, 4, 5, n_steps + 1))
    for place in np.ndindex(2, 4, 5):
        first = rng.integers(0, n_steps + 1)
        width = min(rng.integers(1, 4), n_steps + 1 - first)
        dense[place][first : first + width] = rng.dirichlet(np.ones(width))
    one, other = (StepShares.of(shares) for shares in dense)
    flows = rng.uniform(0, 2, (4, 2, 5)) * (rng.uniform(size=(4, 2, 5)) > 0.3)
    within, at = dense[..., :n_steps], np.eye(n_stations)[path_station]
    sums = np.einsum("pc,pmk,pks->cms", at, flows, within[0])
    np.testing.assert_allclose(one.sums(path_station, flows, n_stations), sums, atol=1e-12)
    pairs = np.einsum("pc,pmk,pks,pkt->cmst", at, flows, within[0], within[1])
    np.testing.assert_allclose(one.pairs(other, path_station, flows, n_stations), pairs, atol=1e-12)
