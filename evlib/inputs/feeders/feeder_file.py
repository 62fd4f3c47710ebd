"""Feeders as two tables, and writing them as the files of a case of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.files import write_text
from evlib.grid.feeder import Feeder, feeder_from_arrays

__all__ = ["FeederFile", "check_feeders", "feeders_of", "write_feeders"]

BUS_COLUMNS = ["bus", "name", "base_kv", "p_kw", "q_kvar", "type", "v_min_pu", "v_max_pu", "x", "y"]
BUS_COLUMNS += ["ratio", "shunt_kw", "shunt_kvar"]
BRANCH_COLUMNS = ["branch", "from_bus", "to_bus", "r_ohm", "x_ohm", "status", "rating_mva"]


@dataclass(frozen=True)
class FeederFile:
    """Feeders as read.

    Attributes
    ----------
    buses : DataFrame
        ``bus``, ``base_kv``, ``p_kw``, ``q_kvar``, ``type`` (``slack`` or ``pq``), ``v_min_pu``, ``v_max_pu``, and
        ``name``, ``x``, ``y``, ``ratio``, ``shunt_kw``, ``shunt_kvar`` where the file has them, see
        :func:`evlib.inputs.own_case.case_feeders.read_feeders`.
    branches : DataFrame
        ``branch``, ``from_bus``, ``to_bus``, ``r_ohm``, ``x_ohm``, ``status`` (1 closed, 0 open), and ``rating_mva``
        where the file rates any line; nan for a line that is not limited.
    report : DataFrame
        What every column of the file became.
    profile : DataFrame or None
        ``time``, ``load_pu``: the profile that all loads of the file follow.
    root_pu : float
        Voltage at the roots, or at the first of them where they differ [pu].
    feeders : DataFrame or None
        ``root`` and what feeders have of their own, see :func:`evlib.inputs.own_case.feeder_table.read_feeder_table`.
    farms : DataFrame or None
        ``farm``, ``bus``, ``kind``, ``rating_mw`` of generation that is available at all times, and ``column`` of the
        profile that says when.
    """

    buses: pd.DataFrame
    branches: pd.DataFrame
    report: pd.DataFrame
    profile: pd.DataFrame | None = None
    root_pu: float = 1.0
    feeders: pd.DataFrame | None = None
    farms: pd.DataFrame | None = None


def check_feeders(
    read: FeederFile,
    where: str,
    bus: Callable[[int], str] | None = None,
    branch: Callable[[int], str] | None = None,
    keys: dict[str, str] | None = None,
) -> FeederFile:
    """Refuse in the words of a file what would be refused when its feeders are used.

    Parameters
    ----------
    read : FeederFile
    where : str
        Name of the file in messages.
    bus, branch : callable, optional
        The file's name of the bus, of the branch with a number; by default "bus 3", "branch 3".
    keys : dict of str -> str, optional
        The file's names of columns such as ``r_ohm``.

    Returns
    -------
    FeederFile
        The same.

    Raises
    ------
    InputError
        Buses that no root feeds, two roots that are connected, and what :func:`feeders_of` refuses.
    """
    bus, branch = bus or (lambda number: f"bus {number}"), branch or (lambda number: f"branch {number}")
    members = _members(read, where)
    fed = [number for inside in members.values() for number in inside]
    if len(fed) > len(set(fed)):
        roots = [root for root, inside in members.items() if len(inside & members.keys()) > 1]
        raise InputError(
            f"{where}: the roots {' and '.join(map(bus, roots[:2]))} are connected; open a branch between them"
        )
    left = sorted(set(read.buses["bus"].tolist()) - set(fed))
    if left:
        named = ", ".join(map(bus, left[:8])) + (", ..." if len(left) > 8 else "")
        raise InputError(f"{where}: no closed branch connects {named} with a root; close one or remove them")
    try:
        feeders_of(read, where)
    except InputError as error:
        text = str(error).removeprefix(f"{where}: ")
        for kind, words in (("bus(?:es)?", bus), ("branch(?:es)?", branch)):
            found = rf"\b{kind} (\d+(?:, \d+)*(?: and \d+)?)(?![\d.])"
            text = re.sub(found, lambda hit, words=words: re.sub(r"\d+", lambda one: words(int(one[0])), hit[1]), text)
        for name, word in (keys or {}).items():
            text = re.sub(rf"\b{name}\b", word, text)
        raise InputError(f"{where}: {text}") from None
    return read


def feeders_of(read: FeederFile, where: str = "feeders") -> list[Feeder]:
    """Each feeder of a file by itself, as the grid's model takes it.

    Parameters
    ----------
    read : FeederFile
    where : str
        Name of the file in messages.

    Returns
    -------
    list of Feeder
        In the order of their roots.

    Raises
    ------
    InputError
        What :func:`evlib.grid.feeder.feeder_from_arrays` refuses, or no root.
    """
    closed = read.branches[read.branches["status"] == 1]
    feeders = []
    for root, inside in _members(read, where).items():
        buses = read.buses[read.buses["bus"].isin(inside)]
        branches = closed[closed["from_bus"].isin(inside)]
        own = read.feeders is not None and "root_pu" in read.feeders
        root_pu = float(read.feeders.set_index("root").at[root, "root_pu"]) if own else read.root_pu
        feeder = feeder_from_arrays(
            **{name: buses[name].to_numpy() for name in ("bus", "p_kw", "q_kvar", "v_min_pu", "v_max_pu")},
            **{name: branches[name].to_numpy() for name in ("branch", "from_bus", "to_bus", "r_ohm", "x_ohm")},
            base_kv=float(buses["base_kv"].iloc[0]),
            root_bus=root,
            root_pu=root_pu,
            buses_name=where,
            branches_name=where,
        )
        more = {name: buses.set_index("bus")[name] for name in ("ratio", "shunt_kw", "shunt_kvar") if name in buses}
        feeders.append(replace(feeder, **{name: column.loc[feeder.bus].to_numpy() for name, column in more.items()}))
    return feeders


def _members(read: FeederFile, where: str) -> dict[int, set[int]]:
    """Buses that are connected with each root."""
    closed = read.branches[read.branches["status"] == 1]
    roots = read.buses.loc[read.buses["type"] == "slack", "bus"].tolist()
    if not roots:
        raise InputError(f"{where}: no slack bus; a feeder hangs on one")
    neighbours: dict = {}
    for one, two in zip(closed["from_bus"], closed["to_bus"], strict=True):
        neighbours.setdefault(one, []).append(two)
        neighbours.setdefault(two, []).append(one)
    members = {}
    for root in roots:
        inside, left = {root}, [root]
        while left:
            new = [bus for bus in neighbours.get(left.pop(), []) if bus not in inside]
            inside.update(new)
            left.extend(new)
        members[root] = inside
    return members


def write_feeders(read: FeederFile, folder: str | Path) -> None:
    """Write ``buses.csv``, ``branches.csv`` and, where there are any, ``feeders.csv``, ``profile.csv`` and ``farms.csv``."""
    folder = Path(folder)
    for name, table, columns in (("buses", read.buses, BUS_COLUMNS), ("branches", read.branches, BRANCH_COLUMNS)):
        kept = table[[column for column in columns if column in table]]
        write_text(folder / f"{name}.csv", kept.to_csv(index=False, lineterminator="\n"))
    if read.feeders is not None:
        write_text(folder / "feeders.csv", read.feeders.to_csv(index=False, lineterminator="\n"))
    if read.profile is not None:
        write_text(folder / "profile.csv", read.profile.to_csv(index=False, lineterminator="\n"))
    if read.farms is not None:
        write_text(folder / "farms.csv", read.farms.to_csv(index=False, lineterminator="\n"))
