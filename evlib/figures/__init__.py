"""One function per figure: it turns a tidy table into a Plotly figure for the notebooks (numbers in brackets).

``style``             palette, axes and legends that all figures share
``publish``           ``show`` displays a figure in a notebook and exports its numbers
``maps``              road network and feeder (01)
``network_loading``   curves and volumes of the loading (01, 02)
``loading_checks``    the loading compared with other formulas and simulators (02)
``flexibility``       domains, schedules, and what approximate sets lose (03)
``assignment``        tolls and equilibria (04)
``grid``              dispatch, prices, voltages, losses (05)
``coordination``      bounds, convergence, values (06)
``case_roads``, ``case_grid``, ``case_costs``  the case study (07)
``real_time``         a day in real time (09), a room of its own
``own_case``          maps of a case of one's own (10); ``city``: a coordinated city (11)
``fair_case``         the case study under other assumptions and sizes (07)
``ensemble``          bands of claims and what drives them (07, 08): a room within
``interactive``         two days to play, sliders over stored runs, the loop: pieces of a page, without a library
"""
