"""Least and most energy of a storage in any set of steps: the set functions of a generalised polymatroid."""

from dataclasses import dataclass

import numpy as np

from evlib.errors import InputError

__all__ = ["EnergyBounds", "energy_bounds", "least_and_most"]

# Bounds that cross by no more than this share of the largest bound are rounding.
ROUNDING = 1e-9


@dataclass(frozen=True)
class EnergyBounds:
    """Energies x_t that n storages may take up in T steps, each of shape (n, T) [kWh, battery side].

    .. math:: l_t \\le x_t \\le h_t, \\qquad L_t \\le \\sum_{s \\le t} x_s \\le H_t

    Parameters
    ----------
    step_low, step_high : ndarray
        Bounds l and h on the energy of each step.
    sum_low, sum_high : ndarray
        Bounds L and H on the energy up to the end of each step.
    """

    step_low: np.ndarray
    step_high: np.ndarray
    sum_low: np.ndarray
    sum_high: np.ndarray


def energy_bounds(domain):
    """Bounds on the stored energy of vehicles by usable step; a last step is the energy bought after the horizon.

    Parameters
    ----------
    domain : Domain
        n vehicles of at most T usable steps.

    Returns
    -------
    EnergyBounds
        Of shape (n, T + 1). Energy that cannot be served is taken off the target, the rest of which is a hard bound.

    Notes
    -----
    In stored energy a step is bounded by -h P_dis / eta_d and h P_ch eta_c, whatever the losses: they only say how much
    energy at the meter belongs to it.
    """
    active = domain.active
    low = np.where(active, -domain.discharge_step_kwh[:, None], 0.0)
    high = np.where(active, domain.charge_step_kwh[:, None], 0.0)
    later = domain.terminal_limit_kwh[:, None]
    ones, need = np.ones(active.shape), domain.target_kwh - domain.least_unserved_kwh
    return EnergyBounds(
        step_low=np.hstack([low, np.zeros_like(later)]),
        step_high=np.hstack([high, later]),
        sum_low=np.hstack([ones * domain.energy_low_kwh[:, None], need[:, None]]),
        sum_high=np.hstack([ones * domain.energy_high_kwh[:, None], domain.energy_high_kwh[:, None]]),
    )


def least_and_most(bounds, members):
    """Least and most energy of each storage in each of m sets of steps.

    .. math:: p(A) = \\min_x \\sum_{t \\in A} x_t, \\qquad b(A) = \\max_x \\sum_{t \\in A} x_t

    Parameters
    ----------
    bounds : EnergyBounds
        Of shape (n, T).
    members : ndarray of bool, shape (m, T) or (n, m, T)
        Which steps each set holds.

    Returns
    -------
    least, most : ndarray, shape (n, m)
        p and b [kWh].

    Raises
    ------
    InputError
        If a storage cannot keep its bounds.

    Notes
    -----
    p is super-, b submodular, and the storage can take up x if and only if p(A) <= x(A) <= b(A) for every set A: it is a
    generalised polymatroid (Mukhi, Loho, Abate, *Exact Characterization of Aggregate Flexibility via Generalized
    Polymatroids*, arXiv:2503.23458, 2025). Only sets of steps and their rest matter up to any time, and the pairs of
    their energies form such a polymatroid in the plane: a step widens it along one axis, and a bound on the sum of both
    cuts it. Both keep it one, so six numbers carried through the steps give p and b exactly.

    Examples
    --------
    10 kWh a step both ways, room for 4 kWh, at least 0 in the end. Steps 0 and 2 take up most, 14 kWh, if step 1 gives 10
    back; least, if step 1 takes up 10.

    >>> bounds = EnergyBounds(-10 * np.ones((1, 3)), 10 * np.ones((1, 3)), np.array([[-9, -9, 0]]), np.full((1, 3), 4))
    >>> [energy.item() for energy in least_and_most(bounds, np.array([[True, False, True]]))]
    [-10.0, 14.0]
    """
    members = np.asarray(members, dtype=bool)
    n, n_steps = bounds.step_low.shape
    members = np.broadcast_to(members, (n, *members.shape[-2:]))
    scale = max(float(np.abs(bound).max(initial=0.0)) for bound in vars(bounds).values())
    in_low, in_high, out_low, out_high, sum_low, sum_high = (np.zeros(members.shape[:2]) for _ in range(6))
    for t in range(n_steps):
        low, high = bounds.step_low[:, t, None], bounds.step_high[:, t, None]
        inside = members[:, :, t]
        in_low, in_high = in_low + inside * low, in_high + inside * high
        out_low, out_high = out_low + ~inside * low, out_high + ~inside * high
        sum_low = np.maximum(sum_low + low, bounds.sum_low[:, t, None])
        sum_high = np.minimum(sum_high + high, bounds.sum_high[:, t, None])
        crossed = sum_low - sum_high
        if crossed.max(initial=0.0) > ROUNDING * scale:
            v = int(np.argmax(crossed.max(axis=1)))
            raise InputError(f"bounds: storage {v} cannot keep them in step {t}; it must have a feasible schedule")
        in_low, in_high, out_low, out_high = (
            np.maximum(in_low, sum_low - out_high),
            np.minimum(in_high, sum_high - out_low),
            np.maximum(out_low, sum_low - in_high),
            np.minimum(out_high, sum_high - in_low),
        )
    return in_low, in_high
