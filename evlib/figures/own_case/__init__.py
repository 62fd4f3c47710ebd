"""Figures of a case of one's own.

``case_map``  roads, stations snapped to nodes and buses, and feeders, to look at before anything is solved
"""
