"""Bands of numbers over the draws of an ensemble, with the sampling error of the bands themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.errors import InputError

__all__ = ["LEAST_DRAWS", "LEVELS", "band_of", "band_table", "settled"]

LEVELS = (0.05, 0.5, 0.95)
LEAST_DRAWS = 8


def settled(table: pd.DataFrame) -> pd.DataFrame:
    """Draws beside the base case that were solved and whose coordinated day settled.

    Parameters
    ----------
    table : DataFrame
        The committed table of an ensemble.

    Returns
    -------
    DataFrame
        Some of its rows.
    """
    solved = table["error"].isna() | (table["error"] == "")
    return table[(table["draw"] > 0) & solved & (table["coordinated_settled"] == 1)]


def band_of(values, *, n_resamples: int = 1000, seed: int = 1) -> dict[str, float]:
    """Median and 5-95 % band of a sample, with standard errors by bootstrap.

    Parameters
    ----------
    values : array_like, shape (n,)
        nan where undefined; those are counted and left out.
    n_resamples : int
    seed : int

    Returns
    -------
    dict of str -> float
        ``n``, ``undefined``, ``low``, ``median``, ``high``, and ``low_error``, ``median_error``, ``high_error``, their
        standard errors. All nan below 8 values.

    Notes
    -----
    Draws are resampled as if they were independent (Efron 1979). Points of a Sobol sequence are spread more evenly, so
    the errors are rather too large than too small.
    """
    values = np.asarray(values, dtype=float)
    values, n = values[~np.isnan(values)], len(values)
    numbers = {"n": len(values), "undefined": n - len(values)}
    names = ("low", "median", "high")
    if len(values) < LEAST_DRAWS:
        return numbers | dict.fromkeys((*names, *(f"{name}_error" for name in names)), float("nan"))
    chosen = np.random.default_rng(seed).integers(len(values), size=(n_resamples, len(values)))
    spread = np.quantile(values[chosen], LEVELS, axis=1).std(axis=1, ddof=1)
    numbers |= dict(zip(names, np.quantile(values, LEVELS).tolist(), strict=True))
    return numbers | {f"{name}_error": float(error) for name, error in zip(names, spread, strict=True)}


def band_table(table: pd.DataFrame, columns, *, n_resamples: int = 1000, seed: int = 1) -> pd.DataFrame:
    """Bands of several columns, a row each.

    Parameters
    ----------
    table : DataFrame
        A row for each draw.
    columns : iterable of str
    n_resamples, seed : int
        As in :func:`band_of`.

    Returns
    -------
    DataFrame
        ``number`` (the column), and what :func:`band_of` returns.

    Raises
    ------
    InputError
        A column that the table lacks.
    """
    rows = []
    for column in columns:
        if column not in table:
            raise InputError(f"ensemble: no column {column!r}; there are {', '.join(map(str, table.columns))}")
        rows.append({"number": column} | band_of(table[column], n_resamples=n_resamples, seed=seed))
    return pd.DataFrame(rows)
