"""Nodal prices (DLMP): their parts, from the duals of the grid problem, and the reasons for a price in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.grid.dispatch import Dispatch
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.grid_model import GridModel

__all__ = ["PARTS", "price_parts", "price_reason"]

# Parts of a price below this are left out of the table [CNY/kWh].
LEAST_CNY_KWH = 1e-4
# A quantity counts as free to move if it is at least this far from its limits [kW].
FREE_KW = 0.1
PARTS = ("energy", "loss", "congestion", "voltage")


def price_reason(case: GridCase, options: GridOptions, dispatch: Dispatch, bus: int, step: int) -> pd.DataFrame:
    """Explain a bus's price: from the root's price, branch by branch, and which units would supply one more kWh there.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    dispatch : Dispatch
        The dispatch, with its own prices.
    bus : int
        Bus number.
    step : int

    Returns
    -------
    DataFrame
        ``what``, ``where``, ``cny_kwh`` and ``why``. Rows ``energy``, ``loss``, ``congestion`` and ``voltage`` add up
        to the row ``price``, except for parts below 1e-4. Rows ``marginal`` name the units whose marginal cost sets
        that price: units within their limits, at buses with the same price.
    """
    feeder, parts = case.feeder, dispatch.price_parts_cny_kwh
    row = feeder.index(bus)
    rows = [
        (
            "energy",
            f"root, bus {feeder.bus[0]}",
            parts["energy"][row, step],
            _at_the_root(case, options, dispatch, step),
        )
    ]
    way = []
    while row > 0:
        way.append(row - 1)
        row = int(feeder.branch_from[row - 1])
    for branch in reversed(way):
        begin, end = feeder.branch_from[branch], feeder.branch_to[branch]
        name = f"line {feeder.bus[begin]}-{feeder.bus[end]}"
        for part in ("loss", "congestion", "voltage"):
            added = parts[part][end, step] - parts[part][begin, step]
            if abs(added) >= LEAST_CNY_KWH:
                why = _on_the_line(case, dispatch, branch, step) if part == "congestion" else ""
                rows.append((part, name, added, why))
    row = feeder.index(bus)
    price = dispatch.price_cny_kwh[row, step]
    rows.append(("price", f"bus {bus}", price, ""))
    rows += [("marginal", *unit) for unit in _marginal(case, options, dispatch, row, step)]
    return pd.DataFrame(rows, columns=["what", "where", "cny_kwh", "why"])


def _at_the_root(case, options, dispatch, step) -> str:
    imported, exported = dispatch.import_kw[step], dispatch.export_kw[step]
    if imported > FREE_KW:
        over = imported - options.import_limit_kw
        at_limit = (
            f", {over:.0f} kW beyond its limit" if over > FREE_KW else ", at its limit" if over > -FREE_KW else ""
        )
        return f"{imported:.0f} kW imported at {case.import_price_cny_kwh[step]:g} CNY/kWh and its slope{at_limit}"
    return f"{exported:.0f} kW fed back" if exported > FREE_KW else "nothing crosses the root"


def _on_the_line(case, dispatch, branch, step) -> str:
    reasons = []
    for z in np.flatnonzero(case.tie == branch):
        flow = dispatch.branch_kw[branch, step]
        limit, way = (case.import_limit_kw[z], "in") if flow > 0 else (case.export_limit_kw[z], "out")
        if abs(flow) > limit - FREE_KW:
            reasons.append(f"tie of {case.zones[z]}: {abs(flow):.0f} kW {way}, limit {limit:.0f}")
    kva = np.hypot(dispatch.branch_kw[branch, step], dispatch.branch_kvar[branch, step])
    if kva > case.rating_kva[branch] - FREE_KW:
        reasons.append(f"{kva:.0f} kVA, rating {case.rating_kva[branch]:.0f}")
    return "; ".join(reasons)


def _marginal(case, options, dispatch, row, step):
    """Units within their limits at buses with the same price: where, marginal value [CNY/kWh], why."""
    same = np.isclose(dispatch.price_cny_kwh[:, step], dispatch.price_cny_kwh[row, step], rtol=0, atol=1e-3)
    for f, name in enumerate(case.farms):
        cut, offered = dispatch.curtailed_kw[f, step], dispatch.available_kw[f, step]
        if same[case.farm_bus[f]] and FREE_KW < cut < offered - FREE_KW:
            value = -(options.curtailment_cny_kwh + options.curtailment_slope * cut / 1000)
            yield name, value, f"{cut:.0f} of {offered:.0f} kW curtailed: one more kWh of demand saves its penalty"
    for z, zone in enumerate(case.zones):
        power = dispatch.backup_kw[z, step]
        if same[case.backup_bus[z]] and FREE_KW < power < case.backup_kw[z] - FREE_KW:
            value = options.backup_cny_kwh + options.backup_slope * power / 1000
            yield f"backup of {zone}", value, f"{power:.0f} of {case.backup_kw[z]:.0f} kW runs"
    for bus in np.flatnonzero(same):
        shed, load = dispatch.shed_kw[bus, step], case.load_kw[bus, step]
        if FREE_KW < shed < load - FREE_KW:
            value = options.shedding_cny_kwh + options.shedding_slope * shed / 1000
            yield f"load at bus {case.feeder.bus[bus]}", value, f"{shed:.0f} of {load:.0f} kW shed"


def price_parts(case: GridCase, options: GridOptions, model: GridModel) -> dict[str, np.ndarray]:
    """Split the price of every bus into parts, from the duals of a solved grid problem.

    The Lagrangian is stationary in the power of a branch from bus i to bus j, so the prices at its ends differ by

    .. math:: \\lambda_j - \\lambda_i = \\underbrace{\\tfrac{2P}{w_i} (r \\lambda_j + x \\mu_j + r \\omega)}_{loss}
              + \\underbrace{\\tau + \\sigma \\tfrac{P}{|S|}}_{congestion}
              + \\underbrace{2 \\left(r - \\tfrac{P}{w_i} |z|^2\\right) \\nu}_{voltage}

    with :math:`\\mu` the price of reactive power, :math:`\\omega` the loss price, :math:`\\tau` and :math:`\\sigma` the
    duals of tie and line limits and :math:`\\nu` that of the voltage drop. These differences are summed along the path
    from the root. The root's price is ``energy``: the marginal cost of import, plus the dual of a limit on import, plus
    what a feeder's own tariff adds to it.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    model : GridModel
        The solved model.

    Returns
    -------
    dict of str -> ndarray, shape (n_bus, K)
        ``energy``, ``loss`` (zero in LinDistFlow), ``congestion``, ``voltage`` [CNY/kWh]. They add up to the price
        except for the solver's residual: no part is computed as the remainder.
    """
    flow, rules, shape = model.flow, model.constraints, case.load_kw[1:].shape
    drop = rules["voltage drop"][0].dual_value
    tie_in, tie_out = (limit.dual_value for limit in rules["tie limits"])
    congestion = np.zeros(shape)
    for limit in rules["line ratings"]:
        congestion[case.rated] = -limit.dual_value[1][0].reshape(-1, case.n_steps)
    np.add.at(congestion, case.tie, tie_in - tie_out)
    voltage, loss = 2 * case.feeder.r_pu[:, None] * drop, np.zeros(shape)
    if flow.current is not None:
        squared_z = (case.feeder.r_pu**2 + case.feeder.x_pu**2)[:, None]
        from_current = 2 * flow.flow_p.value / flow.sending.value * squared_z * drop
        loss = -2 / flow.size_mva * rules["cone"][0].dual_value[1][0].reshape(shape) + from_current
        voltage = voltage - from_current
    root = model.price_cny_kwh(case.step_h)[0]
    way = case.feeder.downstream.T
    along_the_way = {
        name: way @ values / case.step_h for name, values in zip(PARTS[1:], (loss, congestion, voltage), strict=True)
    }
    energy = np.tile(root, (case.feeder.n_bus, 1))
    if case.tariff_branch is not None:
        above = np.zeros(shape)
        above[case.tariff_branch] = rules["feeder tariffs"][0].dual_value
        energy = energy + way @ above / case.step_h
    return {"energy": energy} | along_the_way
