"""Pieces of a page that a reader can play with, from committed tables; they need no library and no network.

``day_map``      two days side by side, step by step: roads, stations, feeder
``stored_runs``  sliders over stored runs: who follows, plugs and roads, charging, other assumptions
``loop_diagram`` what traffic and grid tell each other
"""
