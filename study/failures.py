"""The error of the chain."""

__all__ = ["StudyError"]


class StudyError(RuntimeError):
    """A step of the chain that could not be done: the message says which, why, and where to look."""
