"""Fewer plugs than vehicles need at once: said before the run, since somebody must then wait whatever is coordinated."""

from __future__ import annotations

import numpy as np

__all__ = ["plugs_lacking_veh"]


def plugs_lacking_veh(departures_veh: np.ndarray, stay_steps: np.ndarray, plugs: np.ndarray) -> float:
    """Vehicles beyond all plugs together at the worst step, if nobody waited and all plugged in as they depart.

    Parameters
    ----------
    departures_veh : ndarray, shape (n_classes, n_departure_steps)
        Of all origins [veh].
    stay_steps : array_like of int, shape (n_classes,)
        Steps that a vehicle of each class stays.
    plugs : ndarray, shape (n_stations,)

    Returns
    -------
    float
        [veh]; 0 where plugs are enough.

    Examples
    --------
    >>> plugs_lacking_veh(np.array([[4.0, 4.0, 0.0], [1.0, 0.0, 0.0]]), [2, 3], np.array([3.0, 4.0]))
    2.0
    """
    longest = int(max(stay_steps))
    held = np.zeros(departures_veh.shape[1] + longest)
    for come, stay in zip(departures_veh, stay_steps, strict=True):
        total = np.pad(come, (0, longest)).cumsum()
        held += total - np.pad(total, (int(stay), 0))[: len(total)]
    return float(max(held.max() - plugs.sum(), 0.0))
