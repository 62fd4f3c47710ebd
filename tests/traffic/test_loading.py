"""Invariants of the loading on the study's own networks, and what it refuses."""

import numpy as np
import pytest

from evlib import InputError, build_network, load_scenario, load_traffic
from evlib.assignment.route_choice import shortest_path_departures
from evlib.inputs.build_roads import origin_demand
from evlib.traffic.path_times import plug_in_shares, travel_times


@pytest.fixture(scope="module", params=["mini", "nguyen"])
def spread(request):
    """Every path used, at 1.6 times the demand, so that roads and stations queue."""
    scenario = load_scenario(request.param)
    network = build_network(scenario)
    demand = 1.6 * origin_demand(scenario)
    rng = np.random.default_rng(7)
    share = rng.random((len(network.paths), *demand.shape[1:]))
    for o in range(len(network.origins)):
        share[network.path_origin == o] /= share[network.path_origin == o].sum(axis=0)
    return load_traffic(network, share * demand[network.path_origin])


def test_vehicles_are_conserved_on_every_arc_class_and_step(spread):
    """What has left the arcs into a node has entered the arcs and stations out of it, for every class at every step."""
    network = spread.network
    heads, tails = np.array(network.arc_head), np.array(network.arc_tail)
    for node in set(heads) - set(network.origins):
        into = spread.left_veh[heads == node].sum(axis=0)
        out = spread.entered_veh[tails == node].sum(axis=0)
        for c, place in enumerate(network.station_node):
            if str(place) == node:
                out = out + spread.arrived_veh[c]
        assert np.abs(into - out).max() <= 1e-9


def test_everybody_who_departs_arrives_and_plugs_in(spread):
    departed = spread.departures_veh.sum(axis=(0, 2))
    assert spread.arrived_veh[:, :, -1].sum(axis=0) == pytest.approx(departed, abs=1e-9)
    assert spread.plugged_veh[:, :, -1].sum(axis=0) == pytest.approx(departed, abs=1e-9)
    assert spread.cohorts_veh.sum(axis=(0, 2)) == pytest.approx(departed, abs=1e-9)


def test_first_in_first_out(spread):
    assert np.diff(spread.exit_min, axis=1).min() >= 0
    for curve in (spread.entered_veh, spread.left_veh, spread.arrived_veh, spread.plugged_veh):
        assert np.diff(curve, axis=-1).min() >= -1e-12


def test_no_class_overtakes_another(spread):
    """All that entered an arc before t, of any class, has left by e(t): the classes share one exit curve."""
    network = spread.network
    for arc in range(len(network.origins), network.n_arcs):
        exits = spread.exit_min[arc]
        inside = exits <= spread.time_min[-1]
        for m in range(len(network.classes)):
            left = np.interp(exits[inside], spread.time_min, spread.left_veh[arc, m])
            entered = spread.entered_veh[arc, m][inside]
            # curves are linear between grid times, so at most what passes within one step may differ
            assert np.abs(left - entered).max() <= network.capacity_veh_min[arc] * network.time.loading_step_min


def test_outflow_never_exceeds_capacity(spread):
    flow = np.diff(spread.left_veh.sum(axis=1), axis=1) / spread.network.time.loading_step_min
    assert (flow <= spread.network.capacity_veh_min[:, None] * (1 + 1e-9)).all()
    assert (flow.max(axis=1) >= 0.99 * spread.network.capacity_veh_min).any()


def test_plugs_are_never_exceeded(spread):
    assert (spread.occupied_plugs <= spread.network.plugs[:, None] + 1e-9).all()
    assert spread.queue_veh.max() > 1


def test_travel_time_is_never_below_free_flow(spread):
    times = travel_times(spread)
    assert (times.road_min >= spread.network.path_free_flow_min[:, None] - 1e-9).all()
    assert times.road_min.max() > spread.network.path_free_flow_min.max() + 1


def test_traced_shares_change_continuously_with_the_departures(mini):
    """Moving one departure by 1e-6 moves every cohort by at most 1e-5; bins of rounded times jump by whole steps."""
    network = build_network(mini)
    departures = shortest_path_departures(network, origin_demand(mini))
    base = load_traffic(network, departures)
    p = int(np.flatnonzero(departures.sum(axis=(1, 2)))[0])
    moved = departures.copy()
    moved[p, 0, 5] += 1e-6
    other = load_traffic(network, moved)

    def cohorts(loading, shares):
        flows = np.einsum("pmk,pkn->pmn", loading.departures_veh, shares)
        return np.array([flows[network.path_station == c].sum(axis=0) for c in range(len(network.stations))])

    change = cohorts(other, plug_in_shares(other)) - cohorts(base, plug_in_shares(base))
    assert 0 < np.abs(change).max() <= 1e-5
    n = min(base.cohorts_veh.shape[2], other.cohorts_veh.shape[2])
    assert np.abs(other.cohorts_veh[:, :, :n] - base.cohorts_veh[:, :, :n]).max() <= 1e-5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d * -1, "not negative"),
        (lambda d: d * np.nan, "not negative"),
        (lambda d: d[:1], "shape"),
        (lambda d: np.concatenate([d, np.ones((*d.shape[:2], 2))], axis=2), "last_departure_step"),
        (lambda d: np.concatenate([d, np.zeros((*d.shape[:2], 50))], axis=2), "at most"),
        (lambda d: d * 40, "have not plugged in"),
    ],
)
def test_departures_that_cannot_be_loaded_are_refused(mini, change, message):
    network = build_network(mini)
    departures = shortest_path_departures(network, origin_demand(mini))
    with pytest.raises(InputError, match=message):
        load_traffic(network, change(departures))
