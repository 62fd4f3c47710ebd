"""The errors that the study raises on purpose."""

import numpy as np

__all__ = ["InputError", "SolverError", "StudyError", "is_interrupt", "require", "require_one", "whole"]


class InputError(ValueError):
    """Input that cannot be used; the message names file, field, value and what would be right."""


class SolverError(RuntimeError):
    """An optimisation that did not end with status *optimal*; the message names the problem and the status."""


class InfeasibleError(SolverError):
    """An optimisation without any solution; the message names the limits that cannot hold."""


def is_interrupt(error: BaseException) -> bool:
    """Whether an error is a Ctrl-C: also one that struck while compiled code returned, which Python reports as SystemError."""
    cause = error.__cause__ if isinstance(error, SystemError) else error
    return isinstance(cause, KeyboardInterrupt)


def require(holds, name, value, what, unit=""):
    """Raise an InputError for the first vehicle that violates a condition; ``holds`` and ``value`` have shape (n,)."""
    if not np.all(holds):
        i = int(np.argmin(holds))
        raise InputError(f"{name}: vehicle {i} has {value[i]}{unit}; must be {what}")


def require_one(holds, name, value, what):
    """Raise an InputError if a condition fails for a value that all vehicles share."""
    if not holds:
        raise InputError(f"{name}: {value}; must be {what}")


def whole(name, value):
    """Return the value as an array of integers, or raise an InputError."""
    value = np.asarray(value)
    if value.dtype.kind != "i":
        if not np.all(np.isfinite(value)) or np.any(value != np.round(value)):
            raise InputError(f"{name}: {value}; must be whole numbers")
        value = value.astype(int)
    return value


class StudyError(RuntimeError):
    """A step of the study that failed; the message says which one, why, and where to look."""
