"""The paper's sets at their best: each vehicle in a zonotope that only charges, in one that also discharges, or in neither."""

from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np

from evlib.flexibility.fleet import Fleet
from evlib.flexibility.schedule import Schedule, cost_of, uncontrolled
from evlib.flexibility.station_load import StationLoad
from evlib.flexibility.zonotope.geometry import support_value
from evlib.flexibility.zonotope.inner_approximation import inner_zonotopes
from evlib.flexibility.zonotope.station_load import ZonotopeBlock, zonotope_block

__all__ = ["BothWays", "both_ways"]

OPTIONS = dict(objective="deficit", coordinates="stored")


@dataclass(frozen=True)
class BothWays:
    """Zonotopes of one vehicle of every cohort, chosen by the published objective in stored energy.

    Attributes
    ----------
    fleet : Fleet
    lags : tuple of int
        As in `paper_generators`.
    charging, steered : list of Zonotope
        Charging only, where no energy is lost twice; with discharging, where a step that can do either is divided
        between the two even at rest.
    """

    fleet: Fleet
    lags: tuple
    charging: list
    steered: list

    def vehicle_costs(self, prices_cny_kwh):
        """Least cost of one vehicle of every cohort (n,) [CNY] at prices by usable step (n, T)."""
        domain = self.fleet.domain
        costs = [cost_of(domain, prices_cny_kwh, uncontrolled(domain))]
        for zonotopes in (self.charging, self.steered):
            pairs = zip(zonotopes, prices_cny_kwh, strict=True)
            costs.append(np.array([support_value(zonotope, row[: zonotope.n_steps]) for zonotope, row in pairs]))
        return np.min(costs, axis=0)

    def block(self, rows, size_veh):
        """The cohorts in a mask (n,) as a part of a grid problem; their sizes may be a variable.

        Returns
        -------
        station_load : StationLoad
        schedule : callable
            Returns the schedule of one vehicle of each of these cohorts after a solve [kW, kWh].
        """
        fleet, kept = self.fleet.take(rows), np.flatnonzero(rows)
        sizes = [cp.Variable(fleet.n, nonneg=True), cp.Variable(fleet.n, nonneg=True)]
        no_return = replace(fleet, domain=_charging_only(fleet.domain))
        given = dict(lags=self.lags, **OPTIONS)
        blocks = [
            zonotope_block(no_return, sizes[0], hull=True, zonotopes=[self.charging[v] for v in kept], **given),
            zonotope_block(fleet, sizes[1], hull=False, zonotopes=[self.steered[v] for v in kept], **given),
        ]
        loads = [block.station_load for block in blocks]
        load = StationLoad(
            loads[0].power_mw + loads[1].power_mw,
            loads[0].cost_kcny + loads[1].cost_kcny,
            [sizes[0] + sizes[1] == size_veh, *loads[0].constraints, *loads[1].constraints],
        )
        return load, lambda: _mixed(blocks, sizes)


def both_ways(fleet: Fleet, lags=(1,)) -> BothWays:
    """Zonotopes of every cohort of a fleet, two for each that can discharge.

    Parameters
    ----------
    fleet : Fleet
    lags : tuple of int
        As in `paper_generators`.

    Returns
    -------
    BothWays
    """
    charging = inner_zonotopes(_charging_only(fleet.domain), lags, **OPTIONS)
    return BothWays(fleet, lags, charging, inner_zonotopes(fleet.domain, lags, **OPTIONS))


def _charging_only(domain):
    return replace(domain, discharge_kw=np.zeros(domain.n))


def _mixed(blocks: list[ZonotopeBlock], sizes) -> Schedule:
    """Schedule of one vehicle; a cohort that the solver leaves empty charges uncontrolled, as in the first block."""
    numbers = np.maximum([size.value for size in sizes], 0.0)
    total = numbers.sum(axis=0)
    second = np.divide(numbers[1], total, out=np.zeros_like(total), where=total > 0)
    return blocks[0].schedule().times(1 - second).plus(blocks[1].schedule().times(second))
