"""Fleets from measured charging sessions.

``formats``        where files of EPFL, ACN-Data, ElaadNL or one's own have what
``session_files``  sessions of such files, cleaned with every dropped row counted
``session_fleet``  a class of vehicles like them, when they come, and how many
"""
