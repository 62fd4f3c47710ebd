"""Who really departs: whole vehicles, drawn from the expected demand, each of which goes one way."""

from __future__ import annotations

import numpy as np

__all__ = ["draw_demand", "draw_paths"]

# Second entry of the seeds: departures and choices are drawn apart.
DEPARTURES, CHOICES = 0, 1


def draw_demand(expected_veh: np.ndarray, seed: int) -> np.ndarray:
    """Departures of a day, as Poisson numbers.

    Parameters
    ----------
    expected_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        [veh].
    seed : int

    Returns
    -------
    ndarray, shape of ``expected_veh``
        Whole numbers whose mean over seeds is ``expected_veh``.
    """
    return np.random.default_rng((seed, DEPARTURES)).poisson(expected_veh).astype(float)


def draw_paths(
    share: np.ndarray, vehicles: np.ndarray, path_origin: np.ndarray, seed: int, step: int, kind: int = 0
) -> np.ndarray:
    """Whole vehicles by path, where each takes a path of its origin with the given probability.

    Parameters
    ----------
    share : ndarray, shape (n_paths, n_classes)
        Sums to 1 over the paths of an origin.
    vehicles : ndarray, shape (n_origins, n_classes)
        Whole numbers.
    path_origin : ndarray of int, shape (n_paths,)
    seed, step : int
        Every step draws its own numbers, so a day can go on from any step.
    kind : int
        Separates groups of drivers.

    Returns
    -------
    ndarray, shape of ``share``
        [veh]; the mean over seeds is share times vehicles.
    """
    rng = np.random.default_rng((seed, CHOICES, step, kind))
    chosen = np.zeros(share.shape)
    for origin in range(len(vehicles)):
        rows = np.flatnonzero(path_origin == origin)
        for member in range(share.shape[1]):
            probability = np.maximum(share[rows, member], 0.0)
            if vehicles[origin, member] > 0:
                probability = probability / probability.sum()
                chosen[rows, member] = rng.multinomial(int(vehicles[origin, member]), probability)
    return chosen
