"""Solve the joint program by exchanging cohorts and prices between traffic and grid; the grid's answers become cuts."""

from __future__ import annotations

from dataclasses import dataclass, field

import cvxpy as cp
import numpy as np
import pandas as pd

from evlib.assignment.path_costs import Traffic
from evlib.assignment.tno import Metric, origin_sums
from evlib.coordination.announced_price import grid_side
from evlib.coordination.joint.joint_program import cohort_map, fixed_costs
from evlib.coordination.joint.plug_rents import plug_limits
from evlib.coordination.problem import CoupledProblem
from evlib.errors import InputError, SolverError
from evlib.grid.dispatch import Dispatch
from evlib.grid.solver import solve_grid

__all__ = ["BundleAnswer", "CutMemory", "Cuts", "solve_bundle"]

# Cohorts with fewer vehicles than this are not reported to the grid.
LEAST_COHORT_VEH = 1e-9
# Tolerance, as a share of J(0), by which a cut may exceed the cost in the same answer of the grid.
CUT_TOLERANCE = 1e-6


@dataclass
class CutMemory:
    """What the traffic operator remembers of the grid's answers, see :class:`Cuts`.

    Attributes
    ----------
    grid_cny : list of float
        :math:`d_0`: least grid cost minus what stations pay, if they may draw any power.
    vehicle_cny : list of ndarray, shape (n_cohorts,)
        V: least electricity cost of one vehicle of each cohort.
    price_cny_kwh : list of ndarray, shape (n_bus, K)
        Prices that each cut belongs to.
    rejected : list of str
        Why an answer gave no cut.
    to_grid, to_traffic : int
        How many numbers were sent to the grid so far (cohorts, and prices asked about) and to traffic (prices, costs).
    """

    grid_cny: list[float] = field(default_factory=list)
    vehicle_cny: list[np.ndarray] = field(default_factory=list)
    price_cny_kwh: list[np.ndarray] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    to_grid: int = 0
    to_traffic: int = 0


class Cuts:
    """The grid's answers as cuts. They hold for any cohorts, so they stay valid after the flows are loaded again.

    .. math:: J(N) \\ge d_0(\\lambda) + V(\\lambda) \\cdot N

    Parameters
    ----------
    problem : CoupledProblem
    memory : CutMemory, optional
        Cuts from an earlier part of the run; new ones are added to it.
    """

    def __init__(self, problem: CoupledProblem, memory: CutMemory | None = None):
        self.problem, self.memory = problem, memory or CutMemory()

    def ask(self, sizes_veh: np.ndarray) -> Dispatch | None:
        """Let the grid dispatch cohorts, shape (n_cohorts,), and keep the cut at its prices; None without a cut."""
        reported = sizes_veh > LEAST_COHORT_VEH
        self.memory.to_grid += int(reported.sum())
        try:
            dispatch = self.problem.dispatch(np.where(reported, sizes_veh, 0.0)).dispatch
        except SolverError as error:
            self.memory.rejected.append(str(error))
            return None
        self.memory.to_traffic += self._n_prices + 1
        return dispatch if self.add(dispatch.price_cny_kwh, sizes_veh, dispatch.objective_cny) else None

    def quote(self, price_cny_kwh: np.ndarray) -> bool:
        """Keep the cut at prices, shape (n_bus, K), that the traffic operator chooses; no vehicles are dispatched."""
        self.memory.to_grid += self._n_prices
        return self.add(price_cny_kwh)

    def add(self, price_cny_kwh: np.ndarray, sizes_veh=None, cost_cny: float = np.inf) -> bool:
        """Keep the cut at bus prices, unless it must be wrong: not finite, or above a known cost J(N).

        Parameters
        ----------
        price_cny_kwh : ndarray, shape (n_bus, K)
        sizes_veh : ndarray, shape (n_cohorts,), optional
            Cohorts N with a known cost.
        cost_cny : float
            Their cost J(N).

        Returns
        -------
        bool
            Whether it was kept; if not, the reason is in ``memory.rejected``.
        """
        problem, memory = self.problem, self.memory
        station_price = price_cny_kwh[problem.case.station_bus]
        try:
            grid = grid_side(problem, station_price)
        except SolverError as error:
            memory.rejected.append(str(error))
            return False
        memory.to_traffic += 1
        vehicle = problem.vehicles.vehicle_costs(station_price)
        bound = grid if sizes_veh is None else grid + float(sizes_veh @ vehicle)
        if not (np.isfinite(vehicle).all() and np.isfinite(bound)):
            memory.rejected.append("a cut that is not finite")
            return False
        if bound > cost_cny + CUT_TOLERANCE * problem.scale_cny:
            memory.rejected.append(f"a cut of {bound:.6g} CNY where the cost is {cost_cny:.6g} CNY")
            return False
        memory.grid_cny.append(grid)
        memory.vehicle_cny.append(vehicle)
        memory.price_cny_kwh.append(price_cny_kwh)
        return True

    def observe(self, sizes_veh: np.ndarray, dispatch: Dispatch) -> None:
        """Keep the grid's answer to an iterate's cohorts, shape (n_cohorts,), and count what checking it exchanged."""
        self.memory.to_grid += int((sizes_veh > LEAST_COHORT_VEH).sum()) + self._n_prices
        self.memory.to_traffic += self._n_prices + 2  # prices and cost; the grid's part of the dual at announced prices
        self.add(dispatch.price_cny_kwh, sizes_veh, dispatch.objective_cny)

    @property
    def crossed(self) -> int:
        """How many numbers traffic and grid have exchanged so far, both ways."""
        return self.memory.to_grid + self.memory.to_traffic

    @property
    def _n_prices(self) -> int:
        return len(self.problem.case.station_bus) * self.problem.case.n_steps


