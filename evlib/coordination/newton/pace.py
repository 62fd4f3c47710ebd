"""Whether a run that goes on at its present pace ends near enough: one that cannot is not worth its remaining iterations."""

from __future__ import annotations

import math

__all__ = ["FEW", "open_share", "out_of_reach"]

# Iterations before which nothing is said, and over which the pace is taken.
FEW, PACE = 10, 4
# What is expected to be open after the last iteration, over what may be, above which a run is given up. Not 1, as runs
# speed up near their end. Chosen on 76 runs of 22 iterations, those of the ensemble that are hardest to settle: 32 of the 40
# that do not settle are given up then, and none of the 36 that do; with 3, or from iteration 8 on, some of these would be.
OUT_OF_REACH = 5.0


def open_share(relative_gap: float, price_gap: float, close: float, close_price: float) -> float:
    """How far an iterate is from settled: at most 1 where both gaps [1] are as small as wanted.

    The price gap counts by its root. It is a difference of costs near their least, so of second order in the prices' errors,
    and falls twice as many powers of ten as the relative gap, mostly late.
    """
    return max(relative_gap / close, math.sqrt(abs(price_gap) / close_price))


def out_of_reach(open_shares: list[float], most_iterations: int) -> bool:
    """Whether a run would still be far from settled after its last iteration.

    Parameters
    ----------
    open_shares : list of float
        After each iterate, from the start on: how far it is from settled, as :func:`open_share` measures it.
    most_iterations : int
        The start is not counted.

    Returns
    -------
    bool
        Never before iteration ``FEW``. The least so far is expected to fall on by the factor of the last ``PACE`` iterations.

    Examples
    --------
    Less by a third in every iteration it gets from 400 to 7 in ten, and on; by 30 % in four it does not.

    >>> out_of_reach([400 / 1.5**n for n in range(11)], 22)
    False
    >>> out_of_reach([400, 200, 100, 80, 60, 50, 40, 40, 40, 38, 28], 22)
    True
    """
    iteration = len(open_shares) - 1
    if iteration < FEW:
        return False
    least, before = min(open_shares), min(open_shares[:-PACE])
    expected = least * (least / before) ** ((most_iterations - iteration) / PACE)
    return expected > OUT_OF_REACH
