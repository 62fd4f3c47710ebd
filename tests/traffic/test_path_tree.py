"""Paths that begin alike are followed once: every path is met whole, and no beginning twice."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evlib import build_network, load_traffic
from evlib.traffic.path_times import travel_times
from evlib.traffic.path_times_compiled import _last_not_above, trace_paths
from evlib.traffic.paths import Path, PathTree

ARCS = st.lists(st.integers(0, 3), min_size=1, max_size=6).map(tuple)


@given(st.lists(ARCS, min_size=1, max_size=12))
def test_tree_meets_every_path_and_no_beginning_twice(ways):
    tree = PathTree.of(tuple(Path(0, 0, (), arcs) for arcs in ways))
    order, shared, start, arcs, deepest = tree.arrays
    followed, met = [], {}
    for p, common in zip(order, shared, strict=True):
        rest = arcs[start[p] + common : start[p + 1]].tolist()
        met[p], followed = tuple(followed[:common] + rest), followed[:common] + rest
    assert [met[p] for p in range(len(ways))] == ways
    beginnings = {arcs[:n] for arcs in ways for n in range(1, len(arcs) + 1)}
    assert (np.diff(start) - shared[np.argsort(order)]).sum() == len(beginnings)
    assert deepest == max(map(len, ways))


def test_times_do_not_depend_on_the_order_of_paths(mini):
    """Paths in an order of their own, some twice, are traced as the specification does each for itself."""
    network = build_network(mini)
    paths = tuple(network.paths[p] for p in np.random.default_rng(2).permutation(len(network.paths)))
    network = replace(network, paths=(*paths, *paths[:2]))
    shape = (len(network.paths), len(network.classes), network.time.n_departure_steps)
    loading = load_traffic(network, np.random.default_rng(3).exponential(0.3, shape))
    trace, times = trace_paths(loading), travel_times(loading)
    np.testing.assert_allclose(trace.road_min, times.road_min, atol=1e-9)
    np.testing.assert_allclose(trace.waiting_min, times.waiting_min, atol=1e-9)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8).map(sorted), st.integers(0, 6), st.data())
def test_a_search_from_anywhere_ends_where_one_over_all_edges_does(edges, value, data):
    """Also downwards: rounding may take a time back over the edge that the one before had just passed."""
    near = data.draw(st.integers(0, len(edges) - 1))
    expected = max(int(np.searchsorted(edges, value, side="right")) - 1, 0)
    assert _last_not_above(np.array(edges, dtype=float), float(value), near) == expected
