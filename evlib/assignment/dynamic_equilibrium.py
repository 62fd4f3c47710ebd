"""Dynamic traffic equilibrium: extragradient steps through the loading, at given prices or with other cost terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evlib.assignment.gaps import Gaps, gaps
from evlib.assignment.traffic_problem import TrafficProblem
from evlib.errors import InputError

__all__ = ["Equilibrium", "Extragradient", "equilibrium", "nearest_flows"]

# A step is short enough if costs change by at most SAFE times what would make it overshoot; the next one may grow.
SAFE, GROW, SHRINK = 0.9, 1.1, 0.6
FIRST_STEP, LEAST_STEP = 0.02, 1e-5
# The step of a flow is proportional to the demand it belongs to, or to this demand if that is larger.
LEAST_DEMAND_VEH = 0.05
# Least flow, as a share of its demand, where steps multiply flows: a flow of 0 could never grow.
LEAST_SHARE = 1e-12


def nearest_flows(flows_veh: np.ndarray, demand_veh: np.ndarray, path_origin: np.ndarray) -> np.ndarray:
    """Project any numbers onto the flows that meet the demand: one simplex for each origin, class and step.

    Parameters
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Any numbers [veh].
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        Vehicles that depart [veh].
    path_origin : ndarray of int, shape (n_paths,)

    Returns
    -------
    ndarray, shape of ``flows_veh``
        The nearest flows that are not negative and sum to the demand of each origin (Held, Wolfe and Crowder 1974).

    Examples
    --------
    >>> nearest_flows(np.array([[[3.0]], [[1.5]], [[-2.0]]]), np.array([[[2.5]]]), np.array([0, 0, 0])).ravel()
    array([2. , 0.5, 0. ])
    """
    nearest = np.empty_like(flows_veh)
    for o, demand in enumerate(demand_veh):
        rows = path_origin == o
        wanted = flows_veh[rows]
        falling = -np.sort(-wanted, axis=0)
        over = np.cumsum(falling, axis=0) - demand
        count = np.arange(1, len(wanted) + 1)[:, None, None]
        used = np.maximum((falling * count > over).sum(axis=0), 1)
        level = np.take_along_axis(over, used[None] - 1, axis=0) / used
        nearest[rows] = np.maximum(wanted - level, 0.0)
    return nearest


class Extragradient:
    """Extragradient steps on the flows of one demand; the step length is kept between calls.

    .. math:: y = P\\bigl(f - \\gamma D\\, C(f)\\bigr), \\qquad f^+ = P\\bigl(f - \\gamma D\\, C(y)\\bigr)

    P projects onto the flows that meet the demand, and D is the demand that each flow belongs to. The costs at y show
    what the first step would do to them, so flows settle even if costs are not a gradient (Korpelevich 1976). The
    step is shortened until :math:`\\gamma \\|C(y) - C(f)\\|_D \\le 0.9 \\|y - f\\|_{D^{-1}}` (Khobotov 1987).

    Parameters
    ----------
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        Vehicles that depart [veh].
    path_origin : ndarray of int, shape (n_paths,)
    logit_cny : float
        Scale of drivers' misjudgement of costs [CNY]. If positive, P is a proximal step in the entropy that logit
        drivers add to their costs: it multiplies flows, so none becomes 0 (Nemirovski 2004).
    """

    def __init__(self, demand_veh: np.ndarray, path_origin: np.ndarray, logit_cny: float = 0.0):
        self.demand_veh, self.path_origin, self.logit_cny = demand_veh, path_origin, logit_cny
        self.weight = np.maximum(demand_veh, LEAST_DEMAND_VEH)[path_origin]
        self.step = FIRST_STEP

    def run(self, cost_of: Callable[[np.ndarray], np.ndarray], flows_veh: np.ndarray, n_steps: int) -> np.ndarray:
        """Take ``n_steps`` steps and return the flows.

        Parameters
        ----------
        cost_of : callable
            Maps flows [veh] to costs [CNY per vehicle], both of shape (n_paths, n_classes, n_departure_steps).
        flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
            Flows to start from [veh]; they must meet the demand.
        n_steps : int

        Returns
        -------
        ndarray, shape of ``flows_veh``
        """
        if self.logit_cny > 0:
            flows_veh = np.maximum(flows_veh, LEAST_SHARE * self.demand_veh[self.path_origin])
        cost = cost_of(flows_veh)
        for _ in range(n_steps):
            flows_veh, cost = self._once(cost_of, flows_veh, cost)
        return flows_veh

    def _once(self, cost_of, flows, cost):
        while True:
            ahead = self._moved(flows, cost)
            cost_ahead = cost_of(ahead)
            change = np.sqrt(((cost_ahead - cost) ** 2 * self.weight).sum())
            way = np.sqrt(((ahead - flows) ** 2 / self.weight).sum())
            if self.step * change <= SAFE * way or self.step < LEAST_STEP:
                break
            self.step *= SHRINK
        after = self._moved(flows, cost_ahead)
        self.step *= GROW
        return after, cost_of(after)

    def _moved(self, flows, cost):
        if self.logit_cny > 0:
            return self._weighed(flows, cost)
        return nearest_flows(flows - self.step * self.weight * cost, self.demand_veh, self.path_origin)

    def _weighed(self, flows, cost):
        wanted = self.demand_veh[self.path_origin]
        level = np.log(np.divide(flows, wanted, out=np.ones_like(flows), where=wanted > 0))
        level = (level - self.step * cost) / (1.0 + self.step * self.logit_cny)
        moved = np.empty_like(flows)
        for o, demand in enumerate(self.demand_veh):
            rows = self.path_origin == o
            share = np.exp(level[rows] - level[rows].max(axis=0))
            moved[rows] = demand * share / share.sum(axis=0)
        return moved


@dataclass(frozen=True)
class Equilibrium:
    """Dynamic traffic equilibrium at fixed electricity costs.

    Attributes
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        The iterate with the least excess [veh].
    gaps : Gaps
        Gaps of that iterate.
    table : DataFrame
        One row per measurement: ``steps``, ``excess_cny_veh``, ``relative_gap``.
    """

    flows_veh: np.ndarray
    gaps: Gaps
    table: pd.DataFrame


def equilibrium(
    problem: TrafficProblem,
    electricity_cny: np.ndarray,
    flows_veh: np.ndarray,
    *,
    n_steps=300,
    every=10,
    stop_relative_gap=0.0,
) -> Equilibrium:
    """Find the traffic equilibrium at fixed electricity costs by extragradient steps.

    Parameters
    ----------
    problem : TrafficProblem
    electricity_cny : ndarray, shape (n_stations, n_classes, K + 1)
        Electricity cost V of one vehicle [CNY]; it does not depend on the flows.
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Flows to start from [veh].
    n_steps : int
        Largest number of steps; each takes at least two loadings.
    every : int
        Number of steps between two measurements.
    stop_relative_gap : float, optional
        Relative gap at which a measurement ends the steps; by default all of them are taken.

    Returns
    -------
    Equilibrium

    Raises
    ------
    InputError
        If ``n_steps`` or ``every`` is below 1.

    Notes
    -----
    This solves a variational inequality in path flows (Friesz et al. 1993). The costs are continuous but need not be
    monotone, so no method is sure to converge; the gap says how far the result is from an equilibrium.
    """
    if n_steps < 1 or every < 1:
        raise InputError(f"n_steps {n_steps}, every {every}; both must be at least 1")
    walk = Extragradient(problem.demand_veh, problem.network.path_origin, problem.drivers.logit_cny)
    rows, best = [], (np.inf, None, None)
    done = 0
    while True:
        measured = gaps(problem.evaluate(flows_veh), electricity_cny)
        rows.append((done, measured.excess_cny_veh, measured.relative_gap))
        if measured.excess_cny_veh < best[0]:
            best = measured.excess_cny_veh, flows_veh, measured
        if done >= n_steps or measured.relative_gap <= stop_relative_gap:
            break
        ahead = min(every, n_steps - done)
        flows_veh = walk.run(lambda flows: problem.evaluate(flows).costs(electricity_cny), flows_veh, ahead)
        done += ahead
    table = pd.DataFrame(rows, columns=["steps", "excess_cny_veh", "relative_gap"])
    return Equilibrium(best[1], best[2], table)
