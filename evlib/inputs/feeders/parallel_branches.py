"""Branches side by side between the same two buses, as the one branch that they make together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from evlib.errors import InputError

__all__ = ["merge_parallel"]


def merge_parallel(
    branches: pd.DataFrame, ratio: np.ndarray, where: str, label: Callable[[int], str]
) -> tuple[pd.DataFrame, int]:
    """Merge closed branches that join the same buses.

    Parameters
    ----------
    branches : DataFrame
        ``branch``, ``from_bus``, ``to_bus``, ``r_ohm``, ``x_ohm``, ``status`` and maybe ``rating_mva``.
    ratio : ndarray, shape (n_branches,)
        Ratio of each branch, its first end over its second.
    where : str
        Name of the source, for messages.
    label : callable
        The source's name of the branch with a number, for messages.

    Returns
    -------
    branches : DataFrame
        The first of each group stays.
    n_merged : int
        How many others are gone.

    Raises
    ------
    InputError
        Two whose ratios differ: a current would circulate in them.

    Notes
    -----
    Admittances add up, :math:`1/z = \\sum_k 1/z_k`, and branch k carries the share :math:`|z| / |z_k|` of the power. So all
    ratings are kept where the rating of the group is the least of :math:`s_k |z_k| / |z|`.
    """
    ohm = branches["r_ohm"].to_numpy() + 1j * branches["x_ohm"].to_numpy()
    rated = "rating_mva" in branches
    merged, gone = branches.copy(), []
    groups: dict[tuple, list[int]] = {}
    for row, (one, two, status) in enumerate(
        zip(*(branches[n] for n in ("from_bus", "to_bus", "status")), strict=True)
    ):
        if status == 1 and one != two and ohm[row] != 0:
            groups.setdefault((min(one, two), max(one, two)), []).append(row)
    begins = branches["from_bus"].to_numpy()
    for ends, rows in groups.items():
        if len(rows) == 1:
            continue
        ratios = [ratio[row] if begins[row] == ends[0] else 1 / ratio[row] for row in rows]
        if np.ptp(ratios) > 1e-9:
            names = " and ".join(
                label(int(branches["branch"].iloc[row]))
                for row in (rows[0], rows[int(np.argmax(np.abs(np.subtract(ratios, ratios[0]))))])
            )
            raise InputError(
                f"{where}: {names} join the same buses with different ratios, {min(ratios):g} and {max(ratios):g}; a feeder must "
                "be radial: open one, or give them the same tap"
            )
        together = 1 / (1 / ohm[rows]).sum()
        index = branches.index[rows[0]]
        merged.loc[index, ["r_ohm", "x_ohm"]] = [together.real, together.imag]
        if rated:
            most = branches["rating_mva"].to_numpy()[rows] * np.abs(ohm[rows]) / abs(together)
            merged.loc[index, "rating_mva"] = np.nan if np.isnan(most).all() else np.nanmin(most)
        gone += [branches.index[row] for row in rows[1:]]
    return merged.drop(index=gone).reset_index(drop=True), len(gone)
