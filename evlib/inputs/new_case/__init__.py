"""Making and checking a case of one's own: ``python -m evlib new`` and ``python -m evlib check``.

``sources``     which reader a file belongs to
``matching``    stations to nodes and buses, with distances; origins and stations where none are given
``write_case``  a case's folder: a commented YAML file, the tables, and what became of every column read
``check_case``  what a case holds, what it will take, and what was assumed
``case_points``  roads, stations and feeders as one table to draw
"""
