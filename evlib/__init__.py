"""The open study of electric vehicles that couple a road network and a distribution grid.

The public face: :func:`load_scenario`, :func:`build_network`, :func:`load_traffic`, :func:`solve`, :func:`compare`.
"""

import importlib

# Imported when first used: the chain asks evlib what has changed many times more often than it solves anything.
_HOME = {
    "InputError": "evlib.errors",
    "SolverError": "evlib.errors",
    "build_network": "evlib.network",
    "compare": "evlib.result",
    "load_scenario": "evlib.scenario",
    "load_traffic": "evlib.loading",
    "solve": "evlib.solve",
}

__all__ = ["InputError", "SolverError", "build_network", "compare", "load_scenario", "load_traffic", "solve"]


def __getattr__(name):
    # The function solve hides the module of the same name, as a plain import would.
    if name not in _HOME:
        raise AttributeError(f"module 'evlib' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__])
