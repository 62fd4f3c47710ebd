"""Why a price is what it is, in words and numbers: a table for one bus and one step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from evlib.flexibility.station_load import StationLoad
from evlib.grid.dispatch import Dispatch
from evlib.grid.dno import dispatch_grid
from evlib.grid.grid_case import GridCase, GridOptions

__all__ = ["cost_derivative", "price_reason"]

# Parts of a price below this are left out of the table [CNY/kWh].
LEAST_CNY_KWH = 1e-4
# A quantity this far from its limits is free to move [kW].
FREE_KW = 0.1


def price_reason(case: GridCase, options: GridOptions, dispatch: Dispatch, bus: int, step: int) -> pd.DataFrame:
    """From the price at the root to the price of a bus, branch by branch, and who would answer one more kWh there.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    dispatch : Dispatch
        With its own prices.
    bus : int
        Bus number.
    step : int

    Returns
    -------
    DataFrame
        ``what``, ``where``, ``cny_kwh`` and ``why``. Rows ``energy``, ``loss``, ``congestion`` and ``voltage`` add up to the
        row ``price``, but for parts below 1e-4; rows ``marginal`` name the units behind no other limit whose marginal
        cost that price is.
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
    """Units inside their limits at buses with the same price: where, marginal value [CNY/kWh], why."""
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


def cost_derivative(
    case: GridCase, options: GridOptions, station_load: StationLoad, *, share: float = 1e-3
) -> np.ndarray:
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
    station_load : StationLoad
    share : float
        Step of the difference, as a share of omega.

    Returns
    -------
    ndarray, shape (n_bus, K)
        [CNY/kWh]; :math:`\\lambda - \\partial C / \\partial d` is what the loss price adds to the DLMP.
    """
    below, at_loss_price, above = (
        dispatch_grid(
            case, replace(options, loss_price_factor=factor * options.loss_price_factor), station_load
        ).price_cny_kwh
        for factor in (1 - share, 1.0, 1 + share)
    )
    return at_loss_price - (above - below) / (2 * share)
