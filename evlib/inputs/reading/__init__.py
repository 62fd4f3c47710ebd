"""How files are read: every fault ends in one :class:`InputError` that names file, place, value and what would be right.

``tables``       text files, and CSV tables with declared columns
``strict_yaml``  YAML of plain values, without anything that is silently turned into something else
``sections``     typed sections of a YAML file: quantities with unit, members with names, and messages that name both
``provenance``   unit, source and range of every quantity, apart from its value
``column_report``  what a reader made of every column of a file
``parameter_tables``  a scenario's parameters as tables to read
``local_clock``  what the clock of a place shows in each step, over midnight and clock changes
``plausible``   limits beyond which a number is absurd, so that another unit is noticed
``pandapower_values``  missing values and tap changers, as pandapower takes them
``tntp_header``  which field stands in which column of a TNTP network

Knows nothing of roads, grids or scenarios.
"""
