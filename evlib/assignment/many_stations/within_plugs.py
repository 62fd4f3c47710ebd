"""Flows nearest to given ones whose vehicles all find a plug, with the rents that make drivers choose them.

.. math:: \\min_f \\; C \\cdot f + \\tfrac12 (f - f^i)^T M (f - f^i), \\qquad A f \\le P

A f are the plugs held at the end of each step, as :mod:`evlib.assignment.plug_prices` counts them. The dual in the rents
is concave and, where nobody waits, piecewise quadratic. Newton steps with its exact curvature, by conjugate gradients,
take along that vehicles turned away at one station come to the next: rents set station by station do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.assignment.many_stations.plug_limits import DriversChoice, Held, choose, hessian_times, own_curvature

__all__ = ["Settled", "rents_within_plugs", "unsettled_cny"]

# Added to the curvature [plugs per CNY]: where few paths are used, the dual is nearly flat between its kinks. It rises
# after a step that had to be shortened, and falls after a whole one, but stays between these bounds.
LEAST_INERTIA, MOST_INERTIA, RISE, FALL = 1e-2, 1e3, 10.0, 0.3
# Conjugate gradients end where the rest is this share of the start, or after so many.
INNER_SHARE, MOST_INNER = 0.03, 40
# A step is shortened until the dual does not fall, down to this length.
SHORTEN, LEAST_LENGTH = 0.4, 0.02
# How often rents that would become negative are set to 0 in a step.
MOST_ROUNDS = 4


@dataclass(frozen=True)
class Settled:
    """Rents, and how near they are to a solution.

    Attributes
    ----------
    held : Held
    unsettled_cny : float
        See :func:`unsettled_cny`.
    steps : int
        Newton steps taken.
    """

    held: Held
    unsettled_cny: float
    steps: int


def unsettled_cny(choice: DriversChoice, held: Held) -> float:
    """What is wrong with rents: waiting of vehicles without a plug, and rent of plugs that are not held [CNY]."""
    over = held.plugs - choice.plugs[:, None]
    wait_cny = float(np.mean(choice.queue_cny_h)) * choice.network.time.step_min / 60.0
    return float(wait_cny * np.maximum(over, 0.0).sum() + (held.rent_cny * np.maximum(-over, 0.0)).sum())


def rents_within_plugs(choice: DriversChoice, rent_cny: np.ndarray, tolerance_cny: float, most_steps: int) -> Settled:
    """Find rents by Newton steps.

    Parameters
    ----------
    choice : DriversChoice
    rent_cny : ndarray, shape (n_stations, K)
        To start from [CNY].
    tolerance_cny : float
        Steps end where :func:`unsettled_cny` is below.
    most_steps : int

    Returns
    -------
    Settled
    """
    held, steps, inertia = choose(choice, rent_cny), 0, LEAST_INERTIA
    wrong = unsettled_cny(choice, held)
    while wrong > tolerance_cny and steps < most_steps:
        over = held.plugs - choice.plugs[:, None]
        step = _newton_step(choice, held, over, (held.rent_cny > 0) | (over > 0), inertia)
        held, length = _search(choice, held, step)
        wrong, steps = unsettled_cny(choice, held), steps + 1
        inertia = min(
            max(inertia * (FALL if length == 1.0 else RISE if length < 0.3 else 1.0), LEAST_INERTIA), MOST_INERTIA
        )
        if length == 0.0 and inertia == MOST_INERTIA:
            break
    return Settled(held, wrong, steps)


def _search(choice: DriversChoice, held: Held, step: np.ndarray) -> tuple[Held, float]:
    """The reply after a step that is as long as the dual allows, and its length; none at all after many attempts."""
    length = 1.0
    while length >= LEAST_LENGTH:
        ahead = choose(choice, held.rent_cny + length * step)
        if ahead.value_cny >= held.value_cny - 1e-12 * abs(held.value_cny):
            return ahead, length
        length *= SHORTEN
    return held, 0.0


def _newton_step(choice: DriversChoice, held: Held, over: np.ndarray, free: np.ndarray, inertia) -> np.ndarray:
    """The step that the dual's quadratic model takes to its largest value, without making a rent negative.

    Rents that would become negative are set to 0 and left there; the others are solved for again.
    """
    curvature = own_curvature(choice, held)
    step, rent = np.zeros_like(over), held.rent_cny
    for _ in range(MOST_ROUNDS):
        given = np.where(free, 0.0, step)
        target = np.where(free, over, 0.0)
        if given.any():
            target = target - np.where(free, hessian_times(choice, held, given), 0.0)
        step = given + _conjugate_gradients(choice, held, target, free, _inverses(curvature, free, inertia), inertia)
        negative = free & (rent + step < 0)
        if not negative.any():
            break
        step, free = np.where(negative, -rent, step), free & ~negative
    return np.maximum(step, -rent)


def _conjugate_gradients(choice: DriversChoice, held: Held, target, free, inverse, inertia) -> np.ndarray:
    """Solve H d = target on the free rents, preconditioned by each station's own curvature."""
    step, rest = np.zeros_like(target), target.copy()
    scaled = np.einsum("cij,cj->ci", inverse, rest)
    direction, size = scaled, float((rest * scaled).sum())
    first = size
    for _ in range(MOST_INNER):
        if size <= INNER_SHARE**2 * first or size <= 0.0:
            break
        image = np.where(free, hessian_times(choice, held, direction) + inertia * direction, 0.0)
        length = size / float((direction * image).sum())
        step, rest = step + length * direction, rest - length * image
        scaled = np.einsum("cij,cj->ci", inverse, rest)
        before, size = size, float((rest * scaled).sum())
        direction = scaled + size / before * direction
    return step


def _inverses(curvature: np.ndarray, free: np.ndarray, inertia: float) -> np.ndarray:
    """Inverse of each station's curvature on its free rents, 0 elsewhere."""
    inverse = np.zeros_like(curvature)
    for c in np.flatnonzero(free.any(axis=1)):
        some = np.flatnonzero(free[c])
        matrix = curvature[c][np.ix_(some, some)]
        inverse[c][np.ix_(some, some)] = np.linalg.inv(matrix + inertia * np.eye(len(some)))
    return inverse
