"""What the loss price does to prices: the cone model's DLMP beside the derivative of the cost that is really paid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evlib.flexibility.station_load import Cluster
from evlib.grid.dno import dispatch_grid
from evlib.grid.grid_case import GridCase, GridOptions

__all__ = ["cost_derivative"]


def cost_derivative(case: GridCase, options: GridOptions, cluster: Cluster, *, share: float = 1e-3) -> np.ndarray:
    """Derivative of the cost without the loss price with respect to demand, along the dispatch that the loss price chooses.

    With L(d, omega) the losses of that dispatch and V = C + omega L its penalised cost, the envelope theorem gives
    :math:`\\partial V / \\partial d = \\lambda` and :math:`\\partial V / \\partial \\omega = L`, so that

    .. math:: \\frac{\\partial C}{\\partial d} = \\lambda - \\omega \\frac{\\partial L}{\\partial d}
              = \\lambda - \\omega \\frac{\\partial \\lambda}{\\partial \\omega} :

    two more solves give it at every bus and step, by a central difference in omega.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
        Of the cone model.
    cluster : Cluster
    share : float
        Step of the difference, as a share of omega.

    Returns
    -------
    ndarray, shape (n_bus, K)
        [CNY/kWh]; :math:`\\lambda - \\partial C / \\partial d` is what the loss price adds to the DLMP.
    """
    below, here, above = (
        dispatch_grid(
            case, replace(options, loss_price_factor=factor * options.loss_price_factor), cluster
        ).price_cny_kwh
        for factor in (1 - share, 1.0, 1 + share)
    )
    return here - (above - below) / (2 * share)
