"""Clarabel without CVXPY: a quadratic program with cones, on the ladder of tolerances of the full grid problem."""

from __future__ import annotations

from dataclasses import dataclass, replace

import clarabel
import numpy as np
import scipy.sparse as sp

from evlib.grid.solver import LADDERS, Attempt

__all__ = ["TOLERANCE", "ConeProblem", "ConeSolve", "climb_cones"]

# Tighter than the full problem's first step: a small program may stop as soon as its tolerance holds, and prices near a
# kink would then be off by 1e-4 CNY/kWh.
TOLERANCE = 1e-9
# Names of Clarabel's statuses as the full problem reports them.
STATUSES = {
    "Solved": "optimal",
    "AlmostSolved": "optimal_inaccurate",
    "PrimalInfeasible": "infeasible",
    "AlmostPrimalInfeasible": "infeasible_inaccurate",
    "DualInfeasible": "unbounded",
    "AlmostDualInfeasible": "unbounded_inaccurate",
    "MaxIterations": "user_limit",
    "MaxTime": "user_limit",
}


@dataclass(frozen=True)
class ConeProblem:
    """min 1/2 x' P x + q' x subject to b - A x in cones.

    Attributes
    ----------
    p_upper : csc_matrix, shape (n, n)
        Upper triangle of P.
    q : ndarray, shape (n,)
    a_matrix : csc_matrix, shape (m, n)
    b : ndarray, shape (m,)
    n_equal, n_above, n_cones, n_signs : int
        Rows in order: equalities; inequalities A x <= b; second-order cones of three rows each; inequalities again.
    """

    p_upper: sp.csc_matrix
    q: np.ndarray
    a_matrix: sp.csc_matrix
    b: np.ndarray
    n_equal: int
    n_above: int
    n_cones: int
    n_signs: int = 0


@dataclass(frozen=True)
class ConeSolve:
    """How the ladder ended.

    Attributes
    ----------
    ladder : tuple of Attempt
        All attempts.
    x, z : ndarray
        Solution, and duals of all rows; only of use if the last attempt is optimal.
    objective : float
    """

    ladder: tuple[Attempt, ...]
    x: np.ndarray
    z: np.ndarray
    objective: float

    @property
    def status(self) -> str:
        """Status of the last attempt."""
        return self.ladder[-1].status


def climb_cones(problem: ConeProblem, tolerance: float = TOLERANCE) -> ConeSolve:
    """Solve a problem at the first step of the ladder that ends *optimal*: ``tolerance``, then the full problem's ladder.

    The ladder also ends if the problem is infeasible or unbounded.

    Notes
    -----
    The first step does without iterative refinement, a fifth of the time; prices are no less accurate.
    """
    cones = [clarabel.ZeroConeT(problem.n_equal), clarabel.NonnegativeConeT(problem.n_above)]
    cones += [clarabel.SecondOrderConeT(3)] * problem.n_cones
    cones += [clarabel.NonnegativeConeT(problem.n_signs)] if problem.n_signs else []
    climbed: list[Attempt] = []
    for step in (Attempt(tolerance, tolerance, 10), *LADDERS["lindistflow"]):
        settings = _settings(step)
        settings.iterative_refinement_enable = bool(climbed)
        found = clarabel.DefaultSolver(problem.p_upper, problem.q, problem.a_matrix, problem.b, cones, settings).solve()
        status = STATUSES.get(str(found.status), str(found.status))
        climbed.append(replace(step, status=status, iterations=found.iterations))
        if status in ("optimal", "infeasible", "unbounded"):
            break
    return ConeSolve(tuple(climbed), np.array(found.x), np.array(found.z), found.obj_val)


def _settings(step: Attempt) -> clarabel.DefaultSettings:
    """The options of :mod:`evlib.grid.solver` for one step."""
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.direct_solve_method = "qdldl"
    settings.tol_feas = step.tolerance
    settings.tol_gap_abs = settings.tol_gap_rel = step.gap_tolerance
    settings.iterative_refinement_reltol = 1e-9
    settings.equilibrate_max_iter = step.rounds
    settings.equilibrate_min_scaling = 1e-6 if step.rounds > 10 else 1e-4
    settings.equilibrate_max_scaling = 1 / settings.equilibrate_min_scaling
    return settings
