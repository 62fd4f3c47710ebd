"""What must be true for the article's numbers: the draws that meet them, the nearest one, and where they conflict."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from evlib.errors import InputError

__all__ = ["ARTICLE", "NEAR", "conditions", "joint_shares", "knob_map", "meets", "nearest_draw"]

# The article's five numbers [%], by the definition chosen for each claim.
ARTICLE = {"a3_local": 47.0, "a4_nearest": 67.9, "a5_none": 61.7, "a6_used": 33.0, "a7_all": 25.8}
NEAR = 0.2


def meets(table: pd.DataFrame, article=None) -> pd.DataFrame:
    """Whether each draw meets each number within 20 %.

    Parameters
    ----------
    table : DataFrame
        Draws.
    article : mapping of str to float, optional
        Column -> the article's number; ``ARTICLE`` by default.

    Returns
    -------
    DataFrame of bool
        A column for each number; False where it is undefined.
    """
    article = article or ARTICLE
    return pd.DataFrame({name: (table[name] - wanted).abs() <= NEAR * abs(wanted) for name, wanted in article.items()})


def nearest_draw(table: pd.DataFrame, article=None) -> tuple[pd.Series, pd.Series]:
    """The draw nearest to the article's numbers, and every draw's distance.

    Parameters
    ----------
    table : DataFrame
        Draws.
    article : mapping of str to float, optional
        As in :func:`meets`.

    Returns
    -------
    draw : Series
        Row of the table.
    distance : Series
        Root mean square of relative differences; nan where one of the numbers is undefined.

    Raises
    ------
    InputError
        No draw has all the numbers.
    """
    article = article or ARTICLE
    apart = pd.DataFrame({name: (table[name] - wanted) / wanted for name, wanted in article.items()})
    distance = np.sqrt((apart**2).mean(axis=1, skipna=False))
    if distance.isna().all():
        raise InputError(f"ensemble: no draw has all of {', '.join(article)}")
    return table.loc[distance.idxmin()], distance


def conditions(table: pd.DataFrame, inputs, holds) -> pd.DataFrame:
    """How the unknowns differ between draws that meet a condition and all others.

    Parameters
    ----------
    table : DataFrame
        Draws.
    inputs : iterable of str
    holds : array_like of bool, shape (n_draws,)

    Returns
    -------
    DataFrame
        ``knob``, ``n`` (draws that meet it), ``low``, ``median``, ``high`` (5, 50, 95 % of the knob among them),
        ``others`` (median among the others), ``distance`` (Kolmogorov-Smirnov, 0..1), ``p``; the most different first.
        Empty where fewer than 5 draws are on one side.
    """
    holds = np.asarray(holds, dtype=bool)
    columns = ["knob", "n", "low", "median", "high", "others", "distance", "p"]
    if min(holds.sum(), (~holds).sum()) < 5:
        return pd.DataFrame(columns=columns)
    rows = []
    for knob in inputs:
        inside, outside = table.loc[holds, knob], table.loc[~holds, knob]
        test = ks_2samp(inside, outside)
        low, median, high = np.quantile(inside, (0.05, 0.5, 0.95))
        rows.append((knob, len(inside), low, median, high, outside.median(), test.statistic, test.pvalue))
    return pd.DataFrame(rows, columns=columns).sort_values("distance", ascending=False, ignore_index=True)


def joint_shares(met: pd.DataFrame) -> pd.DataFrame:
    """How often two numbers are met together, beside what independence would give.

    Parameters
    ----------
    met : DataFrame of bool
        Of :func:`meets`.

    Returns
    -------
    DataFrame
        ``first``, ``second``, ``together`` (share of draws), ``expected`` (product of the shares), ``lift`` (their ratio:
        below 1 the numbers get in each other's way; nan if one is never met).
    """
    rows, names = [], list(met.columns)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            together, expected = float((met[first] & met[second]).mean()), float(met[first].mean() * met[second].mean())
            rows.append((first, second, together, expected, together / expected if expected > 0 else math.nan))
    return pd.DataFrame(rows, columns=["first", "second", "together", "expected", "lift"])


def knob_map(table: pd.DataFrame, across: str, up: str, column: str, n_bins: int = 4) -> pd.DataFrame:
    """Median of a number in fields of two knobs.

    Parameters
    ----------
    table : DataFrame
        Draws.
    across, up : str
        Columns of the knobs.
    column : str
        The number.
    n_bins : int
        Fields a side; each row and column of fields holds equally many draws, so that maps of several numbers agree.

    Returns
    -------
    DataFrame
        ``across``, ``up`` (medians of the knobs in the row or column), ``median``, ``n`` (draws in which the number is
        defined); nan where there is none.
    """
    known = table[column].notna()
    if known.sum() < n_bins:
        raise InputError(f"ensemble: {known.sum()} draws have {column}; must be at least {n_bins} for a map")
    cells = {name: pd.qcut(table[name].rank(method="first"), n_bins, labels=False) for name in (across, up)}
    middle = {name: table[name].groupby(cell).median() for name, cell in cells.items()}
    rows = []
    for i in range(n_bins):
        for j in range(n_bins):
            values = table.loc[known & (cells[across] == i) & (cells[up] == j), column]
            rows.append((middle[across][i], middle[up][j], values.median(), len(values)))
    return pd.DataFrame(rows, columns=["across", "up", "median", "n"])
