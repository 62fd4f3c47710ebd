"""Fleets from measured charging sessions.

``session_files``  sessions of EPFL, ACN-Data, ElaadNL or one's own, and a class of vehicles like them
"""
