"""A solved grid problem as a dispatch in kW, with the parts of its prices and its certificate."""

from __future__ import annotations

from dataclasses import replace

import cvxpy as cp
import numpy as np

from evlib.grid.dispatch import Dispatch
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.grid_certificate import grid_certificate
from evlib.grid.price_parts import price_parts
from evlib.grid.solver import Solution

__all__ = ["read_dispatch"]


def read_dispatch(case: GridCase, options: GridOptions, parts, solution: Solution, *, extra_kw=None) -> Dispatch:
    """The dispatch that a solved problem holds, with its certificate."""
    kilo, flow = 1000.0, parts["flow"]
    shed_kw = np.zeros_like(case.load_kw)
    shed_kw[parts["load_bus"]] = kilo * parts["shed"].value
    available = parts["available"]
    available_kw = kilo * (available.value if isinstance(available, cp.Expression) else available)
    voltage = np.vstack([np.full((1, case.n_steps), options.root_voltage_pu), np.sqrt(flow.squared.value)])
    overloads = {name: kilo * item.value for name, item in parts["overloads"].items()}
    costs = {name: kilo * float(term.value) for name, term in parts["costs"].items()}
    objective_cny = kilo * solution.cost_kcny
    total = objective_cny
    loss_kw, gap = np.zeros_like(flow.flow_p.value), 0.0
    if flow.current is not None:
        loss_kw = kilo * case.feeder.r_pu[:, None] * flow.current.value
        gap = flow.current.value * flow.sending.value - flow.flow_p.value**2 - flow.flow_q.value**2
        total = sum(costs.values())
    dispatch = Dispatch(
        station_kw=kilo * parts["station"].value,
        backup_kw=kilo * parts["backup"].value,
        available_kw=available_kw,
        curtailed_kw=kilo * parts["curtailed"].value,
        farm_kvar=np.zeros_like(available_kw) if parts["farm_q"] is None else kilo * parts["farm_q"].value,
        shed_kw=shed_kw,
        import_kw=kilo * parts["import"].value,
        export_kw=kilo * parts["export"].value,
        branch_kw=kilo * flow.flow_p.value,
        branch_kvar=kilo * flow.flow_q.value,
        loss_kw=loss_kw,
        voltage_pu=voltage,
        price_cny_kwh=parts["balance"].dual_value / case.step_h,
        price_parts_cny_kwh=price_parts(case, options, parts),
        tie_overload_kw=overloads.get("tie", np.zeros((len(case.zones), case.n_steps))),
        line_overload_kva=overloads.get("line", np.zeros_like(loss_kw)),
        costs_cny=costs | {"total": total},
        objective_cny=objective_cny,
        status=solution.ladder[-1].status,
        tolerance=solution.ladder[-1].tolerance,
        ladder=solution.ladder,
        balance_residual_kw=kilo * float(np.abs(parts["balance"].violation()).max()),
        certificate={},
    )
    return replace(dispatch, certificate=grid_certificate(case, options, dispatch, float(np.max(gap)), extra_kw))
