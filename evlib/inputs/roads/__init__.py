"""Road networks in the formats of others, each read whole or refused, with a table of what every column became.

``road_file``     roads and their nodes as tables, and writing them as the files of a case
``tntp_roads``    Transportation Networks collection, columns by the file's own header
``v2sim_roads``   V2Sim ``*.net.xml`` and its stations, ``*.fcs.xml``
``sumo_roads``    SUMO ``*.net.xml``, read by sumolib
``osm_roads``     OpenStreetMap extracts as XML
``gmns_roads``    General Modeling Network Specification, CSV
"""
