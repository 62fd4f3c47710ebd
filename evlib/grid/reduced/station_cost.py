"""How stations enter the reduced program: with given power, at given prices, or with quadratic costs of their groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from evlib.errors import InputError
from evlib.grid.reduced.reduced_program import ReducedProgram
from evlib.grid.reduced.reduced_solver import ConeProblem

__all__ = ["Block", "blocks_problem", "check_block", "fixed_problem", "priced_problem"]

KILO = 1000.0


@dataclass(frozen=True)
class Block:
    """A convex quadratic cost 1/2 y' Q y + q' y of y = (power of one group, extra variables), shape (K + n_extra,).

    Attributes
    ----------
    group : int or tuple of int
        One of ``ReducedGrid.n_groups``, or G of them one after another; then K stands for G K. Several blocks may share a
        group.
    quadratic : ndarray, shape (K + n_extra, K + n_extra)
        Q, symmetric and positive semidefinite [CNY/kW^2; CNY per kW and unit of the extra; CNY per unit squared].
    linear : ndarray, shape (K + n_extra,)
        q [CNY/kW; CNY per unit of the extra]. Extra variables are not negative; their units are the caller's.
    """

    group: int
    quadratic: np.ndarray
    linear: np.ndarray

    @property
    def groups(self) -> tuple[int, ...]:
        """The groups, also where it is one."""
        return tuple(np.atleast_1d(self.group).tolist())


def check_block(block: Block, n_groups: int, n_steps: int) -> None:
    """Refuse a block whose group does not exist or whose arrays do not fit together."""
    if not all(0 <= group < n_groups for group in block.groups):
        raise InputError(f"block: group = {block.group}; must be 0 to {n_groups - 1}")
    size, least = len(block.linear), n_steps * len(block.groups)
    if size < least or np.shape(block.quadratic) != (size, size):
        raise InputError(
            f"block of group {block.group}: quadratic has shape {np.shape(block.quadratic)}, linear ({size},); must be "
            f"(n, n) and (n,) with n at least the {least} steps"
        )
    if not (np.isfinite(block.linear).all() and np.isfinite(block.quadratic).all()):
        raise InputError(f"block of group {block.group}: not finite; every entry must be a number")


def fixed_problem(program: ReducedProgram, station_mw: np.ndarray) -> ConeProblem:
    """The program with stations that draw ``station_mw``, shape (n_stations, K) [MW]."""
    power = np.zeros((program.groups.n_groups, station_mw.shape[1]))
    np.add.at(power, program.groups.station_group, station_mw)
    b = program.b - program.e_matrix @ power.reshape(-1)
    return ConeProblem(
        program.p_matrix,
        program.variables.q,
        program.a_matrix,
        b,
        program.n_equal,
        program.n_above,
        program.n_cones,
    )


def priced_problem(program: ReducedProgram, linear: np.ndarray) -> ConeProblem:
    """The program with free station power at a linear cost, shape (n_groups, K) [thousand CNY/MW]."""
    return blocks_problem(program, linear, np.arange(program.groups.n_groups), ())


def blocks_problem(program: ReducedProgram, linear: np.ndarray, part_of: np.ndarray, blocks) -> ConeProblem:
    """The program with free station power at linear and quadratic costs.

    Parameters
    ----------
    program : ReducedProgram
    linear : ndarray, shape (n_groups of the program, K)
        [CNY/kW].
    part_of : ndarray of int, shape (n_groups of the program,)
        The block's group that each group of the program is, or is a part of; a block sees the sum of its parts.
    blocks : sequence of Block

    Returns
    -------
    ConeProblem
        Variables in order: the program's, station power by group, the extra variables of each block.
    """
    n_core, n_steps = program.variables.n_core, linear.shape[1]
    steps = np.arange(n_steps)
    linear, start = linear.copy(), n_core + linear.size
    diagonal = np.arange(n_core)
    rows, columns, values, q_extra = [diagonal], [diagonal], [program.variables.p_diagonal], []
    for block in blocks:
        n_power = n_steps * len(block.groups)
        extra = np.arange(len(block.linear) - n_power)
        q_extra.append(block.linear[n_power:] / KILO)
        places, entry = [], []
        for position, group in enumerate(block.groups):
            own = position * n_steps + steps
            for part in np.flatnonzero(part_of == group):
                linear[part] += block.linear[own]
                places.append(n_core + n_steps * part + steps)
                entry.append(own)
        places, entry = np.concatenate([*places, start + extra]), np.concatenate([*entry, n_power + extra])
        per_unit = np.where(entry < n_power, KILO, 1.0)
        i, j = np.triu_indices(len(places))
        rows.append(places[i])
        columns.append(places[j])
        values.append(block.quadratic[entry[i], entry[j]] * (per_unit[i] * per_unit[j] / KILO))
        start += len(extra)
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    n_extra = start - n_core - linear.size
    return ConeProblem(
        sp.csc_matrix(entries, shape=(start, start)),
        np.concatenate([program.variables.q, linear.reshape(-1), *q_extra]),
        _with_signs(program.whole_matrix, n_extra),
        np.concatenate([program.b, np.zeros(n_extra)]),
        program.n_equal,
        program.n_above,
        program.n_cones,
        n_extra,
    )


def _with_signs(matrix: sp.csc_matrix, n_extra: int) -> sp.csc_matrix:
    """The matrix with more variables, and a row -t <= 0 for each of them."""
    if not n_extra:
        return matrix
    m, n = matrix.shape
    data = np.concatenate([matrix.data, np.full(n_extra, -1.0)])
    indices = np.concatenate([matrix.indices, m + np.arange(n_extra)])
    indptr = np.concatenate([matrix.indptr, matrix.indptr[-1] + 1 + np.arange(n_extra)])
    return sp.csc_matrix((data, indices, indptr), shape=(m + n_extra, n + n_extra))
