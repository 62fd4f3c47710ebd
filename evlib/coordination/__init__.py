"""The loop between traffic and grid. Explained in notebook 06.

``problem``          the coupled problem of a day: everything that stays the same during the iterations
``announced_price``  the price gap: whether an announced price supports the dispatch
``one_day``          a day without iteration: departures, loading, dispatch, prices
``informed``         drivers with a navigation app: an equilibrium at the tariff
``coordinate``       the loop: a fixed number of iterations, the best one kept, with its certificate
``iteration``        state and measured row of each iteration; ``saved_run`` writes and reads it
``state_checks``     whether a state that was read is one of the problem: types, shapes
``methods``          best and rested response, inertia, joint, bundle: how the next flows and prices are found
``joint_program``    flows, cohorts and grid in one convex program
``plug_rents``       the limits on held plugs in that program; their duals are the rents
``cutting_planes``   the same program solved by exchanging cohorts and prices

Only this room connects both sides, traffic and grid, in a loop.
"""
