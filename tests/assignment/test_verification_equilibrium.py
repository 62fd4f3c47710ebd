"""Two routes to choose from, against the equilibrium that Vickrey's bottleneck has in closed form."""

import numpy as np
import pytest

from evlib import load_traffic
from evlib.assignment.tno import reply
from evlib.traffic import impedance
from evlib.traffic.network import assemble_network
from evlib.traffic.path_times import travel_times
from evlib.traffic.time_grid import TimeGrid

# Route 1 takes 5 min and passes 1 veh/min; route 2 takes 8 min and passes more than ever come. 1.6 veh/min depart for 30
# min. All take route 1 until its queue costs the 3 min that route 2 is longer: after 3 / 0.6 = 5 min. From then on 1
# veh/min take route 1, whose queue stays, and 0.6 veh/min take route 2; everybody needs 8 min.
CLOSED_FORM = np.array([[8.0, 5, 5, 5, 5, 5], [0.0, 3, 3, 3, 3, 3]])[:, None]


@pytest.fixture
def two_routes():
    roads = [(1, 2, 5.0, 60.0), (1, 3, 8.0, 6000.0)]
    ends = {"by 1": (2, 1e6), "by 2": (3, 1e6)}
    time = TimeGrid(5.0, 24, 20, 5)
    return assemble_network(roads, {"o": 1}, ends, {"car": 6}, time, delay_function=impedance.point_queue)


def test_two_route_equilibrium_in_closed_form_is_one_for_the_loading(two_routes):
    """Route 1 takes 5 + 1.5 min on average in the first step, 8 min in every later one; route 2 always 8."""
    minutes = travel_times(load_traffic(two_routes, CLOSED_FORM)).road_min
    assert minutes[0] == pytest.approx([6.5, 8, 8, 8, 8, 8], abs=1e-9)
    assert minutes[1] == pytest.approx(8.0, abs=1e-9)


@pytest.mark.verify
def test_replies_from_anywhere_find_the_two_route_equilibrium(two_routes):
    """All on route 1, or all on route 2: short replies to loaded times come to rest at the closed form."""
    demand, origin = CLOSED_FORM.sum(axis=0, keepdims=True), np.zeros(2, dtype=int)
    for start in (0, 1):
        flows = np.zeros_like(CLOSED_FORM)
        flows[start] = demand[0]
        for _ in range(80):
            minutes = travel_times(load_traffic(two_routes, flows)).road_min[:, None, :]
            flows = reply(minutes, demand, origin, flows, np.ones_like(flows))
        assert flows == pytest.approx(CLOSED_FORM, abs=0.01)
        excess = flows * (minutes - minutes.min(axis=0))
        assert excess.sum() / demand.sum() < 1e-3
