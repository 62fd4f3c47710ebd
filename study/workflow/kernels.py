"""Compile the package's kernels once, before several processes need them at the same time.

Each process that finds no compiled function in the cache compiles it for itself: in a fresh checkout the four parts of
``make test`` would all compile the same ones.
"""

from __future__ import annotations

from evlib import load_scenario
from evlib.coordination.coordinate import coordinate

__all__ = ["compile_kernels"]

# Between them these small runs call nearly every compiled function of the package, with the types that it is called with.
RUNS = (("newton", "system"), ("city", "system"), ("joint", "user"))


def compile_kernels() -> None:
    """Two iterations of `mini` by each of ``RUNS``: kernels are compiled where they are first called, and cached."""
    few = load_scenario("mini").replace({"coordination.iterations": 2, "coordination.exact_iterations": 1})
    for method, objective in RUNS:
        coordinate(few, method=method, objective=objective)
