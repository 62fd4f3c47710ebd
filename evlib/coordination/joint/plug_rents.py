"""Plug rents: limits on held plugs in the joint program; their duals are what a step at a scarce plug is worth."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.assignment.path_costs import Traffic
from evlib.assignment.plug_prices import held_plugs
from evlib.coordination.problem import CoupledProblem
from evlib.traffic.path_times import flow_map

__all__ = ["PlugLimits", "crowded", "plug_limits"]

# The joint program limits held plugs where more than this share of them would be held.
NEARLY_FULL = 0.8


@dataclass(frozen=True)
class PlugLimits:
    """Waiting and the limits on held plugs, as a part of the joint program; empty for objective ``user``.

    Attributes
    ----------
    cost_kcny : cvxpy.Expression or float
        Cost of waiting [thousand CNY].
    constraints : list of cvxpy.Constraint
        The first is the limit on held plugs, whose dual is their rent.
    where : ndarray of bool, shape (n_stations, K), or None
        Steps at whose end plugs are limited; None for objective ``user``.
    """

    cost_kcny: object
    constraints: list
    where: np.ndarray | None

    def rent_cny(self) -> np.ndarray | None:
        """Rent of one plug for one step after a solve, shape (n_stations, K) [CNY]; None for objective ``user``."""
        if self.where is None:
            return None
        rent = np.zeros(self.where.shape)
        if self.constraints:
            rent[self.where] = 1000.0 * np.maximum(self.constraints[0].dual_value, 0.0)
        return rent


def crowded(problem: CoupledProblem, traffic: Traffic) -> np.ndarray:
    """Where nearly all plugs would be held if nobody waited, shape (n_stations, K); the joint program limits these."""
    network = problem.network
    arrivals = flow_map(network, traffic.stations.arrival_shares) @ traffic.loading.departures_veh.reshape(-1)
    held = held_plugs(network) @ arrivals
    plugs = np.asarray(network.plugs, dtype=float)
    return held.reshape(len(plugs), -1) > NEARLY_FULL * plugs[:, None]


def plug_limits(problem: CoupledProblem, traffic: Traffic, flows: cp.Expression, watched=None) -> PlugLimits:
    """Decide who waits, so that no more plugs are held than there are; empty for objective ``user``.

    Parameters
    ----------
    problem : CoupledProblem
    traffic : Traffic
        The loading that fixes when vehicles arrive.
    flows : cvxpy.Expression, shape (n_paths * n_classes * n_departure_steps,)
        Flows of all drivers in C order [veh].
    watched : ndarray of bool, shape (n_stations, K), optional
        Further steps at whose end plugs are limited, besides those of :func:`crowded`.

    Returns
    -------
    PlugLimits
    """
    if problem.objective != "system":
        return PlugLimits(0.0, [], None)
    where = crowded(problem, traffic)
    if watched is not None:
        where = where | watched
    if not where.any():
        return PlugLimits(0.0, [], where)
    network, n_steps = problem.network, problem.network.time.n_steps
    n_classes = len(network.classes)
    may_wait = np.repeat(where, n_classes, axis=0).reshape(-1)  # vehicles wait only at the limited steps
    waiting = cp.Variable(int(may_wait.sum()), nonneg=True, name="waiting")
    leave = sp.diags_array([1.0, -1.0], offsets=[0, -1], shape=(n_steps, n_steps))
    leave = sp.kron(sp.eye_array(len(network.stations) * n_classes), leave, format="csc")[:, may_wait].tocsr()
    arrive = flow_map(network, traffic.stations.arrival_shares)
    held = held_plugs(network)[where.reshape(-1)]
    plugs = np.repeat(np.asarray(network.plugs, dtype=float), where.sum(axis=1))
    per_step = np.tile(traffic.stations.queue_cny_h * network.time.step_min / 60.0, len(network.stations))
    cost = np.repeat(per_step, n_steps)[may_wait] / 1000.0
    limits = (held @ arrive) @ flows - (held @ leave) @ waiting <= plugs
    nobody_unplugs = arrive[may_wait] @ flows - leave[may_wait] @ waiting >= 0
    return PlugLimits(cost @ waiting, [limits, nobody_unplugs], where)
