"""Values of a pandapower network as pandapower takes them: missing ones, and what tap changers do to a ratio."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.errors import InputError

__all__ = ["WHERE", "number", "tap_factor"]

WHERE = "pandapower network"


def tap_factor(trafo, tap: str, index) -> float:
    """Factor by which a tap changer moves the rated voltage of its side, as pandapower 3 takes it.

    Parameters
    ----------
    trafo : mapping
        Values of the transformer by column.
    tap : {"tap", "tap2"}
    index : int
        Of the transformer, for messages.

    Returns
    -------
    float
        1 for a tap changer whose type is neither ``Ratio`` nor ``Symmetrical``, or that has no side.

    Raises
    ------
    InputError
        A ratio that is to be taken from a table.

    Notes
    -----
    With d steps of p per cent at an angle a, the voltage is times :math:`|1 + d p / 100 \\, e^{j a}|`. What this does to the
    angle has no effect in a tree.
    """
    table = trafo.get(f"{tap}_dependency_table", False)
    if not pd.isna(table) and table:
        raise InputError(
            f"{WHERE}: trafo {index}: {tap}_dependency_table = True; ratios and impedances by a table of taps are not read: "
            f"set it to False and {tap}_changer_type to Ratio, and state {tap}_step_percent, vk_percent and vkr_percent"
        )
    kind, side = trafo.get(f"{tap}_changer_type"), trafo.get(f"{tap}_side")
    if f"{tap}_changer_type" in trafo:
        moves = isinstance(kind, str) and kind in ("Ratio", "Symmetrical")
    else:  # a network from before pandapower 3
        shifter = trafo.get(f"{tap}_phase_shifter")
        moves = shifter is not None and not pd.isna(shifter) and not shifter
    if not moves or not isinstance(side, str) or side not in ("hv", "lv"):
        return 1.0
    steps = number(trafo.get(f"{tap}_pos"), np.nan) - number(trafo.get(f"{tap}_neutral"), np.nan)
    moved = steps * number(trafo.get(f"{tap}_step_percent"), np.nan) / 100.0
    if np.isnan(moved):
        return 1.0
    return float(abs(1.0 + moved * np.exp(1j * np.deg2rad(number(trafo.get(f"{tap}_step_degree"), 0.0)))))


def number(value, default: float) -> float:
    """A value, or a default where it is missing."""
    return default if value is None or pd.isna(value) else float(value)
