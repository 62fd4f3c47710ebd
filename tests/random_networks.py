"""Random small networks with departures, for tests that hold on any."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from evlib import InputError, load_traffic
from evlib.traffic import impedance
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid

EXACT = (impedance.smooth_queue, impedance.point_queue, impedance.affine)  # without powers: equal to the bit


@st.composite
def loadings(draw):
    """Layers of nodes, every road from one to the next or dropped, two origins in front and stations behind."""
    widths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    layers, node = [[1, 2]], 3
    for width in widths:
        layers.append(list(range(node, node + width)))
        node += width
    minutes = st.integers(2, 24).map(lambda n: n / 2)
    roads = [
        (tail, head, draw(minutes), draw(st.sampled_from([40.0, 90.0, 200.0, 1000.0])))
        for tails, heads in pairwise(layers)
        for i, tail in enumerate(tails)
        for j, head in enumerate(heads)
        if i == j or i >= len(heads) or j >= len(tails) or draw(st.booleans())
    ]
    stations = {f"c{place}": (place, draw(st.integers(2, 40))) for place in layers[-1]}
    stays = {f"m{i}": draw(st.integers(1, 6)) for i in range(draw(st.integers(1, 3)))}
    time = TimeGrid(5.0, 24, draw(st.sampled_from([5, 10])), 11)
    delay = draw(st.sampled_from(EXACT))
    network = assemble_network(roads, {"o1": 1, "o2": 2}, stations, stays, time, delay_function=delay)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (len(network.paths), len(stays), draw(st.integers(1, 12)))
    departures = rng.exponential(draw(st.sampled_from([0.3, 2.0, 6.0])), shape) * (rng.random(shape) < 0.6)
    return network, departures


def loaded_or_message(network, departures, kernel="compiled"):
    try:
        return load_traffic(network, departures, kernel=kernel)
    except InputError as error:
        return str(error)
