"""Why a price is what it is: energy at the root, then losses, congestion and voltage along the way to the bus."""

from __future__ import annotations

import numpy as np

from evlib.grid.grid_case import GridCase, GridOptions

__all__ = ["PARTS", "price_parts"]

PARTS = ("energy", "loss", "congestion", "voltage")


def price_parts(case: GridCase, options: GridOptions, parts: dict) -> dict[str, np.ndarray]:
    """Parts of the price of every bus, from the duals of a solved grid problem.

    The Lagrangian does not change with the power of a branch from bus i to bus j, so the prices at its ends differ by

    .. math:: \\lambda_j - \\lambda_i = \\underbrace{\\tfrac{2P}{w_i} (r \\lambda_j + x \\mu_j + r \\omega)}_{loss}
              + \\underbrace{\\tau + \\sigma \\tfrac{P}{|S|}}_{congestion}
              + \\underbrace{2 \\left(r - \\tfrac{P}{w_i} |z|^2\\right) \\nu}_{voltage}

    with :math:`\\mu` the price of reactive power, :math:`\\omega` the loss price, :math:`\\tau` and :math:`\\sigma` the
    duals of tie and line limits and :math:`\\nu` that of the voltage drop. Summed along the way from the root, whose
    price is ``energy``: the marginal import, with what a limit on import adds.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    parts : dict
        Named expressions and constraints of the solved problem, see :func:`evlib.grid.dno.build_problem`.

    Returns
    -------
    dict of str -> ndarray, shape (n_bus, K)
        ``energy``, ``loss`` (zero in LinDistFlow), ``congestion``, ``voltage`` [CNY/kWh]. They add up to the price but
        for the solver's residual: no part is taken as the rest.
    """
    flow, groups, shape = parts["flow"], parts["groups"], case.load_kw[1:].shape
    drop = groups["voltage drop"][0].dual_value
    tie_in, tie_out = (item.dual_value for item in groups["tie limits"])
    congestion = -groups["line ratings"][0].dual_value[1][0].reshape(shape)
    np.add.at(congestion, case.tie, tie_in - tie_out)
    voltage, loss = 2 * case.feeder.r_pu[:, None] * drop, np.zeros(shape)
    if flow.current is not None:
        squared_z = (case.feeder.r_pu**2 + case.feeder.x_pu**2)[:, None]
        from_current = 2 * flow.flow_p.value / flow.sending.value * squared_z * drop
        loss = -2 / flow.size_mva * groups["cone"][0].dual_value[1][0].reshape(shape) + from_current
        voltage = voltage - from_current
    root = parts["balance"].dual_value[0] / case.step_h
    way = case.feeder.downstream.T
    found = {
        name: way @ values / case.step_h for name, values in zip(PARTS[1:], (loss, congestion, voltage), strict=True)
    }
    return {"energy": np.tile(root, (case.feeder.n_bus, 1))} | found
