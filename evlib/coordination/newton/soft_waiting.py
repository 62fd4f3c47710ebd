"""Who waits how long for a cheaper plug, softened: costs smooth in rents, what vehicles hold, and how that changes.

Where many wait, rents fall from step to step by just what waiting costs. All are then indifferent between the steps, held plugs
jump from one to the next with the least change of a rent, and Newton steps lead nowhere. Softened they move a little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.numba_cache import njit
from evlib.traffic.network import Network

__all__ = ["SoftWaiting", "soft_waiting"]

compiled = njit(cache=True, nogil=True, error_model="numpy")


@dataclass(frozen=True)
class SoftWaiting:
    """Replies of vehicles at stations to rents.

    Attributes
    ----------
    cost_cny : ndarray, shape (n_stations, n_classes, K + 1)
        Softened least total of rent and waiting, by step of arrival [CNY per vehicle].
    plug_in : ndarray, shape (n_stations, n_classes, K)
        Share of those who still wait at a step's beginning that plug in there.
    hold : ndarray, shape (n_stations, n_classes, K, K)
        Share of the arrivals of a step (third axis) that holds a plug at the end of each step.
    softness_cny : float
    stay_steps : ndarray, shape (n_classes,)
    """

    cost_cny: np.ndarray
    plug_in: np.ndarray
    hold: np.ndarray
    softness_cny: float
    stay_steps: np.ndarray

    def curvature(self, arrivals_veh: np.ndarray) -> np.ndarray:
        """How much less plugs are held in every step for a rent more in any, if only those waiting move.

        Parameters
        ----------
        arrivals_veh : ndarray, shape (n_stations, n_classes, K)
            [veh].

        Returns
        -------
        ndarray, shape (n_stations, K, K)
            Minus the derivative of held plugs by rents [plugs per CNY]; positive semidefinite.
        """
        n_stations, _, n_steps = arrivals_veh.shape
        total = np.zeros((n_stations, n_steps, n_steps))
        _curvature(arrivals_veh, self.plug_in, self.hold, self.stay_steps, 1.0 / self.softness_cny, total)
        return total

    def waiting_veh(self, arrivals_veh: np.ndarray) -> np.ndarray:
        """Vehicles that still wait at the end of every step, shape (n_stations, K) [veh], of arrivals as in ``curvature``."""
        there, waiting = np.zeros(arrivals_veh.shape[:2]), np.zeros(arrivals_veh.shape)
        for k in range(arrivals_veh.shape[2]):
            there = (there + arrivals_veh[:, :, k]) * (1.0 - self.plug_in[:, :, k])
            waiting[:, :, k] = there
        return waiting.sum(axis=1)


def soft_waiting(network: Network, rent_cny: np.ndarray, queue_cny_h, softness_cny: float) -> SoftWaiting:
    """Reply to rents with a softened choice between plugging in now and a step later.

    .. math:: W(k) = -\\tau \\ln\\left(e^{-R(k) / \\tau} + e^{-(W(k + 1) + w \\Delta) / \\tau}\\right), \\qquad W(K) = 0

    R is the rent of the stay from step k on. As tau falls to 0, W becomes the least cost of
    :func:`evlib.assignment.plug_prices.station_costs_cny`, from below by at most tau ln K.

    Parameters
    ----------
    network : Network
    rent_cny : ndarray, shape (n_stations, K)
        Rent of one plug for one step [CNY].
    queue_cny_h : array_like, shape (n_classes,)
        Value of waiting w [CNY/h].
    softness_cny : float
        tau, above 0 [CNY].

    Returns
    -------
    SoftWaiting
    """
    n_stations, n_steps = rent_cny.shape
    per_step = np.asarray(queue_cny_h, dtype=float) / 60.0 * network.time.step_min
    stay, n_classes = network.stay_steps.astype(np.int64), len(per_step)
    cost = np.zeros((n_stations, n_classes, n_steps + 1))
    plug_in = np.zeros((n_stations, n_classes, n_steps))
    hold = np.zeros((n_stations, n_classes, n_steps, n_steps))
    paid = np.concatenate([np.zeros((n_stations, 1)), np.cumsum(rent_cny, axis=1)], axis=1)
    _reply(paid, per_step, stay, softness_cny, cost, plug_in, hold)
    return SoftWaiting(cost, plug_in, hold, softness_cny, stay)


@compiled
def _reply(paid, per_step, stay, softness, cost, plug_in, hold):
    n_stations, n_classes, n_steps = plug_in.shape
    for c in range(n_stations):
        for m in range(n_classes):
            for k in range(n_steps - 1, -1, -1):
                now, later = paid[c, min(k + stay[m], n_steps)] - paid[c, k], cost[c, m, k + 1] + per_step[m]
                far = np.exp(-abs(later - now) / softness)
                cost[c, m, k] = min(now, later) - softness * np.log1p(far)
                share = 1.0 / (1.0 + far) if now <= later else far / (1.0 + far)
                plug_in[c, m, k] = share
                for j in range(k + 1, n_steps):
                    hold[c, m, k, j] = (1.0 - share) * hold[c, m, k + 1, j]
                for j in range(k, min(k + stay[m], n_steps)):
                    hold[c, m, k, j] += share


@compiled
def _curvature(arrivals, plug_in, hold, stay, per_cny, total):
    n_stations, n_classes, n_steps = arrivals.shape
    apart = np.zeros(n_steps)
    for c in range(n_stations):
        for m in range(n_classes):
            there = 0.0
            for k in range(n_steps):
                there += arrivals[c, m, k]
                share = plug_in[c, m, k]
                weight = there * share * (1.0 - share) * per_cny
                there *= 1.0 - share
                if weight < 1e-12:
                    continue
                for j in range(k, n_steps):
                    apart[j] = -hold[c, m, k + 1, j] if k + 1 < n_steps else 0.0
                for j in range(k, min(k + stay[m], n_steps)):
                    apart[j] += 1.0
                for i in range(k, n_steps):
                    if apart[i] != 0.0:
                        scaled = weight * apart[i]
                        for j in range(k, n_steps):
                            total[c, i, j] += scaled * apart[j]
