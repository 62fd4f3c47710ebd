"""The paper's inner sets: zonotopes of powers, for one vehicle and summed over a station.

``geometry``             generators, support function and disaggregation of a zonotope
``inner_approximation``  the largest zonotope inside a vehicle's domain
``minkowski_sum``        the sum of the zonotopes of a station's vehicles
``both_ways``            the published sets at their best: vehicles that only charge, and vehicles that also discharge
``station_load``         zonotopes as a part of a grid problem, and from its solution to schedules of vehicles
"""

from evlib.flexibility.zonotope.both_ways import BothWays, both_ways
from evlib.flexibility.zonotope.geometry import (
    Zonotope,
    disaggregate,
    generator_widths,
    paper_generators,
    support_coefficients,
    support_value,
    window_normals,
)
from evlib.flexibility.zonotope.inner_approximation import inner_zonotope, inner_zonotopes, price_windows
from evlib.flexibility.zonotope.minkowski_sum import StationZonotope, station_zonotope, sum_zonotopes
from evlib.flexibility.zonotope.station_load import (
    ZonotopeBlock,
    check_disaggregation,
    vehicle_schedules,
    zonotope_block,
)

__all__ = [
    "BothWays",
    "StationZonotope",
    "Zonotope",
    "ZonotopeBlock",
    "both_ways",
    "check_disaggregation",
    "disaggregate",
    "generator_widths",
    "inner_zonotope",
    "inner_zonotopes",
    "paper_generators",
    "price_windows",
    "station_zonotope",
    "sum_zonotopes",
    "support_coefficients",
    "support_value",
    "vehicle_schedules",
    "window_normals",
    "zonotope_block",
]
