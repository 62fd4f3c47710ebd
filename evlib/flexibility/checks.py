"""Checks of values given per vehicle: one clear error that names the field, the vehicle and what would be right."""

import numpy as np

from evlib.errors import InputError

__all__ = ["require", "require_one", "whole"]


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
