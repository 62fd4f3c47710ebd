"""Drivers on their way change station at the next node: a fork by hand, and a small day in which everything still closes."""

import numpy as np
import pandas as pd
import pytest

from evlib.assignment.path_costs import Drivers
from evlib.coordination.real_time.accounts import accounts
from evlib.coordination.real_time.drivers.signals import tell_now
from evlib.coordination.real_time.drivers.turning import arcs_left, open_paths, shared_arcs, turn
from evlib.coordination.real_time.run import real_time
from evlib.errors import InputError
from evlib.folders import DATA
from evlib.traffic import impedance
from evlib.traffic.loading import load_traffic
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid

STEP_MIN, N_STEPS, DEPART = 5.0, 24, 6
DAY = "2020-07-15"
MINI_LINKS = DATA / "mini_links.csv"


@pytest.fixture(scope="module")
def fork():
    """Nine minutes from the origin to a node, and six from there to station a or b."""
    capacity_veh_h = 60.0e5  # so wide that a road always takes as long
    roads = [(1, 2, 9.0, capacity_veh_h), (2, 3, 6.0, capacity_veh_h), (2, 4, 6.0, capacity_veh_h)]
    stations = {"a": (3, 1e6), "b": (4, 1e6)}
    time = TimeGrid(STEP_MIN, N_STEPS, 10, DEPART)
    return assemble_network(roads, {"o": 1}, stations, {"car": 3}, time, delay_function=impedance.affine)


def all_to_a(network, steps):
    flows = np.zeros((2, 1, network.time.n_departure_steps))
    flows[list(network.path_station).index(0), 0, list(steps)] = 10.0
    return flows


@pytest.mark.parametrize(("rise_cny", "turning"), [(0.9, []), (1.1, [3])])
def test_a_price_rise_turns_those_who_have_not_reached_the_node(fork, rise_cny, turning):
    """By hand: charging at a becomes dearer at minute 20, and a driver turns for more than 1 CNY.

    Who left in steps 0 to 2 began at minutes 0, 5 and 10, so the first of each has reached the node by minute 19; who
    left in step 3, from minute 15 on, has not at minute 20, and goes to b instead: 10 vehicles.
    """
    network, step = fork, 4
    a, b = (list(network.path_station).index(station) for station in (0, 1))
    flows = all_to_a(network, range(step))
    price = np.zeros((2, 1, N_STEPS + 1))
    price[0] = rise_cny
    loading = load_traffic(network, flows)
    told = tell_now(loading, Drivers(np.array([60.0]), np.array([60.0])), step, price)
    cost = np.repeat(told.cost_cny[:, :, None], flows.shape[2], axis=2)
    possible = open_paths(network, arcs_left(loading, step * STEP_MIN))
    moves = turn(flows, cost, possible, network.path_station, 1.0)
    assert moves == [(a, b, 0, j) for j in turning]


def test_what_has_happened_stays_as_it_was(fork):
    """Who turns has driven the shared roads already: up to that minute, no curve of the loading changes."""
    network, step = fork, 4
    a, b = (list(network.path_station).index(station) for station in (0, 1))
    before = all_to_a(network, range(step))
    after = before.copy()
    after[b, 0, 3], after[a, 0, 3] = after[a, 0, 3], 0.0
    one, two = load_traffic(network, before), load_traffic(network, after)
    until = step * network.time.substeps + 1
    np.testing.assert_array_equal(one.entered_veh[..., :until].sum(axis=1), two.entered_veh[..., :until].sum(axis=1))
    assert one.arrived_veh[0, 0, -1] - two.arrived_veh[0, 0, -1] == pytest.approx(10.0)


def test_paths_share_their_first_arcs(fork):
    """Both paths have the origin's arc and the first road in common; minutes by hand: the node is reached after nine."""
    assert shared_arcs(fork).tolist() == [[3, 2], [2, 3]]
    loading = load_traffic(fork, all_to_a(fork, range(4)))
    assert arcs_left(loading, 0.0)[:, :2].tolist() == [[1, 0], [1, 0]]  # the origin's arc takes no time
    left = arcs_left(loading, 14.9)
    a = list(fork.path_station).index(0)
    assert left[a, :5].tolist() == [2, 2, 1, 0, 0]


@pytest.fixture(scope="module")
def far_fork(short, tmp_path_factory):
    """The small case with its first fork nine and twelve minutes from the origins, so that some are on the way to it."""
    links = pd.read_csv(MINI_LINKS, comment="#")
    links.loc[links["to"] == 3, "a"] *= 3
    file = tmp_path_factory.mktemp("roads") / "links.csv"
    links.to_csv(file, index=False)
    return short.replace({"roads.links_file": str(file)})


@pytest.mark.parametrize("signal", [pytest.param("predicted", marks=pytest.mark.verify), "now"])
def test_a_day_in_which_drivers_turn_closes(far_fork, signal):
    """Nobody is lost, and power and money still close; some turn, as any gain is enough."""
    turning = real_time(far_fork.replace({"fleet.turn_gain_cny": 0.0}), signal=signal, day=DAY, seed=3)
    assert turning.state.turned_veh.sum() > 0
    assert turning.steps["turned_veh"].sum() == turning.state.turned_veh.sum()
    for name, most in (("residual_vehicles_veh", 1e-9), ("residual_energy_kw", 1e-5), ("residual_money_cny", 1e-6)):
        assert turning.accounts[name] < most
    assert np.isfinite(turning.state.told_time_cny[turning.state.followers_veh > 0]).all()


def test_nobody_turns_for_a_fortune(far_fork):
    never = real_time(far_fork.replace({"fleet.turn_gain_cny": 1e6}), signal="now", day=DAY, seed=3)
    plain = real_time(far_fork, signal="now", day=DAY, seed=3)
    assert never.state.turned_veh.sum() == 0
    assert accounts(never.day, never.state) == pytest.approx(plain.accounts, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("signal", "changes", "message"),
    [
        ("promised", {}, "who departs was promised a price at one station: must be predicted or now"),
        ("nearest", {}, "who departs is told nothing: must be predicted or now"),
        ("informed", {}, "who departs is told nothing: must be predicted or now"),
        ("now", {"fleet.logit_cny": 3.0}, "fleet.logit_cny 3 must be 0"),
    ],
)
def test_turning_where_it_makes_no_sense_is_refused(short, signal, changes, message):
    with pytest.raises(InputError, match=message):
        real_time(short.replace({"fleet.turn_gain_cny": 1.0} | changes), signal=signal)
