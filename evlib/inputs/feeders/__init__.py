"""Feeders in the formats of others, each read whole or refused, with a table of what every column became.

``feeder_file``       feeders as two tables, and writing them as the files of a case
``matpower_feeder``   MATPOWER ``.m`` with the conversions that its closing statements make
``opendss_feeder``    balanced OpenDSS circuits, by pandapower's converter, with what that loses refused
``v2sim_grid``        V2Sim ``*.grid.xml``, any number of feeders
``pandapower_elements``  shunts and static generators of a pandapower network
``pandapower_net``    a pandapower network with several external grids, a table for each of its elements
"""
