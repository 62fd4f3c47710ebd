"""The compiled loading against its specification in NumPy."""

from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from random_networks import EXACT, loaded_or_message, loadings

from evlib import InputError, build_network, load_scenario, load_traffic
from evlib.assignment.route_choice import shortest_path_departures
from evlib.inputs.build_roads import origin_demand
from evlib.traffic import impedance
from evlib.traffic.dynamic_loading.loading_compiled import FIRST_ROWS, _with_room, compiled_advance
from evlib.traffic.dynamic_loading.loading_reference import Curves
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid

CURVES = ("time_min", "entered_veh", "left_veh", "exit_min", "arrived_veh", "plugged_veh", "completed_veh")


def difference(one, other):
    """Largest difference of any curve, relative to the curve's largest value; 0 is equality to the bit."""
    worst = 0.0
    for name in CURVES:
        a, b = getattr(one, name), getattr(other, name)
        assert a.shape == b.shape
        assert np.isfinite(a).all()
        worst = max(worst, np.abs(a - b).max() / max(1.0, np.abs(b).max()))
    return worst


def assert_same(network, departures, tolerance=0.0):
    compiled, numpy = load_traffic(network, departures), load_traffic(network, departures, kernel="numpy")
    assert difference(compiled, numpy) <= tolerance
    assert compiled.n_overtaking_guard == numpy.n_overtaking_guard
    assert compiled.n_capacity_guard == numpy.n_capacity_guard
    return compiled


def everywhere(network, demand, seed=7):
    """The demand of each origin spread over all its paths, at random."""
    share = np.random.default_rng(seed).random((len(network.paths), *demand.shape[1:]))
    for o in range(len(network.origins)):
        share[network.path_origin == o] /= share[network.path_origin == o].sum(axis=0)
    return share * demand[network.path_origin]


def case(name, step_s=30, **changes):
    scenario = load_scenario(name).replace({"time.loading_step_s": step_s} | changes)
    return build_network(scenario), origin_demand(scenario)


def test_curves_of_a_loading_are_all_compared(mini):
    network = build_network(mini)
    loading = load_traffic(network, np.zeros((len(network.paths), len(network.classes), 1)))
    arrays = {field.name for field in fields(loading) if isinstance(getattr(loading, field.name), np.ndarray)}
    assert arrays - {"departures_veh"} == set(CURVES)


LONG = [pytest.param("nguyen", step_s, marks=pytest.mark.verify) for step_s in (5, 15)]


@pytest.mark.parametrize(
    ("name", "step_s"), [*(("mini", step_s) for step_s in (5, 15, 30, 60)), *LONG, ("nguyen", 30), ("nguyen", 60)]
)
def test_equal_to_the_bit_at_every_loading_step(name, step_s):
    """The base case and the small one, on shortest paths and on all paths with 1.6 times the demand."""
    network, demand = case(name, step_s)
    for departures in (shortest_path_departures(network, demand), everywhere(network, 1.6 * demand)):
        assert_same(network, departures)


@pytest.mark.parametrize("name", ["mini", "nguyen"])
def test_equal_to_the_bit_where_roads_and_stations_are_overloaded(name):
    """1.6 times the demand through half of the plugs: queues stand at stations, and the capacity guard acts."""
    base = load_scenario(name)
    plugs = {f"stations.{station.name}.plugs": station.plugs / 2 for station in base.stations}
    network, demand = case(name, 60 if name == "nguyen" else 15, **plugs)
    loading = assert_same(network, everywhere(network, 1.6 * demand))
    assert loading.queue_veh.max() > 10
    assert loading.n_capacity_guard > 0


@pytest.mark.parametrize("delay", EXACT)
def test_equal_to_the_bit_for_every_impedance_without_powers(mini, delay):
    """Queues on the roads set both guards under the point queue; under the straight line neither can act."""
    network = replace(build_network(mini), delay_function=delay)
    loading = assert_same(network, everywhere(network, 1.6 * origin_demand(mini)))
    guards = (loading.n_overtaking_guard > 0, loading.n_capacity_guard > 0)
    expected = {impedance.point_queue: (True, True), impedance.affine: (False, False)}
    assert guards == expected.get(delay, guards)


@pytest.mark.parametrize("delay", [impedance.bpr, partial(impedance.bpr, alpha=0.4, power=2.5)])
def test_equal_but_for_rounding_with_powers(mini, delay):
    """BPR takes a power, which two mathematical libraries may round differently."""
    network = replace(build_network(mini), delay_function=delay)
    loading = assert_same(network, everywhere(network, 1.6 * origin_demand(mini)), tolerance=1e-12)
    assert loading.n_overtaking_guard > 0


def doubled(vehicles, free_flow_time_min, capacity_veh_min, factor=2.0):
    return factor * impedance.smooth_queue(vehicles, free_flow_time_min, capacity_veh_min)


