"""The grid in some of the day's steps, with the face of the whole day's: arrays keep all K steps, the others are 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.reduced.reduced_answer import ReducedAnswer
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.grid.reduced.station_cost import Block

__all__ = ["WindowGrid", "window"]


def window(case: GridCase, begin: int, end: int, backup_start_kw=None) -> GridCase:
    """The grid case in steps begin..end - 1.

    Parameters
    ----------
    case : GridCase
    begin, end : int
    backup_start_kw : ndarray, shape (n_zones,), optional
        Power of backup generators in the step before [kW]; without it no ramp limits the first step.

    Returns
    -------
    GridCase
    """
    series = ("load_kw", "load_kvar", "available_kw", "import_price_cny_kwh")
    arrays = {name: getattr(case, name)[..., begin:end] for name in series}
    if case.surcharge_cny_kwh is not None:
        arrays["surcharge_cny_kwh"] = case.surcharge_cny_kwh[:, begin:end]
    return replace(case, backup_start_kw=backup_start_kw, **arrays)


class WindowGrid:
    """A :class:`evlib.grid.reduced.reduced_grid.ReducedGrid` of steps begin..end - 1, asked with arrays of all K steps.

    Parameters
    ----------
    case : GridCase
        The whole day.
    options : GridOptions
    begin, end : int
    backup_start_kw : ndarray, shape (n_zones,), optional
        As in :func:`window`.
    monitored : ndarray of bool, shape (2, 4, n_bus, K), optional
        What an earlier grid of the day monitored.
    """

    def __init__(
        self, case: GridCase, options: GridOptions, begin: int, end: int, backup_start_kw=None, monitored=None
    ):
        self.n_steps, self.steps = case.n_steps, slice(begin, end)
        self.grid = ReducedGrid(window(case, begin, end, backup_start_kw), options)
        self._before = np.zeros((2, 4, *case.load_kw.shape), dtype=bool) if monitored is None else monitored.copy()
        if monitored is not None:
            self.grid.monitor(monitored[..., self.steps])

    @property
    def station_group(self) -> np.ndarray:
        """Group of each station, shape (n_stations,)."""
        return self.grid.station_group

    @property
    def n_groups(self) -> int:
        """Number of groups that hold stations."""
        return self.grid.n_groups

    @property
    def monitored(self) -> np.ndarray:
        """What is monitored, with what was in other steps, shape (2, 4, n_bus, K)."""
        whole = self._before.copy()
        whole[..., self.steps] = self.grid.monitored
        return whole

    def level(self, price_cny_kwh: np.ndarray) -> np.ndarray:
        """Station prices (n_stations, K) with their mean over each group, as nothing limits power between its stations."""
        price, group = price_cny_kwh.copy(), self.station_group
        for g in range(self.n_groups):
            price[group == g] = price[group == g].mean(axis=0)
        return price

    def free(self, price_cny_kwh: np.ndarray) -> ReducedAnswer:
        """Least cost of the grid that sells to its stations at prices (n_stations, K)."""
        return self._whole(self.grid.free(price_cny_kwh[:, self.steps]))

    def fixed(self, station_kw: np.ndarray) -> ReducedAnswer:
        """Least cost at given station power (n_stations, K)."""
        return self._whole(self.grid.fixed(station_kw[:, self.steps]))

    def with_blocks(self, linear_cny_kw: np.ndarray, blocks: list[Block], *, tolerance: float) -> ReducedAnswer:
        """Least cost of the grid and quadratic responses, of which only those in the window count."""
        cut = []
        for block in blocks:
            rows = np.arange(len(block.linear))
            rows = np.concatenate([rows[: self.n_steps][self.steps], rows[self.n_steps :]])
            inside = np.ix_(rows, rows)
            cut.append(Block(block.group, block.quadratic[inside], block.linear[rows], block.factor[inside]))
        linear = linear_cny_kw[:, self.steps]
        return self._whole(self.grid.with_blocks(linear, cut, tolerance=tolerance))

    def _whole(self, answer: ReducedAnswer) -> ReducedAnswer:
        return replace(
            answer, station_kw=self._padded(answer.station_kw), price_cny_kwh=self._padded(answer.price_cny_kwh)
        )

    def _padded(self, values: np.ndarray) -> np.ndarray:
        whole = np.zeros((len(values), self.n_steps))
        whole[:, self.steps] = values
        return whole
