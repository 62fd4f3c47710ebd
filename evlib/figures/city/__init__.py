"""Figures of a coordinated city.

``city_map``  roads by inflow and stations by queue or rent, a panel for each day
``city_day``  how the run settled, the days step by step, and what they cost
"""
