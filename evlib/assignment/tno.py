"""Transportation network optimisation (TNO): flows in reply to given costs, kept near the present flows."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.assignment.route_choice import all_to_the_cheapest
from evlib.errors import SolverError

__all__ = ["OBJECTIVES", "Metric", "origin_sums", "reply"]

OBJECTIVES = ("user", "system")


@dataclass(frozen=True)
class Metric:
    """Quadratic cost that keeps flows near the last ones, :math:`\\tfrac12 (f - f^i)^T M (f - f^i)`, with M positive.

    Attributes
    ----------
    each : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Diagonal part, on each flow [CNY/veh^2].
    of_sums : ndarray, shape (n_paths, n_departure_steps), optional
        Part on the sum over classes [CNY/veh^2]: traffic depends on how many vehicles come, hardly on their class.
    """

    each: np.ndarray
    of_sums: np.ndarray | None = None

    @classmethod
    def of(cls, metric) -> Metric:
        """Return a metric as it is, or make a diagonal one from an array."""
        return metric if isinstance(metric, cls) else cls(np.asarray(metric))

    def half_square(self, flows: cp.Expression, present_veh: np.ndarray, unit_cny: float = 1.0) -> cp.Expression:
        """The quadratic cost as a CVXPY expression, in units of ``unit_cny`` [CNY].

        Parameters
        ----------
        flows : cvxpy.Expression, shape (n_paths * n_classes * n_departure_steps,)
            Flows f in C order [veh].
        present_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
            Flows f^i [veh].
        unit_cny : float
        """
        weight = np.sqrt(self.each.reshape(-1) / unit_cny)
        total = cp.sum_squares(cp.multiply(weight, flows - present_veh.reshape(-1))) / 2
        if self.of_sums is not None:
            n_paths, n_classes, n_steps = present_veh.shape
            adds = sp.kron(np.ones((1, n_classes)), sp.eye_array(n_steps))
            sums = sp.kron(sp.eye_array(n_paths), adds, format="csr")
            weight = np.sqrt(self.of_sums.reshape(-1) / unit_cny)
            move = sums @ flows - present_veh.sum(axis=1).reshape(-1)
            total = total + cp.sum_squares(cp.multiply(weight, move)) / 2
        return total

    def and_each(self, added: np.ndarray) -> Metric:
        """The same metric with more weight on each flow, shape of ``each`` [CNY/veh^2]."""
        return Metric(self.each + added, self.of_sums)

    def pull_of(self, move_veh: np.ndarray) -> np.ndarray:
        """Derivative of the quadratic cost for a move of the flows, both shaped as ``each``: M times it [CNY/veh]."""
        pull = self.each * move_veh
        if self.of_sums is not None:
            pull = pull + (self.of_sums * move_veh.sum(axis=1))[:, None, :]
        return pull

    def half_square_of(self, move_veh: np.ndarray) -> float:
        """Value of the quadratic cost [CNY] for a move of the flows, shape of ``each`` [veh]."""
        total = (self.each * move_veh**2).sum()
        if self.of_sums is not None:
            total += (self.of_sums * move_veh.sum(axis=1) ** 2).sum()
        return float(total / 2)


def reply(
    cost_cny: np.ndarray, demand_veh: np.ndarray, path_origin: np.ndarray, flows_veh=None, metric=None
) -> np.ndarray:
    """Flows in reply to given costs: everybody on the cheapest path, or kept near the present flows by a metric.

    .. math:: \\min_{f \\ge 0} \\; C \\cdot f + \\tfrac12 (f - f^i)^T M (f - f^i), \\qquad \\sum_{p \\in o} f_p = d_o

    Parameters
    ----------
    cost_cny : ndarray, shape (n_paths, n_classes, n_departure_steps)
        [CNY per vehicle].
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        Vehicles that depart [veh].
    path_origin : ndarray of int, shape (n_paths,)
    flows_veh : ndarray, same shape as the cost, optional
        Present flows [veh].
    metric : Metric, or ndarray of the same shape, optional
        M, or its diagonal [CNY/veh^2]. Without it everybody takes the cheapest path, the first of equally cheap ones.

    Returns
    -------
    ndarray, same shape as the cost
        Departures by path [veh].

    Raises
    ------
    SolverError
        If the status is not *optimal*.
    """
    if metric is None:
        return all_to_the_cheapest(cost_cny, demand_veh, path_origin)
    shape = cost_cny.shape
    flows = cp.Variable(cost_cny.size, nonneg=True, name="flows")
    cost = cp.Parameter(cost_cny.size, value=cost_cny.reshape(-1), name="cost")
    objective = cost @ flows + Metric.of(metric).half_square(flows, flows_veh)
    problem = cp.Problem(cp.Minimize(objective), [origin_sums(path_origin, shape) @ flows == demand_veh.reshape(-1)])
    problem.solve(solver=cp.CLARABEL)
    if problem.status != cp.OPTIMAL:
        raise SolverError(f"traffic problem ended with status {problem.status!r}, not 'optimal'")
    return np.maximum(flows.value, 0.0).reshape(shape)  # the solver leaves zero flows at +-1e-10


def origin_sums(path_origin: np.ndarray, shape: tuple[int, int, int]) -> sp.csr_array:
    """Matrix that sums path flows by origin, class and step.

    Parameters
    ----------
    path_origin : ndarray of int, shape (n_paths,)
    shape : tuple of int
        (n_paths, n_classes, n_departure_steps).

    Returns
    -------
    sparse array, shape (n_origins * n_classes * n_departure_steps, n_paths * n_classes * n_departure_steps)
        Rows and columns in C order.
    """
    rest = shape[1] * shape[2]
    n_origins = int(path_origin.max()) + 1
    pick = sp.csr_array((np.ones(shape[0]), (path_origin, np.arange(shape[0]))), shape=(n_origins, shape[0]))
    return sp.kron(pick, sp.eye_array(rest), format="csr")
