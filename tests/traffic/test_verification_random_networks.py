"""On random networks: order, capacity, curves that never fall, and conservation of every commodity."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import loaded_or_message, loadings


@given(loadings())
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_random_networks_keep_order_and_capacity(drawn):
    """First in first out, curves that never fall, and no more than the capacity out of any arc."""
    loading = loaded_or_message(*drawn)
    if isinstance(loading, str):
        return
    network, total = loading.network, loading.departures_veh.sum()
    assert np.diff(loading.exit_min, axis=1).min() >= 0
    for curve in (loading.entered_veh, loading.left_veh, loading.arrived_veh, loading.plugged_veh):
        assert np.diff(curve, axis=-1).min() >= -1e-12 * max(1.0, total)
    flow = np.diff(loading.left_veh.sum(axis=1), axis=1) / network.time.loading_step_min
    assert (flow <= network.capacity_veh_min[:, None] * (1 + 1e-9)).all()
    assert (loading.occupied_plugs <= network.plugs[:, None] + 1e-9).all()


@given(loadings(), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_every_commodity_is_conserved(drawn, seed):
    """Each class on one path of its own, so that its curves are the commodity's: what leaves an arc enters the next."""
    network, departures = drawn
    own = np.random.default_rng(seed).integers(len(network.paths), size=len(network.classes))
    departures = departures * (np.arange(len(network.paths))[:, None] == own)[:, :, None]
    loading = loaded_or_message(network, departures)
    if isinstance(loading, str):
        return
    for m, p in enumerate(own):
        path = network.paths[p]
        for before, after in pairwise(path.arcs):
            assert np.abs(loading.left_veh[before, m] - loading.entered_veh[after, m]).max() <= 1e-9
        assert np.abs(loading.left_veh[path.arcs[-1], m] - loading.arrived_veh[path.station, m]).max() <= 1e-9
        steps = loading.entered_veh[path.arcs[0], m, :: network.time.substeps]
        departed = np.cumsum(loading.departures_veh[p, m])
        assert steps[1 : len(departed) + 1] == pytest.approx(departed, abs=1e-9)
        for curves, places in (
            (loading.entered_veh, path.arcs),
            (loading.arrived_veh, [path.station]),
            (loading.plugged_veh, [path.station]),
        ):
            others = np.delete(curves[:, m], places, axis=0)
            assert (others == 0).all()
            assert curves[places, m, -1] == pytest.approx(departed[-1], abs=1e-9)
