"""What plugged-in vehicles can do: domains, their aggregation and disaggregation. Explained in notebook 03.

``domain``, ``schedule``   a vehicle's flexible operation domain; what the vehicle does, and what that costs
``support``                least cost at given prices by an exact recursion; ``support_compiled`` gives identical bits
``proximal_reply``         what a vehicle does at given prices if it also stays near a plan, with the derivative
``fleet``, ``cohorts``     identical vehicles by station, class, type and plug-in step; what they pay
``station_load``           station power as a part of a grid problem: exact domains, columns, full power, no vehicles
``column_generation``      exact domains of many cohorts, found column by column to a certified gap
``virtual_battery``        summed bounds: an outer set
``zonotope``               the paper's inner sets: ``geometry``, ``inner_approximation``, ``station_load``
``polymatroid``            the exact sum without losses: ``set_functions``, ``greedy``
``disaggregation``         from a dispatch to whole vehicles
``projection``             domains drawn in the plane

This room knows neither roads nor feeders. The names below are its public interface.
"""

from evlib.flexibility.column_generation import ColumnDispatch, PricedColumn, mixed_schedule, solve_by_columns
from evlib.flexibility.disaggregation import check_delivery, whole_vehicles
from evlib.flexibility.domain import Adjustments, Domain, vehicle_domain
from evlib.flexibility.fleet import Fleet, to_horizon, to_steps
from evlib.flexibility.projection import exact_extreme, outline, summed_extreme, zonotope_extreme
from evlib.flexibility.schedule import Schedule, cost_of, uncontrolled, violations
from evlib.flexibility.station_load import exact_block
from evlib.flexibility.support import support
from evlib.flexibility.virtual_battery import (
    SummedBounds,
    nearest_delivery,
    summed_block,
    summed_bounds,
    summed_power,
    summed_support,
)

__all__ = [
    "Adjustments",
    "ColumnDispatch",
    "Domain",
    "Fleet",
    "PricedColumn",
    "Schedule",
    "SummedBounds",
    "check_delivery",
    "cost_of",
    "exact_block",
    "exact_extreme",
    "mixed_schedule",
    "nearest_delivery",
    "outline",
    "solve_by_columns",
    "summed_block",
    "summed_bounds",
    "summed_extreme",
    "summed_power",
    "summed_support",
    "support",
    "to_horizon",
    "to_steps",
    "uncontrolled",
    "vehicle_domain",
    "violations",
    "whole_vehicles",
    "zonotope_extreme",
]
