"""Static traffic assignment: user equilibrium and system optimum of path flows, by column generation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evlib.assignment.shortest_paths import Roads, cheapest_paths
from evlib.errors import InputError

__all__ = ["Assignment", "assign"]

_SWEEPS = 20  # at most, over the restricted master between two searches for paths
_ROUNDING = 1e-14  # relative; path costs that differ by less count as equal
_FLAT = 1e-9  # a step may end where the objective rises at this share of the rate at which it fell at first


@dataclass(frozen=True)
class Assignment:
    """Flows on arcs and paths, with a bound on how far they are from the solution.

    Attributes
    ----------
    roads : Roads
    pairs : DataFrame
        ``origin``, ``destination``, ``demand_veh`` and ``cost`` (the least cost of a path, tolls included).
    flow_veh : ndarray, shape (n_arcs,)
    arc_cost, arc_toll : ndarray, shape (n_arcs,)
        Cost that a vehicle bears itself, and cost that it imposes on the others (0 for the user equilibrium).
    paths : tuple of tuple of int
        Arcs of each path in use, in the order of driving.
    path_pair : ndarray of int, shape (n_paths,)
        Row of ``pairs`` that each path serves.
    path_flow_veh : ndarray, shape (n_paths,)
    objective, lower_bound : float
        Value of the convex program at these flows, and a lower bound on it for any flows. ``objective`` is Beckmann's
        sum of integrals (user) or the total cost (system).
    relative_gap : float
        See :func:`assign`.
    converged : bool
        Whether the requested gap was reached.
    table : DataFrame
        One row for each iteration: ``iteration``, ``objective``, ``lower_bound``, ``relative_gap``, ``n_paths``.
    """

    roads: Roads
    pairs: pd.DataFrame
    flow_veh: np.ndarray
    arc_cost: np.ndarray
    arc_toll: np.ndarray
    paths: tuple[tuple[int, ...], ...]
    path_pair: np.ndarray
    path_flow_veh: np.ndarray
    objective: float
    lower_bound: float
    relative_gap: float
    converged: bool
    table: pd.DataFrame

    @property
    def total_cost(self) -> float:
        """Cost of all vehicles together, without tolls [veh x unit of cost]."""
        return float(self.flow_veh @ self.arc_cost)

    def path_table(self) -> pd.DataFrame:
        """Paths in use: ``origin``, ``destination``, ``path`` (its nodes), ``flow_veh``, ``cost`` with tolls."""
        paid = self.arc_cost + self.arc_toll
        served = self.pairs.iloc[self.path_pair]
        return pd.DataFrame(
            {
                "origin": served["origin"].to_numpy(),
                "destination": served["destination"].to_numpy(),
                "path": ["-".join(map(str, self.roads.path_nodes(arcs))) for arcs in self.paths],
                "flow_veh": self.path_flow_veh,
                "cost": [float(paid[list(arcs)].sum()) for arcs in self.paths],
            }
        )


def assign(roads: Roads, cost, pairs: pd.DataFrame, *, objective="user", gap=1e-6, max_iterations=100) -> Assignment:
    """User equilibrium or system optimum of a static demand, solved to a given gap.

    .. math::

        \\min_{f \\ge 0} \\; \\sum_a \\int_0^{v_a} t_a(x)\\,dx, \\qquad v_a = \\sum_{p \\ni a} f_p, \\qquad
        \\sum_{p \\in w} f_p = d_w

    Parameters
    ----------
    roads : Roads
    cost : PowerCost
        Cost of each arc as a function of its flow, see :mod:`evlib.assignment.link_costs`, or an object with the same
        methods.
    pairs : DataFrame
        Columns ``origin``, ``destination`` (nodes, each pair once) and ``demand_veh`` (positive, in the unit of flow).
    objective : {"user", "system"}
        Drivers choose by their own cost t, or by the marginal cost of all, whose equilibrium is the system optimum.
    gap : float
        Relative gap at which to stop.
    max_iterations : int
        Largest number of searches for new paths.

    Returns
    -------
    Assignment
        ``converged`` tells whether the gap was reached.

    Raises
    ------
    InputError
        A column is missing, a demand is not positive, a pair is given twice or has no path, or the number of costs is
        not the number of arcs.

    Notes
    -----
    With c the cost of the objective and u the cheapest path cost of each pair *over all paths*,

    .. math:: gap = \\frac{\\sum_a v_a c_a - \\sum_w d_w u_w}{\\sum_a v_a c_a} .

    The program is convex, so its value less the numerator is a lower bound on the value of any flows.
    Column generation: search for the cheapest path of every pair, add it if it is new, and shift flow among the known
    paths, pair after pair, by gradient projection (Jayakrishnan et al. 1994, TRR 1443). A step that would overshoot is
    shortened, so that the objective falls in every step, up to rounding.

    References
    ----------
    M. Beckmann, C. B. McGuire, C. B. Winsten, *Studies in the Economics of Transportation*, 1956.

    Examples
    --------
    Pigou's two roads: the cost of one is always 1, that of the other equals its traffic.

    >>> from evlib.assignment.link_costs import PowerCost
    >>> roads, cost = Roads(2, [1, 1], [2, 2]), PowerCost.linear([1.0, 0.0], [0.0, 1.0])
    >>> pairs = pd.DataFrame({"origin": [1], "destination": [2], "demand_veh": [1.0]})
    >>> [round(assign(roads, cost, pairs, objective=name).total_cost, 6) for name in ("user", "system")]
    [1.0, 0.75]
    """
    origin, destination, demand = _check(roads, cost, pairs, objective, gap, max_iterations)
    paid = cost.marginal() if objective == "system" else cost
    _, first = cheapest_paths(roads, origin, destination, paid(np.zeros(roads.n_arcs)))
    columns = [_Columns(path, veh) for path, veh in zip(first, demand, strict=True)]
    rows = []
    for iteration in range(max_iterations + 1):
        flow = _arc_flows(columns, roads.n_arcs)
        arc_paid = paid(flow)
        least, cheapest = cheapest_paths(roads, origin, destination, arc_paid)
        spent, value = float(flow @ arc_paid), float(paid.integral(flow).sum())
        excess = spent - float(demand @ least)
        relative = excess / spent if spent > 0 else 0.0  # without cost there is no excess either
        rows.append((iteration, value, value - excess, relative, sum(len(c.veh) for c in columns)))
        if relative <= gap or iteration == max_iterations:
            break
        for column, path in zip(columns, cheapest, strict=True):
            column.add(path)
        _solve_restricted(columns, flow, paid, target=0.1 * excess)
    arc_cost = cost(flow)
    return Assignment(
        roads=roads,
        pairs=pd.DataFrame({"origin": origin, "destination": destination, "demand_veh": demand, "cost": least}),
        flow_veh=flow,
        arc_cost=arc_cost,
        arc_toll=arc_paid - arc_cost,
        paths=tuple(path for column in columns for path in column.paths),
        path_pair=np.repeat(np.arange(len(columns)), [len(column.paths) for column in columns]),
        path_flow_veh=np.concatenate([column.veh for column in columns]),
        objective=value,
        lower_bound=value - excess,
        relative_gap=relative,
        converged=relative <= gap,
        table=pd.DataFrame(rows, columns=["iteration", "objective", "lower_bound", "relative_gap", "n_paths"]),
    )


class _Columns:
    """Known paths of one pair, their flows, and their incidence with the arcs that any of them uses."""

    __slots__ = ("arcs", "demand", "on", "paths", "veh")

    def __init__(self, path: tuple[int, ...], demand: float):
        self.demand = demand
        self._keep([path], np.array([demand]))

    def _keep(self, paths: list[tuple[int, ...]], veh: np.ndarray) -> None:
        self.paths, self.veh = paths, veh
        self.arcs = np.unique(np.concatenate([np.array(path) for path in paths]))
        self.on = np.array([np.isin(self.arcs, path) for path in paths], dtype=float)

    def add(self, path: tuple[int, ...]) -> None:
        """Add a path without flow, unless it is known."""
        if path not in self.paths:
            self._keep([*self.paths, path], np.append(self.veh, 0.0))

    def drop_empty(self) -> None:
        """Forget paths without flow; the search finds them again if they are needed."""
        used = self.veh > 0
        if not used.all():
            self._keep([path for path, keep in zip(self.paths, used, strict=True) if keep], self.veh[used])

    def shift(self, flow: np.ndarray, cost) -> float:
        """Move flow to the cheapest known path; changes ``flow`` in place and returns the excess cost found."""
        arcs, on, veh = self.arcs, self.on, self.veh
        arc_flow = flow[arcs]
        arc_cost = cost(arc_flow, arcs)
        path_cost = on @ arc_cost
        best = int(path_cost.argmin())
        regret = path_cost - path_cost[best]
        excess = float(veh @ regret)
        if excess <= _ROUNDING * self.demand * path_cost[best]:
            return max(excess, 0.0)
        # Newton's step of each path against the cheapest: costs change only on arcs that just one of the two uses.
        curvature = np.abs(on - on[best]) @ cost.slope(arc_flow, arcs)
        newton = np.divide(regret, curvature, out=np.where(regret > 0, np.inf, 0.0), where=curvature > 0)
        move = -np.minimum(veh, newton)
        move[best] = 0.0
        move[best] = -move.sum()
        change = move @ on
        before, step = float(change @ arc_cost), 1.0
        # Arc flows are sums of path flows, so rounding may push them below zero, where a fractional power is nan.
        moved = np.maximum(arc_flow + change, 0.0)
        while (after := float(change @ cost(moved, arcs))) > _FLAT * -before:
            step *= before / (before - after)  # zero of the straight line through both derivatives
            moved = np.maximum(arc_flow + step * change, 0.0)
        veh = veh + step * move
        veh[best] = 0.0
        veh[best] = self.demand - veh.sum()
        self.veh = veh
        flow[arcs] = moved
        return excess


def _solve_restricted(columns: list[_Columns], flow: np.ndarray, cost, target: float) -> None:
    """Sweep over the pairs with several paths until the excess cost among known paths is below the target."""
    choosing = [column for column in columns if len(column.paths) > 1]
    flow = flow.copy()
    for _ in range(_SWEEPS):
        if sum(column.shift(flow, cost) for column in choosing) <= target:
            break
    for column in choosing:
        column.drop_empty()


def _arc_flows(columns: list[_Columns], n_arcs: int) -> np.ndarray:
    """Flow on each arc, summed afresh from the path flows so that rounding errors do not accumulate."""
    flow = np.zeros(n_arcs)
    for column in columns:
        flow[column.arcs] += column.veh @ column.on
    return flow


def _check(roads, cost, pairs, objective, gap, max_iterations):
    if objective not in ("user", "system"):
        raise InputError(f"objective = {objective!r}; must be 'user' or 'system'")
    if not gap > 0 or max_iterations < 1:
        raise InputError(f"gap = {gap}, max_iterations = {max_iterations}; must be above 0 and at least 1")
    for column in ("origin", "destination", "demand_veh"):
        if column not in pairs.columns:
            raise InputError(f"pairs: column {column!r} is missing; the table has {', '.join(map(str, pairs.columns))}")
    if len(pairs) == 0:
        raise InputError("pairs: the table is empty; it must have a row for each origin-destination pair")
    demand = pairs["demand_veh"].to_numpy(dtype=float)
    wrong = ~(np.isfinite(demand) & (demand > 0))
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"pairs: demand_veh of pair {i} is {demand[i]}; must be above 0 (leave out pairs without demand)"
        )
    twice = pairs.duplicated(["origin", "destination"]).to_numpy()
    if twice.any():
        i = int(np.flatnonzero(twice)[0])
        raise InputError(
            f"pairs: pair {i}, {pairs['origin'].iloc[i]} to {pairs['destination'].iloc[i]}, is there twice"
        )
    n_costs = np.shape(cost(np.zeros(roads.n_arcs)))
    if n_costs != (roads.n_arcs,):
        raise InputError(f"arc cost: costs of shape {n_costs} for {roads.n_arcs} arcs; must be one an arc")
    return pairs["origin"].to_numpy(dtype=int), pairs["destination"].to_numpy(dtype=int), demand
