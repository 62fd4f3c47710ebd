"""Which rows a solution of the reduced program violates because it does not monitor them."""

from __future__ import annotations

import numpy as np

from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.reduced.price_groups import Monitored
from evlib.grid.reduced.reduced_program import ReducedProgram

__all__ = ["LEAST_MW", "LEAST_SQUARED_PU", "with_violated"]

# A row that is not monitored may be violated by this much, as the solver's own tolerance is 1e-8 [MW, pu squared].
LEAST_MW, LEAST_SQUARED_PU = 1e-9, 1e-8


def with_violated(
    case: GridCase,
    options: GridOptions,
    monitored: Monitored,
    program: ReducedProgram,
    x: np.ndarray,
    station_mw: np.ndarray,
) -> Monitored | None:
    """What is monitored, and what a solution violates; None if it violates nothing.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    monitored : Monitored
    program : ReducedProgram
    x : ndarray, shape (n,)
        Its solution.
    station_mw : ndarray, shape (n_stations, K)
        Power of each station [MW].

    Returns
    -------
    Monitored or None

    Notes
    -----
    A load that is shed at the level of its class sheds more than it has if the level exceeds it. Where a voltage limit
    is violated, only the worst bus of each zone and step is monitored next: most of the others hold once it does, and
    each monitored bus splits price groups.
    """
    feeder, downstream = case.feeder, program.groups.downstream
    power = program.bus_power(case, x, station_mw)
    flow_p, flow_q = downstream @ power.net_p, downstream @ power.net_q
    line = (np.hypot(flow_p, flow_q) > case.rating_kva[:, None] / 1000.0 + LEAST_MW) & ~monitored.line
    drop = downstream.T @ (feeder.r_pu[:, None] * flow_p + feeder.x_pu[:, None] * flow_q)
    squared = options.root_voltage_pu**2 - 2.0 * drop
    below = (feeder.v_min_pu[:, None] + options.voltage_margin_pu) ** 2 - squared
    low = _worst(below, monitored.low, case.bus_zone)
    high = _worst(squared - feeder.v_max_pu[:, None] ** 2, monitored.high, case.bus_zone)
    sheds = program.sheds
    empty = ~sheds.capped & (x[program.variables.shed] > sheds.most_mw + sheds.loads * LEAST_MW)
    alone = (sheds.item >= 0) & np.append(empty, False)[sheds.item]
    if not any(mask.any() for mask in (line, low, high, alone)):
        return None
    return Monitored(monitored.line | line, monitored.low | low, monitored.high | high, monitored.alone | alone)


def _worst(beyond: np.ndarray, known: np.ndarray, bus_zone: np.ndarray) -> np.ndarray:
    """Mask of violations at the buses that are the worst of their zone in any step; the root has no limits."""
    violated = (beyond > LEAST_SQUARED_PU) & ~known
    violated[0] = False
    chosen = np.zeros(len(beyond), dtype=bool)
    for zone in np.unique(bus_zone):
        inside = (bus_zone == zone)[:, None] & violated
        chosen[np.where(inside, beyond, -np.inf).argmax(axis=0)[inside.any(axis=0)]] = True
    return violated & chosen[:, None]
