"""The errors that the study raises on purpose."""

import numpy as np

__all__ = ["InputError", "SolverError", "StudyError", "require", "require_one", "whole"]


class InputError(ValueError):
    """Input that cannot be used: the message names file, field, value and what would be right."""


class SolverError(RuntimeError):
    """An optimisation that did not end with status *optimal*: the message names the problem and the status."""


def require(holds, name, value, what, unit=""):
    """One error for the first vehicle where a condition does not hold."""
    if not np.all(holds):
        i = int(np.argmin(holds))
        raise InputError(f"{name}: vehicle {i} has {value[i]}{unit}; must be {what}")


def require_one(holds, name, value, what):
    """The same for a value that all vehicles share."""
    if not holds:
        raise InputError(f"{name}: {value}; must be {what}")


def whole(name, value):
    """The value as an array of integers, or an error."""
    value = np.asarray(value)
    if value.dtype.kind != "i":
        if not np.all(np.isfinite(value)) or np.any(value != np.round(value)):
            raise InputError(f"{name}: {value}; must be whole numbers")
        value = value.astype(int)
    return value


class StudyError(RuntimeError):
    """A step of the chain that could not be done: the message says which, why, and where to look."""
