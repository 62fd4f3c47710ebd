"""How far the numbers of a run can be trusted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evlib.flexibility.domain import violations

__all__ = ["certificate_of"]


def certificate_of(run, tables) -> dict:
    """How far the numbers of a run can be trusted.

    Parameters
    ----------
    run : Run
    tables : dict of str -> DataFrame

    Returns
    -------
    dict
        Solver status and tolerance; residuals of vehicle conservation, nodal balance, cohort money and energy; largest
        breach of a cohort's domain; error of the linear model against AC; counts of guards and adjustments; share of
        the declared quadratic terms in the grid cost.
    """
    loading, dispatch, cohorts = run.loading, run.dispatch, tables["cohorts"]
    departed = loading.departures_veh.sum()
    paid = cohorts[["payment_cny", "wear_cny", "terminal_cny", "unserved_cny"]].to_numpy().sum()
    least = cohorts["least_cost_cny"].sum()
    drawn = (cohorts["charged_kwh"] - cohorts["discharged_kwh"]).sum()
    delivered = dispatch.station_kw.sum() * run.case.step_h
    here = run.sizes_veh > 0
    breach = violations(*_whole_cohorts(run, here))
    quadratic = sum(value for name, value in dispatch.costs_cny.items() if "quadratic" in name or name == "overload")
    case = run.case
    low, high = case.feeder.v_min_pu[1:, None], case.feeder.v_max_pu[1:, None]
    ac = run.power_flow.voltage_pu[1:]
    return {
        "grid_status": dispatch.status,
        "grid_solver": "Clarabel",
        "grid_tolerance": dispatch.tolerance,
        "grid_balance_residual_kw": dispatch.balance_residual_kw,
        "grid_quadratic_share": quadratic / dispatch.costs_cny["total"],
        "grid_ac_voltage_error_pu": float(np.abs(run.power_flow.voltage_pu - dispatch.voltage_pu).max()),
        "grid_ac_voltage_violation_pu": float(max(0.0, (low - ac).max(), (ac - high).max())),
        "grid_ac_loss_kwh": float(run.power_flow.loss_kw.sum() * case.step_h),
        "lowest_price_cny_kwh": float(dispatch.price_cny_kwh.min()),
        "highest_price_cny_kwh": float(dispatch.price_cny_kwh.max()),
        "vehicle_residual_veh": float(abs(loading.plugged_veh[:, :, -1].sum() - departed)),
        "energy_residual_kwh": float(abs(drawn - delivered)),
        "money_residual_cny": float(paid - least),
        "money_relative_residual": float(abs(paid - least) / max(abs(least), 1.0)),
        "domain_violation": {name: float(value) for name, value in breach.items()},
        "overtaking_guard_count": loading.n_overtaking_guard,
        "capacity_guard_count": loading.n_capacity_guard,
        "after_horizon_veh": float(run.late_veh.sum()),
        "dropped_veh": run.dropped_veh,
        "adjustments": run.cohorts.adjustments.counts,
    }


def _whole_cohorts(run, here):
    """Domains and schedules of whole cohorts: a breach counts by the vehicles it concerns."""
    size, schedule = run.sizes_veh[here], run.schedule
    one = run.cohorts.domain.take(here)
    scaled = ("charge_kw", "discharge_kw", "energy_low_kwh", "energy_high_kwh", "target_kwh", "terminal_limit_kwh")
    domain = replace(one, **{name: size * getattr(one, name) for name in scaled})
    n_steps, by_step = one.n_steps, size[:, None]
    return domain, type(schedule)(
        by_step * schedule.charge_kw[here][:, :n_steps],
        by_step * schedule.discharge_kw[here][:, :n_steps],
        by_step * schedule.energy_kwh[here][:, : n_steps + 1],
        size * schedule.terminal_kwh[here],
        size * schedule.unserved_kwh[here],
    )
