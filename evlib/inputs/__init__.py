"""What is read, and the models made of it. Here the two pillars meet; notebooks 01 and 05 show what comes in.

``schema``, ``scenario``, ``scenario_tables``  a YAML file with unit, source and range of every number, and its tables
``build_roads``        network, demand, drivers and everyday traffic of a scenario
``build_grid``         the grid case and its options of a scenario
``build_fleet``        the cohorts of a scenario, with the domain of one vehicle of each
``sizing``             the rule by which the base case was sized, and the line ratings
``feeder_files``       a feeder in two CSV files; ``pandapower_feeder`` one from pandapower
``charging_sessions``  measured charging sessions as vehicles
``tntp``               networks and trips in the format of the Transportation Networks collection
``map_table``          where everything stands on the map
``reading``            a room within: strict tables, strict YAML and typed sections, for all of the readers above

Whatever is wrong with a file ends in one ``InputError`` that names file, place, value and what would be right.
Only this room and what stands above it know ``Scenario``.
"""
