"""What cohorts pay for electricity at given prices: one vehicle of each, and the mean over types."""

from __future__ import annotations

import numpy as np

from evlib.flexibility.fleet import Fleet
from evlib.flexibility.schedule import uncontrolled
from evlib.flexibility.support import support

__all__ = ["CHARGING_MODES", "mean_over_types", "uncontrolled_costs", "vehicle_costs"]

CHARGING_MODES = ("uncontrolled", "smart", "v2g")


def vehicle_costs(cohorts: Fleet, price_cny_kwh: np.ndarray) -> np.ndarray:
    """Least electricity cost V of one vehicle of each cohort at given prices.

    Parameters
    ----------
    cohorts : Fleet
    price_cny_kwh : ndarray, shape (n_stations, K)

    Returns
    -------
    ndarray, shape (n,)
        [CNY per vehicle], including wear, unserved and terminal energy.
    """
    return support(cohorts.domain, cohorts.cohort_prices(price_cny_kwh))[0]


def uncontrolled_costs(cohorts: Fleet, price_cny_kwh: np.ndarray) -> np.ndarray:
    """What one vehicle of each cohort pays if it charges at full power at once.

    Parameters
    ----------
    cohorts : Fleet
    price_cny_kwh : ndarray, shape (n_stations, K)

    Returns
    -------
    ndarray, shape (n,)
        [CNY per vehicle]. Energy costs its price or the penalty on unserved energy, whichever is less, because the grid
        may cut the vehicle.
    """
    domain, prices = cohorts.domain, cohorts.cohort_prices(price_cny_kwh)
    schedule = uncontrolled(domain)
    paid = np.minimum(prices, domain.unserved_cny_kwh * domain.eta_charge) * schedule.charge_kw
    return (
        domain.step_h * paid.sum(axis=1)
        + domain.unserved_cny_kwh * schedule.unserved_kwh
        + domain.terminal_price_cny_kwh / domain.eta_charge * schedule.terminal_kwh
    )


def mean_over_types(cohorts: Fleet, vehicle_cny: np.ndarray, stay_steps: np.ndarray) -> np.ndarray:
    """V by station, class and plug-in step, as a mean over the types.

    Parameters
    ----------
    cohorts : Fleet
        Must list every combination of station, class, type and step.
    vehicle_cny : ndarray, shape (n,)
        V of one vehicle of each cohort [CNY].
    stay_steps : ndarray of int, shape (n_classes,)
        Steps that each class stays plugged in.

    Returns
    -------
    ndarray, shape (n_stations, n_classes, K + 1), or (n_stations, n_classes, n_levels, K + 1)
        [CNY per vehicle], by level of arrival if there are several. The last column is for vehicles that plug in after
        the horizon: they buy the energy they want at the terminal price, as far as their stay allows.
    """
    n_stations, n_classes, n_kinds, n_steps = cohorts.shape
    levels = (cohorts.n_levels,) if cohorts.n_levels > 1 else ()
    shape = (n_stations, n_classes, n_kinds // cohorts.n_levels, *levels, n_steps)
    inside = vehicle_cny.reshape(shape).mean(axis=2)
    domain = cohorts.domain
    most = domain.charge_step_kwh * (stay_steps[cohorts.vehicle_class] - 1)
    bought = np.minimum(domain.target_kwh, most)
    late = (
        domain.terminal_price_cny_kwh / domain.eta_charge * bought
        + domain.unserved_cny_kwh * (domain.target_kwh - bought)
    ).reshape(shape)
    return np.concatenate([inside, late.mean(axis=2)[..., -1:]], axis=-1)
