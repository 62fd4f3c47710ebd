"""The open study of electric vehicles that couple a road network and a distribution grid.

The public face: :func:`load_scenario`, :func:`build_network`, :func:`load_traffic`, :func:`solve`, :func:`compare`.
"""

from evlib.errors import InputError, SolverError
from evlib.loading import load_traffic
from evlib.network import build_network
from evlib.result import compare
from evlib.scenario import load_scenario
from evlib.solve import solve

__all__ = ["InputError", "SolverError", "build_network", "compare", "load_scenario", "load_traffic", "solve"]
