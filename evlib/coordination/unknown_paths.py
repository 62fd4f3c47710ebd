"""What drivers could save on paths that a generated set lacks."""

from __future__ import annotations

import numpy as np

from evlib.assignment.gaps import gaps
from evlib.assignment.path_generation import quickest_paths
from evlib.coordination.iteration import Iterate
from evlib.coordination.problem import CoupledProblem

__all__ = ["missing_paths"]


def missing_paths(problem: CoupledProblem, iterate: Iterate) -> dict:
    """Number of quicker paths that the set lacks, and the excess if drivers knew them."""
    traffic, flows = problem.traffic, iterate.flows_veh
    wider = traffic.with_paths(quickest_paths(traffic.load(flows), traffic.drivers.signal))
    n_new = len(wider.network.paths) - len(flows)
    flows = np.concatenate([flows, np.zeros((n_new, *flows.shape[1:]))])
    electricity = problem.with_traffic(wider).electricity(iterate.price_cny_kwh)
    over_all = gaps(wider.evaluate(flows), electricity, iterate.rent_cny)
    return {"paths_missing": n_new, "excess_over_all_paths_cny_veh": over_all.excess_cny_veh}
