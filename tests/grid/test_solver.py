"""The ladder of solver settings."""

import cvxpy as cp
import pytest

from evlib.grid.solver import LADDERS, _attempt

OPTIONS = (
    "direct_solve_method",
    "tol_feas",
    "tol_gap_abs",
    "tol_gap_rel",
    "iterative_refinement_reltol",
    "equilibrate_enable",
    "equilibrate_max_iter",
    "equilibrate_min_scaling",
    "equilibrate_max_scaling",
)


def small_problem():
    target, point = cp.Parameter(3, value=[1.0, 2.0, 3.0]), cp.Variable(3)
    return cp.Problem(cp.Minimize(cp.sum_squares(point - target)), [cp.sum(point) == 1])


def settings_after(problem, step):
    assert _attempt(problem, step, dpp=True).status == "optimal"
    settings = problem._solver_cache["CLARABEL"].get_settings()
    return {name: getattr(settings, name) for name in OPTIONS}


@pytest.mark.parametrize("grid_model", LADDERS)
def test_a_step_has_its_own_settings_after_any_other(grid_model):
    """cvxpy 1.9.3 with clarabel 0.11.1 keeps the options of the last solve that the next one does not name; so a problem
    solved again after the last step of the ladder had its 50 rounds of rescaling while the certificate said 10."""
    for step in LADDERS[grid_model]:
        alone = settings_after(small_problem(), step)
        assert (alone["tol_feas"], alone["tol_gap_rel"]) == (step.tolerance, step.gap_tolerance)
        assert alone["equilibrate_enable"] == (step.rounds > 0)
        if step.rounds:
            assert alone["equilibrate_max_iter"] == step.rounds
        for earlier in LADDERS[grid_model]:
            problem = small_problem()
            settings_after(problem, earlier)
            assert settings_after(problem, step) == alone
