"""The answer of a reduced program: costs, station power, and the prices of every bus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.grid.reduced.reduced_program import ReducedProgram
from evlib.grid.solver import Attempt

__all__ = ["ReducedAnswer"]


@dataclass(frozen=True)
class ReducedAnswer:
    """Solution of a reduced program.

    Attributes
    ----------
    cost_cny : float
        The minimised objective: grid cost, plus what is linear or quadratic in station power.
    grid_cny : float
        Grid cost g alone.
    station_group : ndarray of int, shape (n_stations,)
        The groups that the rows of ``station_kw`` stand for.
    station_kw : ndarray, shape (n_groups, K)
    extras : list of ndarray, shape (n_extra,)
        Extra variables of each block.
    price_cny_kwh : ndarray, shape (n_bus, K)
        Price of every bus, as :attr:`evlib.grid.dispatch.Dispatch.price_cny_kwh`.
    iterations : int
        Over all solves.
    status : str
    tolerance : float
        The solver's tolerance: the first of its ladder that ended optimal.
    ladder : tuple of Attempt
        Every attempt of the last solve, the last one optimal.
    solves : int
        Programs solved until no row was violated.
    monitored : tuple of str
        Lines, voltages and loads that the program watches.
    program : ReducedProgram
        The last program.
    x : ndarray
        Its solution, see :func:`evlib.grid.reduced.machines.machines_of`.
    """

    cost_cny: float
    grid_cny: float
    station_group: np.ndarray
    station_kw: np.ndarray
    extras: list
    price_cny_kwh: np.ndarray
    iterations: int
    status: str
    tolerance: float
    ladder: tuple[Attempt, ...]
    solves: int
    monitored: tuple[str, ...]
    program: ReducedProgram
    x: np.ndarray
