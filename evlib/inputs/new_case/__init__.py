"""Making and checking a case of one's own: ``python -m evlib new``, ``city`` and ``check``.

``sources``     which reader a file belongs to
``own_sources`` roads and feeders of another case of one's own
``matching``    stations to nodes and buses, with distances; origins and stations where none are given
``write_case``  a case's folder: a commented YAML file and the tables
``case_text``   the commented file: what was read, and what was put in because no file says it
``assumptions`` what a case's file marks as assumed
``whole_folder`` a folder that appears whole or not at all, and refusals in the words of the user's own files
``synthetic_city``  roads, stations and feeders made by a seed, of the size and statistics of a real city
``city_case``   a city of such tables, or of files, with the assumptions of a whole day
``check_case``  what a case holds, what it will take, and what was assumed
``convert``     a scenario in the study's own format as a case of one's own
``case_points``  roads, stations and feeders as one table to draw
"""