class Unhashable:
    __hash__ = None

    def __call__(self, *arguments):
        return doubled(*arguments)


@pytest.mark.parametrize(
    ("delay", "is_compiled"),
    [
        (impedance.affine, True),
        (partial(impedance.affine), True),
        (partial(impedance.bpr, power=3), True),
        (partial(impedance.bpr, alpha=np.full(1, 0.15)), False),
        (doubled, False),
        (partial(doubled, factor=1.5), False),
        (Unhashable(), False),
    ],
)
def test_impedance_of_ones_own_is_loaded_by_the_specification(mini, delay, is_compiled):
    """Compiled are this package's functions, with plain numbers for parameters; anything else still loads."""
    network = replace(build_network(mini), delay_function=delay)
    departures = everywhere(network, origin_demand(mini))
    assert (compiled_advance(network, departures, Curves.empty(network)) is not None) == is_compiled
    assert_same(network, departures, tolerance=1e-12)


def test_compiled_code_is_what_loads_unless_asked_otherwise(mini, monkeypatch):
    def never(*arguments):
        raise AssertionError("the specification was called")

    network = build_network(mini)
    departures = shortest_path_departures(network, origin_demand(mini))
    monkeypatch.setattr("evlib.traffic.loading.Specification", never)
    load_traffic(network, departures)
    with pytest.raises(AssertionError, match="the specification was called"):
        load_traffic(network, departures, kernel="numpy")


def test_ring_buffer_grows_with_the_longest_exit_time(one_road):
    """60 vehicles at once on a road that passes one a minute: the last needs an hour, 720 steps of 5 s."""
    network = one_road(capacity_veh_h=60, minutes=2.0, step_s=5)
    departures = np.zeros((1, 1, 24))
    departures[0, 0, 0] = 60.0
    loading = assert_same(network, departures)
    steps = (loading.exit_min - loading.time_min).max() / network.time.loading_step_min
    assert steps > 8 * FIRST_ROWS


@pytest.mark.parametrize("n_classes", [1, 3, 9])
def test_any_number_of_classes(n_classes):
    stays = {f"m{i}": 2 + i for i in range(n_classes)}
    network = assemble_network([(1, 2, 3.0, 300.0)], {"o": 1}, {"c": (2, 8)}, stays, TimeGrid(5.0, 48, 10, 47))
    departures = np.random.default_rng(3).random((1, n_classes, 20)) * 6 / n_classes
    assert_same(network, departures)


def test_nobody_departs(mini):
    network = build_network(mini)
    loading = assert_same(network, np.zeros((len(network.paths), len(network.classes), 3)))
    assert len(loading.time_min) == network.time.n_steps * network.time.substeps + 1
    assert np.abs(loading.exit_min - loading.time_min - network.free_flow_min[:, None]).max() <= 1e-9


def test_left_over_vehicles_are_the_same_error(mini):
    network = build_network(mini)
    departures = 40 * shortest_path_departures(network, origin_demand(mini))
    messages = []
    for kernel in ("compiled", "numpy"):
        with pytest.raises(InputError, match="have not plugged in") as caught:
            load_traffic(network, departures, kernel=kernel)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_unknown_kernel_is_refused(mini):
    network = build_network(mini)
    with pytest.raises(InputError, match="'fortran'; must be 'compiled' or 'numpy'"):
        load_traffic(network, np.zeros((len(network.paths), 2, 1)), kernel="fortran")


@given(loadings())
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
def test_random_networks_are_equal_to_the_bit(drawn):
    found = loaded_or_message(*drawn)
    if isinstance(found, str):
        assert found == loaded_or_message(*drawn, kernel="numpy")
    else:
        assert_same(*drawn)


@pytest.mark.parametrize(
    ("entered", "through", "rows"),
    [
        (3, False, 4),  # the step before is all that is needed: the row of step 0 is free
        (0, False, 8),  # vehicles that entered in step 0 are still on the arc
        (3, True, 8),  # those of the class that stays four steps plugged in in step 0 and go on
    ],
)
def test_the_ring_grows_while_its_oldest_row_is_needed_and_keeps_what_it_holds(entered, through, rows):
    ring = np.arange(12.0).reshape(4, 3)
    up_to = np.array([[0], [3], [3], [3], [3]])  # by step: whose entry has plugged in
    start, stay = np.array([0, 2, 3]), np.array([4, 1])  # one arc, two classes; the arc has three slots
    longer = _with_room(ring, 4, start, np.array([entered]), 2, np.array([through]), up_to, stay)
    assert longer.shape == (rows, 3)
    for step in range(0 if rows == 8 else 1, 4):
        assert (longer[step % rows] == ring[step]).all()
