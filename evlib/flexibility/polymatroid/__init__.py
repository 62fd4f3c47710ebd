"""Exact sums of vehicles without losses, as the literature has them: generalised polymatroids.

``set_functions``  least and most energy of a vehicle in any set of steps: the functions that define its polymatroid
``greedy``         the sum over a station, and its cheapest point at given prices by the greedy algorithm
"""

from evlib.flexibility.polymatroid.greedy import greedy_support, station_least_and_most
from evlib.flexibility.polymatroid.set_functions import EnergyBounds, energy_bounds, least_and_most

__all__ = ["EnergyBounds", "energy_bounds", "greedy_support", "least_and_most", "station_least_and_most"]
