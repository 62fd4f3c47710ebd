"""From the dispatch of a fleet to single, whole vehicles, and the check that they can deliver it."""

import numpy as np

from evlib.errors import InputError
from evlib.flexibility.fleet import Fleet
from evlib.flexibility.schedule import Schedule, violations

__all__ = ["check_delivery", "whole_vehicles"]


def check_delivery(fleet: Fleet, schedule: Schedule, station_kw) -> dict:
    """Check the largest breach of any rule by a vehicle, and how far all vehicles together miss a dispatched profile.

    Parameters
    ----------
    fleet : Fleet
    schedule : Schedule
        Schedule of one vehicle of every cohort.
    station_kw : ndarray, shape (n_stations, K)
        The profile [kW].

    Returns
    -------
    dict
        As `violations` (``simultaneous_kwh`` counts one vehicle of every cohort). In addition ``sum_kw``, the largest
        difference between a station's power and the sum over its vehicles, and ``sum_share``, the energy of all these
        differences divided by that of the profile (nan if that is 0).

    Raises
    ------
    InputError
        If the profile or the schedule has the wrong shape or is not finite.
    """
    profile = np.asarray(station_kw, dtype=float)
    shape = (fleet.n_stations, fleet.n_steps)
    if profile.shape != shape or not np.isfinite(profile).all():
        raise InputError(f"station_kw: shape {profile.shape}; must be {shape} and finite")
    breaches = violations(fleet.domain, schedule)
    missed = np.abs(fleet.station_kw(schedule.power_kw) - profile)
    total = np.abs(profile).sum()
    share = float(missed.sum() / total) if total > 0 else float("nan")
    return breaches | {"sum_kw": float(missed.max(initial=0.0)), "sum_share": share}


def whole_vehicles(fleet: Fleet, schedule: Schedule) -> tuple[Fleet, Schedule]:
    """Turn cohorts of fractional size into whole vehicles, each with its own schedule, as closely as possible.

    Parameters
    ----------
    fleet : Fleet
    schedule : Schedule
        Schedule of one vehicle of every cohort.

    Returns
    -------
    fleet : Fleet
        Cohorts of size 1.
    schedule : Schedule

    Notes
    -----
    At each station vehicles are counted in the order in which they plug in: vehicle number i comes when the running
    total passes i - 1/2. So every running total is correct to half a vehicle, and a station's total up to rounding.
    Each vehicle follows the mean schedule of its cohort, which is feasible because domains are convex; the remaining
    error is the rounding, see ``sum_kw`` of `check_delivery`.

    Examples
    --------
    Cohorts of 0.6, 0.6 and 0.8 vehicles, one after the other, become one, no and one vehicle.

    >>> from evlib.flexibility import uncontrolled, vehicle_domain
    >>> domain, _ = vehicle_domain(
    ...     battery_kwh=[50, 50, 50], charge_kw=10, discharge_kw=0, soc_arrival=0.5, soc_min=0.2, soc_max=1, gain_kwh=10,
    ...     n_stay_steps=3, n_cut_steps=0, eta_charge=1, eta_discharge=1, wear_cny_kwh=0, unserved_cny_kwh=5,
    ...     terminal_price_cny_kwh=1, step_h=1)
    >>> fleet = Fleet(domain, [0.6, 0.6, 0.8], [0, 0, 0], [0, 1, 2], 1, 6)
    >>> whole_vehicles(fleet, uncontrolled(domain))[0].first_step
    array([0, 2])
    """
    order = np.lexsort((fleet.first_step, fleet.station))
    sizes, station = fleet.size_veh[order], fleet.station[order]
    running = np.cumsum(sizes)
    before = np.concatenate([[0.0], running])[np.searchsorted(station, np.arange(fleet.n_stations))]
    counted = np.round(running - before[station]).astype(int)
    counts = np.diff(counted, prepend=0)
    first = np.searchsorted(station, np.arange(fleet.n_stations))
    starts = np.unique(first[first < fleet.n])
    counts[starts] = counted[starts]
    index = np.repeat(order, counts)
    few = fleet.take(index)
    n_steps = few.domain.n_steps
    rows = {name: getattr(schedule, name)[index] for name in Schedule.__dataclass_fields__}
    for name, columns in (("charge_kw", n_steps), ("discharge_kw", n_steps), ("energy_kwh", n_steps + 1)):
        rows[name] = rows[name][:, :columns]
    return Fleet(few.domain, np.ones(few.n), few.station, few.first_step, fleet.n_stations, fleet.n_steps), Schedule(
        **rows
    )
