"""A case of one's own: a short YAML file and plain tables, completed by stated defaults to a whole scenario.

``expand``      the file's values, in the study's names, with what was stated, left out and rounded
``stated``      what the file states in the names of the study, completed by stated defaults
``case_tables``     origins, stations and roads from CSV files with a capacity and a time for each road
``roads_of_case``  the section on roads: which capacity holds, and what nobody can mean
``case_feeders``    any number of feeders in two CSV files, joined above by the grid, each a zone with its own limits
``feeder_table``  voltage at the root, tariff and limits of each feeder, and limits that never bind where none are stated
``farms``       farms from a table or the file, each in the zone of its bus
``trips``       a fleet as a table of trips, and the classes of its vehicles
``whole_time``  horizon, stays and last departure in whole steps
``demand_of_case``  who departs where and when: trips, or profiles of origins
``tables_of_case``  all of them as the arrays of a scenario
``profiles``    profiles of any spacing, brought to the case's steps

``python -m evlib new`` writes such a case, see :mod:`evlib.inputs.new_case`.
"""
