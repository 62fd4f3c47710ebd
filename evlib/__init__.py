"""An open study of electric vehicles that couple a road network and a distribution grid.

Public interface: :func:`load_scenario`, :func:`build_network`, :func:`load_traffic`, :func:`solve`, :func:`compare`,
:func:`real_time`.

Two pillars and one loop. A room (subpackage) imports only from rooms below it, which ``make test`` checks::

    solve_scenario                            from scenario and strategy to a result, through the cache
      |
    results                                   tables, certificate, measures, claims
      |
    coordination                              the loop: traffic and grid respond to each other
      |
    inputs                                    input files, and the models built from them
      |                  |
    assignment          grid                  who drives where (TNO)   |  dispatch and prices (DNO)
      |                  |
    traffic             flexibility           roads and their loading  |  what vehicles can do
      |                  |
    errors, files, folders, hashing           the ground; also leftovers, numba_cache, interrupted_start

``figures`` draws tables and knows neither scenarios nor solvers. Outside the package, ``study`` executes the notebooks,
makes the committed tables and runs the measurements. The ``__init__`` of each room lists its modules.
"""

from importlib import import_module

import evlib.interrupted_start  # noqa: F401  before all that takes long to load
from evlib.errors import InputError, SolverError

__all__ = [
    "InputError",
    "SolverError",
    "build_network",
    "compare",
    "load_scenario",
    "load_traffic",
    "real_time",
    "solve",
]

# Where public names are defined. Loaded when first asked for: solvers and compilers take seconds, for which a command
# line that does not need them should not wait.
MODULE_OF = {
    "build_network": "evlib.inputs.build_roads",
    "compare": "evlib.results.result",
    "load_scenario": "evlib.inputs.scenario",
    "load_traffic": "evlib.traffic.loading",
    "real_time": "evlib.coordination.real_time.run",
    "solve": "evlib.solve_scenario",
}


def __getattr__(name: str):
    if name not in MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(import_module(MODULE_OF[name]), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULE_OF})
