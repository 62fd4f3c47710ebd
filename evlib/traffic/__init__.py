"""Roads: the extended network, dynamic loading and queues at stations. Explained in notebooks 01 and 02.

``time_grid``           decision steps, loading steps and the clock
``network``             arcs, stations, classes and paths as arrays; ``assemble_network`` builds one from lists
``paths``               paths from an origin to a plug: all of them or only the shortest
``impedance``           travel time of a road, depending on the vehicles on it
``loading``             turns departures into cumulative curves and exit times
``short_roads``         roads shorter than a loading step, and the order in which a step passes them
``dynamic_loading``     a room within: its specification in NumPy, and compiled code that gives identical bits
``station_waiting``     the first-in-first-out queue for plugs, and functions that approximate its wait
``arrival_levels``      energy of driving, and the levels by which arriving vehicles are told apart
``path_times``          travel and waiting times of every path, and when its vehicles arrive and plug in;
                        ``path_times_compiled`` gives the same in one pass, ``step_shares`` stores it by step
``vehicle_simulation``  the same day with whole vehicles, as a check

Only arrays and frozen dataclasses: nothing in this room knows a scenario, a price or what a battery can do.
"""
