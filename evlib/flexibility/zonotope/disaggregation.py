"""From a point of a station's zonotope to feasible schedules of its vehicles, and the proof that they add up to it."""

import numpy as np

from evlib.errors import InputError
from evlib.flexibility.horizon import to_horizon, to_steps
from evlib.flexibility.schedule import Schedule, violations
from evlib.flexibility.zonotope.inner_approximation import disaggregate

__all__ = ["check_disaggregation", "vehicle_schedules"]

# A solver's coefficients may leave the box by its tolerance; more than this share of the largest is a mistake.
OUTSIDE = 1e-6


def vehicle_schedules(station, b):
    """What one vehicle of each cohort does when the station runs at the point b of its zonotope.

    Parameters
    ----------
    station : StationZonotope
    b : array_like, shape (g,)
        Coefficients, |b| <= beta.

    Returns
    -------
    Schedule
        Each cohort's own usable steps, as in `support`. A solver's small excess over beta is passed on, not clipped:
        `check_disaggregation` shows it.

    Raises
    ------
    InputError
        If b has another shape, is not finite, or leaves the box by more than 1e-6 of the largest half-length.
    """
    domain, zonotope = station.domain, station.zonotope
    b = _checked(zonotope, b)
    points = disaggregate(b, zonotope.beta, station.betas, station.centers, zonotope.generators)
    charge, discharge, terminal = zonotope.split(points)
    charge, discharge = (to_steps(domain, station.offsets, power) for power in (charge, discharge))
    gain = domain.step_h * (domain.eta_charge * charge - discharge / domain.eta_discharge)
    energy = np.hstack([np.zeros((domain.n, 1)), np.cumsum(gain, axis=1)])
    # what cannot be served was settled before the zonotope was built: it does not depend on b
    return Schedule(charge, discharge, energy, terminal, domain.least_unserved_kwh)


def check_disaggregation(station, b):
    """Largest breach of any rule by the vehicles' schedules, and what they miss of the station's point.

    Returns
    -------
    dict
        As `violations`, and `sum_kw`: largest difference between the station's power and the sum of its vehicles' [kW].
    """
    schedule, zonotope = vehicle_schedules(station, b), station.zonotope
    power = zonotope.power_map @ zonotope.point(_checked(zonotope, b))
    total = to_horizon(station.domain, station.sizes, station.offsets, schedule.power_kw, zonotope.n_steps)
    sum_kw = float(np.abs(total - power).max(initial=0.0))
    return violations(station.domain, schedule) | {"sum_kw": sum_kw}


def _checked(zonotope, b):
    b = np.asarray(b, dtype=float)
    if b.shape != zonotope.beta.shape or not np.isfinite(b).all():
        raise InputError(f"b: shape {b.shape}; must be {zonotope.beta.shape} and finite")
    outside = np.abs(b) - zonotope.beta
    if (outside > OUTSIDE * zonotope.beta.max(initial=0.0)).any():
        j = int(np.argmax(outside))
        raise InputError(f"b: coefficient {j} is {b[j]}; must be within +-{zonotope.beta[j]}, its half-length")
    return b
