"""What all methods of the loop share: a method keeps its memory in the run, measures, answers, and lets drivers drive."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from evlib.assignment.dynamic_equilibrium import Extragradient
from evlib.assignment.tno import Metric
from evlib.coordination.iteration import Iterate, Iteration

__all__ = ["Method"]


class Method:
    """What all methods share; by default the price gap of every iterate is measured.

    Parameters
    ----------
    run : Iteration
        The run. A method keeps its memory in ``run.state``, so that a saved run can go on.
    """

    knows_rents, grows = False, False
    not_applicable: ClassVar[dict] = {}

    def __init__(self, run: Iteration):
        self.run, self.problem, self.keys = run, run.problem, run.keys
        state = run.state
        if self.knows_rents and self.problem.objective == "system" and state.rent_cny is None:
            state.rent_cny = np.zeros((len(self.problem.network.stations), self.problem.network.time.n_steps))
        theta = self.problem.traffic.drivers.logit_cny
        self.walk = Extragradient(self.problem.demand_veh, self.problem.network.path_origin, logit_cny=theta)
        if not math.isnan(state.walk_step):
            self.walk.step = state.walk_step

    @property
    def most_iterations(self) -> int:
        """Largest number of answers."""
        return self.keys.iterations

    def checked(self, iteration: int) -> bool:
        """Whether the price gap is measured at the start of this iteration."""
        return True

    def measure(self, iteration: int) -> None:
        """Load and measure the present flows."""
        self.run.measure(self.checked(iteration))

    def statuses(self) -> str:
        """How the solves of the run ended; any other end is an error."""
        return "optimal in every iteration"

    def settled(self) -> bool:
        """Whether the run may end before its last iteration; most methods never do."""
        return False

    def gives_up(self) -> bool:
        """Whether the run ends before its last iteration though it has not settled; most methods never do."""
        return False

    def dispatcher(self, iterate: Iterate) -> Callable | None:
        """The method's own dispatch of those who come in an iterate, from cohorts (n_cohorts,) [veh]; None if it has none."""
        return None

    def answer(self, iteration: int):
        """Flows, prices and rents of the next iterate, shaped as in :class:`evlib.coordination.iteration.Iterate`."""
        raise NotImplementedError

    def drive(self, flows_veh, metric: Metric, price_cny_kwh, rents, n_steps: int | None = None) -> np.ndarray:
        """Let drivers take some steps through the loading at announced prices and rents.

        The metric pulls them towards the present flows, as in the program: if neither the program nor these steps move
        the flows, they are in equilibrium with the prices.

        Parameters
        ----------
        flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
            Flows to start from.
        metric : Metric
        price_cny_kwh : ndarray, shape (n_bus, K)
        rents : ndarray, shape (n_stations, K), or None, or callable
            Rent of one plug for one step [CNY]; a callable returns it from a look at traffic.
        n_steps : int, optional
            The scenario's ``traffic_steps`` by default.

        Returns
        -------
        ndarray, shape of ``flows_veh``
        """
        problem, before, electricity = self.problem, self.run.state.flows_veh, self.run.electricity(price_cny_kwh)

        def cost_of(ahead):
            traffic = problem.traffic.evaluate(ahead)
            rent_cny = rents(traffic) if callable(rents) else rents
            return traffic.costs(electricity, rent_cny) + metric.pull_of(ahead - before)

        flows = self.walk.run(cost_of, flows_veh, self.keys.traffic_steps if n_steps is None else n_steps)
        self.run.state.walk_step = self.walk.step
        return flows

    def drive_at_rents(
        self, flows_veh, metric: Metric, price_cny_kwh, rents: Callable | None, n_steps: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Let drivers take steps while rents give way to them.

        Parameters
        ----------
        flows_veh, metric, price_cny_kwh, n_steps
            As for :meth:`drive`.
        rents : callable or None
            From a look at traffic, see :class:`evlib.coordination.newton.pressed_rents.PressedRents`; without rents, drivers
            queue for plugs.

        Returns
        -------
        flows_veh : ndarray, shape of ``flows_veh``
        rent_cny : ndarray, shape (n_stations, K), or None
            The rents that drivers met last [CNY].
        """
        flows = self.drive(flows_veh, metric, price_cny_kwh, rents, n_steps)
        return flows, None if rents is None else rents(self.problem.traffic.evaluate(flows))
