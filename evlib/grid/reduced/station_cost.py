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
    factor : ndarray, shape of ``quadratic``, optional
        C with C C' the inverse of Q, so that the quadratic cost is 1/2 w' w at y = C w. Where it is stated, the program
        holds w and C in place of Q: the same answer, sooner where Q is full and C almost empty.
    """

    group: int
    quadratic: np.ndarray
    linear: np.ndarray
    factor: np.ndarray | None = None

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
    if block.factor is not None and np.shape(block.factor) != (size, size):
        raise InputError(
            f"block of group {block.group}: factor has shape {np.shape(block.factor)}; must be ({size}, {size})"
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
        Variables in order: the program's, station power by group, the extra variables of each block; then w.
    """
    n_core, n_steps = program.variables.n_core, linear.shape[1]
    steps = np.arange(n_steps)
    linear, start = linear.copy(), n_core + linear.size
    diagonal = np.arange(n_core)
    rows, columns, values, q_extra = [diagonal], [diagonal], [program.variables.p_diagonal], []
    ties = _Ties()
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
        per_unit = np.where(np.arange(len(block.linear)) < n_power, KILO, 1.0)
        if block.factor is not None:
            ties.add(places, entry, per_unit / np.sqrt(KILO), block.factor)
        else:
            i, j = np.triu_indices(len(places))
            rows.append(places[i])
            columns.append(places[j])
            values.append(block.quadratic[entry[i], entry[j]] * (per_unit[entry[i]] * per_unit[entry[j]] / KILO))
        start += len(extra)
    n_extra = start - n_core - linear.size
    whole = start + ties.n
    rows, columns = [*rows, start + np.arange(ties.n)], [*columns, start + np.arange(ties.n)]
    entries = (np.concatenate([*values, np.ones(ties.n)]), (np.concatenate(rows), np.concatenate(columns)))
    matrix = _with_signs(program.whole_matrix, n_extra)
    b = np.concatenate([program.b, np.zeros(n_extra)])
    if ties.n:
        matrix, b = ties.added_to(matrix, b, program.n_equal)
    return ConeProblem(
        sp.csc_matrix(entries, shape=(whole, whole)),
        np.concatenate([program.variables.q, linear.reshape(-1), *q_extra, np.zeros(ties.n)]),
        matrix,
        b,
        program.n_equal + ties.n,
        program.n_above,
        program.n_cones,
        n_extra,
    )


class _Ties:
    """Rows y - C w = 0 that tie new variables w to the blocks' variables y, in the program's units."""

    def __init__(self):
        self.n, self._of_y, self._of_w = 0, [], []

    def add(self, places: np.ndarray, entry: np.ndarray, per_unit: np.ndarray, factor: np.ndarray) -> None:
        """A block whose entries stand at ``places``; ``per_unit`` times a variable is the block's own."""
        self._of_y.append((np.ones(len(places)), self.n + entry, places))
        row, column = np.nonzero(factor)
        self._of_w.append((-factor[row, column] / per_unit[row], self.n + row, self.n + column))
        self.n += len(factor)

    def added_to(self, matrix: sp.csc_matrix, b: np.ndarray, n_equal: int) -> tuple[sp.csc_matrix, np.ndarray]:
        """Rows and right sides of a program with these equalities behind its own ``n_equal``."""
        of_y, of_w = (
            sp.csr_matrix((values, (rows, columns)), shape=(self.n, n))
            for (values, rows, columns), n in (
                (map(np.concatenate, zip(*self._of_y, strict=True)), matrix.shape[1]),
                (map(np.concatenate, zip(*self._of_w, strict=True)), self.n),
            )
        )
        upper, lower = matrix.tocsr()[:n_equal], matrix.tocsr()[n_equal:]
        whole = sp.csc_matrix(sp.block_array([[upper, None], [of_y, of_w], [lower, None]]))
        whole.sort_indices()
        return whole, np.concatenate([b[:n_equal], np.zeros(self.n), b[n_equal:]])


def _with_signs(matrix: sp.csc_matrix, n_extra: int) -> sp.csc_matrix:
    """The matrix with more variables, and a row -t <= 0 for each of them."""
    if not n_extra:
        return matrix
    m, n = matrix.shape
    data = np.concatenate([matrix.data, np.full(n_extra, -1.0)])
    indices = np.concatenate([matrix.indices, m + np.arange(n_extra)])
    indptr = np.concatenate([matrix.indptr, matrix.indptr[-1] + 1 + np.arange(n_extra)])
    return sp.csc_matrix((data, indices, indptr), shape=(m + n_extra, n + n_extra))
