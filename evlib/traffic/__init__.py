"""Roads: the extended network, dynamic loading, stations' queues. Notebooks 01 and 02 are its story.

``time_grid``           decision steps, loading steps and the clock
``network``             arcs, stations, classes and paths as arrays; ``assemble_network`` builds one by hand
``paths``               ways from an origin to a plug, all of them or the shortest
``impedance``           travel time of a road by the vehicles on it
``loading``             departures in, cumulative and exit-time curves out; ``loading_reference`` is the specification in
                        NumPy, ``loading_compiled`` equals it to the bit
``station_waiting``     the first-in-first-out queue for plugs, and functions that approximate its wait
``path_times``          times of every path, and when its vehicles arrive and plug in
``vehicle_simulation``  the same day with whole vehicles, as a check

Arrays and frozen dataclasses only: nothing here knows a scenario, a price or a battery.
"""
