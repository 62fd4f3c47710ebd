"""What machines do in an answer of the reduced program: backup, wind and sun, shedding, and the root."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.grid.grid_case import GridCase
from evlib.grid.reduced.reduced_answer import ReducedAnswer

__all__ = ["Machines", "machines_of"]

KILO = 1000.0


@dataclass(frozen=True)
class Machines:
    """Power of a dispatch [kW].

    Attributes
    ----------
    backup_kw : ndarray, shape (n_zones, K)
    curtailed_kw : ndarray, shape (n_farms, K)
    shed_kw : ndarray, shape (n_bus, K)
    import_kw, export_kw : ndarray, shape (K,)
    tie_overload_kw : ndarray, shape (n_zones, K)
    line_overload_kva : ndarray, shape (n_monitored,)
        Of the lines and steps that are monitored; all others are within their ratings.
    """

    backup_kw: np.ndarray
    curtailed_kw: np.ndarray
    shed_kw: np.ndarray
    import_kw: np.ndarray
    export_kw: np.ndarray
    tie_overload_kw: np.ndarray
    line_overload_kva: np.ndarray


def machines_of(case: GridCase, answer: ReducedAnswer) -> Machines:
    """Read an answer, with the same meaning as the fields of :class:`evlib.grid.dispatch.Dispatch`.

    Parameters
    ----------
    case : GridCase
        The case of the grid that answered.
    answer : ReducedAnswer
    """
    v, sheds, x, n_steps = answer.program.variables, answer.program.sheds, KILO * answer.x, case.n_steps
    backup, curtailed = np.zeros((len(case.zones), n_steps)), np.zeros((len(case.farms), n_steps))
    backup[v.running] = x[v.backup]
    curtailed[v.farm, v.farm_step] = x[v.curtailed]
    shed = np.where(sheds.item >= 0, sheds.share * np.append(x[v.shed], 0.0)[sheds.item], 0.0)
    net = x[v.imported] - x[v.exported]
    free = case.import_price_cny_kwh <= 0  # only the difference has a meaning where the sum costs nothing
    tie, line = (x[v.over[name]] if v.over else np.zeros(shape) for name, shape in (("tie", backup.shape), ("line", 0)))
    return Machines(
        backup,
        curtailed,
        shed,
        np.where(free, np.maximum(net, 0.0), x[v.imported]),
        np.where(free, np.maximum(-net, 0.0), x[v.exported]),
        tie,
        line,
    )
