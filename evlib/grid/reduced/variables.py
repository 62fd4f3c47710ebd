"""The variables of the reduced program: machines, shedding, flows and overloads, with their costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.reduced.price_groups import Monitored, PriceGroups

__all__ = ["Sheds", "Variables", "reduced_variables"]


@dataclass(frozen=True)
class Sheds:
    """Variables of load shedding: one for all loads of a class in a step, as equal marginal costs shed them alike.

    Attributes
    ----------
    item : ndarray of int, shape (n_bus, K)
        Variable that sheds each load; -1 where there is no load.
    share : ndarray, shape (n_bus, K)
        Part of the variable that is shed there.
    bus, step : ndarray of int, shape (n_items,)
        First bus of each variable, and its step.
    loads : ndarray, shape (n_items,)
        Number of loads.
    most_mw : ndarray, shape (n_items,)
        Power at which the first of them has nothing left [MW]; a limit in the program if ``capped``, checked if not.
    capped : ndarray of bool, shape (n_items,)
    """

    item: np.ndarray
    share: np.ndarray
    bus: np.ndarray
    step: np.ndarray
    loads: np.ndarray
    most_mw: np.ndarray
    capped: np.ndarray

    @classmethod
    def of(cls, case: GridCase, options: GridOptions, groups: PriceGroups, alone: np.ndarray) -> Sheds:
        """One variable for each class and step, and one for each load in the mask ``alone``, shape (n_bus, K)."""
        n_bus, n_steps = case.load_kw.shape
        load = case.load_kw / 1000.0
        kind = np.where(alone, n_bus + np.arange(n_bus)[:, None], groups.shed_class[:, None])
        label = kind * n_steps + np.arange(n_steps)
        here = load > 0
        _, first, inverse, loads = np.unique(label[here], return_index=True, return_inverse=True, return_counts=True)
        bus, step = (place[first] for place in np.nonzero(here))
        item = np.full(load.shape, -1)
        item[here] = inverse
        total = np.bincount(inverse, load[here], minlength=len(first))
        least = np.full(len(first), np.inf)
        np.minimum.at(least, inverse, load[here])
        share = np.zeros(load.shape)
        if options.shedding_slope > 0:
            share[here] = 1.0 / loads[inverse]
            return cls(item, share, bus, step, loads, loads * least, loads == 1)
        share[here] = load[here] / total[inverse]  # any split costs the same
        return cls(item, share, bus, step, loads, total, np.ones(len(first), bool))


@dataclass(frozen=True)
class Variables:
    """Positions of all variables in the program; each array of them has the shape of what it stands for.

    Attributes
    ----------
    flow : ndarray of int, shape (n_flows, K)
    imported, exported : ndarray of int, shape (K,)
    backup : ndarray of int, shape (n_running, K)
        Of the zones ``running``, (n_running,), that have a generator.
    curtailed : ndarray of int, shape (n_offers,)
        Of the farms ``farm`` in steps ``farm_step``, (n_offers,) each, with wind or sun.
    reactive : ndarray of int, shape (n_reactive,)
        Of the offers ``inverter``, (n_reactive,), in whose step the network is monitored.
    shed : ndarray of int, shape (n_items,)
    own_import : ndarray of int, shape (n_tariffs, K)
    over : dict of str -> ndarray of int
        Overloads ``tie`` (n_zones, K), ``line`` (n_monitored,), ``import`` and ``reverse`` (K,); empty if limits are hard.
    station : ndarray of int, shape (n_groups, K)
        Power of stations, after all others.
    n_core : int
        Number of variables without stations.
    p_diagonal, q : ndarray, shape (n_core,)
        Slopes of marginal costs, and marginal costs at zero [thousand CNY per MW squared, per MW].
    """

    flow: np.ndarray
    imported: np.ndarray
    exported: np.ndarray
    running: np.ndarray
    backup: np.ndarray
    farm: np.ndarray
    farm_step: np.ndarray
    curtailed: np.ndarray
    inverter: np.ndarray
    reactive: np.ndarray
    shed: np.ndarray
    own_import: np.ndarray
    over: dict
    station: np.ndarray
    n_core: int
    p_diagonal: np.ndarray
    q: np.ndarray


def reduced_variables(
    case: GridCase, options: GridOptions, monitored: Monitored, groups: PriceGroups, sheds: Sheds
) -> Variables:
    """Number the variables.

    What cannot be used has none: backup without a rating, wind and sun that are not there, reactive power where no line
    and no voltage is monitored.
    """
    step_h, n_steps, price = case.step_h, case.n_steps, case.import_price_cny_kwh
    running = np.flatnonzero(case.backup_kw > 0)
    farm, farm_step = np.nonzero(case.available_kw > 0)
    inverter = np.flatnonzero(monitored.network[farm_step] & (options.farm_power_factor < 1))
    slopes, linears = [], []

    def new(shape, linear=0.0, slope=0.0):
        start = sum(map(len, linears))
        linears.append(step_h * np.broadcast_to(np.asarray(linear, dtype=float), shape).reshape(-1))
        slopes.append(step_h * np.broadcast_to(np.asarray(slope, dtype=float), shape).reshape(-1))
        return start + np.arange(len(linears[-1])).reshape(shape)

    shapes = {
        "tie": (len(case.zones), n_steps),
        "line": (int(monitored.line.sum()),),
        "import": (n_steps,),
        "reverse": (n_steps,),
    }
    numbered = {
        "flow": new((len(groups.flow), n_steps)),
        "imported": new((n_steps,), price, options.import_slope),
        "exported": new((n_steps,), -np.minimum(price, 0.0)),
        "backup": new((len(running), n_steps), options.backup_cny_kwh, options.backup_slope),
        "curtailed": new((len(farm),), options.curtailment_cny_kwh, options.curtailment_slope),
        "reactive": new((len(inverter),)),
        "shed": new((len(sheds.bus),), options.shedding_cny_kwh, options.shedding_slope / sheds.loads),
        "own_import": new((0, n_steps))
        if case.tariff_branch is None
        else new(case.surcharge_cny_kwh.shape, case.surcharge_cny_kwh),
        "over": {name: new(shape, 0.0, options.overload_slope) for name, shape in shapes.items()}
        if options.soft_limits
        else {},
    }
    q = np.concatenate(linears)
    return Variables(
        **numbered,
        running=running,
        farm=farm,
        farm_step=farm_step,
        inverter=inverter,
        station=len(q) + np.arange(groups.n_groups * n_steps).reshape(groups.n_groups, n_steps),
        n_core=len(q),
        p_diagonal=np.concatenate(slopes),
        q=q,
    )
