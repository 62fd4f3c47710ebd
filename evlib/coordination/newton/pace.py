"""Whether a run that goes on at its present pace ends near enough: one that cannot is not worth its remaining iterations."""

from __future__ import annotations

__all__ = ["FEW", "out_of_reach"]

# Iterations before which nothing is said, and over which the pace is taken.
FEW, PACE = 8, 4
# What is expected to be open after the last iteration, over what may be, above which a run is given up. Not 1, as runs
# speed up near their end.
OUT_OF_REACH = 5.0


def out_of_reach(open_shares: list[float], most_iterations: int) -> bool:
    """Whether a run would still be far from settled after its last iteration.

    Parameters
    ----------
    open_shares : list of float
        After each iterate, from the start on: the larger of its gaps, each over what it may be; at most 1 where it settled.
    most_iterations : int
        The start is not counted.

    Returns
    -------
    bool
        Never before iteration ``FEW``. The least so far is expected to fall on by the factor of the last ``PACE`` iterations.

    Examples
    --------
    Halved by every iteration it gets from 400 to 1.6 in eight, and on; by 30 % in four it does not.

    >>> halved = [400 / 2**n for n in range(9)]
    >>> out_of_reach(halved, 12)
    False
    >>> out_of_reach([400, 200, 100, 50, 40, 40, 40, 38, 28], 12)
    True
    """
    iteration = len(open_shares) - 1
    if iteration < FEW:
        return False
    least, before = min(open_shares), min(open_shares[:-PACE])
    expected = least * (least / before) ** ((most_iterations - iteration) / PACE)
    return expected > OUT_OF_REACH