@dataclass(frozen=True)
class BundleAnswer:
    """Optimum of the joint program between two bounds.

    Attributes
    ----------
    flows_veh, price_cny_kwh, rent_cny
        As in :class:`evlib.coordination.joint.joint_program.Answer`.
    lower_cny, upper_cny : float
        No flows cost less than the first; ``flows_veh`` cost the second.
    gap : float
        (upper - lower) / |upper|.
    table : DataFrame
        One row per exchange: ``exchange``, ``lower_cny``, ``upper_cny``, ``gap``, ``cuts``, ``rejected``, and how many
        numbers it sent, ``to_grid`` and ``to_traffic``.
    """

    flows_veh: np.ndarray
    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray | None
    lower_cny: float
    upper_cny: float
    gap: float
    table: pd.DataFrame


def solve_bundle(
    problem: CoupledProblem, traffic: Traffic, metric, cuts: Cuts, *, gap: float = 1e-4, most: int = 40, watched=None
) -> BundleAnswer:
    """Solve :func:`evlib.coordination.joint.joint_program.joint_program` while neither operator knows the other's problem.

    .. math:: \\min_{f, \\theta} \\; T \\cdot f + \\theta + \\tfrac12 (f - f^i)^T M (f - f^i), \\qquad
              \\theta \\ge d_0(\\lambda_j) + V(\\lambda_j) \\cdot B f \\quad \\text{for all } j

    Parameters
    ----------
    problem, traffic, metric, watched
        As in :func:`evlib.coordination.joint.joint_program.joint_program`.
    cuts : Cuts
        New cuts are added to it; it may hold cuts from other trajectories.
    gap : float
        Certified gap at which to stop.
    most : int
        Largest number of exchanges; the gap in the answer says how close it came.

    Returns
    -------
    BundleAnswer
        Flows of the lowest upper bound; prices and rents of the highest lower bound.

    Raises
    ------
    InputError
        If the gap is not positive, or no exchange is allowed.
    SolverError
        If the traffic operator's problem does not end *optimal*, or an exchange brings no valid cut.

    Notes
    -----
    These are cutting planes (Kelley 1960) in the space of cohorts. The metric, which is part of the problem, steadies
    them like the proximal term of a bundle method (Lemarechal 1975). In an exchange the grid dispatches the proposed
    flows, which gives an upper bound and a cut at its prices; then it returns the cut at the mean of all prices,
    weighted by the cuts' multipliers. This mean is announced: V is concave, so its bound is at least that of the cuts
    together.
    """
    if not gap > 0 or most < 1:
        raise InputError(f"gap {gap}, most {most}; must be positive and at least 1")
    memory = cuts.memory
    if not memory.grid_cny:
        cuts.ask(problem.sizes(traffic))
        _require(memory, 0)
    plan = _Plan(problem, traffic, metric, watched)
    lower, upper, rows = -np.inf, np.inf, []
    for exchange in range(most):
        sent, known = (memory.to_grid, memory.to_traffic), len(memory.grid_cny)
        flows, without_grid_cny, value_cny, weight, rent = plan.propose(memory)
        if value_cny > lower:
            lower, price, rents = value_cny, _mean_price(memory, weight), rent
        dispatch = cuts.ask(plan.to_cohorts @ (flows + problem.fixed_veh).reshape(-1))
        if dispatch is not None and without_grid_cny + dispatch.objective_cny < upper:
            upper, best = without_grid_cny + dispatch.objective_cny, flows
        reached = (upper - lower) / abs(upper) if np.isfinite(upper) else np.inf
        if reached > gap:
            cuts.quote(_mean_price(memory, weight))
            _require(memory, known)
        rows.append(
            {
                "exchange": exchange,
                "lower_cny": lower,
                "upper_cny": upper,
                "gap": reached,
                "cuts": len(memory.grid_cny),
                "rejected": len(memory.rejected),
                "to_grid": memory.to_grid - sent[0],
                "to_traffic": memory.to_traffic - sent[1],
            }
        )
        if reached <= gap:
            break
    if not np.isfinite(upper):
        raise SolverError(f"bundle: the grid dispatched no flows in {most} exchanges; {memory.rejected[-1]}")
    return BundleAnswer(best, price, rents, lower, upper, reached, pd.DataFrame(rows))


