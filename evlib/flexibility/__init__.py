"""Flexible operation domains of electric vehicles: exact, as zonotopes, as summed bounds, and back to vehicles."""

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
from evlib.flexibility.zonotope.inner_approximation import (
    StationZonotope,
    Zonotope,
    disaggregate,
    generator_widths,
    inner_zonotope,
    inner_zonotopes,
    paper_generators,
    price_windows,
    station_zonotope,
    sum_zonotopes,
    support_coefficients,
    support_value,
)
from evlib.flexibility.zonotope.station_load import (
    ZonotopeBlock,
    check_disaggregation,
    vehicle_schedules,
    zonotope_block,
)

__all__ = [
    "Adjustments",
    "ColumnDispatch",
    "Domain",
    "Fleet",
    "PricedColumn",
    "Schedule",
    "StationZonotope",
    "SummedBounds",
    "Zonotope",
    "ZonotopeBlock",
    "check_delivery",
    "check_disaggregation",
    "cost_of",
    "disaggregate",
    "exact_block",
    "exact_extreme",
    "generator_widths",
    "inner_zonotope",
    "inner_zonotopes",
    "mixed_schedule",
    "nearest_delivery",
    "outline",
    "paper_generators",
    "price_windows",
    "solve_by_columns",
    "station_zonotope",
    "sum_zonotopes",
    "summed_block",
    "summed_bounds",
    "summed_extreme",
    "summed_power",
    "summed_support",
    "support",
    "support_coefficients",
    "support_value",
    "to_horizon",
    "to_steps",
    "uncontrolled",
    "vehicle_domain",
    "vehicle_schedules",
    "violations",
    "whole_vehicles",
    "zonotope_block",
    "zonotope_extreme",
]
