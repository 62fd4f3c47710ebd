"""An open study of electric vehicles that couple a road network and a distribution grid.

Public interface: :func:`load_scenario`, :func:`build_network`, :func:`load_traffic`, :func:`solve`, :func:`compare`.

Two pillars and one loop. A room (subpackage) imports only from rooms below it, which ``make test`` checks::

    solve                                     from scenario and strategy to a result, through the cache
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

import evlib.interrupted_start  # before all that takes long to load
import evlib.numba_cache  # noqa: F401  before any compiled function is defined
from evlib.errors import InputError, SolverError
from evlib.inputs.build_roads import build_network
from evlib.inputs.scenario import load_scenario
from evlib.results.result import compare
from evlib.solve import solve
from evlib.traffic.loading import load_traffic

__all__ = ["InputError", "SolverError", "build_network", "compare", "load_scenario", "load_traffic", "solve"]
