"""Zonotopes of powers: shared generators, costs linear in the point, sums by adding centres and half-lengths."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from evlib.errors import InputError

__all__ = [
    "Zonotope",
    "disaggregate",
    "energy_rate",
    "generator_matrix",
    "generator_widths",
    "paper_generators",
    "support_coefficients",
    "support_value",
    "window_normals",
    "zonotope_space",
]


@dataclass(frozen=True)
class Zonotope:
    """Set of powers and terminal energies of a vehicle or a cluster, with a cost that is linear in the point.

    .. math:: Z = \\{ center + G b : |b_j| \\le \\beta_j \\}

    Parameters
    ----------
    center : ndarray, shape (d,)
        Powers [kW] in the order of `space`, then the terminal energy [kWh, battery side] as the last coordinate.
    generators : ndarray, shape (d, g)
        G, the same for all members of a sum.
    beta : ndarray, shape (g,)
        Half-lengths, not negative [kW].
    space : {"charge", "power", "stacked"}
        Meaning of the powers: charge (d = T + 1); charge minus discharge (d = T + 1; lossless, no wear); or charge
        followed by discharge (d = 2 T + 1).
    n_steps : int
        T, the usable steps of a vehicle, or the steps of the horizon for a cluster.
    unserved_kwh : float
        Energy that no schedule can serve [kWh, battery side], determined beforehand.
    step_h, wear_cny_kwh, terminal_cny_kwh, unserved_cny_kwh : float
        Length of a step [h]; wear per kWh discharged (meter); costs per kWh (battery) bought later and unserved
        [CNY/kWh].
    """

    center: np.ndarray
    generators: np.ndarray
    beta: np.ndarray
    space: str
    n_steps: int
    unserved_kwh: float
    step_h: float
    wear_cny_kwh: float
    terminal_cny_kwh: float
    unserved_cny_kwh: float

    @property
    def power_map(self):
        """Matrix (T, d) from a point to charge minus discharge [kW]."""
        identity = np.eye(self.n_steps)
        blocks = (identity, -identity) if self.space == "stacked" else (identity,)
        return np.hstack([*blocks, np.zeros((self.n_steps, 1))])

    @property
    def unserved_cny(self):
        """Cost of the energy that cannot be served [CNY], the same for every point."""
        return self.unserved_cny_kwh * self.unserved_kwh

    def linear_cost(self, prices_cny_kwh):
        """Cost per unit of each coordinate (d,) at prices (T,); at zero prices only wear and terminal energy cost."""
        prices = np.asarray(prices_cny_kwh, dtype=float)
        if prices.shape != (self.n_steps,) or not np.isfinite(prices).all():
            raise InputError(f"prices_cny_kwh: shape {prices.shape}; must be {(self.n_steps,)} and finite")
        energy = (prices, self.wear_cny_kwh - prices) if self.space == "stacked" else (prices,)
        return np.concatenate([self.step_h * np.concatenate(energy), [self.terminal_cny_kwh]])

    def point(self, b):
        """The point with coefficients b, shape (g,)."""
        return self.center + self.generators @ b

    def split(self, points):
        """Charge and discharge [kW], each (..., T), and terminal energy [kWh], (...), of points (..., d)."""
        first, terminal = points[..., : self.n_steps], points[..., -1]
        if self.space == "stacked":
            return first, points[..., self.n_steps : -1], terminal
        if self.space == "charge":
            return first, np.zeros_like(first), terminal
        return np.maximum(first, 0.0), np.maximum(-first, 0.0), terminal


def paper_generators(n_steps, lags=(1,)):
    """Generators of the paper's zonotope: single steps, and shifts from one step to the next.

    Parameters
    ----------
    n_steps : int
        T.
    lags : tuple of int
        Lengths of the shifts in steps; (1,) is the paper's set, further lags shift energy further.

    Returns
    -------
    ndarray, shape (T, T + sum of (T - lag))
        Columns [I, (e_{t + lag} - e_t) / sqrt 2].

    Examples
    --------
    >>> paper_generators(3).round(3)
    array([[ 1.   ,  0.   ,  0.   , -0.707,  0.   ],
           [ 0.   ,  1.   ,  0.   ,  0.707, -0.707],
           [ 0.   ,  0.   ,  1.   ,  0.   ,  0.707]])
    """
    identity = np.eye(n_steps)
    return np.hstack(
        [identity, *((identity[:, lag:] - identity[:, : max(n_steps - lag, 0)]) / np.sqrt(2) for lag in lags)]
    )


def generator_matrix(domain, n_steps, space, is_cut, lags=(1,), coordinates="meter"):
    """G in a space. The last row is the terminal energy, which falls as the final energy rises; 0 if not cut off.

    Stacked charge and discharge have generators each. In coordinates "stored" the generators move stored energy by
    :func:`paper_generators`: by charging, and where charge and discharge are stacked also by charging more *and*
    discharging less, by the same power, so that a step that is divided between the two stays full.
    """
    block = paper_generators(n_steps, lags)
    if coordinates == "stored":
        charged, exchanged = block / domain.eta_charge, block / (domain.eta_charge + 1 / domain.eta_discharge)
        block = charged
        if space == "stacked":
            block = np.block([[charged, exchanged], [np.zeros_like(charged), -exchanged]])
    elif space == "stacked":
        block = block_diag(block, block)
    return np.vstack([block, -(energy_rate(domain, n_steps, space) @ block) * is_cut])


def window_normals(n_steps):
    """Sums of consecutive unit vectors, of length 1: facet normals of the paper's zonotopes, shape (T (T + 1) / 2, T).

    Examples
    --------
    >>> window_normals(2).round(3)
    array([[1.   , 0.   ],
           [0.707, 0.707],
           [0.   , 1.   ]])
    """
    begin, end = np.triu_indices(n_steps)
    steps = np.arange(n_steps)
    return ((steps >= begin[:, None]) & (steps <= end[:, None])) / np.sqrt(end - begin + 1)[:, None]


def generator_widths(n_steps, lags=(1,)):
    """How much each generator widens a set, summed over all runs of consecutive steps (unit vectors), shape (g,).

    Notes
    -----
    The runs are facet normals of the paper's zonotopes; public implementations compare the zonotope with the exact set
    in these directions. In a run and its opposite together, the gap between the sets is a constant less twice the width
    of the zonotope, so the largest sum of widths gives the least sum of gaps, without a support of the exact set.

    Examples
    --------
    >>> generator_widths(2).round(3)
    array([1.707, 1.707, 1.414])
    """
    return np.abs(window_normals(n_steps) @ paper_generators(n_steps, lags)).sum(axis=0)


def zonotope_space(domain, row=None):
    """The space for one vehicle, or one that suits all vehicles of a batch (row = None)."""
    if not np.any(domain.discharge_kw if row is None else domain.discharge_kw[row]):
        return "charge"
    lossless = domain.eta_charge == domain.eta_discharge == 1
    return "power" if lossless and domain.wear_cny_kwh == 0 else "stacked"


def energy_rate(domain, n_steps, space):
    """Final energy per kW in each coordinate [h, battery side]."""
    rates = (domain.eta_charge, -1 / domain.eta_discharge) if space == "stacked" else (domain.eta_charge,)
    return np.repeat(rates, n_steps) * domain.step_h


def support_coefficients(zonotope, prices_cny_kwh):
    """Coefficients b, (g,), of a cheapest point; 0 where the cost does not depend on them."""
    return -zonotope.beta * np.sign(zonotope.linear_cost(prices_cny_kwh) @ zonotope.generators)


def support_value(zonotope, prices_cny_kwh):
    """Least cost over the zonotope at prices (T,), including wear, unserved and terminal energy [CNY]."""
    cost = zonotope.linear_cost(prices_cny_kwh)
    return float(cost @ zonotope.center - zonotope.beta @ np.abs(cost @ zonotope.generators) + zonotope.unserved_cny)


def disaggregate(b, beta, betas, centers, generators):
    """Points of the members whose (weighted) sum is the point with coefficients b of their sum.

    .. math:: u_v = center_v + G (b \\cdot \\beta_v / \\beta), \\quad 0 / 0 = 0

    Parameters
    ----------
    b, beta : ndarray, shape (g,)
        Coefficients of the point in the sum, and half-lengths of the sum.
    betas, centers : ndarray, shape (n, g) and (n, d)
        Half-lengths and centres of the members.
    generators : ndarray, shape (d, g)

    Returns
    -------
    ndarray, shape (n, d)
    """
    share = np.divide(b, beta, out=np.zeros_like(beta), where=beta > 0)
    return centers + (betas * share) @ generators.T
