"""A dispatch of the feeder over the day: what is generated, imported, cut and transported, and the nodal prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.errors import SolverError
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.power_flow import power_flow

__all__ = ["WIDEST_CONE_PU", "Dispatch", "GridCertificate", "grid_certificate", "net_demand", "price_measures"]

# A cone with a gap above this models losses that no AC feeder would have [MVA^2].
WIDEST_CONE_PU = 1e-5


@dataclass(frozen=True, kw_only=True)
class GridCertificate:
    """How far a dispatch can be trusted.

    Attributes
    ----------
    grid_model, grid_status, grid_solver : str
    grid_tolerance : float
        The solver's tolerance: the first of its ladder that ended optimal.
    grid_ladder : list of str
        Every attempt of the solver.
    grid_balance_residual_kw : float
        Largest violation of a nodal balance.
    grid_import_and_export_kwh : float
        Energy that crosses the root both ways at once, the least of import and export: what the model makes up, if any.
    grid_cone_gap_pu : float
        Largest :math:`\\ell w_i - P^2 - Q^2` [MVA^2].
    grid_cone_tight : bool
        Whether that gap is at most ``WIDEST_CONE_PU``.
    grid_ac_voltage_error_pu, grid_ac_voltage_violation_pu, grid_ac_loss_kwh : float
        Error of the model's voltages, violation of voltage limits and losses, all with the dispatch on the AC feeder;
        nan if the AC power flow has no solution.
    grid_ac_error : str
        Why it has none; empty otherwise.
    grid_model_loss_kwh : float
        The model's own losses.
    grid_quadratic_share : float
        Cost of the declared quadratic terms and of overloads, as a share of the total cost.
    lowest_price_cny_kwh, highest_price_cny_kwh : float
    grid_price_residual_cny_kwh : float
        Largest difference between a price and the sum of its parts.
    """

    grid_model: str
    grid_status: str
    grid_solver: str
    grid_tolerance: float
    grid_ladder: list
    grid_balance_residual_kw: float
    grid_import_and_export_kwh: float
    grid_cone_gap_pu: float
    grid_cone_tight: bool
    grid_ac_voltage_error_pu: float
    grid_ac_voltage_violation_pu: float
    grid_ac_loss_kwh: float
    grid_ac_error: str = ""
    grid_model_loss_kwh: float
    grid_quadratic_share: float
    lowest_price_cny_kwh: float
    highest_price_cny_kwh: float
    grid_price_residual_cny_kwh: float


@dataclass(frozen=True)
class Dispatch:
    """Optimal dispatch; powers are in kW with K steps in the last axis.

    Attributes
    ----------
    station_kw : ndarray, shape (n_stations, K)
        Net charging power.
    backup_kw : ndarray, shape (n_zones, K)
    available_kw, curtailed_kw : ndarray, shape (n_farms, K)
        Power available from wind and sun, and the part of it that is not used.
    farm_kvar : ndarray, shape (n_farms, K)
        Reactive power that the farms' inverters feed in.
    shed_kw : ndarray, shape (n_bus, K)
        Load that is not served.
    import_kw, export_kw : ndarray, shape (K,)
        Power through the root, in either direction.
    branch_kw, branch_kvar : ndarray, shape (n_branch, K)
        Power at the branch's end nearer to the root.
    loss_kw : ndarray, shape (n_branch, K)
        Losses in the model: zero in LinDistFlow.
    voltage_pu : ndarray, shape (n_bus, K)
        Voltages in the model.
    price_cny_kwh : ndarray, shape (n_bus, K)
        Distribution locational marginal price (DLMP): dual of the nodal active balance.
    price_parts_cny_kwh : dict of str -> ndarray, shape (n_bus, K)
        ``energy``, ``loss``, ``congestion`` and ``voltage``, see :func:`evlib.grid.prices.price_parts`.
    tie_overload_kw : ndarray, shape (n_zones, K)
        Power beyond the tie's limit, positive in either direction.
    line_overload_kva : ndarray, shape (n_branch, K)
        Apparent power beyond the line's rating.
    costs_cny : dict of str -> float
        Linear and quadratic parts by name; ``total`` is the least cost J, without the loss price of the cone model.
    objective_cny : float
        The minimised objective: J, plus the loss price in the cone model. Prices are its derivatives.
    status : str
    tolerance : float
        The solver's tolerance: the first of its ladder that ended optimal.
    ladder : tuple of Attempt
        Every attempt of the solver, the last one optimal.
    balance_residual_kw : float
        Largest violation of a nodal balance.
    certificate : GridCertificate
        How far the dispatch can be trusted.
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
    certificate: GridCertificate | None = None


