"""A day in real time: signals at the minute drivers leave, on forecasts that turn out wrong. Explained in notebook 09.

``run``          ``real_time``: the day from its first step to its last, in memory or in a folder
``day``          what is fixed beforehand, and the coupled problem as it stands at a step
``state``        everything that the day has come to, as arrays that can be saved
``step``         one step: plan the rest, tell whoever departs, dispatch the step that has come
``plan``         prices, rents and ways from a step to the end of the day, with their certificate
``act``          the dispatch of one step with the wind and sun that come
``drivers``      what drivers are told and choose, who departs, who turns on the way
``under_way``    cohorts in the middle of their stay
``window_grid``  the grid in some of the day's steps
``accounts``     what the day cost and who paid; what drivers were told against what they got
``perfect``      the same day planned once, knowing everything
``delivered``    files for other programs
"""
