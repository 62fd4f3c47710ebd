"""Accounts: where energy and money of a run go. A room within the results.

``driving_energy``  what vehicles use on the way, class by class, and the levels at which they arrive
``payments``        tolls and rents of a coordinated day, and what groups gain after them
``road_storage``    roads that hold more vehicles than fit
``waterfall``       what each kind of information or incentive is worth, one after the other
"""
