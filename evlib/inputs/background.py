"""Background traffic: everyday trips that follow no signal, on the paths of their own static equilibrium."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.assignment.link_costs import PowerCost
from evlib.assignment.shortest_paths import Roads
from evlib.assignment.static_assignment import assign
from evlib.errors import InputError

__all__ = ["everyday_traffic"]


def everyday_traffic(scenario) -> tuple[tuple[tuple[int, ...], ...], np.ndarray]:
    """Ways of the background traffic and the flow on each, the same all day.

    Parameters
    ----------
    scenario : Scenario
        ``roads.background_veh_h`` trips an hour, divided over the origin-destination pairs of ``roads.od_file`` by their
        demand.

    Returns
    -------
    ways : tuple of tuple of int
        Roads of each way, as rows of the table of links.
    flow_veh_h : ndarray, shape (n_ways,)
        [veh/h].

    Raises
    ------
    InputError
        No table of pairs; flows that the static equilibrium does not settle.

    Notes
    -----
    The user equilibrium of these trips alone, with the Bureau of Public Roads curve of flow on the scenario's capacities
    (``bpr_alpha``, ``bpr_power``): everyday drivers know each other, not the electric vehicles of the day.
    """
    tables, roads, total = scenario.tables, scenario.roads, scenario.roads.background_veh_h
    if roads.od_file is None:
        raise InputError(
            f"{scenario.file}: roads.background_veh_h: {total:g} without roads.od_file; name a table of pairs, or set it to 0"
        )
    pairs = pd.DataFrame(
        {
            "origin": tables.od_origin,
            "destination": tables.od_destination,
            "demand_veh": total * tables.od_demand_veh / tables.od_demand_veh.sum(),
        }
    )
    graph = Roads(int(max(tables.link_tail.max(), tables.link_head.max())), tables.link_tail, tables.link_head)
    capacity = np.full(len(tables.link_tail), roads.capacity_veh_h)
    cost = PowerCost.bpr(tables.link_free_flow_min, capacity, roads.bpr_alpha, roads.bpr_power)
    found = assign(graph, cost, pairs, gap=1e-8)
    if not found.converged:
        raise InputError(f"{scenario.file}: roads.background_veh_h: {total:g} does not settle; must be fewer trips")
    return found.paths, found.path_flow_veh
