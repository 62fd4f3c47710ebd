"""Feeder, power flow, dispatch (DNO) and prices. Notebook 05 is its story.

``feeder``, ``checks``    a radial feeder in per unit, and what is refused
``power_flow``            backward-forward sweep (AC) and the linear voltages
``grid_case``             time series, limits, prices and penalties that the operator faces
``branch_flow``           the two formulations: LinDistFlow, second-order cone
``grid_model``            the problem in CVXPY: one function for each named group of constraints
``dno``                   ``dispatch_grid`` solves it, ``read_dispatch`` reads it; ``solver`` is the ladder of tolerances
``dispatch``              the result: powers, prices, certificate
``prices``                nodal prices (DLMP): their parts, and why a price is what it is
``fleet_dispatch``        the set in which the grid sees vehicles: exact, columns, zonotope, summed, uncontrolled
``parametric_dispatch``   built once, solved again with other numbers; what a wrong forecast or the loss price does

Stands on the room ``flexibility``; knows stations, not roads.
"""
