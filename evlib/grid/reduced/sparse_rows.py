"""Rows of a sparse system, collected block by block."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

__all__ = ["SparseRows"]


class SparseRows:
    """Rows A x with right-hand sides b, in the order in which their blocks were added.

    Examples
    --------
    >>> rows = SparseRows()
    >>> rows.block([5.0, 7.0], ([0, 1], 1.0), ([2, 2], -1.0))
    array([0, 1])
    >>> rows.matrix(3).toarray(), rows.b
    (array([[ 1.,  0., -1.],
           [ 0.,  1., -1.]]), array([5., 7.]))
    """

    def __init__(self):
        self.n, self._rhs, self._entries = 0, [], []

    def block(self, rhs, *terms) -> np.ndarray:
        """Add rows with right-hand sides ``rhs`` and terms (columns, values); returns their positions in its shape."""
        rhs = np.asarray(rhs, dtype=float)
        rows = np.arange(self.n, self.n + rhs.size).reshape(rhs.shape)
        self._rhs.append(rhs.reshape(-1))
        self.n += rhs.size
        for columns, values in terms:
            self.put(rows, columns, values)
        return rows

    def put(self, rows, columns, values) -> None:
        """Add entries to rows; the three arrays broadcast, and entries at the same place add up."""
        parts = np.broadcast_arrays(rows, columns, np.asarray(values, dtype=float))
        self._entries.append([part.reshape(-1) for part in parts])

    def matrix(self, n_columns: int) -> sp.csc_array:
        """A, shape (n, n_columns)."""
        if not self._entries:
            return sp.csc_array((self.n, n_columns))
        rows, columns, values = (np.concatenate(parts) for parts in zip(*self._entries, strict=True))
        return sp.csc_array((values, (rows, columns)), shape=(self.n, n_columns))

    @property
    def b(self) -> np.ndarray:
        """Right-hand sides, shape (n,)."""
        return np.concatenate(self._rhs) if self._rhs else np.zeros(0)
