"""Distribution network optimisation (DNO): dispatch of the feeder over the day, with its prices."""

from __future__ import annotations

from dataclasses import replace

import cvxpy as cp
import numpy as np

from evlib.flexibility.station_load import StationLoad
from evlib.grid.dispatch import Dispatch, grid_certificate, price_measures
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.grid_model import GridModel, build_grid_model
from evlib.grid.prices import price_parts
from evlib.grid.solver import Solution, solve_grid

__all__ = ["dispatch_grid", "read_dispatch", "repriced"]


def dispatch_grid(case: GridCase, options: GridOptions, station_load: StationLoad, *, extra_kw=None) -> Dispatch:
    """Dispatch the feeder at least cost, vehicles included.

    .. math::
        \\min \\; \\Delta_h \\sum_k \\Bigl[ \\sum_z c_g(g_z) + c_i(i) + \\sum_f c_c(r_f) + \\sum_j c_s(s_j)
              + \\tfrac12 \\sigma \\sum o^2 + \\omega \\sum r \\ell \\Bigr] + \\text{vehicles}

    subject to the branch flow of ``options.grid_model`` (see :mod:`evlib.grid.branch_flow`), voltage limits, ramps, and
    limits of ties, lines and root, which overloads o may exceed. Each cost c is linear plus a small declared quadratic
    term. Only the cone model has the loss price :math:`\\omega`, see :func:`evlib.grid.grid_case.loss_price`.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    station_load : StationLoad
        Station power, as built by :mod:`evlib.flexibility.station_load`.
    extra_kw : ndarray, shape (n_bus, K), optional
        Demand in addition to the case's [kW], for instance for finite differences.

    Returns
    -------
    Dispatch
        With its certificate.

    Raises
    ------
    SolverError
        If the status is not *optimal*; if no dispatch is possible, the error names the limits that cannot hold.

    Notes
    -----
    The problem is in per unit of 1 MVA and has perfect foresight over the horizon. Shed load takes its reactive power
    along. Vehicles and generators run at unity power factor, wind and sun down to ``options.farm_power_factor``.
    """
    model = build_grid_model(case, options, station_load, extra_kw=extra_kw)
    solution = solve_grid(model.problem, "grid problem", options.grid_model, model.constraints)
    return read_dispatch(case, options, model, solution, extra_kw=extra_kw)


def read_dispatch(
    case: GridCase, options: GridOptions, model: GridModel, solution: Solution, *, extra_kw=None
) -> Dispatch:
    """Read the dispatch, with its certificate, from a solved problem of ``build_grid_model``.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    model : GridModel
        The solved model.
    solution : Solution
        How the solver got there.
    extra_kw : ndarray, shape (n_bus, K), optional
        Demand in addition to the case's [kW].

    Returns
    -------
    Dispatch
    """
    kilo, flow, variables = 1000.0, model.flow, model.variables
    shed_kw = np.zeros_like(case.load_kw)
    shed_kw[model.load_bus] = kilo * variables.shed.value
    available = model.available_mw
    available_kw = kilo * (available.value if isinstance(available, cp.Expression) else available)
    reactive = variables.farm_reactive
    voltage = np.vstack([np.full((1, case.n_steps), options.root_pu(case.feeder)), np.sqrt(flow.squared.value)])
    overloads = {name: kilo * overload.value for name, overload in model.overloads.items()}
    line_overload_kva = np.zeros((case.feeder.n_branch, case.n_steps))
    if "line" in overloads:
        line_overload_kva[case.rated] = overloads["line"]
    costs = {name: kilo * float(term.value) for name, term in model.costs_kcny.items()}
    objective_cny = kilo * solution.cost_kcny
    total = objective_cny
    loss_kw, gap = np.zeros_like(flow.flow_p.value), 0.0
    if flow.current is not None:
        loss_kw = kilo * case.feeder.r_pu[:, None] * flow.current.value
        gap = flow.current.value * flow.sending.value - flow.flow_p.value**2 - flow.flow_q.value**2
        total = sum(costs.values())
    import_kw, export_kw = _root_power(case, kilo * variables.imported.value, kilo * variables.exported.value)
    dispatch = Dispatch(
        station_kw=kilo * model.station_mw.value,
        backup_kw=kilo * variables.backup.value,
        available_kw=available_kw,
        curtailed_kw=kilo * variables.curtailed.value,
        farm_kvar=np.zeros_like(available_kw) if reactive is None else kilo * reactive.value,
        shed_kw=shed_kw,
        import_kw=import_kw,
        export_kw=export_kw,
        branch_kw=kilo * flow.flow_p.value,
        branch_kvar=kilo * flow.flow_q.value,
        loss_kw=loss_kw,
        voltage_pu=case.feeder.actual_pu(voltage),
        price_cny_kwh=model.price_cny_kwh(case.step_h),
        price_parts_cny_kwh=price_parts(case, options, model),
        tie_overload_kw=overloads.get("tie", np.zeros((len(case.zones), case.n_steps))),
        line_overload_kva=line_overload_kva,
        costs_cny=costs | {"total": total},
        objective_cny=objective_cny,
        status=solution.ladder[-1].status,
        tolerance=solution.ladder[-1].tolerance,
        ladder=solution.ladder,
        balance_residual_kw=kilo * float(np.abs(model.balance.violation()).max()),
    )
    return replace(dispatch, certificate=grid_certificate(case, options, dispatch, float(np.max(gap)), extra_kw))


def repriced(case: GridCase, options: GridOptions, dispatch: Dispatch, model: GridModel) -> Dispatch:
    """The dispatch with the prices of another solved problem of the same grid, their parts and what is said of them.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    dispatch : Dispatch
    model : GridModel
        Solved; its duals are the prices.

    Returns
    -------
    Dispatch
    """
    parts = price_parts(case, options, model)
    dispatch = replace(dispatch, price_cny_kwh=model.price_cny_kwh(case.step_h), price_parts_cny_kwh=parts)
    return replace(dispatch, certificate=replace(dispatch.certificate, **price_measures(dispatch)))


def _root_power(case: GridCase, import_kw: np.ndarray, export_kw: np.ndarray):
    """Import and export; where the price is not positive their sum costs nothing, so only the difference has a meaning."""
    net_kw, free_sum = import_kw - export_kw, case.import_price_cny_kwh <= 0
    return (
        np.where(free_sum, np.maximum(net_kw, 0.0), import_kw),
        np.where(free_sum, np.maximum(-net_kw, 0.0), export_kw),
    )
