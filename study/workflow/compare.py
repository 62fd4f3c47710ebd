"""Whether a table or a figure is the same as before, but for the last digits that differ between machines."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["REL_TOL", "same_drawing", "same_number", "same_table"]

REL_TOL = 1e-6
_ABS_TOL = 1e-9


def same_number(old: float, new: float, tolerance: float = 0.0) -> bool:
    """Whether two numbers agree within ``tolerance``, or within 1e-6 of the larger (1e-9 near zero).

    Parameters
    ----------
    old, new : float
        A nan equals a nan, an infinity itself.
    tolerance : float
        Declared absolute tolerance [unit of the number].
    """
    if math.isnan(old) or math.isnan(new):
        return math.isnan(old) and math.isnan(new)
    if math.isinf(old) or math.isinf(new):
        return old == new
    return abs(old - new) <= max(tolerance, REL_TOL * max(abs(old), abs(new)), _ABS_TOL)


def same_table(old: Path, new: Path, tolerance: Mapping[str, float | str] | None = None) -> bool:
    """Whether two CSV files have the same columns, rows and words, and the same numbers within tolerance.

    Parameters
    ----------
    old, new : Path
        The committed file and the fresh one.
    tolerance : mapping from column to float or str, optional
        Declared absolute tolerances [the column's unit], or the column that holds them row by row. Of the two files'
        tolerances the smaller counts, so that a fresh file cannot excuse itself. That column is itself measured on the
        results, so it counts as changed when it has more than doubled or halved.
    """
    tolerance = tolerance or {}
    before, now = _rows(old), _rows(new)
    if before == now:
        return True
    if not before or not now or before[0] != now[0] or [*map(len, before)] != [*map(len, now)]:
        return False
    return all(
        _same_field(a, b, limit)
        for old_row, new_row in zip(before[1:], now[1:], strict=True)
        for a, b, limit in zip(old_row, new_row, _limits(now[0], old_row, new_row, tolerance), strict=True)
    )


def _limits(columns: list[str], old_row: list[str], new_row: list[str], tolerance: Mapping) -> list[float]:
    """Tolerance of each field of a row."""
    by_row = {limit for limit in tolerance.values() if isinstance(limit, str)}
    of_row = {name: [_number(row[columns.index(name)]) for row in (old_row, new_row)] for name in by_row}
    limits = {name: max(pair) / 2 for name, pair in of_row.items()}
    limits |= {column: min(of_row[limit]) if limit in of_row else limit for column, limit in tolerance.items()}
    return [limits.get(column, 0.0) for column in columns]


def _number(text: str) -> float:
    """A field as a number; nan, which no difference is within, where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def same_drawing(old: Any, new: Any, tolerance: float = 0.0) -> bool:
    """Whether two figures as plain JSON have the same structure and texts, and the same numbers within tolerance."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same_drawing(old[key], new[key], tolerance) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(same_drawing(a, b, tolerance) for a, b in zip(old, new, strict=True))
    if _is_number(old) and _is_number(new):
        return same_number(float(old), float(new), tolerance)
    return type(old) is type(new) and old == new


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _same_field(old: str, new: str, tolerance: float) -> bool:
    if old == new:
        return True
    try:
        return same_number(float(old), float(new), tolerance)
    except ValueError:
        return False
