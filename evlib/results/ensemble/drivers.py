"""Which of the unknowns drives a number: rank correlations, and first-order shares of variance from the draws at hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from evlib.errors import InputError

__all__ = ["driver_table", "first_order", "partial_rank_correlation", "rank_correlation"]


def rank_correlation(x, y) -> float:
    """Spearman's correlation of two samples; nan if one of them does not vary."""
    return _correlation(rankdata(x), rankdata(y))


def partial_rank_correlation(inputs, y) -> np.ndarray:
    """Correlation of each input with the answer, in ranks, once all other inputs are accounted for.

    Parameters
    ----------
    inputs : array_like, shape (n, n_inputs)
    y : array_like, shape (n,)

    Returns
    -------
    ndarray, shape (n_inputs,)

    Raises
    ------
    InputError
        There are not more draws than inputs by at least 3.

    Notes
    -----
    The correlation of what ranks of input and answer leave after a linear regression on the ranks of all other inputs
    (Saltelli et al., *Global Sensitivity Analysis*, 2008, section 5): a measure for monotone answers.
    """
    ranks, answer = np.apply_along_axis(rankdata, 0, np.asarray(inputs, dtype=float)), rankdata(y)
    n, n_inputs = ranks.shape
    if n < n_inputs + 3:
        raise InputError(f"ensemble: {n} draws; must be at least {n_inputs + 3} for {n_inputs} inputs")
    found = np.empty(n_inputs)
    for i in range(n_inputs):
        others = np.column_stack([np.ones(n), np.delete(ranks, i, axis=1)])
        left = [values - others @ np.linalg.lstsq(others, values, rcond=None)[0] for values in (ranks[:, i], answer)]
        found[i] = _correlation(*left)
    return found


def first_order(x, y, n_bins: int | None = None) -> float:
    """Share of the answer's variance that one input explains on its own, from any sample.

    .. math:: S = \\frac{\\operatorname{Var}(E[y | x])}{\\operatorname{Var}(y)}

    Parameters
    ----------
    x, y : array_like, shape (n,)
    n_bins : int, optional
        Groups of equal size by x; by default the cube root of n, at least 4.

    Returns
    -------
    float
        Variance of the groups' means, less what they would vary by chance, over the variance of y: it may fall
        slightly below 0. nan if y does not vary.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    n = len(x)
    groups = np.array_split(y[np.argsort(x, kind="stable")], n_bins or max(4, round(n ** (1 / 3))))
    size = np.array([len(group) for group in groups])
    if (size < 2).any():
        raise InputError(f"ensemble: {n} draws in {len(groups)} groups; must be at least 2 in each")
    total = y.var(ddof=1)
    if total <= 0:
        return float("nan")
    mean = np.array([group.mean() for group in groups])
    chance = np.array([group.var(ddof=1) for group in groups]) / size
    between = (size / n * (mean - y.mean()) ** 2).sum()
    return float((between - (size / n * (1 - size / n) * chance).sum()) / total)


def driver_table(table: pd.DataFrame, inputs, columns) -> pd.DataFrame:
    """Every input's hold on every number.

    Parameters
    ----------
    table : DataFrame
        Draws.
    inputs : iterable of str
        Columns of the knobs.
    columns : iterable of str
        Columns of the numbers; draws in which a number is undefined are left out for it.

    Returns
    -------
    DataFrame
        ``number``, ``knob``, ``n``, ``rank`` (Spearman), ``partial`` (partial rank correlation; nan where there are too few
        draws for it), ``first_order`` (of the number's ranks; nan below 8 draws).
    """
    inputs, rows = list(inputs), []
    for column in columns:
        known = table[table[column].notna()]
        partial = np.full(len(inputs), np.nan)
        if len(known) >= len(inputs) + 3:
            partial = partial_rank_correlation(known[inputs], known[column])
        for knob, value in zip(inputs, partial, strict=True):
            x, y = known[knob], known[column]
            share = first_order(x, rankdata(y)) if len(known) >= 8 else np.nan
            rows.append((column, knob, len(known), rank_correlation(x, y), float(value), share))
    return pd.DataFrame(rows, columns=["number", "knob", "n", "rank", "partial", "first_order"])


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else float("nan")
