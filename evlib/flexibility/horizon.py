"""From a common horizon to each vehicle's own usable steps and back: an offset is the horizon step of usable step 0."""

import numpy as np

from evlib.errors import InputError
from evlib.flexibility.checks import require, whole

__all__ = ["check_cohorts", "to_horizon", "to_steps"]


def check_cohorts(domain, sizes, offsets, n_horizon):
    """Sizes as float and offsets as int arrays (n,), or an error.

    Raises
    ------
    InputError
        If a size is negative or not finite, an offset is not whole, or a stay leaves the steps 0..n_horizon - 1.
    """
    sizes, offsets = np.asarray(sizes, dtype=float), whole("offsets", offsets)
    for name, value in (("sizes", sizes), ("offsets", offsets)):
        if value.shape != (domain.n,):
            raise InputError(f"{name}: shape {value.shape}; must be {(domain.n,)}, one value per vehicle")
    require(np.isfinite(sizes) & (sizes >= 0), "sizes", sizes, "finite and 0 or more")
    # a vehicle without usable steps may plug in at the very end; it takes no place on the horizon
    fits = (domain.n_usable == 0) | ((offsets >= 0) & (offsets + domain.n_usable <= n_horizon))
    require(fits, "offsets", offsets, f"0 or more and, with n_usable, at most the horizon of {n_horizon} steps")
    return sizes, offsets


def to_steps(domain, offsets, values):
    """Values on the horizon, (K,) for all or (n, K), as each vehicle sees them in its usable steps: (n, T), else 0."""
    values = np.asarray(values)
    step = np.where(domain.active, np.asarray(offsets)[:, None] + np.arange(domain.n_steps), 0)
    if values.shape[-1] == 0:
        return np.zeros(step.shape)
    seen = values[step] if values.ndim == 1 else np.take_along_axis(values, step, axis=1)
    return np.where(domain.active, seen, 0.0)


def to_horizon(domain, sizes, offsets, values, n_horizon):
    """Sum over cohorts of size times values (n, T), placed on the horizon: shape (K,)."""
    step = np.asarray(offsets)[:, None] + np.arange(domain.n_steps)
    weighted = np.asarray(sizes)[:, None] * values
    return np.bincount(step[domain.active], weights=weighted[domain.active], minlength=n_horizon)
