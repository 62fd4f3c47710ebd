"""Rents that give way to drivers: wanted plugs counted by hand, the rule at its kinks, and what it is for."""

from functools import partial

import numpy as np
import pytest

from evlib import load_scenario, load_traffic
from evlib.coordination.city import method as city
from evlib.coordination.coordinate import coordinate
from evlib.coordination.iteration import Iteration
from evlib.coordination.newton import method
from evlib.coordination.newton.pressed_rents import MOST_PRESSURE, STIFFNESS, PressedRents, wanted_plugs
from evlib.coordination.newton.soft_waiting import soft_waiting
from evlib.coordination.problem import CoupledProblem
from evlib.traffic import impedance
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid
from study.experiments import WITHOUT_DRIVING


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
    pressed = PressedRents(rent, np.zeros_like(rent), stiffness=0.02)(Look(tens))
    expected = np.zeros(20)
    expected[2:13] = 0.02 * (np.array([20, 30, 30, 30, 30, 20, 20, 20, 20, 20, 20]) - 10.0)
    expected[[1, 4, 16]] = 2.0, 3.0 + 0.4, 0.5  # in steps 1 and 16 all ten plugs are held and nobody waits
    assert pressed[0, :20] == pytest.approx(expected, abs=1e-6)
    assert pressed[0, 25] == pytest.approx(0.4 - 0.02 * 10)
    assert pressed[0, 20:].sum() == pytest.approx(0.2)


def test_rents_of_steps_that_are_over_stay(tens):
    rent = np.full((1, 36), 0.7)
    pressed = PressedRents(rent, np.zeros_like(rent), first_step=5)(Look(tens))
    assert np.array_equal(pressed[:, :5], rent[:, :5])
    assert pressed[0, 5] == pytest.approx(0.7 + MOST_PRESSURE)  # 20 too many: more than that is not added
    assert rent.max() == 0.7


def test_where_the_program_lets_vehicles_wait_rents_stand_still(tens):
    """A few who wait are no more than softness leaves: they count with the plugs."""
    rent, waiting = np.full((1, 36), 0.7), np.zeros((1, 36))
    waiting[0, [2, 3]] = 0.4, 15.0  # in step 3 twenty too many would be five too many
    pressed = PressedRents(rent, waiting, stiffness=0.01)(Look(tens))
    assert pressed[0, :5] == pytest.approx([0.6, 0.7, 0.7 + 0.01 * 9.6, 0.7, 0.7 + 0.01 * 20])


def test_who_waits_in_the_program_is_who_has_not_plugged_in(tens):
    """A rent of 45 CNY in step 6 lets everybody wait for step 7; at 14 CNY, less than the least wait costs, nobody does."""
    network, arrivals = tens.network, np.zeros((1, 1, 36))
    arrivals[0, 0, 1:4] = 10.0
    rent = np.zeros((1, 36))
    rent[0, 6] = 45.0
    waiting = soft_waiting(network, rent, [45.0], 1e-3).waiting_veh(arrivals)
    # waiting until step 7 costs 6, 5 and 4 steps of 3.75 CNY: less than the rent, so all thirty wait
    assert waiting[0, :8] == pytest.approx([0, 10, 20, 30, 30, 30, 30, 0], abs=1e-6)
    rent[0, 6] = 14.0
    waiting = soft_waiting(network, rent, [45.0], 1e-3).waiting_veh(arrivals)
    assert waiting[0] == pytest.approx(np.zeros(36), abs=1e-6)


@pytest.mark.parametrize("of", [method.Newton, city.City])
def test_the_rents_announced_are_those_that_drivers_met_last(mini, monkeypatch, of):
    monkeypatch.setattr(city, "FROZEN", 0.0)  # drivers take steps of their own from the second answer on
    problem = CoupledProblem.of(mini.replace({"stations.*.plugs": 20.0}), "v2g", "system")
    loop, asked = of(Iteration(problem)), []
    drive = loop.drive
    monkeypatch.setattr(loop, "drive", lambda *arguments: asked.append(arguments) or drive(*arguments))
    for iteration in range(2):
        loop.measure(iteration)
        flows, price, announced = loop.answer(iteration)
        loop.run.state.flows_veh, loop.run.state.price_cny_kwh, loop.run.state.rent_cny = flows, price, announced
        if asked:
            break
    rents = asked[0][3]
    assert np.array_equal(announced, rents(problem.traffic.evaluate(flows)))
    assert np.abs(announced - rents.rent_cny).max() > 0.1


@pytest.mark.verify
def test_rents_that_give_way_settle_the_base_case_sooner(monkeypatch):
    """Without driving energy, where the same method with rents that stand still is not certified at all."""
    scenario = load_scenario("nguyen").replace(WITHOUT_DRIVING)
    certificates = {}
    for kind, stiffness in (("give way", STIFFNESS), ("still", 0.0)):
        monkeypatch.setattr(method, "PressedRents", partial(PressedRents, stiffness=stiffness))
        certificates[kind] = coordinate(scenario, objective="system").certificate
    assert certificates["give way"].relative_gap <= 1e-3
    assert certificates["give way"].price_gap <= 1e-4
    assert certificates["still"].iterations > certificates["give way"].iterations + 5
