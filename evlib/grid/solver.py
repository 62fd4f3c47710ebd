"""Solve problems that contain the grid with a ladder of tolerances, and explain why if there is no solution."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np
from cvxpy.reductions.solution import Solution as ConeSolution

from evlib.errors import InfeasibleError, SolverError

__all__ = ["LADDERS", "Attempt", "Solution", "breaches", "climb", "scaled_problem", "solve_grid", "unscale"]

# Constraints that are never relaxed: physical laws and the capabilities of machines, which no one could widen.
LAWS = ("nodal balance", "voltage drop", "cone", "backup ratings", "available power", "load")
# A breach below this is due to the solver, not to the problem [MW, pu].
LEAST_BREACH = 1e-6


@dataclass(frozen=True)
class Attempt:
    """One step of the ladder and how it ended.

    Attributes
    ----------
    tolerance : float
        Tolerance of feasibility.
    gap_tolerance : float
        Tolerance of the duality gap.
    rounds : int
        Number of rounds in which the solver rescales rows and columns.
    status : str
    iterations : int
    """

    tolerance: float
    gap_tolerance: float
    rounds: int
    status: str = ""
    iterations: int = 0

    def __str__(self) -> str:
        return f"{self.tolerance:g} (gap {self.gap_tolerance:g}, {self.rounds} rounds of rescaling): {self.status}"


# The gap of a cone is the duality gap divided by a small dual, so the cone model needs a small duality gap. The model
# is well scaled already: the solver's own rescaling of its cones loses more digits than it gains.
LADDERS = {
    "lindistflow": (Attempt(1e-8, 1e-8, 10), Attempt(1e-7, 1e-7, 10), Attempt(1e-7, 1e-7, 50)),
    "cone": (Attempt(1e-8, 1e-10, 0), Attempt(1e-8, 1e-8, 0), Attempt(1e-7, 1e-7, 0), Attempt(1e-7, 1e-7, 50)),
}
# Costs are in thousand CNY; the cone model is solved in CNY, again for the sake of its cones.
COST_SCALES = {"lindistflow": 1.0, "cone": 1000.0}


@dataclass(frozen=True)
class Solution:
    """Result of a ladder: all attempts, the last one optimal; the least cost [thousand CNY]; time in the solver [s]."""

    ladder: tuple[Attempt, ...]
    cost_kcny: float
    solver_s: float


def scaled_problem(problem: cp.Problem, grid_model: str) -> cp.Problem:
    """The problem with its cost in the unit that suits ``grid_model``; both problems share their constraints."""
    scale = COST_SCALES[grid_model]
    return problem if scale == 1.0 else cp.Problem(cp.Minimize(scale * problem.objective.expr), problem.constraints)


def solve_grid(problem: cp.Problem, name: str, grid_model: str = "lindistflow", groups: dict | None = None) -> Solution:
    """Solve a problem that contains the grid, at the first step of a short ladder that ends *optimal*.

    Parameters
    ----------
    problem : cvxpy.Problem
        A problem with its cost in thousand CNY.
    name : str
        Name of the problem in error messages.
    grid_model : {"lindistflow", "cone"}
        Chooses the ladder.
    groups : dict of str -> list of cvxpy.Constraint, optional
        All constraints by name. If the problem is infeasible, the error says which groups cannot hold.

    Returns
    -------
    Solution
        The values are in the problem's variables and duals.

    Raises
    ------
    SolverError
        If no step ends *optimal*; the error names the problem, the statuses and, if infeasible, the groups.
    """
    scaled = scaled_problem(problem, grid_model)
    # A problem without Parameters is solved only once, so a reusable compilation is not worth its time.
    solution = climb(scaled, name, grid_model, groups, dpp=scaled is problem and bool(problem.parameters()))
    if scaled is not problem:
        solved = scaled.solution
        problem.unpack(
            ConeSolution(solved.status, solution.cost_kcny, solved.primal_vars, solved.dual_vars, solved.attr)
        )
        unscale(problem, grid_model)
    return solution


def climb(scaled: cp.Problem, name: str, grid_model: str, groups: dict | None, *, dpp: bool) -> Solution:
    """As :func:`solve_grid`, for a problem from :func:`scaled_problem`; with ``dpp`` its compilation is kept for reuse.

    The duals are those of the scaled problem, see :func:`unscale`.
    """
    climbed: list[Attempt] = []
    solver_s = 0.0
    for step in LADDERS[grid_model]:
        climbed.append(_attempt(scaled, step, dpp))
        status = climbed[-1].status
        if scaled.solver_stats is not None:
            solver_s += scaled.solver_stats.solve_time or 0.0
        if status == cp.OPTIMAL:
            return Solution(tuple(climbed), float(scaled.value) / COST_SCALES[grid_model], solver_s)
        if status in (cp.INFEASIBLE, cp.UNBOUNDED):
            break
    statuses = ", then ".join(f"{item.status!r}" for item in climbed)
    reason = _reason(groups) if groups and climbed[-1].status == cp.INFEASIBLE else ""
    kind = InfeasibleError if climbed[-1].status == cp.INFEASIBLE else SolverError
    raise kind(f"{name} ended with status {statuses}, not 'optimal'{reason}")


def unscale(problem: cp.Problem, grid_model: str) -> None:
    """Convert the duals of a problem from :func:`scaled_problem` back to thousand CNY."""
    scale = COST_SCALES[grid_model]
    if scale == 1.0:
        return
    for item in problem.constraints:
        for dual in item.dual_variables:
            if dual.value is not None:
                dual.save_value(dual.value / scale)


def _attempt(problem: cp.Problem, step: Attempt, dpp: bool) -> Attempt:
    # By default the solver may choose a factorisation that takes four times as long on these problems.
    options = {"direct_solve_method": "qdldl", "tol_feas": step.tolerance}
    options |= dict.fromkeys(("tol_gap_abs", "tol_gap_rel"), step.gap_tolerance)
    # The default 1e-13 takes up a tenth of the time and saves no iteration.
    options["iterative_refinement_reltol"] = 1e-9 if step.rounds else 1e-13
    # All are named in every step: a problem that is solved again keeps the options of the step before (cvxpy 1.9.3).
    least_scaling = 1e-6 if step.rounds > 10 else 1e-4
    options |= {
        "equilibrate_enable": step.rounds > 0,
        "equilibrate_max_iter": step.rounds or 10,
        "equilibrate_min_scaling": least_scaling,
        "equilibrate_max_scaling": 1 / least_scaling,
    }
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Solution may be inaccurate")  # the status says it
            # This backend compiles problems with thousands of Parameters in a tenth of the time.
            compilation = {"canon_backend": cp.SCIPY_CANON_BACKEND} if dpp else {"ignore_dpp": True}
            problem.solve(solver=cp.CLARABEL, **compilation, **options)
    except cp.error.SolverError as error:
        return replace(step, status=str(error))
    return replace(step, status=problem.status, iterations=problem.solver_stats.num_iters or 0)


def breaches(groups: dict) -> dict[str, float]:
    """By how much each group of constraints must give way, if the sum over all of them is as small as possible.

    Parameters
    ----------
    groups : dict of str -> list of cvxpy.Constraint

    Returns
    -------
    dict of str -> float
        Largest breach in each group that gives way [MW, voltages in pu squared, vehicles' energy in MWh], the largest
        first. Empty if all groups can hold, or if relaxing them does not help because the laws of the network alone
        have no solution.
    """
    slacks: dict[str, list] = {}
    rules = []
    for name, constraints in groups.items():
        for item in constraints:
            if not item.args[0].size:
                continue
            if name in LAWS:
                rules.append(item)
                continue
            relaxed, slack = _relaxed(item)
            rules += relaxed
            slacks.setdefault(name, []).append(slack)
    total = sum(cp.sum(slack) for group in slacks.values() for slack in group)
    elastic = cp.Problem(cp.Minimize(total), rules)
    for step in LADDERS["lindistflow"]:
        if _attempt(elastic, step, False).status == cp.OPTIMAL:
            largest = {name: max(float(np.max(slack.value)) for slack in group) for name, group in slacks.items()}
            broken = {name: value for name, value in largest.items() if value > LEAST_BREACH}
            return dict(sorted(broken.items(), key=lambda pair: -pair[1]))
    return {}


def _relaxed(item):
    """A constraint relaxed by a slack, and the slack."""
    if isinstance(item, cp.SOC):
        slack = cp.Variable(item.args[0].shape, nonneg=True)
        return [cp.SOC(item.args[0] + slack, item.args[1], axis=item.axis)], slack
    slack = cp.Variable(item.expr.shape, nonneg=True)
    if isinstance(item, cp.constraints.Equality | cp.constraints.Zero):
        return [item.expr <= slack, -item.expr <= slack], slack
    return [item.expr <= slack], slack


def _reason(groups: dict) -> str:
    broken = breaches(groups)
    if not broken:
        return ": the balances themselves have no solution, whatever limit is given up"
    units = {"voltage limits": "pu of squared voltage", "vehicles": "MW or MWh"}
    listed = ", ".join(f"{name} (by up to {value:.3g} {units.get(name, 'MW')})" for name, value in broken.items())
    return f": cannot hold: {listed}; widen these or add supply"
