"""Scarce plugs in the joint program: who waits, how many plugs are held, and where that limits."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.assignment.path_costs import Traffic
from evlib.assignment.plug_prices import arrival_map, held_plugs
from evlib.coordination.problem import Market

__all__ = ["crowded", "plug_limits"]

# Plugs limit the joint program where more than this share of them would be held.
NEARLY_FULL = 0.8


def crowded(market: Market, traffic: Traffic) -> np.ndarray:
    """Where plugs would be nearly all held if nobody waited: the limits of the joint program, shape (n_stations, K)."""
    network = market.network
    arrived = arrival_map(network, traffic.stations.arrival_shares) @ traffic.loading.departures_veh.reshape(-1)
    held = held_plugs(network) @ arrived
    plugs = np.asarray(network.plugs, dtype=float)
    return held.reshape(len(plugs), -1) > NEARLY_FULL * plugs[:, None]


@dataclass(frozen=True)
class _PlugLimits:
    """Waiting and the limits on held plugs as a part of the joint program; none for objective ``user``."""

    cost_kcny: object
    constraints: list
    where: np.ndarray | None

    def rent_cny(self):
        if self.where is None:
            return None
        rent = np.zeros(self.where.shape)
        if self.constraints:
            rent[self.where] = 1000.0 * np.maximum(self.constraints[0].dual_value, 0.0)
        return rent


def plug_limits(market: Market, traffic: Traffic, flows, watched) -> _PlugLimits:
    """Who waits and how many plugs are held, for flat flows of everybody; nothing of it for objective ``user``."""
    if market.objective != "system":
        return _PlugLimits(0.0, [], None)
    where = crowded(market, traffic)
    if watched is not None:
        where = where | watched
    if not where.any():
        return _PlugLimits(0.0, [], where)
    network, n_steps = market.network, market.network.time.n_steps
    n_classes = len(network.classes)
    here = np.repeat(where, n_classes, axis=0).reshape(-1)  # whoever waits does so at watched steps only
    waiting = cp.Variable(int(here.sum()), nonneg=True, name="waiting")
    leave = sp.diags_array([1.0, -1.0], offsets=[0, -1], shape=(n_steps, n_steps))
    leave = sp.kron(sp.eye_array(len(network.stations) * n_classes), leave, format="csc")[:, here].tocsr()
    arrive = arrival_map(network, traffic.stations.arrival_shares)
    held = held_plugs(network)[where.reshape(-1)]
    plugs = np.repeat(np.asarray(network.plugs, dtype=float), where.sum(axis=1))
    per_step = np.tile(traffic.stations.queue_cny_h * network.time.step_min / 60.0, len(network.stations))
    cost = np.repeat(per_step, n_steps)[here] / 1000.0
    limits = (held @ arrive) @ flows - (held @ leave) @ waiting <= plugs
    nobody_unplugs = arrive[here] @ flows - leave[here] @ waiting >= 0
    return _PlugLimits(cost @ waiting, [limits, nobody_unplugs], where)
