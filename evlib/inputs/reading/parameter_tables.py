"""Parameters of a scenario as tables to read: a row for each, or the members of a group side by side."""

from __future__ import annotations

import re

import pandas as pd

from evlib.errors import InputError

__all__ = ["members_table", "section_table"]


def section_table(parameters: pd.DataFrame, *sections: str, levels: int = 1) -> pd.DataFrame:
    """The parameters of some sections, a row for each.

    Parameters
    ----------
    parameters : DataFrame
        Of ``Scenario.parameters``.
    *sections : str
        Dotted names such as ``grid.zones``.
    levels : int
        How many names follow the section's: 1 for its own parameters, 2 for those of its members.

    Returns
    -------
    DataFrame
        Columns ``parameter`` (without the section, if there is one), ``value``, ``unit``, ``range``, ``source``,
        ``note``, all text.

    Raises
    ------
    InputError
        A section has no parameter at this level.
    """
    parts = []
    for section in sections:
        rows = parameters[parameters["parameter"].str.fullmatch(re.escape(section) + r"\.\w+" * levels)].copy()
        if rows.empty:
            raise InputError(f"section {section!r} has no parameter {levels} level(s) below it")
        rows["range"] = [f"{low:g} to {high:g}" for low, high in zip(rows["low"], rows["high"], strict=True)]
        rows["value"] = [f"{value:g}" for value in rows["value"]]
        if len(sections) == 1:
            rows["parameter"] = rows["parameter"].str.removeprefix(f"{section}.")
        parts.append(rows[["parameter", "value", "unit", "range", "source", "note"]])
    return pd.concat(parts, ignore_index=True)


def members_table(parameters: pd.DataFrame, section: str) -> pd.DataFrame:
    """The members of a group side by side, such as the classes of vehicles; each entry is a value and its range.

    Parameters
    ----------
    parameters : DataFrame
        Of ``Scenario.parameters``.
    section : str
        The group, such as ``fleet.classes``.

    Returns
    -------
    DataFrame
        Columns ``field``, ``unit``, ``source``, then one a member; a row a field, in the order of the file.
    """
    rows = section_table(parameters, section, levels=2)
    rows[["member", "field"]] = rows["parameter"].str.split(".", expand=True).to_numpy()
    rows["entry"] = rows["value"] + " (" + rows["range"] + ")"
    wide = rows.pivot(index=["field", "unit", "source"], columns="member", values="entry")
    return wide.loc[rows["field"].drop_duplicates()].reset_index().rename_axis(columns=None)
