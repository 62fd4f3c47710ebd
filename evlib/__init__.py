"""The open study of electric vehicles that couple a road network and a distribution grid.

The public face: :func:`load_scenario`, :func:`build_network`, :func:`load_traffic`, :func:`solve`, :func:`compare`.
"""

from evlib.errors import InputError, SolverError
from evlib.inputs.build_roads import build_network
from evlib.inputs.scenario import load_scenario
from evlib.results.result import compare
from evlib.solve import solve
from evlib.traffic.loading import load_traffic

__all__ = ["InputError", "SolverError", "build_network", "compare", "load_scenario", "load_traffic", "solve"]
