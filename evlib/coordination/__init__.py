"""The loop between traffic and grid. Notebook 06 is its story.

``problem``          the coupled problem of a day: what does not change while both sides answer
``announced_price``  the price gap: whether an announced price supports the dispatch
``one_day``          a day without iteration: departures, loading, dispatch, prices
``coordinate``       the loop: a fixed number of iterations, the best one kept, with its certificate
``iteration``        state and measured row of each iteration; ``saved_run`` writes and reads it
``state_checks``     whether a state that was read is one of the problem: types, shapes
``methods``          best response, inertia, joint, bundle: how the next flows and prices are found
``joint_program``    flows, cohorts and grid in one convex program
``plug_rents``       its limits on held plugs, whose duals are the rents
``cutting_planes``   the same program solved by exchanging cohorts and prices

The only room that closes the circle.
"""
