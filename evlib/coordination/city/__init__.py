"""Coordination of a city: hundreds of stations on thousands of roads, with no program that grows with vehicles.

``kinds``        cohorts that no price tells apart, merged: their number grows with feeders, not with stations
``city_dual``    the dual in prices and rents: what grid, vehicles and drivers reply
``price_curve``  one Newton step of all prices, with how much vehicles and drivers move with them
``dispatch``     the dispatch of the vehicles that came, between bounds on its cost
``growing``      a run whose paths grow: stations outside the choice sets, and what the run stores of them
``memory``       memory that a run needs, said before it starts
``plugs``        plugs that lack whatever is coordinated, said before it starts
``method``       the method of the loop: prices and rents in turn, each by Newton steps, then a new loading

The method is that of :mod:`evlib.coordination.newton` with rents solved by themselves, see
:mod:`evlib.assignment.many_stations`: rents of hundreds of stations together are too many for one dense program.
"""
