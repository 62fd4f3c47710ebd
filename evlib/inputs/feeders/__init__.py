"""Feeders in the formats of others, each read whole or refused, with a table of what every column became.

``feeder_file``       feeders as two tables, checked in the words of their file, and written as the files of a case
``matpower_feeder``   MATPOWER ``.m`` with the conversions that its closing statements make
``matpower_statements``  numbers of such a case, and those statements
``opendss_feeder``    balanced OpenDSS circuits, by pandapower's converter, with what that loses refused
``v2sim_grid``        V2Sim ``*.grid.xml``, any number of feeders
``pandapower_elements``  shunts, static generators, negative loads and ratings of a pandapower network
``pandapower_net``    a pandapower network with several external grids
``pandapower_report``  what became of each of its elements
``pandapower_trafos``  transformers: ratios by taps, and iron losses
``parallel_branches``  branches side by side as the one that they make together
"""
