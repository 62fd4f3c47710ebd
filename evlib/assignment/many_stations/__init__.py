"""Drivers who choose among hundreds of stations on thousands of roads.

``earliest_arrival``  compiled time-dependent searches: from one origin and departure to all stations at once
``choice_sets``       stations that an origin's drivers choose among, widened until none outside would be cheaper
``plug_limits``       what flows hold at stations, and how it responds to rents
``within_plugs``      flows nearest to given ones whose vehicles all find a plug, with the rents that make them so
"""
