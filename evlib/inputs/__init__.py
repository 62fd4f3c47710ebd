"""Input files, and the models built from them. Roads and grid first meet here; notebooks 01 and 05 show the inputs.

``schema``, ``scenario``, ``scenario_tables``  a YAML file with unit, source and range of every number, and its tables
``build_roads``        network, demand, drivers and everyday traffic of a scenario
``build_grid``         the grid case of a scenario, with its options
``build_fleet``        the cohorts of a scenario, with the domain of one vehicle of each
``sizing``             the rules by which the base case was sized, and the line ratings
``feeder_files``       a feeder in two CSV files; ``pandapower_feeder`` reads one from pandapower
``charging_sessions``  measured charging sessions as vehicles
``tntp``               networks and trips in the format of the Transportation Networks collection
``map_table``          positions of everything on the map
``road_files``         a room within: what a table of links may hold beside free-flow times
``roads``, ``feeders``, ``fleets``  rooms within: the formats of others, with a table of what every column became
``new_case``           a room within: making and checking a case of one's own from such files
``own_case``           a room within: a case of one's own, a few lines and plain tables completed by stated defaults
``reading``            a room within: strict tables, strict YAML and typed sections, for all of the readers above

Whatever is wrong with a file ends in one ``InputError`` that names file, place, value and what would be right.
Only this room and the rooms above it know ``Scenario``.
"""
