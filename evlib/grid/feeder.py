"""A radial distribution feeder as arrays, with the root first; it is checked once, when it is built."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from evlib.errors import InputError
from evlib.grid.checks import check_branches, check_buses, check_units, checked_arrays, listed, sort_from_root

__all__ = ["Feeder", "feeder_from_arrays"]


@dataclass(frozen=True, eq=False)
class Feeder:
    """A radial feeder: a tree of buses below a root, in per unit of ``base_mva`` and ``base_kv``.

    Buses are sorted so that parents come before their children, branches so that branch ``b`` feeds bus ``b + 1``.
    All arrays are read-only.

    Attributes
    ----------
    bus : ndarray of int, shape (n_bus,)
        Bus numbers, root first.
    branch : ndarray of int, shape (n_branch,)
        Branch numbers as given.
    branch_from, branch_to : ndarray of int, shape (n_branch,)
        Positions in ``bus`` of the branch's ends, first the one nearer to the root; ``branch_to[b] == b + 1``.
    r_pu, x_pu : ndarray, shape (n_branch,)
        Series resistance and reactance [pu].
    load_kw, load_kvar : ndarray, shape (n_bus,)
        Nominal active [kW] and reactive [kvar] load, after scaling.
    v_min_pu, v_max_pu : ndarray, shape (n_bus,)
        Voltage limits [pu]. At the root both are often the set point; they do not set its voltage.
    base_kv, base_mva : float
        Voltage base, line to line [kV], and power base, three-phase [MVA].
    root_pu : float
        Voltage magnitude that the grid above holds at the root [pu]. Power flow and grid problem take it where they are
        given no other.
    ratio : ndarray, shape (n_bus,), optional
        Voltage of the model over the actual one at each bus, where transformers off their nominal ratio, or roots at
        voltages of their own, lie in between: voltages, their limits and impedances are scaled by it, and what is
        reported is divided by it.
    shunt_kw, shunt_kvar : ndarray, shape (n_bus,), optional
        What shunts draw at an actual voltage of 1 pu [kW, kvar]; a capacitor draws negative kvar. Exact in power flow; a
        dispatch takes them at that voltage.
    """

    bus: np.ndarray
    branch: np.ndarray
    branch_from: np.ndarray
    branch_to: np.ndarray
    r_pu: np.ndarray
    x_pu: np.ndarray
    load_kw: np.ndarray
    load_kvar: np.ndarray
    v_min_pu: np.ndarray
    v_max_pu: np.ndarray
    base_kv: float
    base_mva: float = 1.0
    root_pu: float = 1.0
    ratio: np.ndarray | None = None
    shunt_kw: np.ndarray | None = None
    shunt_kvar: np.ndarray | None = None

    def actual_pu(self, model_pu: np.ndarray) -> np.ndarray:
        """Actual voltages of buses (n_bus, ...), from those of the model [pu]."""
        if self.ratio is None:
            return model_pu
        return model_pu / (self.ratio if np.ndim(model_pu) == 1 else self.ratio[:, None])

    @property
    def n_bus(self) -> int:
        """Number of buses, root included."""
        return len(self.bus)

    @property
    def n_branch(self) -> int:
        """Number of branches, one less than buses."""
        return len(self.branch)

    def index(self, bus_number: int) -> int:
        """Position of a bus number in ``bus``; raises :class:`InputError` if there is no such bus."""
        positions = np.flatnonzero(self.bus == bus_number)
        if not len(positions):
            raise InputError(f"feeder: no bus {bus_number}; its buses are {listed(sorted(self.bus))}")
        return int(positions[0])

    @property
    def downstream(self) -> sp.csr_array:
        """Sparse matrix (n_branch, n_bus), 1 where the bus is fed through the branch.

        The matrix times the power that buses draw is the flow in the branches; its transpose times the voltage drops
        along branches is the drop from the root to each bus.
        """
        paths = [[]]
        for branch, parent in enumerate(self.branch_from):
            paths.append([*paths[parent], branch])
        rows = np.concatenate([np.array(path, dtype=int) for path in paths])
        columns = np.repeat(np.arange(self.n_bus), [len(path) for path in paths])
        return sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=(self.n_branch, self.n_bus))

    @property
    def incidence(self) -> sp.csr_array:
        """Sparse matrix (n_bus, n_branch), +1 where the branch ends at the bus, -1 where it starts there."""
        columns = np.arange(self.n_branch)
        values = np.concatenate([np.ones(self.n_branch), -np.ones(self.n_branch)])
        rows = np.concatenate([self.branch_to, self.branch_from])
        return sp.csr_array((values, (rows, np.tile(columns, 2))), shape=(self.n_bus, self.n_branch))


def feeder_from_arrays(
    *,
    bus,
    p_kw,
    q_kvar,
    from_bus,
    to_bus,
    r_ohm,
    x_ohm,
    base_kv: float,
    root_bus: int | None = None,
    root_pu: float = 1.0,
    v_min_pu=0.9,
    v_max_pu=1.1,
    branch=None,
    load_scale: float = 1.0,
    impedance_divisor: float = 1.0,
    buses_name: str = "feeder",
    branches_name: str = "feeder",
) -> Feeder:
    """Build a feeder from arrays, with the same checks as a feeder read from files.

    Parameters
    ----------
    bus, p_kw, q_kvar : array_like, shape (n_bus,)
        Bus numbers; active [kW] load, not negative; reactive [kvar], negative where a load is capacitive.
    from_bus, to_bus, r_ohm, x_ohm : array_like, shape (n_bus - 1,)
        Bus numbers at the ends of each branch, in either direction; resistance and reactance, not negative and not
        both 0 [ohm].
    base_kv : float
        Nominal voltage, line to line [kV].
    root_bus : int, optional
        The bus that connects the feeder to the grid; by default the first.
    root_pu : float
        Voltage magnitude at that bus [pu].
    v_min_pu, v_max_pu : float or array_like, shape (n_bus,)
        Voltage limits [pu]; lower and upper limit may be equal only at the root.
    branch : array_like of int, optional
        Branch numbers, by default 1, 2, ...
    load_scale, impedance_divisor : float
        Factor on all loads, divisor of all impedances [1], positive.
    buses_name, branches_name : str
        Names of the two tables in error messages.

    Returns
    -------
    Feeder

    Raises
    ------
    InputError
        nan, a duplicate or unknown bus, an impedance or load that is not allowed, voltage limits the wrong way round, a
        bus cut off from the root, or a loop.

    Examples
    --------
    >>> feeder = feeder_from_arrays(
    ...     bus=[1, 2, 3], p_kw=[0, 100, 200], q_kvar=[0, 0, 50], from_bus=[1, 3], to_bus=[2, 1], r_ohm=[1, 2],
    ...     x_ohm=[1, 1], base_kv=10,
    ... )
    >>> feeder.bus[feeder.branch_from], feeder.r_pu
    (array([1, 1]), array([0.01, 0.02]))
    """
    if not len(bus):
        raise InputError(f"{buses_name}: no buses; a feeder has at least its root")
    branch = np.arange(1, len(from_bus) + 1) if branch is None else branch
    buses = {"bus": bus, "p_kw": p_kw, "q_kvar": q_kvar}
    buses |= {"v_min_pu": np.broadcast_to(v_min_pu, len(bus)), "v_max_pu": np.broadcast_to(v_max_pu, len(bus))}
    branches = {"branch": branch, "from_bus": from_bus, "to_bus": to_bus, "r_ohm": r_ohm, "x_ohm": x_ohm}
    buses = checked_arrays(buses_name, buses, "bus", {"bus"})
    branches = checked_arrays(branches_name, branches, "branch", {"branch", "from_bus", "to_bus"})
    root_bus = int(buses["bus"][0] if root_bus is None else root_bus)
    scales = {"base_kv": base_kv, "root_pu": root_pu, "load_scale": load_scale, "impedance_divisor": impedance_divisor}
    for name, value in scales.items():
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"{buses_name}: {name} = {value}; must be positive")
    check_buses(buses_name, buses, root_bus)
    check_branches(branches_name, branches, buses["bus"])
    bus_order, branch_order, parent = sort_from_root(branches_name, buses["bus"], branches, root_bus)
    base_mva = 1.0
    z_base_ohm = base_kv**2 / base_mva
    feeder = Feeder(
        bus=buses["bus"][bus_order],
        branch=branches["branch"][branch_order],
        branch_from=parent,
        branch_to=np.arange(1, len(bus_order)),
        r_pu=branches["r_ohm"][branch_order] / impedance_divisor / z_base_ohm,
        x_pu=branches["x_ohm"][branch_order] / impedance_divisor / z_base_ohm,
        load_kw=buses["p_kw"][bus_order] * load_scale,
        load_kvar=buses["q_kvar"][bus_order] * load_scale,
        v_min_pu=buses["v_min_pu"][bus_order],
        v_max_pu=buses["v_max_pu"][bus_order],
        base_kv=float(base_kv),
        base_mva=base_mva,
        root_pu=float(root_pu),
    )
    check_units(buses_name, feeder.bus, feeder.load_kw, feeder.base_kv, _squared_pu(feeder))
    for value in vars(feeder).values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return feeder


def _squared_pu(feeder: Feeder) -> np.ndarray:
    """Squared voltages [pu] at nominal load by the lossless model."""
    downstream, kw_per_pu = feeder.downstream, 1000 * feeder.base_mva
    carried = feeder.r_pu * (downstream @ feeder.load_kw) + feeder.x_pu * (downstream @ feeder.load_kvar)
    return feeder.root_pu**2 - 2 * (downstream.T @ carried) / kw_per_pu
