"""How often claims hold over the draws of an ensemble."""

from __future__ import annotations

import math

import pandas as pd
from scipy.stats import norm

__all__ = ["HOLDING", "claim_shares", "share_between"]

# Verdicts by which the direction of a claim holds, and those that say nothing either way.
HOLDING = ("reproduced", "direction only")
UNDECIDED = ("undefined", "by construction")


def share_between(holding: int, n: int, level: float = 0.9) -> tuple[float, float]:
    """Interval of a share that was seen ``holding`` times in ``n`` (Wilson 1927); nan if n is 0.

    Examples
    --------
    >>> [round(end, 4) for end in share_between(0, 10, 0.95)]
    [0.0, 0.2775]
    """
    if n == 0:
        return math.nan, math.nan
    z2 = float(norm.ppf((1 + level) / 2)) ** 2
    share = holding / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2) / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def claim_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Share of draws in which each claim holds.

    Parameters
    ----------
    table : DataFrame
        Draws, with the columns ``verdict_a1`` and so on.

    Returns
    -------
    DataFrame
        ``claim``, ``n`` (draws that decide it), ``undefined`` (draws that do not), ``holds`` (share of n in which its
        direction holds: *reproduced* or *direction only*), ``holds_low`` and ``holds_high`` (90 % interval), ``number``
        (share in which it is *reproduced*), ``immaterial`` (share below the claim's threshold). Claims that hold by
        construction are left out.
    """
    rows = []
    columns = [name for name in table.columns if name.startswith("verdict_a")]
    for column in sorted(columns, key=lambda name: int(name.removeprefix("verdict_a"))):
        verdicts = table[column].dropna()
        if len(verdicts) and (verdicts == "by construction").all():
            continue
        decided = verdicts[~verdicts.isin(UNDECIDED)]
        n, holding = len(decided), int(decided.isin(HOLDING).sum())
        low, high = share_between(holding, n)
        rows.append(
            {
                "claim": column.removeprefix("verdict_").upper(),
                "n": n,
                "undefined": len(table) - n,
                "holds": holding / n if n else math.nan,
                "holds_low": low,
                "holds_high": high,
                "number": float((decided == "reproduced").mean()) if n else math.nan,
                "immaterial": float((decided == "immaterial").mean()) if n else math.nan,
            }
        )
    return pd.DataFrame(rows)
