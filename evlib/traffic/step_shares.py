"""In which steps the departures of a step arrive or plug in: a few neighbouring steps for each path and departure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.numba_cache import njit

__all__ = ["StepShares"]


@dataclass(frozen=True)
class StepShares:
    """Shares of departures by step, stored from the first step that is not 0.

    Attributes
    ----------
    first_step : ndarray of int, shape (n_paths, n_departure_steps)
    share : ndarray, shape (n_paths, n_departure_steps, width)
        Share of the departures in step ``first_step + w``; each row sums to 1.
    n_steps : int
        K. Step K stands for all times at or after the horizon.
    """

    first_step: np.ndarray
    share: np.ndarray
    n_steps: int

    @classmethod
    def of(cls, dense: np.ndarray) -> StepShares:
        """From shares of every step, shape (n_paths, n_departure_steps, K + 1)."""
        some = dense != 0
        first = np.where(some.any(axis=2), some.argmax(axis=2), 0)
        last = np.where(some.any(axis=2), dense.shape[2] - 1 - some[:, :, ::-1].argmax(axis=2), 0)
        width = int((last - first).max(initial=0)) + 1
        step = first[:, :, None] + np.arange(width)
        inside = step < dense.shape[2]
        share = np.take_along_axis(dense, np.where(inside, step, 0), axis=2)
        return cls(first, np.where(inside & (step <= last[:, :, None]), share, 0.0), dense.shape[2] - 1)

    @property
    def dense(self) -> np.ndarray:
        """Shares of every step, shape (n_paths, n_departure_steps, K + 1)."""
        n_paths, n_depart, width = self.share.shape
        whole = np.zeros((n_paths, n_depart, self.n_steps + width))
        np.put_along_axis(whole, self.first_step[:, :, None] + np.arange(width), self.share, axis=2)
        return whole[:, :, : self.n_steps + 1]

    def nonzero(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Path, departure step, step and share of every entry within the horizon that is not 0."""
        path, depart, place = np.nonzero(self.share)
        step = self.first_step[path, depart] + place
        inside = step < self.n_steps
        path, depart, place, step = path[inside], depart[inside], place[inside], step[inside]
        return path, depart, step, self.share[path, depart, place]

    def mean_of(self, values: np.ndarray, path_station: np.ndarray) -> np.ndarray:
        """Mean of what depends on the step, over the departures of each step.

        Parameters
        ----------
        values : ndarray, shape (n_stations, n_classes, K + 1)
        path_station : ndarray of int, shape (n_paths,)

        Returns
        -------
        ndarray, shape (n_paths, n_classes, n_departure_steps)
        """
        mean = np.empty((len(path_station), values.shape[1], self.share.shape[1]))
        values = np.ascontiguousarray(values, dtype=float)
        _mean_of(self.first_step, self.share, values, path_station.astype(np.int64), mean)
        return mean

    def sums(self, path_station: np.ndarray, flows_veh: np.ndarray, n_stations: int) -> np.ndarray:
        """Vehicles of flows that arrive or plug in, by step.

        Parameters
        ----------
        path_station : ndarray of int, shape (n_paths,)
        flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
            Departures [veh].
        n_stations : int

        Returns
        -------
        ndarray, shape (n_stations, n_classes, K)
            Within the horizon [veh].
        """
        total = np.zeros((n_stations, flows_veh.shape[1], self.n_steps))
        flows = np.ascontiguousarray(flows_veh, dtype=float)
        _sums(self.first_step, self.share, path_station.astype(np.int64), flows, total)
        return total

    def pairs(self, other: StepShares, path_station: np.ndarray, weight: np.ndarray, n_stations: int) -> np.ndarray:
        """Sum over flows of a weight times the shares in two steps, one by these shares and one by others.

        Parameters
        ----------
        other : StepShares
            Of the same paths and departure steps.
        path_station : ndarray of int, shape (n_paths,)
        weight : ndarray, shape (n_paths, n_classes, n_departure_steps)
        n_stations : int

        Returns
        -------
        ndarray, shape (n_stations, n_classes, K, K)
        """
        total = np.zeros((n_stations, weight.shape[1], self.n_steps, self.n_steps))
        weight = np.ascontiguousarray(weight, dtype=float)
        _pairs(self.first_step, self.share, other.first_step, other.share, path_station.astype(np.int64), weight, total)
        return total


compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def _mean_of(first_step, share, values, path_station, mean):
    n_paths, n_depart, width = share.shape
    n_classes, last = values.shape[1], values.shape[2] - 1
    for p in range(n_paths):
        c = path_station[p]
        for m in range(n_classes):
            for k in range(n_depart):
                first, total = first_step[p, k], 0.0
                for w in range(min(width, last - first + 1)):
                    total += share[p, k, w] * values[c, m, first + w]
                mean[p, m, k] = total


@compiled
def _sums(first, share, path_station, flows, total):
    n_paths, n_depart, width = share.shape
    for p in range(n_paths):
        for m in range(flows.shape[1]):
            for k in range(n_depart):
                if flows[p, m, k] != 0.0:
                    for w in range(min(width, total.shape[2] - first[p, k])):
                        total[path_station[p], m, first[p, k] + w] += flows[p, m, k] * share[p, k, w]


@compiled
def _pairs(first, share, first_other, share_other, path_station, weight, total):
    n_paths, n_depart, width = share.shape
    n_steps = total.shape[2]
    for p in range(n_paths):
        for m in range(weight.shape[1]):
            for k in range(n_depart):
                if weight[p, m, k] == 0.0:
                    continue
                into, begin, other = total[path_station[p], m], first[p, k], first_other[p, k]
                for w in range(min(width, n_steps - begin)):
                    scaled = weight[p, m, k] * share[p, k, w]
                    if scaled != 0.0:
                        for v in range(min(share_other.shape[2], n_steps - other)):
                            into[begin + w, other + v] += scaled * share_other[p, k, v]
