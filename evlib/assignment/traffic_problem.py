"""The traffic operator's problem: who wants to drive from where, on which paths, and what a choice of paths costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from evlib.assignment.path_costs import Drivers, Traffic, evaluate_loading
from evlib.traffic.loading import Loading, load_traffic
from evlib.traffic.network import Network
from evlib.traffic.paths import Path

__all__ = ["TrafficProblem"]


@dataclass(frozen=True)
class TrafficProblem:
    """Demand on a network, and the costs that its drivers respond to.

    Attributes
    ----------
    network : Network
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        Departures of drivers who follow the signal [veh].
    fixed_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of drivers who do not follow it [veh].
    drivers : Drivers
    objective : {"user", "system"}
        Whether drivers face their own cost only, or also a toll for what they cost others.
    """

    network: Network
    demand_veh: np.ndarray
    fixed_veh: np.ndarray
    drivers: Drivers
    objective: str

    def load(self, flows_veh: np.ndarray) -> Loading:
        """Load departures of drivers who follow the signal, shape of ``fixed_veh`` [veh], together with the others."""
        return load_traffic(self.network, flows_veh + self.fixed_veh)

    def evaluate(self, flows_veh: np.ndarray) -> Traffic:
        """Load departures, as in :meth:`load`, and compute the cost of every path."""
        return evaluate_loading(self.load(flows_veh), self.drivers, self.objective, self.fixed_veh)

    def with_paths(self, paths: Iterable[Path]) -> TrafficProblem:
        """The problem with further paths appended; paths that it already has are skipped."""
        network = self.network
        missing = sorted(set(paths) - set(network.paths), key=lambda path: _order(network, path))
        nobody = np.zeros((len(missing), *self.fixed_veh.shape[1:]))
        fixed = np.concatenate([self.fixed_veh, nobody])
        return replace(self, network=replace(network, paths=(*network.paths, *missing)), fixed_veh=fixed)


def _order(network: Network, path: Path):
    return path.origin, path.station, network.free_flow_min[list(path.arcs)].sum(), path.arcs, path.onward
