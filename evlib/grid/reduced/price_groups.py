"""Which lines and voltages are monitored, and which buses all monitored rows see alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from evlib.grid.grid_case import GridCase

__all__ = ["Monitored", "PriceGroups", "alike", "group_means", "reactive_ratio", "shared_evenly"]

# Sensitivities that differ less than this count as equal [pu squared per MW].
DIGITS = 13


@dataclass
class Monitored:
    """What the reduced program watches beyond ties, root and backup; entries are only ever added.

    Attributes
    ----------
    line : ndarray of bool, shape (n_branch, K)
        Ratings.
    low, high : ndarray of bool, shape (n_bus, K)
        Voltage limits.
    alone : ndarray of bool, shape (n_bus, K)
        Loads that are shed apart from those of their group, as the load of one of them limits the shedding.
    """

    line: np.ndarray
    low: np.ndarray
    high: np.ndarray
    alone: np.ndarray

    @classmethod
    def nothing(cls, case: GridCase) -> Monitored:
        """The start: nothing is monitored."""
        bus = case.load_kw.shape
        return cls(np.zeros((bus[0] - 1, bus[1]), bool), np.zeros(bus, bool), np.zeros(bus, bool), np.zeros(bus, bool))

    @property
    def network(self) -> np.ndarray:
        """Steps in which a line or a voltage is monitored, shape (K,)."""
        return self.line.any(axis=0) | self.low.any(axis=0) | self.high.any(axis=0)

    def with_whole_network(self) -> Monitored:
        """This, and every rating and voltage limit in every step."""
        below_root = np.broadcast_to(np.arange(len(self.low))[:, None] > 0, self.low.shape)
        return Monitored(np.ones_like(self.line), below_root, below_root, self.alone)

    def names(self, case: GridCase) -> tuple[str, ...]:
        """The monitored rows in words, each with the number of its steps."""
        feeder = case.feeder
        found = []
        for row in np.flatnonzero(self.line.any(axis=1)):
            ends = f"{feeder.bus[feeder.branch_from[row]]}-{feeder.bus[feeder.branch_to[row]]}"
            found.append(f"line {ends} ({self.line[row].sum()} steps)")
        for limit, mask in (("lower", self.low), ("upper", self.high), ("shed alone", self.alone)):
            what = limit if limit == "shed alone" else f"{limit} voltage"
            found += [
                f"{what} at bus {feeder.bus[row]} ({mask[row].sum()} steps)" for row in np.flatnonzero(mask.any(1))
            ]
        return tuple(found)


@dataclass(frozen=True)
class PriceGroups:
    """Buses by the branches above them whose flow is limited, and by their effect on monitored voltages.

    The linear voltage of bus v is :math:`w_v = w_0 - 2 \\sum_j (R_{vj} d_j + X_{vj} q_j)`, with R and X the resistance
    and reactance that the paths from the root to v and to j share (Baran and Wu 1989, see
    :func:`evlib.grid.branch_flow.lindistflow`).

    Attributes
    ----------
    downstream : csr_array, shape (n_branch, n_bus)
        See :attr:`evlib.grid.feeder.Feeder.downstream`.
    flow : ndarray of int, shape (n_flows,)
        Branches whose flow the program knows: ties, monitored lines and feeders with a tariff, parents first.
    region : ndarray of int, shape (n_bus,)
        The nearest of them above each bus, counted from 1; 0 if there is none.
    parent : ndarray of int, shape (n_flows,)
        Region that each of them starts in.
    voltage : ndarray of int, shape (n_voltages,)
        Buses whose voltage is monitored.
    rise_p, rise_q : ndarray, shape (n_voltages, n_bus)
        R and X [pu of squared voltage per MW, Mvar], without the factor 2.
    station_group : ndarray of int, shape (n_stations,)
        Group of each station, numbered in the order of stations.
    shed_class : ndarray of int, shape (n_bus,)
        Buses whose shed load has the same effect on every monitored row.
    """

    downstream: sp.csr_array
    flow: np.ndarray
    region: np.ndarray
    parent: np.ndarray
    voltage: np.ndarray
    rise_p: np.ndarray
    rise_q: np.ndarray
    station_group: np.ndarray
    shed_class: np.ndarray

    @property
    def n_groups(self) -> int:
        """Number of groups that hold stations."""
        return int(self.station_group.max(initial=-1)) + 1

    @property
    def first_station(self) -> np.ndarray:
        """First station of each group, shape (n_groups,)."""
        return np.unique(self.station_group, return_index=True)[1]

    def group_bus(self, case: GridCase) -> np.ndarray:
        """A bus of each group, shape (n_groups,)."""
        return case.station_bus[self.first_station]

    @classmethod
    def of(cls, case: GridCase, monitored: Monitored) -> PriceGroups:
        """Group the buses of a case as the monitored rows see them."""
        feeder = case.feeder
        own = [] if case.tariff_branch is None else case.tariff_branch
        flow = np.unique(np.concatenate([case.tie, own, np.flatnonzero(monitored.line.any(axis=1))]).astype(int))
        number = np.zeros(feeder.n_branch, dtype=int)
        number[flow] = 1 + np.arange(len(flow))
        region = np.zeros(feeder.n_bus, dtype=int)
        for branch, start in enumerate(feeder.branch_from):
            region[branch + 1] = number[branch] or region[start]
        voltage = np.flatnonzero((monitored.low | monitored.high).any(axis=1))
        downstream = feeder.downstream
        above = downstream[:, voltage].toarray()
        rise_p = (downstream.T @ (feeder.r_pu[:, None] * above)).T
        rise_q = (downstream.T @ (feeder.x_pu[:, None] * above)).T
        at_bus = np.vstack([region, np.round(rise_p, DIGITS)])
        # A load takes its reactive power along, which matters to what lies above it and is monitored.
        matters = (downstream[monitored.line.any(axis=1)].sum(axis=0) > 0) | (rise_q > 0).any(axis=0)
        ratio = alike(np.round(reactive_ratio(case), 12))
        reactive = np.vstack([np.where(matters, 1 + ratio, 0), np.round(rise_q, DIGITS)])
        return cls(
            downstream=downstream,
            flow=flow,
            region=region,
            parent=region[feeder.branch_from[flow]],
            voltage=voltage,
            rise_p=rise_p,
            rise_q=rise_q,
            station_group=alike(at_bus[:, case.station_bus].T),
            shed_class=alike(np.vstack([at_bus, reactive]).T),
        )


def alike(rows: np.ndarray) -> np.ndarray:
    """Number of each row's kind, shape (n,): equal rows share one, kinds are counted in the order they appear."""
    if not len(rows):
        return np.zeros(0, dtype=int)
    _, first, kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=int)
    place[np.argsort(first)] = np.arange(len(first))
    return place[kind.reshape(-1)]


def reactive_ratio(case: GridCase) -> np.ndarray:
    """Reactive over active power of every load, shape (n_bus, K); 0 where there is none."""
    return np.divide(case.load_kvar, case.load_kw, out=np.zeros_like(case.load_kw), where=case.load_kw > 0)


def group_means(values: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """Mean of the rows of each group, shape (n_groups, K)."""
    total = np.zeros((n_groups, values.shape[1]))
    np.add.at(total, group, values)
    return total / np.bincount(group, minlength=n_groups)[:, None]


def shared_evenly(power: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Power of each station, (n_stations, K), if the stations of a group share its power evenly."""
    return (power / np.bincount(group, minlength=len(power))[:, None])[group]
