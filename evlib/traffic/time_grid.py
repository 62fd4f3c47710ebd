"""How the study divides time: decision steps, loading steps, and the clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["TimeGrid", "clock_to_min"]


@dataclass(frozen=True)
class TimeGrid:
    """Decision steps and loading steps.

    Attributes
    ----------
    step_min : float
        Decision step [min].
    n_steps : int
        Decision steps K of the horizon.
    substeps : int
        Loading steps in one decision step.
    last_departure_step : int
        Vehicles depart in steps 0..last_departure_step.
    start_min : float
        Clock time of the first step, minutes after midnight.
    shown_min : tuple of float, optional
        What the clock shows when each step begins, minutes after midnight, where clocks are changed on the way.
    """

    step_min: float
    n_steps: int
    substeps: int
    last_departure_step: int
    start_min: float = 0.0
    shown_min: tuple[float, ...] | None = None

    @property
    def loading_step_min(self) -> float:
        """Loading step [min]."""
        return self.step_min / self.substeps

    @property
    def n_departure_steps(self) -> int:
        """Decision steps in which vehicles depart."""
        return self.last_departure_step + 1

    def clock(self, step) -> list[str]:
        """Clock times ``HH:MM`` at which decision steps begin."""
        step = np.atleast_1d(step)
        minutes = self.start_min + self.step_min * step
        if self.shown_min is not None:
            known = np.clip(step, 0, self.n_steps - 1)
            minutes = np.array(self.shown_min)[known] + self.step_min * (step - known)
        return [f"{int(minute) // 60 % 24:02d}:{int(minute) % 60:02d}" for minute in minutes]


def clock_to_min(clock: str) -> int:
    """Minutes after midnight of a clock time ``"HH:MM"``.

    Examples
    --------
    >>> clock_to_min("10:05")
    605
    """
    hours, _, minutes = str(clock).partition(":")
    if not (hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60 and len(minutes) == 2):
        raise ValueError('is not a clock time; write it in quotes, as in "10:00"')
    return 60 * int(hours) + int(minutes)
