"""Rents that give way to drivers: while they choose anew, a plug that too many want becomes dearer, a spare one cheaper.

Rents that stand still do not tell drivers when a station is full, since objective ``system`` asks rents of them in place of
waiting. Flows that are nearly indifferent would then crowd full stations and leave others, and the rents would no longer
explain who waits. So rents follow the plugs that are wanted, as multipliers do in the method of multipliers (Hestenes 1969,
Powell 1969).
"""

from __future__ import annotations

import numpy as np

from evlib.assignment.path_costs import Traffic
from evlib.traffic.loading import Loading

__all__ = ["MOST_PRESSURE", "STIFFNESS", "PressedRents", "wanted_plugs"]

# What one vehicle too many adds to the rent of a plug for a step [CNY]; one too few takes as much off. No more than the second
# number is added or taken: far from equilibrium there are dozens too many, and rents would lead away from those of any program.
STIFFNESS, MOST_PRESSURE = 0.1, 0.5


def wanted_plugs(loading: Loading) -> np.ndarray:
    """Vehicles that hold a plug or wait for one at the end of every decision step, shape (n_stations, K) [veh]."""
    time = loading.network.time
    ends = time.substeps * np.arange(1, time.n_steps + 1)
    return (loading.occupied_plugs + loading.queue_veh)[:, ends]


class PressedRents:
    """Rents as a function of a look at traffic.

    .. math:: \\rho_{ck}(f) = \\max\\bigl(0, \\; \\bar\\rho_{ck} + \\kappa \\, (n_{ck}(f) - P_c)\\bigr)

    n are wanted plugs, P the plugs of a station and kappa the stiffness; the second term is kept within ``MOST_PRESSURE``.
    Where flows fill the plugs that have a rent, and no more, the rents are those from which the function starts.

    Parameters
    ----------
    rent_cny : ndarray, shape (n_stations, K)
        Rent of one plug for one step [CNY], of flows that keep within the plugs.
    first_step : int, optional
        Rents of earlier steps are over and stay.
    stiffness : float, optional
        kappa [CNY per vehicle and step].
    """

    def __init__(self, rent_cny: np.ndarray, first_step: int = 0, stiffness: float = STIFFNESS):
        self.rent_cny, self.first_step, self.stiffness = rent_cny, first_step, stiffness

    def __call__(self, traffic: Traffic) -> np.ndarray:
        """Rents at a look, shape (n_stations, K) [CNY]."""
        plugs = np.asarray(traffic.loading.network.plugs, dtype=float)[:, None]
        pressure = np.clip(self.stiffness * (wanted_plugs(traffic.loading) - plugs), -MOST_PRESSURE, MOST_PRESSURE)
        rent = np.maximum(self.rent_cny + pressure, 0.0)
        rent[:, : self.first_step] = self.rent_cny[:, : self.first_step]
        return rent
