"""The loop between traffic and grid. Explained in notebook 06.

``problem``          the coupled problem of a day: everything that stays the same during the iterations
``announced_price``  the price gap: whether an announced price supports the dispatch
``one_day``          a day without iteration: departures, loading, dispatch, prices
``informed``         drivers with a navigation app: an equilibrium at the tariff
``coordinate``       the loop: a limited number of iterations, the best one kept, with its certificate
``iteration``        state and measured row of each iteration; ``saved_run`` writes and reads it
``state_checks``     whether a state that was read, or flows to start from, belong to the problem
``unknown_paths``    what drivers could save on paths that a generated set lacks
``newton``           the method by default: Newton steps on prices and plug rents, without vehicles as variables
``city``             the same for hundreds of stations on thousands of roads, with paths that grow
``methods``          best and rested response, inertia, joint, bundle; ``method`` is what all share
``real_time``        a day in steps: planned anew from the true state, on forecasts that turn out wrong
``joint``            the joint program of both sides, in one piece and by exchange

Only this room connects both sides, traffic and grid, in a loop.
"""
