"""Rents that give way to drivers: wanted plugs counted by hand, the rule at its kinks, and what it is for."""

import numpy as np
import pytest

from evlib import load_scenario, load_traffic
from evlib.coordination.iteration import Iteration
from evlib.coordination.newton.method import Newton
from evlib.coordination.newton.pressed_rents import MOST_PRESSURE, PressedRents, wanted_plugs
from evlib.coordination.problem import CoupledProblem
from evlib.traffic import impedance
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid


@pytest.fixture(scope="module")
def tens():
    """Ten plugs and a stay of six steps of five minutes; ten vehicles arrive in each of steps 1, 2 and 3."""
    roads, clock = [(1, 2, 5.0, 6000.0), (1, 3, 5.0, 6e5)], TimeGrid(5.0, 36, 10, 35)
    network = assemble_network(
        roads, {"home": 1}, {"station": (2, 10)}, {"car": 6}, clock, delay_function=impedance.point_queue
    )
    departures = np.array([10.0] * 3 + [0.0] * 33).reshape(1, 1, 36)
    return load_traffic(network, departures)


class Look:
    """A look at traffic of which only the loading is read."""

    def __init__(self, loading):
        self.loading = loading


def test_wanted_plugs_are_those_held_and_those_waited_for(tens):
    """The first ten leave in step 7, when the second ten plug in; the third stay until step 19."""
    by_hand = [0, 10, 20, 30, 30, 30, 30, 20, 20, 20, 20, 20, 20, 10, 10, 10, 10, 10, 10, 0]
    assert wanted_plugs(tens)[0, :20] == pytest.approx(by_hand, abs=1e-6)


def test_a_plug_that_too_many_want_is_dearer_and_a_spare_one_cheaper_but_never_below_nothing(tens):
    rent = np.zeros((1, 36))
    rent[0, [1, 4, 16, 25]] = 2.0, 3.0, 0.5, 0.4
    pressed = PressedRents(rent, stiffness=0.02)(Look(tens))
    expected = np.zeros(20)
    expected[2:13] = 0.02 * (np.array([20, 30, 30, 30, 30, 20, 20, 20, 20, 20, 20]) - 10.0)
    expected[[1, 4, 16]] = 2.0, 3.0 + 0.4, 0.5  # in steps 1 and 16 all ten plugs are held and nobody waits
    assert pressed[0, :20] == pytest.approx(expected, abs=1e-6)
    assert pressed[0, 25] == pytest.approx(0.4 - 0.02 * 10)
    assert pressed[0, 20:].sum() == pytest.approx(0.2)


def test_rents_of_steps_that_are_over_stay(tens):
    rent = np.full((1, 36), 0.7)
    pressed = PressedRents(rent, first_step=5)(Look(tens))
    assert np.array_equal(pressed[:, :5], rent[:, :5])
    assert pressed[0, 5] == pytest.approx(0.7 + MOST_PRESSURE)  # 20 too many: more than that is not added
    assert rent.max() == 0.7


@pytest.mark.parametrize(
    ("name", "changes", "share"),
    [
        ("mini", {"stations.*.plugs": 20.0}, 0.9),
        pytest.param("nguyen", {}, 0.7, marks=pytest.mark.verify),
    ],
)
def test_drivers_who_meet_pressed_rents_keep_within_scarce_plugs(monkeypatch, name, changes, share):
    """The same steps of drivers, from flows and rents of one program: rents that stand still explain less of the waiting."""
    problem = CoupledProblem.of(load_scenario(name).replace(changes), "v2g", "system")
    newton, asked = Newton(Iteration(problem)), []
    newton.measure(0)
    drive = newton.drive
    monkeypatch.setattr(newton, "drive", lambda *arguments: asked.append(arguments) or drive(*arguments))
    newton.answer(0)
    flows, metric, price, pressed, n_steps = asked[0]
    left = {}
    for kind, rents in (("still", pressed.rent_cny), ("pressed", pressed)):
        traffic = problem.traffic.evaluate(drive(flows, metric, price, rents, n_steps))
        left[kind] = traffic.rent_gap_cny(rents(traffic) if callable(rents) else rents)
    assert pressed.rent_cny.max() > 1.0
    assert 0 <= left["pressed"] < share * left["still"]
