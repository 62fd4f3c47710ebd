"""How far the numbers of a run can be trusted."""

from __future__ import annotations

from dataclasses import replace

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
        The grid certificate (:func:`evlib.grid.dispatch.grid_certificate`); residuals of vehicle conservation, cohort
        money and energy; largest breach of a cohort's domain; counts of guards and adjustments.
    """
    loading, dispatch, cohorts = run.loading, run.dispatch, tables["cohorts"]
    departed = loading.departures_veh.sum()
    paid = cohorts[["payment_cny", "wear_cny", "terminal_cny", "unserved_cny"]].to_numpy().sum()
    least = cohorts["least_cost_cny"].sum()
    drawn = (cohorts["charged_kwh"] - cohorts["discharged_kwh"]).sum()
    delivered = dispatch.station_kw.sum() * run.case.step_h
    here = run.sizes_veh > 0
    breach = violations(*_whole_cohorts(run, here))
    prices = dispatch.price_cny_kwh  # those announced, where they differ from the dispatch's own
    return dispatch.certificate | {
        "lowest_price_cny_kwh": float(prices.min()),
        "highest_price_cny_kwh": float(prices.max()),
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
