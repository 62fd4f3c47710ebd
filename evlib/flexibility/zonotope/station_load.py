"""A fleet as zonotopes in a grid problem: linear in the cohort sizes, and never worse than uncontrolled charging."""

from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.errors import InputError
from evlib.flexibility.fleet import Fleet, to_horizon, to_steps
from evlib.flexibility.schedule import Schedule, cost_at, uncontrolled, violations
from evlib.flexibility.station_load import StationLoad
from evlib.flexibility.zonotope.geometry import disaggregate
from evlib.flexibility.zonotope.inner_approximation import inner_zonotopes
from evlib.flexibility.zonotope.minkowski_sum import station_zonotope

__all__ = ["ZonotopeBlock", "check_disaggregation", "vehicle_schedules", "zonotope_block"]

# Coefficients may leave the box by the solver's tolerance; more than this share of the largest half-length is an error.
OUTSIDE = 1e-6


@dataclass(frozen=True)
class ZonotopeBlock:
    """Station power as a part of the grid problem, and what turns its solution into schedules.

    Attributes
    ----------
    station_load : StationLoad
    fleet : Fleet
    members : tuple of ndarray of int
        Cohorts of each station.
    stations : tuple of StationZonotope
        Made with sizes of 1: only the centres and half-lengths of single cohorts are used.
    steered, plain : cvxpy.Variable, shape (n,)
        Vehicles of each cohort that follow the zonotope, and those that charge uncontrolled (None without the hull).
    points : list of (ndarray, cvxpy.Variable)
        For each station: which coefficients can differ from 0, and their values b [MW].
    """

    station_load: StationLoad
    fleet: Fleet
    members: tuple
    stations: tuple
    steered: cp.Variable
    plain: cp.Variable | None
    points: list

    def schedule(self) -> Schedule:
        """Schedule of one vehicle of every cohort after a solve [kW, kWh]; an empty cohort charges uncontrolled."""
        fleet, alone = self.fleet, uncontrolled(self.fleet.domain)
        steered = np.maximum(self.steered.value, 0.0)
        plain = np.zeros(fleet.n) if self.plain is None else np.maximum(self.plain.value, 0.0)
        total = steered + plain
        share = np.divide(steered, total, out=np.zeros(fleet.n), where=total > 0)
        fields = {name: np.array(getattr(alone, name)) for name in Schedule.__dataclass_fields__}
        for rows, station, (wide, b) in zip(self.members, self.stations, self.points, strict=True):
            if not len(rows):
                continue
            beta = steered[rows] @ station.betas
            steered_station = replace(station, zonotope=station.of_size(steered[rows]), sizes=steered[rows])
            point = np.zeros(len(beta))
            if len(wide):
                # what the solver leaves outside the box is cut off; it then shows as an error of the sum over vehicles
                point[wide] = np.clip(1000.0 * b.value, -beta[wide], beta[wide])
            of_cohorts = vehicle_schedules(steered_station, point)
            for name, value in fields.items():
                steered_values = getattr(of_cohorts, name)
                mix = share[rows, None] if value.ndim == 2 else share[rows]
                at = np.ix_(rows, np.arange(steered_values.shape[1])) if value.ndim == 2 else rows
                value[at] = mix * steered_values + (1 - mix) * value[at]
                if name == "energy_kwh":  # constant also after the station's longest stay
                    value[rows, steered_values.shape[1] :] = value[rows, steered_values.shape[1] - 1, None]
        return Schedule(**fields)


