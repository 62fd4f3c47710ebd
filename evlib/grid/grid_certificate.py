"""How far a dispatch can be trusted: its model against the AC feeder, its residuals, its prices."""

from __future__ import annotations

import numpy as np

from evlib.errors import SolverError
from evlib.grid.dispatch import Dispatch, net_demand
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.power_flow import power_flow

__all__ = ["WIDEST_CONE_PU", "grid_certificate"]

# A cone more open than this loses power that no AC feeder would [MVA^2].
WIDEST_CONE_PU = 1e-5


def grid_certificate(case: GridCase, options: GridOptions, dispatch: Dispatch, cone_gap_pu=0.0, extra_kw=None) -> dict:
    """The certificate of one solve of the grid problem.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    dispatch : Dispatch
    cone_gap_pu : float
        Largest slack of a cone, see below.
    extra_kw : ndarray, shape (n_bus, K), optional
        Demand beyond the case's.

    Returns
    -------
    dict
        ``grid_model``; ``grid_status``, ``grid_solver``, ``grid_tolerance`` and ``grid_ladder`` (every attempt);
        ``grid_balance_residual_kw``; ``grid_cone_gap_pu``, the largest :math:`\\ell w_i - P^2 - Q^2` [MVA^2], and
        ``grid_cone_tight``, whether that is at most ``WIDEST_CONE_PU``; the dispatch on the AC feeder:
        ``grid_ac_voltage_error_pu``, ``grid_ac_voltage_violation_pu`` and ``grid_ac_loss_kwh`` beside the model's own
        ``grid_model_loss_kwh``; ``grid_quadratic_share`` of the declared quadratic terms and of overloads in the cost;
        ``lowest_price_cny_kwh``, ``highest_price_cny_kwh``; ``grid_price_residual_cny_kwh``, the largest difference
        between a price and the sum of its parts. Where the AC feeder cannot carry the dispatch, ``grid_ac_error`` says
        why and its numbers are nan.
    """
    feeder, costs = case.feeder, dispatch.costs_cny
    quadratic = sum(value for name, value in costs.items() if "quadratic" in name or name == "overload")
    parts = sum(dispatch.price_parts_cny_kwh.values())
    return {
        "grid_model": options.grid_model,
        "grid_status": dispatch.status,
        "grid_solver": "Clarabel",
        "grid_tolerance": dispatch.tolerance,
        "grid_ladder": [str(item) for item in dispatch.ladder],
        "grid_balance_residual_kw": dispatch.balance_residual_kw,
        "grid_cone_gap_pu": cone_gap_pu,
        "grid_cone_tight": cone_gap_pu <= WIDEST_CONE_PU,
        **_against_ac(feeder, options, dispatch, net_demand(case, dispatch, extra_kw), case.step_h),
        "grid_model_loss_kwh": float(dispatch.loss_kw.sum() * case.step_h),
        "grid_quadratic_share": quadratic / costs["total"] if costs["total"] else float("nan"),
        "lowest_price_cny_kwh": float(dispatch.price_cny_kwh.min()),
        "highest_price_cny_kwh": float(dispatch.price_cny_kwh.max()),
        "grid_price_residual_cny_kwh": float(np.abs(parts - dispatch.price_cny_kwh).max()),
    }


def _against_ac(feeder, options: GridOptions, dispatch: Dispatch, net, step_h: float) -> dict:
    try:
        exact = power_flow(feeder, *net, root_pu=options.root_voltage_pu)
    except SolverError as error:
        names = ("grid_ac_voltage_error_pu", "grid_ac_voltage_violation_pu", "grid_ac_loss_kwh")
        return dict.fromkeys(names, float("nan")) | {"grid_ac_error": str(error)}
    low, high, ac = feeder.v_min_pu[1:, None], feeder.v_max_pu[1:, None], exact.voltage_pu[1:]
    return {
        "grid_ac_voltage_error_pu": float(np.abs(exact.voltage_pu - dispatch.voltage_pu).max()),
        "grid_ac_voltage_violation_pu": float(max(0.0, (low - ac).max(), (ac - high).max())),
        "grid_ac_loss_kwh": float(exact.loss_kw.sum() * step_h),
    }
