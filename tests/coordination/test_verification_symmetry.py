"""What must not matter, and what must scale: how commodities are cut, in which order paths stand, when the day begins."""

from dataclasses import replace

import numpy as np
import pytest

from evlib import build_network, load_scenario, load_traffic
from evlib.assignment.route_choice import shortest_path_departures
from evlib.inputs.build_roads import origin_demand
from evlib.traffic.impedance import affine, point_queue, smooth_queue

CURVES = ("entered_veh", "left_veh", "arrived_veh", "plugged_veh", "completed_veh")


@pytest.fixture(scope="module", params=[smooth_queue, point_queue, pytest.param(affine, marks=pytest.mark.verify)])
def crowded(request):
    """The base network with queues on roads and at plugs: all paths in use, 1.6 times the demand, half of the plugs."""
    base = load_scenario("nguyen")
    plugs = {f"stations.{station.name}.plugs": station.plugs / 2 for station in base.stations}
    scenario = base.replace({"time.loading_step_s": 60} | plugs)
    network = replace(build_network(scenario), delay_function=request.param)
    demand = 1.6 * origin_demand(scenario)
    share = np.random.default_rng(7).random((len(network.paths), *demand.shape[1:]))
    for o in range(len(network.origins)):
        share[network.path_origin == o] /= share[network.path_origin == o].sum(axis=0)
    departures = share * demand[network.path_origin]
    loading = load_traffic(network, departures)
    assert loading.queue_veh.max() > 10
    return network, departures, loading


def by_class(loading, name):
    return getattr(loading, name)


def totals(loading, name):
    curve = getattr(loading, name)
    return curve if curve.ndim == 2 else curve.sum(axis=1)


def assert_same(one, other, atol=1e-9):
    np.testing.assert_allclose(one, other, rtol=0, atol=atol, equal_nan=False)


def assert_same_exits(one, other):
    assert_same(one.exit_min, other.exit_min)


def test_splitting_a_commodity_over_two_copies_of_its_path_changes_nothing(crowded):
    """Every path twice, one copy with 30 % of its departures and the other with the rest."""
    network, departures, loading = crowded
    twice = load_traffic(
        replace(network, paths=network.paths * 2), np.concatenate([0.3 * departures, 0.7 * departures])
    )
    for name in CURVES:
        assert_same(by_class(twice, name), by_class(loading, name))
    assert_same_exits(twice, loading)


def test_merging_two_classes_that_stay_alike_changes_nothing(crowded):
    """Two classes of one stay, or one with the vehicles of both: the same totals everywhere."""
    network, departures, _ = crowded
    alike = replace(network, stay_steps=np.full(3, 18))
    one = replace(network, classes=("any",), stay_steps=np.array([18]))
    three = load_traffic(alike, departures)
    merged = load_traffic(one, departures.sum(axis=1, keepdims=True))
    for name in CURVES:
        assert_same(totals(merged, name), totals(three, name))
    assert_same_exits(merged, three)


def test_order_of_the_paths_does_not_matter(crowded):
    network, departures, loading = crowded
    order = np.random.default_rng(5).permutation(len(network.paths))
    other = load_traffic(replace(network, paths=tuple(network.paths[p] for p in order)), departures[order])
    for name in CURVES:
        assert_same(by_class(other, name), by_class(loading, name))
    assert_same_exits(other, loading)


@pytest.mark.parametrize("factor", [0.25, 8.0])
def test_curves_scale_with_flow_capacity_and_plugs_and_times_stay(crowded, factor):
    """Eight times the vehicles on eight times the road and plugs: the same times, eight times the vehicles."""
    network, departures, loading = crowded
    larger = replace(network, capacity_veh_min=factor * network.capacity_veh_min, plugs=factor * network.plugs)
    other = load_traffic(larger, factor * departures)
    for name in CURVES:
        assert_same(by_class(other, name), factor * by_class(loading, name), 1e-9 * factor)
    assert_same_exits(other, loading)


@pytest.mark.parametrize("steps", [1, 20])
def test_time_shift_shifts_everything(crowded, steps):
    """The same departures some steps later: every curve later by so much, every travel time the same."""
    network, departures, _ = crowded
    early, late = np.zeros((2, *departures.shape))
    early[:, :, :40], late[:, :, steps : 40 + steps] = departures[:, :, :40], departures[:, :, :40]
    a, b = load_traffic(network, early), load_traffic(network, late)
    shift = steps * network.time.substeps
    n = min(len(a.time_min), len(b.time_min) - shift)
    for name in CURVES:
        assert by_class(b, name)[..., :shift].max() <= 1e-12
        assert_same(by_class(b, name)[..., shift : shift + n], by_class(a, name)[..., :n])
    delay_a, delay_b = a.exit_min - a.time_min, b.exit_min - b.time_min
    assert_same(delay_b[:, shift : shift + n], delay_a[:, :n])


def test_finer_loading_steps_converge(mini):
    """Against steps of 3.75 s, plug-ins come closer with every halving of the step, in the end to 0.05 vehicles."""

    def plugged(step_s):
        scenario = mini.replace({"time.loading_step_s": step_s})
        network = build_network(scenario)
        loading = load_traffic(network, shortest_path_departures(network, origin_demand(scenario)))
        return loading.cohorts_veh[:, :, :24]

    coarse, middle, fine = (np.abs(plugged(step) - plugged(3.75)).max() for step in (60, 30, 15))
    assert fine < middle < coarse
    assert fine < 0.05
