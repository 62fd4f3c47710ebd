"""Power flow of a radial feeder: the exact one by backward and forward sweeps, and its linear approximation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.errors import InputError, SolverError
from evlib.grid.feeder import Feeder

__all__ = ["PowerFlow", "lindistflow_voltage", "power_flow"]


@dataclass(frozen=True, eq=False)
class PowerFlow:
    """Voltages, flows and losses of a feeder in each step; branches as in ``Feeder.branch_from``.

    Attributes
    ----------
    voltage_pu : ndarray, shape (n_bus, n_steps)
        Voltage magnitude [pu].
    voltage_complex_pu : ndarray of complex, shape (n_bus, n_steps)
        Voltage phasor, the root at angle zero [pu].
    branch_kw, branch_kvar : ndarray, shape (n_branch, n_steps)
        Power that enters the branch at the end nearer to the root [kW, kvar]; negative if it flows towards the root.
    current_pu : ndarray, shape (n_branch, n_steps)
        Current magnitude [pu].
    loss_kw, loss_kvar : ndarray, shape (n_branch, n_steps)
        Power lost in the branch [kW, kvar].
    root_kw, root_kvar : ndarray, shape (n_steps,)
        Power drawn from the grid above, including the demand at the root [kW, kvar].
    n_sweeps : int
        Number of sweeps.
    mismatch_pu : float
        Largest difference between the apparent power that a bus takes and its demand, over all buses and steps [pu].
    """

    voltage_pu: np.ndarray
    voltage_complex_pu: np.ndarray
    branch_kw: np.ndarray
    branch_kvar: np.ndarray
    current_pu: np.ndarray
    loss_kw: np.ndarray
    loss_kvar: np.ndarray
    root_kw: np.ndarray
    root_kvar: np.ndarray
    n_sweeps: int
    mismatch_pu: float


def power_flow(
    feeder: Feeder, demand_kw, demand_kvar, *, root_pu=None, tolerance_pu: float = 1e-10, max_sweeps: int = 100
) -> PowerFlow:
    """Solve the AC power flow of a radial feeder, all steps at once.

    Backward sweep: the current in a branch is the sum of the currents drawn by the buses behind it. Forward sweep: the
    voltage of a bus is the root's voltage less the drops on the way. This is repeated until voltages and demands agree:

    .. math:: J = D \\, \\overline{(S / V)}, \\qquad V = V_0 - D^T (r + j x) J

    Parameters
    ----------
    feeder : Feeder
    demand_kw, demand_kvar : array_like, shape (n_bus, n_steps)
        Net demand, constant power [kW, kvar]; negative where a bus feeds in. Shunts of the feeder draw in addition.
    root_pu : float or array_like, shape (n_steps,), optional
        Voltage magnitude of the root [pu], by default the feeder's.
    tolerance_pu : float
        Largest power mismatch allowed [pu].
    max_sweeps : int
        Number of sweeps after which the method gives up.

    Returns
    -------
    PowerFlow

    Raises
    ------
    InputError
        A demand of the wrong shape or nan, or a root voltage that is not positive.
    SolverError
        No convergence; the message names the worst step and bus, and the mismatch.

    Notes
    -----
    D. Shirmohammadi, H. W. Hong, A. Semlyen, G. X. Luo, "A compensation-based power flow method for weakly meshed
    distribution and transmission networks", IEEE Trans. Power Systems 3(2), 1988, 753-762; without meshes here, and
    with sums over the tree written as products with ``Feeder.downstream`` (D).

    Examples
    --------
    >>> from evlib.grid.feeder import feeder_from_arrays
    >>> line = feeder_from_arrays(
    ...     bus=[1, 2], p_kw=[0, 1600], q_kvar=[0, 0], from_bus=[1], to_bus=[2], r_ohm=[10], x_ohm=[0], base_kv=10
    ... )
    >>> flow = power_flow(line, line.load_kw[:, None], line.load_kvar[:, None])
    >>> flow.voltage_pu.round(6).ravel(), flow.loss_kw.round(3).ravel()
    (array([1. , 0.8]), array([400.]))
    """
    if not (tolerance_pu > 0 and max_sweeps >= 1):
        raise InputError(f"power flow: tolerance_pu = {tolerance_pu}, max_sweeps = {max_sweeps}; both must be positive")
    active_pu, reactive_pu, root = _checked(feeder, demand_kw, demand_kvar, root_pu)
    kw_per_pu = 1000 * feeder.base_mva
    demand_pu, shunt_pu = active_pu + 1j * reactive_pu, _shunts_pu(feeder)
    downstream = feeder.downstream
    impedance_pu = (feeder.r_pu + 1j * feeder.x_pu)[:, None]
    voltage, n_sweeps, worst_pu = np.tile(root.astype(complex), (feeder.n_bus, 1)), 0, np.inf
    # A demand beyond what the feeder can carry drives voltages through zero: this is reported below, without warnings.
    with np.errstate(all="ignore"):
        while worst_pu > tolerance_pu and n_sweeps < max_sweeps:
            drawn = np.conj(demand_pu / voltage) + np.conj(shunt_pu) * voltage
            current = downstream @ drawn
            voltage = root - downstream.T @ (impedance_pu * current)
            mismatch_pu = np.nan_to_num(
                np.abs(voltage * np.conj(drawn) - demand_pu - shunt_pu * np.abs(voltage) ** 2),
                nan=np.inf,
                posinf=np.inf,
            )
            worst_pu, n_sweeps = mismatch_pu.max(), n_sweeps + 1
    if worst_pu > tolerance_pu:
        row, step = np.unravel_index(mismatch_pu.argmax(), mismatch_pu.shape)
        raise SolverError(
            f"power flow: not converged after {n_sweeps} sweeps: step {step} has a mismatch of {worst_pu:.3g} pu at "
            f"bus {feeder.bus[row]} (tolerance {tolerance_pu:g} pu); its net demand of "
            f"{active_pu[:, step].sum() * kw_per_pu:.6g} kW is probably more than the feeder can carry: reduce it, or "
            "raise max_sweeps"
        )
    sent_kva = voltage[feeder.branch_from] * np.conj(current) * kw_per_pu
    lost_kva = impedance_pu * np.abs(current) ** 2 * kw_per_pu
    root_kva = voltage[0] * np.conj(drawn.sum(axis=0)) * kw_per_pu
    return PowerFlow(
        voltage_pu=feeder.actual_pu(np.abs(voltage)),
        voltage_complex_pu=voltage,
        branch_kw=sent_kva.real,
        branch_kvar=sent_kva.imag,
        current_pu=np.abs(current),
        loss_kw=lost_kva.real,
        loss_kvar=lost_kva.imag,
        root_kw=root_kva.real,
        root_kvar=root_kva.imag,
        n_sweeps=n_sweeps,
        mismatch_pu=float(worst_pu),
    )


def _shunts_pu(feeder: Feeder) -> np.ndarray | float:
    """Complex power of shunts at a voltage of 1 pu of the model, shape (n_bus, 1) [pu]; 0 where there are none."""
    if feeder.shunt_kw is None:
        return 0.0
    ratio = 1.0 if feeder.ratio is None else feeder.ratio
    return ((feeder.shunt_kw + 1j * feeder.shunt_kvar) / ratio**2 / (1000 * feeder.base_mva))[:, None]


def lindistflow_voltage(feeder: Feeder, demand_kw, demand_kvar, root_pu=None) -> np.ndarray:
    """Voltage magnitudes of the lossless, linear branch flow.

    .. math:: v_{child}^2 = v_{parent}^2 - 2 (r P + x Q)

    where P and Q are the demand behind the branch.

    Parameters
    ----------
    feeder : Feeder
    demand_kw, demand_kvar : array_like, shape (n_bus, n_steps)
        Net demand [kW, kvar]; negative where a bus feeds in.
    root_pu : float or array_like, shape (n_steps,), optional
        Voltage magnitude of the root [pu], by default the feeder's.

    Returns
    -------
    ndarray, shape (n_bus, n_steps)
        Voltage magnitude [pu]; shunts draw what they do at 1 pu.

    Raises
    ------
    InputError
        A demand of the wrong shape or nan, or a root voltage that is not positive.
    SolverError
        A squared voltage that is not positive: the demand is far beyond what the approximation covers.

    Notes
    -----
    M. E. Baran and F. F. Wu, "Optimal capacitor placement on radial distribution systems", IEEE Trans. Power Delivery
    4(1), 1989, 725-734: the DistFlow equations without their quadratic terms. Flows in either direction are treated
    alike; as losses are neglected, the result is an upper bound of the exact voltage.
    """
    active_pu, reactive_pu, root = _checked(feeder, demand_kw, demand_kvar, root_pu)
    downstream = feeder.downstream
    if feeder.shunt_kw is not None:
        active_pu = active_pu + feeder.shunt_kw[:, None] / (1000 * feeder.base_mva)
        reactive_pu = reactive_pu + feeder.shunt_kvar[:, None] / (1000 * feeder.base_mva)
    fall = feeder.r_pu[:, None] * (downstream @ active_pu) + feeder.x_pu[:, None] * (downstream @ reactive_pu)
    squared = root**2 - 2 * (downstream.T @ fall)
    if not (squared > 0).all():
        row, step = np.unravel_index(squared.argmin(), squared.shape)
        raise SolverError(
            f"linear power flow: step {step}: squared voltage {squared[row, step]:.3g} at bus {feeder.bus[row]}; must "
            "be positive: the demand is more than the feeder can carry"
        )
    return feeder.actual_pu(np.sqrt(squared))


def _checked(feeder: Feeder, demand_kw, demand_kvar, root_pu):
    """Demands [pu] of shape (n_bus, n_steps) and root voltage [pu] of shape (n_steps,)."""
    demands = []
    for name, values in (("demand_kw", demand_kw), ("demand_kvar", demand_kvar)):
        values = np.asarray(values, dtype=float)
        if values.ndim != 2 or len(values) != feeder.n_bus or not values.shape[1]:
            raise InputError(
                f"power flow: {name} has shape {values.shape}; must be ({feeder.n_bus}, n_steps): a row for each bus"
            )
        if not np.isfinite(values).all():
            row, step = np.argwhere(~np.isfinite(values))[0]
            raise InputError(
                f"power flow: {name} = {values[row, step]} at bus {feeder.bus[row]} in step {step}; must be finite"
            )
        demands.append(values / (1000 * feeder.base_mva))
    active_pu, reactive_pu = demands
    if active_pu.shape != reactive_pu.shape:
        raise InputError(
            f"power flow: demand_kw has {active_pu.shape[1]} steps, demand_kvar {reactive_pu.shape[1]}; must be equal"
        )
    root_pu = feeder.root_pu if root_pu is None else root_pu
    root = np.asarray(root_pu, dtype=float)
    if root.shape not in ((), (active_pu.shape[1],)):
        raise InputError(f"power flow: root_pu has shape {root.shape}; must be one number or ({active_pu.shape[1]},)")
    if not (np.isfinite(root).all() and (root > 0).all()):
        raise InputError(f"power flow: root_pu = {root_pu}; must be positive, about 1")
    return active_pu, reactive_pu, np.broadcast_to(root, active_pu.shape[1])
