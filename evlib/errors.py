"""The errors that the study raises on purpose."""

__all__ = ["InputError", "SolverError"]


class InputError(ValueError):
    """Input that cannot be used: the message names file, field, value and what would be right."""


class SolverError(RuntimeError):
    """An optimisation that did not end with status *optimal*: the message names the problem and the status."""