def zonotope_block(
    fleet: Fleet, size_veh=None, *, lags=(1,), objective="sum", coordinates="meter", hull=True, zonotopes=None
):
    """Zonotopes of all stations, each the sum over its cohorts, as a part of a grid problem.

    .. math:: p = \\sum_v N_v^z center_v + G b + \\sum_v N_v^u u_v, \\quad |b| \\le \\sum_v N_v^z \\beta_v, \\quad
              N^z + N^u = N

    Parameters
    ----------
    fleet : Fleet
    size_veh : ndarray or cvxpy.Expression, shape (n,), optional
        Vehicles in each cohort, possibly a Parameter or variable of the caller; the fleet's by default.
    lags, objective, coordinates, zonotopes
        As in :func:`evlib.flexibility.station_zonotope`.
    hull : bool
        Whether any share of a cohort may charge uncontrolled. The set is then each cohort's convex hull of the zonotope
        and that one profile, so it is never worse than no control. The paper's set has no hull.

    Returns
    -------
    ZonotopeBlock
    """
    domain, n, n_steps = fleet.domain, fleet.n, fleet.n_steps
    size_veh = fleet.size_veh if size_veh is None else size_veh
    zonotopes = inner_zonotopes(domain, lags, objective, coordinates) if zonotopes is None else zonotopes
    steered = cp.Variable(n, name="steered", nonneg=True)
    plain = cp.Variable(n, name="plain", nonneg=True) if hull else None
    constraints = [steered + plain == size_veh if hull else steered == size_veh]
    rows, members, stations, points, cost = [], [], [], [], 0.0
    for c in range(fleet.n_stations):
        cohorts = np.flatnonzero(fleet.station == c)
        station = station_zonotope(
            domain.take(cohorts),
            np.ones(len(cohorts)),
            fleet.first_step[cohorts],
            n_steps,
            lags,
            zonotopes=[zonotopes[v] for v in cohorts],
            coordinates=coordinates,
        )
        zonotope = station.zonotope
        # A coefficient is 0 if all its half-lengths are; fixing it by bounds would leave the solver no interior.
        wide = np.flatnonzero(station.betas.any(axis=0))
        b = cp.Variable(len(wide), name=f"b{c}")  # MW
        members.append(cohorts)
        stations.append(station)
        points.append((wide, b))
        if not len(cohorts):
            rows.append(cp.Constant(np.zeros(n_steps)))
            continue
        point = sp.csr_array(station.centers.T / 1000.0) @ steered[cohorts]
        if len(wide):
            beta = sp.csr_array(station.betas[:, wide].T / 1000.0) @ steered[cohorts]
            constraints += [b <= beta, b >= -beta]
            point = point + sp.csr_array(zonotope.generators[:, wide]) @ b
        rows.append(sp.csr_array(zonotope.power_map) @ point)
        cost = cost + zonotope.linear_cost(np.zeros(n_steps)) @ point
    unserved_cny = domain.unserved_cny_kwh * domain.least_unserved_kwh
    cost = cost + (unserved_cny / 1000.0) @ steered
    power = cp.vstack(rows)
    if hull:
        alone = uncontrolled(domain)
        cohort, age = np.nonzero(domain.active & (alone.charge_kw > 0))
        matrix = (alone.charge_kw[cohort, age] / 1000.0, (fleet.place()[cohort, age], cohort))
        gather = sp.csr_array(matrix, shape=(fleet.n_stations * n_steps, n))
        power = power + cp.reshape(gather @ plain, (fleet.n_stations, n_steps), order="C")
        cost = cost + (cost_at(domain, np.zeros_like(alone.charge_kw), alone) / 1000.0) @ plain
    return ZonotopeBlock(
        StationLoad(power, cost, constraints), fleet, tuple(members), tuple(stations), steered, plain, points
    )


def vehicle_schedules(station, b):
    """What one vehicle of each cohort does if the station is at the point b of its zonotope.

    Parameters
    ----------
    station : StationZonotope
    b : array_like, shape (g,)
        Coefficients with |b| <= beta.

    Returns
    -------
    Schedule
        In each cohort's own usable steps, as in `support`. If a solver exceeds beta slightly, the excess is not
        clipped: `check_disaggregation` shows it.

    Raises
    ------
    InputError
        If b has the wrong shape, is not finite, or leaves the box by more than 1e-6 of the largest half-length.
    """
    domain, zonotope = station.domain, station.zonotope
    b = _checked(zonotope, b)
    points = disaggregate(b, zonotope.beta, station.betas, station.centers, zonotope.generators)
    charge, discharge, terminal = zonotope.split(points)
    charge, discharge = (to_steps(domain, station.offsets, power) for power in (charge, discharge))
    gain = domain.step_h * (domain.eta_charge * charge - discharge / domain.eta_discharge)
    energy = np.hstack([np.zeros((domain.n, 1)), np.cumsum(gain, axis=1)])
    # unserved energy was fixed before the zonotope was built and does not depend on b
    return Schedule(charge, discharge, energy, terminal, domain.least_unserved_kwh)


def check_disaggregation(station, b):
    """Check the largest breach of any rule by the vehicles' schedules, and how far they miss the station's power.

    Parameters
    ----------
    station : StationZonotope
    b : array_like, shape (g,)
        As in :func:`vehicle_schedules`.

    Returns
    -------
    dict
        As `violations`, and `sum_kw`: largest difference between the station's power and that of its vehicles [kW].
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