def net_demand(case: GridCase, dispatch: Dispatch, extra_kw=None) -> tuple[np.ndarray, np.ndarray]:
    """Net active and reactive demand of every bus under a dispatch, shape (n_bus, K) each [kW, kvar].

    ``extra_kw``, shape (n_bus, K), is demand in addition to the case's [kW].
    """
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


def grid_certificate(
    case: GridCase, options: GridOptions, dispatch: Dispatch, cone_gap_pu=0.0, extra_kw=None
) -> GridCertificate:
    """Make the certificate for one solve of the grid problem.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    dispatch : Dispatch
    cone_gap_pu : float
        Largest slack of a cone [MVA^2].
    extra_kw : ndarray, shape (n_bus, K), optional
        Demand in addition to the case's [kW].

    Returns
    -------
    GridCertificate
    """
    feeder, costs = case.feeder, dispatch.costs_cny
    quadratic = sum(value for name, value in costs.items() if "quadratic" in name or name == "overload")
    return GridCertificate(
        grid_model=options.grid_model,
        grid_status=dispatch.status,
        grid_solver="Clarabel",
        grid_tolerance=dispatch.tolerance,
        grid_ladder=[str(attempt) for attempt in dispatch.ladder],
        grid_balance_residual_kw=dispatch.balance_residual_kw,
        grid_import_and_export_kwh=float(np.minimum(dispatch.import_kw, dispatch.export_kw).sum() * case.step_h),
        grid_cone_gap_pu=cone_gap_pu,
        grid_cone_tight=cone_gap_pu <= WIDEST_CONE_PU,
        **_against_ac(feeder, options, dispatch, net_demand(case, dispatch, extra_kw), case.step_h),
        grid_model_loss_kwh=float(dispatch.loss_kw.sum() * case.step_h),
        grid_quadratic_share=quadratic / costs["total"] if costs["total"] else float("nan"),
        **price_measures(dispatch),
    )


def price_measures(dispatch: Dispatch) -> dict[str, float]:
    """What a certificate says of prices: their range, and the largest difference from the sum of their parts."""
    price, parts = dispatch.price_cny_kwh, sum(dispatch.price_parts_cny_kwh.values())
    return {
        "lowest_price_cny_kwh": float(price.min()),
        "highest_price_cny_kwh": float(price.max()),
        "grid_price_residual_cny_kwh": float(np.abs(parts - price).max()),
    }


def _against_ac(feeder, options: GridOptions, dispatch: Dispatch, net, step_h: float) -> dict:
    try:
        exact = power_flow(feeder, *net, root_pu=options.root_pu(feeder))
    except SolverError as error:
        names = ("grid_ac_voltage_error_pu", "grid_ac_voltage_violation_pu", "grid_ac_loss_kwh")
        return dict.fromkeys(names, float("nan")) | {"grid_ac_error": str(error)}
    low, high = (feeder.actual_pu(limit)[1:, None] for limit in (feeder.v_min_pu, feeder.v_max_pu))
    ac = exact.voltage_pu[1:]
    return {
        "grid_ac_voltage_error_pu": float(np.abs(exact.voltage_pu - dispatch.voltage_pu).max()),
        "grid_ac_voltage_violation_pu": float(max(0.0, (low - ac).max(), (ac - high).max())),
        "grid_ac_loss_kwh": float(exact.loss_kw.sum() * step_h),
    }
