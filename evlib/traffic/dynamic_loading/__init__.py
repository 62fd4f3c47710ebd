"""How departures are loaded, inside :mod:`evlib.traffic.loading`.

``loading_reference``  the specification in NumPy
``loading_compiled``   the same in compiled code, with identical bits
``used_arcs``          the roads that some vehicle takes: only they are computed and stored
"""
