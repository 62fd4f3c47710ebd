"""A run whose paths grow: the problem and the flows with further paths, and how a saved run names them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evlib.assignment.many_stations.choice_sets import Outside, at_stations, least_outside, with_appended, worth_adding
from evlib.assignment.many_stations.earliest_arrival import RoadSearch
from evlib.assignment.path_costs import Traffic, evaluate_loading
from evlib.coordination.iteration import Iteration
from evlib.coordination.problem import CoupledProblem
from evlib.errors import InputError

__all__ = ["OutsideSearch", "adopt_paths", "same_loading", "with_added_paths"]


class OutsideSearch:
    """Looks for cheaper trips than those that a problem's paths offer.

    Parameters
    ----------
    problem : CoupledProblem
        Its roads; its paths may grow later.
    """

    def __init__(self, problem: CoupledProblem):
        self.roads = RoadSearch.of(problem.network)

    def look(self, problem: CoupledProblem, traffic: Traffic, electricity_cny, rent_cny, every: int = 1) -> Outside:
        """The least that a trip could cost, over all ways to all stations, at these prices and rents."""
        drivers = problem.traffic.drivers
        paid = at_stations(traffic, electricity_cny, rent_cny, drivers.queue_cny_h)
        return least_outside(self.roads, traffic, drivers.vot_cny_h, paid, every)

    def cheaper_paths(self, traffic: Traffic, outside: Outside, cost_cny) -> list:
        """Paths by which somebody would save."""
        return worth_adding(self.roads, traffic, outside, cost_cny)


def adopt_paths(run: Iteration, paths: list) -> None:
    """Go on with further paths, which nobody takes yet; the run remembers them."""
    run.state.added_paths += [[path.origin, path.station, *path.arcs] for path in paths]
    run.adopt(run.problem.with_traffic(with_appended(run.problem.traffic, paths)))


def same_loading(problem: CoupledProblem, traffic: Traffic) -> Traffic:
    """Costs of all paths of a problem, in a loading whose network has fewer: nobody takes the others."""
    loading, fixed = traffic.loading, problem.fixed_veh
    n_new = len(fixed) - len(loading.departures_veh)
    departures = np.pad(loading.departures_veh, ((0, n_new), (0, 0), (0, 0)))
    wider = replace(loading, network=problem.network, departures_veh=departures)
    return evaluate_loading(wider, problem.traffic.drivers, problem.objective, fixed)


def with_added_paths(problem: CoupledProblem, added: list[list[int]], file) -> CoupledProblem:
    """The problem with the paths that a saved run had added.

    Raises
    ------
    InputError
        If one of them is no path of the problem's roads.
    """
    network, search = problem.network, RoadSearch.of(problem.network)
    n_origins, n_stations = len(network.origins), len(network.stations)
    paths = []
    for row in added:
        inside = len(row) > 2 and 0 <= row[0] < n_origins and 0 <= row[1] < n_stations
        if not inside or not all(0 <= arc < network.n_arcs for arc in row[2:]):
            raise InputError(
                f"{file}: added_paths: {row[:6]} is no path of this network; must be as saved by coordinate"
            )
        paths.append(search.path(row[0], row[1], tuple(row[2:])))
    return problem.with_traffic(with_appended(problem.traffic, paths))
