"""Arc costs of static flows, with all that an assignment needs: integral, slope and marginal cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.errors import InputError

__all__ = ["PowerCost"]


@dataclass(frozen=True)
class PowerCost:
    """Cost of an arc as a power of its flow, with its integral, slope and marginal cost.

    .. math:: t_a(v) = a_a + c_a v^{\\beta_a}

    Attributes
    ----------
    constant : ndarray, shape (n_arcs,)
        a, the cost on the empty arc, not negative [unit of cost].
    factor : ndarray, shape (n_arcs,)
        c, not negative [unit of cost / veh^beta].
    power : ndarray, shape (n_arcs,)
        beta, at least 1 [1].

    Raises
    ------
    InputError
        A coefficient is not finite or below its bound, or shapes do not match.

    Notes
    -----
    Any object with ``__call__``, ``integral`` and ``slope`` (each a function of a flow and arc numbers) and
    ``marginal`` can take its place, as long as the cost of an arc rises with that arc's flow and depends on no other
    arc.

    Examples
    --------
    >>> cost = PowerCost.linear([5.0], [0.2])
    >>> cost([10.0]).tolist(), cost.integral([10.0]).tolist(), cost.marginal()([10.0]).tolist()
    ([7.0], [60.0], [9.0])
    """

    constant: np.ndarray
    factor: np.ndarray
    power: np.ndarray

    def __post_init__(self):
        coefficients = [np.asarray(getattr(self, name), dtype=float) for name in ("constant", "factor", "power")]
        if coefficients[0].ndim != 1 or any(values.shape != coefficients[0].shape for values in coefficients):
            raise InputError(
                f"arc cost: coefficients of shapes {[v.shape for v in coefficients]}; must all be (n_arcs,)"
            )
        for name, values, least in zip(("constant", "factor", "power"), coefficients, (0.0, 0.0, 1.0), strict=True):
            wrong = ~(np.isfinite(values) & (values >= least))
            if wrong.any():
                a = int(np.flatnonzero(wrong)[0])
                raise InputError(f"arc cost: {name} of arc {a} is {values[a]}; must be finite and at least {least:g}")
            object.__setattr__(self, name, values)

    @classmethod
    def linear(cls, constant, per_vehicle) -> PowerCost:
        """Straight lines, t = a + b v."""
        return cls(constant, per_vehicle, np.ones(np.shape(constant)))

    @classmethod
    def bpr(cls, free_flow, capacity_veh, b=0.15, power=4.0) -> PowerCost:
        """Bureau of Public Roads curve of *flow*, t = t0 (1 + b (v / Q)^beta); capacity in the unit of flow.

        A power of 0 is a constant t0 (1 + b), as in the published networks.
        """
        free_flow, capacity_veh = np.asarray(free_flow, dtype=float), np.asarray(capacity_veh, dtype=float)
        if not (capacity_veh > 0).all():
            a = int(np.flatnonzero(~(capacity_veh > 0))[0])
            raise InputError(f"arc cost: capacity of arc {a} is {capacity_veh.flat[a]}; must be above 0")
        b, power = np.broadcast_to(b, free_flow.shape), np.broadcast_to(power, free_flow.shape)
        flat = power == 0
        rise = np.where(flat, 0.0, free_flow * b / capacity_veh**power)
        return cls(free_flow * np.where(flat, 1.0 + b, 1.0), rise, np.where(flat, 1.0, power))

    def __call__(self, flow_veh, arcs=slice(None)) -> np.ndarray:
        """Cost of a vehicle on each of these arcs."""
        return self.constant[arcs] + self.factor[arcs] * np.asarray(flow_veh) ** self.power[arcs]

    def integral(self, flow_veh, arcs=slice(None)) -> np.ndarray:
        """Integral of the cost from an empty arc to this flow: a summand of Beckmann's objective."""
        flow_veh, power = np.asarray(flow_veh), self.power[arcs]
        return self.constant[arcs] * flow_veh + self.factor[arcs] / (power + 1) * flow_veh ** (power + 1)

    def slope(self, flow_veh, arcs=slice(None)) -> np.ndarray:
        """Derivative of the cost with respect to the flow."""
        power = self.power[arcs]
        return self.factor[arcs] * power * np.asarray(flow_veh) ** (power - 1)

    def marginal(self) -> PowerCost:
        """Derivative of the total cost v t(v) on an arc: the vehicle's own cost plus the toll v t'(v)."""
        return PowerCost(self.constant, self.factor * (self.power + 1), self.power)
