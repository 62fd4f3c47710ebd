"""Branch flow of a radial feeder in two models: a linear one, and a conic one that is exact where cones are tight."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.grid.feeder import Feeder

__all__ = ["MODELS", "BranchFlow", "cone_branch_flow", "lindistflow"]


@dataclass(frozen=True)
class BranchFlow:
    """Variables and equations of a feeder's branches, per unit of 1 MVA; the last axis holds K steps.

    Attributes
    ----------
    flow_p, flow_q : cvxpy.Variable, shape (n_branch, K)
        Power that enters the branch at the end nearer to the root.
    squared : cvxpy.Variable, shape (n_branch, K)
        Squared voltage of the bus that the branch feeds.
    current : cvxpy.Expression or None
        Squared current; None in a model without losses.
    sending : cvxpy.Expression or None
        Squared voltage at the end nearer to the root; None in a model without losses.
    size_mva : ndarray, shape (n_branch, 1)
        Unit in which the cone counts power, see :func:`cone_branch_flow`.
    equations : dict of str -> list of cvxpy.Constraint
        ``nodal balance`` (active, then reactive), ``voltage drop`` and, in the conic model, ``cone``.
    """

    flow_p: cp.Variable
    flow_q: cp.Variable
    squared: cp.Variable
    current: cp.Expression | None
    sending: cp.Expression | None
    size_mva: np.ndarray
    equations: dict


def lindistflow(feeder: Feeder, net_p, net_q, supply_p, from_root, size_mva) -> BranchFlow:
    """The lossless, linear branch flow.

    .. math:: P_j = d_j + \\sum_{l \\in children(j)} P_l, \\qquad w_j = w_i - 2 (r_j P_j + x_j Q_j)

    Parameters
    ----------
    feeder : Feeder
    net_p, net_q : cvxpy.Expression, shape (n_bus, K)
        Net active and reactive demand of each bus.
    supply_p : cvxpy.Expression, shape (n_bus, K)
        Power that the grid above feeds in; zero except at the root.
    from_root : ndarray, shape (n_branch, 1)
        Squared root voltage for branches that start at the root, 0 for the others.
    size_mva : ndarray, shape (n_branch, 1)
        Order of magnitude of the power that each branch carries, positive; used by the conic model only.

    Returns
    -------
    BranchFlow

    Notes
    -----
    M. E. Baran and F. F. Wu, "Optimal capacitor placement on radial distribution systems", IEEE Trans. Power Delivery
    4(1), 1989, 725-734.
    """
    shape = (feeder.n_branch, net_p.shape[1])
    flow_p, flow_q = cp.Variable(shape, name="P"), cp.Variable(shape, name="Q")
    squared = cp.Variable(shape, name="w")
    leaves = -feeder.incidence  # row j: flows from bus j to its children less the flow that its branch brings
    equations = {
        "nodal balance": [net_p + leaves @ flow_p - supply_p == 0, net_q[1:] + leaves[1:] @ flow_q == 0],
        "voltage drop": [_rise(feeder) @ squared == from_root - _drop(feeder, flow_p, flow_q)],
    }
    return BranchFlow(flow_p, flow_q, squared, None, None, size_mva, equations)


def cone_branch_flow(feeder: Feeder, net_p, net_q, supply_p, from_root, size_mva) -> BranchFlow:
    """The branch flow with losses, its quadratic equation relaxed to a second-order cone.

    .. math:: P_j - r_j \\ell_j = d_j + \\sum_l P_l, \\qquad
              w_j = w_i - 2 (r_j P_j + x_j Q_j) + (r_j^2 + x_j^2) \\ell_j, \\qquad P_j^2 + Q_j^2 \\le \\ell_j w_i

    Parameters
    ----------
    feeder, net_p, net_q, supply_p, from_root, size_mva
        As in :func:`lindistflow`.

    Returns
    -------
    BranchFlow
        Exact where every cone is tight. A positive price on losses and current makes cones tight; with a negative price
        the relaxation may burn power in currents that no voltage drives.

    Notes
    -----
    In each cone power is counted in multiples of ``size_mva``, so that all entries are about 1. Otherwise the few kW of
    a lateral would be negligible beside the voltage, and the solver would not make its cone tight.

    M. Farivar and S. H. Low, "Branch flow model: relaxations and convexification", IEEE Trans. Power Systems 28(3),
    2013, 2554-2572.
    """
    shape = (feeder.n_branch, net_p.shape[1])
    flow_p, flow_q = cp.Variable(shape, name="P"), cp.Variable(shape, name="Q")
    squared, scaled = cp.Variable(shape, name="w"), cp.Variable(shape, name="l", nonneg=True)
    current = cp.multiply(size_mva**2, scaled)
    leaves = -feeder.incidence
    arrives = (feeder.incidence > 0).astype(float)
    r, x = feeder.r_pu[:, None], feeder.x_pu[:, None]
    lost_p, lost_q = cp.multiply(r, current), cp.multiply(x, current)
    drop = _drop(feeder, flow_p, flow_q) - cp.multiply(r**2 + x**2, current)
    upstream = sp.eye_array(feeder.n_branch, format="csr") - _rise(feeder)
    sending = upstream @ squared + from_root @ np.ones((1, shape[1]))
    share_p, share_q = cp.multiply(2 / size_mva, flow_p), cp.multiply(2 / size_mva, flow_q)
    flat = [cp.vec(entry, order="C") for entry in (scaled + sending, share_p, share_q, scaled - sending)]
    equations = {
        "nodal balance": [
            net_p + leaves @ flow_p + arrives @ lost_p - supply_p == 0,
            net_q[1:] + leaves[1:] @ flow_q + arrives[1:] @ lost_q == 0,
        ],
        "voltage drop": [_rise(feeder) @ squared == from_root - drop],
        "cone": [cp.SOC(flat[0], cp.vstack(flat[1:]), axis=0)],
    }
    return BranchFlow(flow_p, flow_q, squared, current, sending, size_mva, equations)


MODELS = {"lindistflow": lindistflow, "cone": cone_branch_flow}


def _rise(feeder: Feeder) -> sp.csr_array:
    """Matrix that takes squared voltages to their rise from parent to bus, without the root; (n_branch, n_branch)."""
    return feeder.incidence[1:].T.tocsr()


def _drop(feeder: Feeder, flow_p, flow_q):
    return 2 * (cp.multiply(feeder.r_pu[:, None], flow_p) + cp.multiply(feeder.x_pu[:, None], flow_q))
