"""Rents that give way to drivers: while they choose anew, a plug that too many want becomes dearer, a spare one cheaper.

Rents that stand still do not tell drivers when a station is full, since objective ``system`` asks rents of them in place of
waiting. Flows that are nearly indifferent would then crowd full stations and leave others, and the rents would no longer
explain who waits. So rents follow the plugs that are wanted, as multipliers do in the method of multipliers (Hestenes 1969,
Powell 1969), except where the program itself lets vehicles wait: it chooses who waits, a station serves whoever comes first, and
what is wanted there beyond the plugs says nothing about rents.
"""

from __future__ import annotations

import numpy as np

from evlib.assignment.path_costs import Traffic
from evlib.coordination.newton.dual import Dual, DualPoint
from evlib.traffic.loading import Loading

__all__ = ["MOST_PRESSURE", "STIFFNESS", "PressedRents", "program_waiting", "wanted_plugs"]

# What one vehicle too many adds to the rent of a plug for a step [CNY]; one too few takes as much off. No more than the second
# number is added or taken: far from equilibrium there are dozens too many, and rents would lead away from those of any program.
STIFFNESS, MOST_PRESSURE = 0.1, 0.5
# Rents stand still where the program lets more vehicles wait than this; the softened choice to wait leaves fractions of one.
FEW_VEH = 0.5


def wanted_plugs(loading: Loading) -> np.ndarray:
    """Vehicles that hold a plug or wait for one at the end of every decision step, shape (n_stations, K) [veh]."""
    time = loading.network.time
    ends = time.substeps * np.arange(1, time.n_steps + 1)
    return (loading.occupied_plugs + loading.queue_veh)[:, ends]


def program_waiting(dual: Dual, point: DualPoint) -> np.ndarray:
    """Vehicles that wait at the end of every step where the rents of a point let them, shape (n_stations, K) [veh]."""
    network = dual.problem.network
    everybody = point.flows_veh + dual.problem.fixed_veh
    shares, station = dual.traffic.stations.arrival_shares, network.path_station.astype(np.int64)
    return point.waiting.waiting_veh(shares.sums(station, everybody, len(network.stations)))


class PressedRents:
    """Rents as a function of a look at traffic.

    .. math:: \\rho_{ck}(f) = \\max\\bigl(0, \\; \\bar\\rho_{ck} + \\kappa \\, (n_{ck}(f) - P_c - w_{ck})\\bigr)

    n are wanted plugs, P the plugs of a station, w the few vehicles that wait in the program, and kappa the stiffness; the second
    term is kept within ``MOST_PRESSURE``. Where flows fill the plugs that have a rent, and no more, the rents are those of the
    program; where more than ``FEW_VEH`` wait in it, they always are.

    Parameters
    ----------
    rent_cny : ndarray, shape (n_stations, K)
        Rent of one plug for one step in the program [CNY].
    waiting_veh : ndarray, shape (n_stations, K)
        w, see :func:`program_waiting`.
    first_step : int, optional
        Rents of earlier steps are over and stay.
    stiffness : float, optional
        kappa [CNY per vehicle and step].
    """

    def __init__(
        self, rent_cny: np.ndarray, waiting_veh: np.ndarray, first_step: int = 0, stiffness: float = STIFFNESS
    ):
        self.rent_cny, self.waiting_veh, self.stiffness = rent_cny, waiting_veh, stiffness
        self.gives_way = waiting_veh <= FEW_VEH
        self.gives_way[:, :first_step] = False

    def __call__(self, traffic: Traffic) -> np.ndarray:
        """Rents at a look, shape (n_stations, K) [CNY]."""
        plugs = np.asarray(traffic.loading.network.plugs, dtype=float)[:, None]
        too_many = wanted_plugs(traffic.loading) - plugs - self.waiting_veh
        pressure = np.clip(self.stiffness * too_many, -MOST_PRESSURE, MOST_PRESSURE)
        return np.where(self.gives_way, np.maximum(self.rent_cny + pressure, 0.0), self.rent_cny)
