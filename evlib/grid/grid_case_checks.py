"""Checks of the grid side's arrays before any work: shapes, signs, and units that look wrong by a thousand."""

from __future__ import annotations

import numpy as np

from evlib.errors import InputError

__all__ = ["check_grid_case", "check_start"]


def check_grid_case(case) -> None:
    """Refuse arrays that do not fit together, nan, negative powers, and MW where kW is expected.

    Raises
    ------
    InputError
        Names field, bus, zone or farm, step, value, and what would be right.
    """
    n_steps = np.shape(case.load_kw)[-1] if np.ndim(case.load_kw) == 2 else 0
    buses = [f"bus {number}" for number in case.feeder.bus]
    branches = [f"line {number}" for number in case.feeder.branch]
    rows = {"load_kw": buses, "load_kvar": buses, "available_kw": case.farms}
    rows |= dict.fromkeys(("import_limit_kw", "export_limit_kw", "backup_kw"), case.zones) | {"rating_kva": branches}
    for name, members in rows.items():
        values = np.asarray(getattr(case, name), dtype=float)
        shape = (len(members), n_steps) if name in ("load_kw", "load_kvar", "available_kw") else (len(members),)
        if values.shape != shape:
            lacking = f"; no profile for {members[len(values)]}" if 0 < len(values) < len(members) else ""
            raise InputError(f"grid case: {name} has shape {values.shape}; must be {shape}{lacking}")
        low = -np.inf if name == "load_kvar" else 0.0
        bad = ~(np.isfinite(values) & (values >= low))
        if bad.any():
            place = np.argwhere(bad)[0]
            step = f", step {place[1]}" if len(place) > 1 else ""
            what = "finite" if low else "finite and not negative"
            raise InputError(f"grid case: {name}: {members[place[0]]}{step}: {values[tuple(place)]:g}; must be {what}")
    if np.shape(case.import_price_cny_kwh) != (n_steps,):
        raise InputError(
            f"grid case: import_price_cny_kwh has shape {np.shape(case.import_price_cny_kwh)}; must be {(n_steps,)}"
        )
    _check_units(case)


def _check_units(case) -> None:
    """A thousandfold difference from the load is no assumption but a unit."""
    peak_kw = np.sum(case.load_kw, axis=0).max(initial=0.0)
    for name in ("available_kw", "import_limit_kw", "rating_kva"):
        largest = np.max(getattr(case, name), initial=0.0)
        if 0 < largest < peak_kw / 1000:
            raise InputError(
                f"grid case: {name} is {largest:g} at most where the load peaks at {peak_kw:.6g} kW; "
                f"is it in MW? {name} is in {'kVA' if name == 'rating_kva' else 'kW'}"
            )


def check_start(case, ramp_share: float) -> None:
    """Refuse a start of backup generators that the ramp cannot bring within the rating by the first step.

    Raises
    ------
    InputError
        Names zone, start, ramp and rating.
    """
    if case.backup_start_kw is None:
        return
    for zone, start, rating in zip(case.zones, case.backup_start_kw, case.backup_kw, strict=True):
        ramp = ramp_share * rating
        if not -ramp <= start <= rating + ramp:
            raise InputError(
                f"grid case: backup_start_kw: {zone}: {start:g}; with a ramp of {ramp:g} kW a step the first step cannot "
                f"reach 0 to {rating:g} kW: start within that range or allow a steeper ramp"
            )
