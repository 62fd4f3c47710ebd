#!/usr/bin/env bash
# Guess: the options of cvxpy's Problem.solve hold for that call; the next call without them has the defaults again.
# Seen with cvxpy 1.9.3 and clarabel 0.11.1: a problem that is solved again re-uses its solver, and options that the new
# call does not name keep the values of the call before. A limit of 3 iterations for one trial makes every later solve of
# the same problem stop after 3, status "user_limit"; a looser tolerance would stay without any sign.
#   default, fresh problem      optimal 6
#   max_iter=3                  user_limit 3
#   no options                  user_limit 3     <- guessed: optimal 6
#   max_iter=200                optimal 6
#   max_iter=3, then no options with warm_start=False  optimal 6
# So: name every option in every call, or pass warm_start=False.
# A related report, about an option that cannot be changed at all afterwards: https://github.com/cvxpy/cvxpy/issues/2788
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cvxpy==1.9.3 clarabel==0.11.1 numpy==2.2.6 scipy==1.15.3

cat >"$folder/solve.py" <<'PY'
import warnings

import cvxpy as cp
import numpy as np

warnings.filterwarnings("ignore", message="Solution may be inaccurate")
target = cp.Parameter(5, value=np.arange(5.0))
point = cp.Variable(5)
problem = cp.Problem(cp.Minimize(cp.sum_squares(point - target) + cp.norm1(point)), [cp.sum(point) == 1, point >= -1])


def solved(label, **options):
    problem.solve(solver=cp.CLARABEL, **options)
    print(f"{label:28s}{problem.status} {problem.solver_stats.num_iters}")
    return problem.status


seen = [
    solved("default, fresh problem"),
    solved("max_iter=3", max_iter=3),
    solved("no options"),
    solved("max_iter=200", max_iter=200),
    solved("max_iter=3", max_iter=3),
    solved("no options, no warm start", warm_start=False),
]
assert seen == ["optimal", "user_limit", "user_limit", "optimal", "user_limit", "optimal"], seen
PY
"$folder/venv/bin/python" "$folder/solve.py"
