"""Energy of driving: what each path takes from a battery, and the few levels by which arriving vehicles are told apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from evlib.errors import InputError
from evlib.traffic.step_shares import StepShares

__all__ = ["ArrivalLevels", "arrival_levels", "check_reach", "level_map", "plug_ins"]

# Ways to a station that differ by less than this share of their energy are equally long.
EQUAL = 1e-12


@dataclass(frozen=True)
class ArrivalLevels:
    """Levels of energy used on the way to each station, and how the vehicles of each path are divided among them.

    Attributes
    ----------
    path_kwh : ndarray, shape (n_paths, n_classes)
        Energy that a vehicle uses on the way to the station [kWh, battery side].
    drive_kwh : ndarray, shape (n_stations, n_classes, n_levels)
        The levels: an even grid from the least to the largest energy of the paths that lead to the station [kWh].
    share : ndarray, shape (n_paths, n_classes, n_levels)
        Share of a path's vehicles at each level; rows sum to 1, and their mean energy is ``path_kwh``.
    """

    path_kwh: np.ndarray
    drive_kwh: np.ndarray
    share: np.ndarray

    @property
    def n_levels(self) -> int:
        """Number of levels; 1 where all ways to each station are equally long."""
        return self.drive_kwh.shape[2]

    def by_path(self, values: np.ndarray, path_station: np.ndarray) -> np.ndarray:
        """Mean over the vehicles of each path of something that depends on the level.

        Parameters
        ----------
        values : ndarray, shape (n_stations, n_classes, n_levels, n)
            Such as the electricity cost by plug-in step.
        path_station : ndarray of int, shape (n_paths,)

        Returns
        -------
        ndarray, shape (n_paths, n_classes, n)
        """
        return np.einsum("pml,pmln->pmn", self.share, values[path_station])


def arrival_levels(path_km, drive_kwh_km, path_station, n_stations: int, n_levels: int) -> ArrivalLevels:
    """Divide the vehicles of every path between the two levels next to the energy that its way takes.

    Parameters
    ----------
    path_km : array_like, shape (n_paths,)
        Length of the way to the station [km].
    drive_kwh_km : array_like, shape (n_classes,)
        Energy used for a kilometre [kWh/km, battery side], 0 or more.
    path_station : array_like of int, shape (n_paths,)
    n_stations, n_levels : int
        At least 2 levels.

    Returns
    -------
    ArrivalLevels
        With one level if all ways to each station are equally long, or no class uses energy.

    Notes
    -----
    Levels do not depend on the flows and division is linear, so the map from flows to cohorts stays linear; the mean
    energy of every path, and with it the energy of a day, is exact. What is approximate is the cost between levels,
    which is convex in the energy: the mixture costs at least what vehicles of the mean energy would.

    Examples
    --------
    Ways of 10, 12 and 20 km take 2, 2.4 and 4 kWh; 2.4 kWh is 0.6 of 2 and 0.4 of 3.

    >>> levels = arrival_levels([10, 12, 20], [0.2], [0, 0, 0], 1, 3)
    >>> levels.drive_kwh.ravel(), levels.share[1, 0].round(6)
    (array([2., 3., 4.]), array([0.6, 0.4, 0. ]))
    """
    path_kwh = np.asarray(path_km, dtype=float)[:, None] * np.asarray(drive_kwh_km, dtype=float)
    low, high = np.full((n_stations, path_kwh.shape[1]), np.inf), np.zeros((n_stations, path_kwh.shape[1]))
    np.minimum.at(low, path_station, path_kwh)
    np.maximum.at(high, path_station, path_kwh)
    low = np.minimum(low, high)  # stations that no path leads to
    range_kwh = np.where(high - low > EQUAL * high, high - low, 0.0)
    if not range_kwh.any():
        return ArrivalLevels(path_kwh, low[:, :, None], np.ones((*path_kwh.shape, 1)))
    drive_kwh = low[:, :, None] + range_kwh[:, :, None] * np.linspace(0.0, 1.0, n_levels)
    above, width = path_kwh - low[path_station], range_kwh[path_station]
    place = (n_levels - 1) * np.divide(above, width, out=np.zeros_like(above), where=width > 0)
    return ArrivalLevels(path_kwh, drive_kwh, np.maximum(1.0 - np.abs(place[:, :, None] - np.arange(n_levels)), 0.0))


def check_reach(network, least_kwh, label: str) -> None:
    """Refuse a path that takes more energy than a vehicle departs with.

    Parameters
    ----------
    network : Network
    least_kwh : array_like, shape (n_classes,)
        Energy in the battery of the emptiest vehicle of each class on departure [kWh].
    label : str
        File that the network was made from.

    Raises
    ------
    InputError
        Names the class, the path, its length and both energies.
    """
    levels = network.arrival_levels
    if levels is None:
        return
    short = levels.path_kwh > np.asarray(least_kwh) * (1 + EQUAL)
    if short.any():
        path, member = np.argwhere(short)[0]
        raise InputError(
            f"{label}: class {network.classes[member]}: path {network.path_label(path)} of {network.path_km[path]:.4g} km "
            f"takes {levels.path_kwh[path, member]:.4g} kWh, but a vehicle may depart with {least_kwh[member]:.4g} kWh; "
            "must be a shorter way, a larger battery or less drive_kwh_km"
        )


def level_map(flow_map: sp.csr_array, levels: ArrivalLevels, n_steps: int) -> sp.csr_array:
    """Map from flows to cohorts, if vehicles arrive with the energy that their path leaves them.

    Parameters
    ----------
    flow_map : sparse array, shape (n_stations * n_classes * n_types * n_levels * K, n_flows)
        From :func:`evlib.traffic.path_times.flow_map`, which splits every class evenly over types and levels.
    levels : ArrivalLevels
    n_steps : int
        K.

    Returns
    -------
    sparse array, shape of ``flow_map``
        The same split, over levels by the share of each path.
    """
    entries = flow_map.tocoo()
    row, column = entries.coords
    n_classes = levels.share.shape[1]
    n_depart = flow_map.shape[1] // (len(levels.share) * n_classes)
    path, member = np.divmod(column // n_depart, n_classes)
    level = row // n_steps % levels.n_levels
    values = entries.data * (levels.n_levels * levels.share[path, member, level])
    held = values > 0
    return sp.csr_array((values[held], (row[held], column[held])), shape=flow_map.shape)


def plug_ins(loading, shares: StepShares | np.ndarray) -> np.ndarray:
    """Vehicles that plug in during each step; by level of arrival, if the network has several.

    Parameters
    ----------
    loading : Loading
    shares : StepShares, or ndarray of shape (n_paths, n_departure_steps, K + 1)
        Of plug-ins, see :func:`evlib.traffic.path_times.plug_in_shares`.

    Returns
    -------
    ndarray, shape (n_stations, n_classes, n), or (n_stations, n_classes, n_levels, K + 1)
        [veh]. Columns from K on are for vehicles that plug in after the horizon.
    """
    network = loading.network
    levels = network.arrival_levels
    if levels is None or levels.n_levels == 1:
        return loading.cohorts_veh
    shares = shares.dense if isinstance(shares, StepShares) else shares
    by_path = np.einsum("pmk,pkn->pmn", loading.departures_veh, shares)
    plugged = np.zeros((*levels.drive_kwh.shape, shares.shape[2]))
    np.add.at(plugged, network.path_station, levels.share[..., None] * by_path[:, :, None])
    return plugged
