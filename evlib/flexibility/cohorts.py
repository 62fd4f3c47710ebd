"""Cohorts: identical vehicles of one station, class and type that plug in during the same step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.flexibility.domain import Adjustments, Domain, uncontrolled
from evlib.flexibility.support import support

__all__ = ["CHARGING_MODES", "Cohorts", "mean_over_types", "station_profile", "vehicle_costs"]

CHARGING_MODES = ("uncontrolled", "smart", "v2g")


@dataclass(frozen=True)
class Cohorts:
    """Every (station, class, type, plug-in step) of a scenario, whether or not a vehicle is in it.

    Attributes
    ----------
    shape : tuple of int
        (n_stations, n_classes, n_types, K); cohorts are in C order.
    station, vehicle_class, soc_type, plug_in_step : ndarray of int, shape (n,)
    domain : Domain
        One vehicle of each cohort; its usable step t is decision step ``plug_in_step + 1 + t``.
    adjustments : Adjustments
    """

    shape: tuple[int, int, int, int]
    station: np.ndarray
    vehicle_class: np.ndarray
    soc_type: np.ndarray
    plug_in_step: np.ndarray
    domain: Domain
    adjustments: Adjustments

    def sizes(self, cohorts_veh: np.ndarray) -> np.ndarray:
        """Vehicles of each cohort, the types of a class in equal parts.

        Parameters
        ----------
        cohorts_veh : ndarray, shape (n_stations, n_classes, K)
            Plug-ins by station, class and step [veh].

        Returns
        -------
        ndarray, shape (n,)
        """
        parts = np.repeat(cohorts_veh[:, :, None, :] / self.shape[2], self.shape[2], axis=2)
        return parts.reshape(-1)

    def own_prices(self, price_cny_kwh: np.ndarray) -> np.ndarray:
        """Prices of each cohort's usable steps, shape (n, T); 0 after the horizon, where the domain has no step.

        Parameters
        ----------
        price_cny_kwh : ndarray, shape (n_stations, K)
        """
        step = self.plug_in_step[:, None] + 1 + np.arange(self.domain.n_steps)[None, :]
        inside = step < self.shape[3]
        return np.where(inside, price_cny_kwh[self.station[:, None], np.where(inside, step, 0)], 0.0)


def station_profile(cohorts: Cohorts, size_veh: np.ndarray, power_kw: np.ndarray) -> np.ndarray:
    """Power of each station from the power of each cohort.

    Parameters
    ----------
    size_veh : ndarray, shape (n,)
        Factor on each cohort's power; ones if ``power_kw`` is that of whole cohorts.
    power_kw : ndarray, shape (n, T)
        By usable step.

    Returns
    -------
    ndarray, shape (n_stations, K)
        [kW].
    """
    n_stations, n_steps = cohorts.shape[0], cohorts.shape[3]
    step = cohorts.plug_in_step[:, None] + 1 + np.arange(power_kw.shape[1])[None, :]
    inside = np.arange(power_kw.shape[1])[None, :] < cohorts.domain.n_usable[:, None]
    profile = np.zeros((n_stations, n_steps))
    station = np.broadcast_to(cohorts.station[:, None], step.shape)
    np.add.at(profile, (station[inside], step[inside]), (size_veh[:, None] * power_kw)[inside])
    return profile


def vehicle_costs(cohorts: Cohorts, price_cny_kwh: np.ndarray, charging: str) -> np.ndarray:
    """Least electricity cost V of one vehicle of each cohort at given prices.

    Parameters
    ----------
    cohorts : Cohorts
    price_cny_kwh : ndarray, shape (n_stations, K)
    charging : {"uncontrolled", "smart", "v2g"}
        An uncontrolled vehicle pays the price of full power at once, or the penalty where the grid cuts it.

    Returns
    -------
    ndarray, shape (n,)
        [CNY per vehicle], wear, unserved and terminal energy included.
    """
    domain, prices = cohorts.domain, cohorts.own_prices(price_cny_kwh)
    if charging != "uncontrolled":
        return support(domain, prices)[0]
    schedule = uncontrolled(domain)
    paid = np.minimum(prices, domain.unserved_cny_kwh * domain.eta_charge) * schedule.charge_kw
    return (
        domain.step_h * paid.sum(axis=1)
        + domain.unserved_cny_kwh * schedule.unserved_kwh
        + domain.terminal_price_cny_kwh / domain.eta_charge * schedule.terminal_kwh
    )


def mean_over_types(cohorts: Cohorts, scenario, vehicle_cny: np.ndarray) -> np.ndarray:
    """V by station, class and plug-in step, mean over the types; the last column is for plug-ins after the horizon.

    Returns
    -------
    ndarray, shape (n_stations, n_classes, K + 1)
        After the horizon a vehicle buys its gain at the terminal price, as far as its stay allows.
    """
    inside = vehicle_cny.reshape(cohorts.shape).mean(axis=2)
    domain = cohorts.domain
    stay = np.array([round(item.stay_min / scenario.time.step_min) for item in scenario.fleet.classes])
    most = domain.charge_step_kwh * (stay[cohorts.vehicle_class] - 1)
    bought = np.minimum(domain.target_kwh, most)
    late = (
        domain.terminal_price_cny_kwh / domain.eta_charge * bought
        + domain.unserved_cny_kwh * (domain.target_kwh - bought)
    ).reshape(cohorts.shape)
    return np.concatenate([inside, late.mean(axis=2)[:, :, :1]], axis=2)