def _require(memory: CutMemory, known: int) -> None:
    if len(memory.grid_cny) == known:
        raise SolverError(f"bundle: an exchange brought no valid cut; {memory.rejected[-1]}")


def _mean_price(memory: CutMemory, weight: np.ndarray) -> np.ndarray:
    return sum(share * price for share, price in zip(weight, memory.price_cny_kwh, strict=False) if share > 0)


class _Plan:
    """The traffic operator's problem without the cuts: costs, demand, plugs and metric at one loading."""

    def __init__(self, problem: CoupledProblem, traffic: Traffic, metric, watched):
        self.present = traffic.flows_veh
        self.to_cohorts = cohort_map(problem, traffic)
        self.flows = cp.Variable(self.present.size, nonneg=True, name="flows")
        self.everybody = self.flows + problem.fixed_veh.reshape(-1)
        self.fixed_veh = problem.fixed_veh.reshape(-1)
        self.plugs = plug_limits(problem, traffic, self.everybody, watched)
        near = Metric.of(metric).half_square(self.flows, self.present, unit_cny=1000.0)
        fixed = fixed_costs(problem, traffic).reshape(-1) / 1000.0
        self.without_grid_kcny = fixed @ self.everybody + near + self.plugs.cost_kcny
        demand = origin_sums(
            problem.network.path_origin, self.present.shape
        ) @ self.flows == problem.demand_veh.reshape(-1)
        self.limits = [demand, *self.plugs.constraints]

    def propose(self, cuts: CutMemory):
        """Flows, their cost without the grid, the lower bound [CNY], weights of the cuts (which sum to 1), rents."""
        theta = cp.Variable(name="grid")
        vehicle = np.array(cuts.vehicle_cny) / 1000.0
        slope = (self.to_cohorts.T @ vehicle.T).T
        level = np.array(cuts.grid_cny) / 1000.0 + slope @ self.fixed_veh
        above = theta >= level + slope @ self.flows
        program = cp.Problem(cp.Minimize(self.without_grid_kcny + theta), [above, *self.limits])
        solve_grid(program, "traffic problem of the bundle")
        weight = np.maximum(np.atleast_1d(above.dual_value), 0.0)
        flows = np.maximum(self.flows.value, 0.0).reshape(self.present.shape)
        value = 1000.0 * float(program.value)
        return flows, value - 1000.0 * float(theta.value), value, weight / weight.sum(), self.plugs.rent_cny()
