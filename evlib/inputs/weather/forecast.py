"""What is expected of wind and sun at every step: the last measured deviation fades into the forecast of the day before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Forecast", "hourly_to_steps", "persistence_min"]

# How far ahead the fading of deviations is fitted [min].
FITTED_AHEAD_MIN = 120.0


@dataclass(frozen=True)
class Forecast:
    """Wind and sun of a day, as measured and as expected at any time of it.

    .. math:: \\hat x_j(k) = d_j + a^{\\,j - k + 1} (x_{k-1} - d_{k-1}), \\qquad j \\ge k

    d is the forecast of the day before, x what is measured; at the beginning of step k the last measurement is that of
    step k - 1. The result is cut to 0..1, since a farm feeds in no less than nothing and no more than its rating.

    Attributes
    ----------
    measured_pu, day_ahead_pu : ndarray, shape (n_farms, K)
        [per unit of rating].
    before_pu : ndarray, shape (n_farms,)
        Measured deviation in the step before the first.
    keeps : ndarray, shape (n_farms,)
        a, the share of a deviation that is left after one step; 1 would be pure persistence.
    """

    measured_pu: np.ndarray
    day_ahead_pu: np.ndarray
    before_pu: np.ndarray
    keeps: np.ndarray

    @classmethod
    def perfect(cls, measured_pu: np.ndarray) -> Forecast:
        """A forecast without error."""
        n_farms = len(measured_pu)
        return cls(measured_pu, measured_pu, np.zeros(n_farms), np.zeros(n_farms))

    def at(self, step: int) -> np.ndarray:
        """What is known at the beginning of a step: measured before it, expected from it on, shape (n_farms, K)."""
        deviation = self.before_pu
        if step > 0:
            deviation = self.measured_pu[:, step - 1] - self.day_ahead_pu[:, step - 1]
        ahead = np.arange(1, self.measured_pu.shape[1] - step + 1)
        expected = self.day_ahead_pu[:, step:] + self.keeps[:, None] ** ahead * deviation[:, None]
        return np.concatenate([self.measured_pu[:, :step], np.clip(expected, 0.0, 1.0)], axis=1)


def hourly_to_steps(hourly: np.ndarray, step_min: float) -> np.ndarray:
    """Hourly means as values of steps: straight lines between the middles of the hours.

    Parameters
    ----------
    hourly : ndarray, shape (n_hours,)
    step_min : float
        A divisor of 60 [min].

    Returns
    -------
    ndarray, shape ((n_hours - 2) * 60 / step_min,)
        Without the first and the last hour, whose neighbours are not known.
    """
    n = round(60 / step_min)
    middle = (np.arange(n * len(hourly)) + 0.5) / n
    values = np.interp(middle, np.arange(len(hourly)) + 0.5, hourly)
    return values[n:-n]


def persistence_min(deviation: np.ndarray, step_min: float) -> float:
    """Time after which 1/e of a deviation from the forecast is left, by least squares over up to two hours ahead.

    Parameters
    ----------
    deviation : ndarray, shape (n_days, n_steps)
        Measured less forecast, on days other than those on which the forecast is tested.
    step_min : float

    Returns
    -------
    float
        tau [min] in :math:`\\min_\\tau \\sum_{l} \\sum_t (y_{t+l} - e^{-l / \\tau} y_t)^2`; 0 if there are no deviations.
    """
    ahead = np.arange(1, round(FITTED_AHEAD_MIN / step_min) + 1)
    pairs = [(deviation[:, :-lag], deviation[:, lag:]) for lag in ahead if lag < deviation.shape[1]]
    moved = np.array([(now * later).sum() for now, later in pairs])
    squares = np.array([(now**2).sum() for now, _ in pairs])
    if not squares.any():
        return 0.0
    tau = np.geomspace(step_min, 1e4, 2001)
    left = np.exp(-ahead[: len(pairs), None] * step_min / tau)
    return float(tau[(left**2 * squares[:, None] - 2.0 * left * moved[:, None]).sum(axis=0).argmin()])
