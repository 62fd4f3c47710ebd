"""What a reader made of every column or attribute of a file: nothing is left out silently."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from evlib.errors import InputError

__all__ = ["NOT_USED", "attributes_used", "report_of", "shown"]

NOT_USED = "not used: "


def report_of(rows) -> pd.DataFrame:
    """Table ``column``, ``meaning``, ``unit``, ``rows``, from tuples in this order."""
    return pd.DataFrame(list(rows), columns=["column", "meaning", "unit", "rows"])


def shown(report: pd.DataFrame, title: str) -> str:
    """A report as text for the terminal."""
    return f"{title}\n{report.to_string(index=False)}\n"


def attributes_used(place: str, elements, known: Mapping[str, tuple[str, str]], of: str) -> list[tuple]:
    """Rows of a report on the attributes of XML elements of one kind.

    Parameters
    ----------
    place : str
        File, for messages.
    elements : list of Element
    known : dict of str -> (meaning, unit)
    of : str
        Name of the elements.

    Raises
    ------
    InputError
        An attribute that is not known.
    """
    counts: dict[str, int] = {}
    for element in elements:
        for name in element.attrib:
            counts[name] = counts.get(name, 0) + 1
    for name in counts:
        if name not in known:
            raise InputError(
                f"{place}: <{of}> has an attribute {name!r} that is unknown here; known are {', '.join(known)}"
            )
    return [(f"{of}.{name}", *known[name], count) for name, count in counts.items()]
