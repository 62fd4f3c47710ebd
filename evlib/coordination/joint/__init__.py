"""The joint program of both sides at frozen trajectories, in one piece and by exchange.

``joint_program``   flows, cohorts and grid in one convex program
``plug_rents``      the limits on held plugs in that program; their duals are the rents
``cutting_planes``  the same program solved by exchanging cohorts and prices
"""
