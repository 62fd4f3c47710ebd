"""One function a figure: a tidy table in, a Plotly figure out. All notebooks show them.

``style``             palette, axes and legends that all share
``publish``           ``show``: the figure in a notebook, and its numbers for the export
``maps``              road network and feeder (01)
``network_loading``   curves and volumes of the loading (01, 02); ``loading_checks`` the loading beside its rivals (02)
``flexibility``       domains, schedules and what sets lose (03)
``assignment``        tolls and equilibria (04)
``grid``              dispatch, prices, voltages, losses (05)
``coordination``      bounds, convergence, values (06)
``case_roads``, ``case_grid``, ``case_costs``  the case study (07)
"""
