"""The draws of an ensemble: points of a scrambled Sobol sequence, and the scenario that each of them means."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from evlib.errors import InputError
from evlib.inputs.reading.sections import quantities
from evlib.inputs.scenario import Scenario
from study.experiments.ensemble.knobs import Design
from study.experiments.ensemble.weather import day_file, day_order

__all__ = ["LARGEST", "Draw", "draws_of", "scenario_of", "sobol_points"]

LARGEST = 2**16


@dataclass(frozen=True)
class Draw:
    """One draw.

    Attributes
    ----------
    number : int
        0 is the base case itself, on the scenario's own day; 1, 2, ... are points of the sequence.
    knobs : dict of str -> float
        Numbers of the knobs; empty for draw 0.
    day : str
        Day of the weather; empty where it is the scenario's own.
    """

    number: int
    knobs: dict
    day: str = ""


def sobol_points(n: int, dimensions: int, seed: int) -> np.ndarray:
    """The first points of a scrambled Sobol sequence.

    Parameters
    ----------
    n, dimensions : int
    seed : int

    Returns
    -------
    ndarray, shape (n, dimensions)
        In 0..1. More points of the same seed begin with the same points.

    Raises
    ------
    InputError
        n is not 1..65,536.

    Examples
    --------
    >>> bool((sobol_points(4, 3, 1) == sobol_points(8, 3, 1)[:4]).all())
    True
    """
    if not 1 <= n <= LARGEST:
        raise InputError(f"number of draws: {n}; must be 1..{LARGEST}")
    sequence = qmc.Sobol(dimensions, scramble=True, rng=seed)
    return sequence.random_base2(max(0, math.ceil(math.log2(n))))[:n]


def draws_of(design: Design, n: int) -> list[Draw]:
    """The base case and the first draws of an ensemble.

    Parameters
    ----------
    design : Design
    n : int
        Number of draws beside the base case.

    Returns
    -------
    list of Draw
        n + 1 draws.

    Notes
    -----
    The first coordinate chooses the day, the others the knobs in their order, so the best-spread coordinate is that of
    the weather and every prefix of the list is spread over the ranges.
    """
    days = day_order(design.scenario, design.weather) if design.weather else [""]
    points = sobol_points(n, 1 + len(design.knobs), design.seed)
    draws = [Draw(0, {})]
    for number, point in enumerate(points, start=1):
        day = days[min(int(point[0] * len(days)), len(days) - 1)]
        values = {knob.name: float(knob.at(share)) for knob, share in zip(design.knobs, point[1:], strict=True)}
        draws.append(Draw(number, values, day))
    return draws


def scenario_of(design: Design, draw: Draw) -> Scenario:
    """The scenario that a draw means.

    Parameters
    ----------
    design : Design
    draw : Draw

    Returns
    -------
    Scenario

    Raises
    ------
    InputError
        A knob that the design does not have; values that the scenario does not allow together.
    """
    knobs = {knob.name: knob for knob in design.knobs}
    values = {name: value for name, _, value in quantities(design.scenario)}
    changes: dict = {}
    for name, number in draw.knobs.items():
        if name not in knobs:
            raise InputError(f"{design.file}: unknown knob {name!r}; there are {', '.join(knobs)}")
        for key in knobs[name].sets:
            values[key] = changes[key] = knobs[name].new_value(values[key], number)
    if draw.day:
        changes["grid.profiles_file"] = str(day_file(design.weather.file, draw.day))
    return design.scenario.replace(changes)
