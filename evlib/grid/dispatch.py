"""A dispatch of the feeder over the day: what is generated, bought, cut and carried, and what a kilowatt-hour is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.grid.grid_case import GridCase

__all__ = ["Dispatch", "net_demand"]


@dataclass(frozen=True)
class Dispatch:
    """Optimal dispatch; powers [kW] with K steps in the last axis.

    Attributes
    ----------
    station_kw : ndarray, shape (n_stations, K)
        Net charging power.
    backup_kw : ndarray, shape (n_zones, K)
    available_kw, curtailed_kw : ndarray, shape (n_farms, K)
        What wind and sun offer, and what of it is not used.
    farm_kvar : ndarray, shape (n_farms, K)
        Reactive power that the farms' inverters feed in.
    shed_kw : ndarray, shape (n_bus, K)
    import_kw, export_kw : ndarray, shape (K,)
    branch_kw, branch_kvar : ndarray, shape (n_branch, K)
        At the end nearer to the root.
    loss_kw : ndarray, shape (n_branch, K)
        Of the model: zero in LinDistFlow.
    voltage_pu : ndarray, shape (n_bus, K)
        Of the model.
    price_cny_kwh : ndarray, shape (n_bus, K)
        Distribution locational marginal price (DLMP): dual of the nodal active balance.
    price_parts_cny_kwh : dict of str -> ndarray, shape (n_bus, K)
        ``energy``, ``loss``, ``congestion`` and ``voltage``, see :func:`evlib.grid.price_parts.price_parts`.
    tie_overload_kw : ndarray, shape (n_zones, K)
        Beyond the tie's limit, positive in either direction.
    line_overload_kva : ndarray, shape (n_branch, K)
    costs_cny : dict of str -> float
        Linear and quadratic parts by name; ``total`` is the least cost J, without the loss price of the cone model.
    objective_cny : float
        What was minimised: J, in the cone model with the loss price. Prices are its derivatives.
    status : str
    tolerance : float
        Of the solver: the first of its ladder that ended optimal.
    ladder : tuple of Attempt
        Every attempt of the solver, the last one optimal.
    balance_residual_kw : float
        Largest violation of a nodal balance.
    certificate : dict
        How far the dispatch can be trusted, see :func:`evlib.grid.grid_certificate.grid_certificate`.
    """

    station_kw: np.ndarray
    backup_kw: np.ndarray
    available_kw: np.ndarray
    curtailed_kw: np.ndarray
    farm_kvar: np.ndarray
    shed_kw: np.ndarray
    import_kw: np.ndarray
    export_kw: np.ndarray
    branch_kw: np.ndarray
    branch_kvar: np.ndarray
    loss_kw: np.ndarray
    voltage_pu: np.ndarray
    price_cny_kwh: np.ndarray
    price_parts_cny_kwh: dict
    tie_overload_kw: np.ndarray
    line_overload_kva: np.ndarray
    costs_cny: dict
    objective_cny: float
    status: str
    tolerance: float
    ladder: tuple
    balance_residual_kw: float
    certificate: dict


def net_demand(case: GridCase, dispatch: Dispatch, extra_kw=None) -> tuple[np.ndarray, np.ndarray]:
    """Net active and reactive demand of every bus under a dispatch, shape (n_bus, K) each [kW, kvar]."""
    kw = case.load_kw - dispatch.shed_kw
    ratio = np.divide(case.load_kvar, case.load_kw, out=np.zeros_like(kw), where=case.load_kw > 0)
    if extra_kw is not None:
        kw = kw + extra_kw
    np.add.at(kw, case.station_bus, dispatch.station_kw)
    np.add.at(kw, case.backup_bus, -dispatch.backup_kw)
    np.add.at(kw, case.farm_bus, dispatch.curtailed_kw - dispatch.available_kw)
    kvar = case.load_kvar - ratio * dispatch.shed_kw
    np.add.at(kvar, case.farm_bus, -dispatch.farm_kvar)
    return kw, kvar
