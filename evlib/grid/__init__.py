"""Feeder, power flow, dispatch (DNO) and prices. Explained in notebook 05.

``feeder``, ``checks``    a radial feeder in per unit, and checks that refuse wrong input
``power_flow``            AC power flow by backward-forward sweep, and the linear voltages
``grid_case``             time series, limits, prices and penalties that the operator faces
``branch_flow``           the two formulations: LinDistFlow, second-order cone
``grid_model``            the problem in CVXPY: one function for each named group of constraints
``dno``                   ``dispatch_grid`` solves the problem, ``read_dispatch`` reads the solution
``solver``                tries a ladder of tolerances until the problem is solved
``dispatch``              the result: powers, prices, certificate
``prices``                nodal prices (DLMP): their parts, and the reasons for a price
``fleet_dispatch``        how the grid represents vehicles: exact, columns, zonotope, summed, uncontrolled
``parametric_dispatch``   built once, solved again with other numbers; effects of a wrong forecast and of the loss price
``reduced``               a room for loops: LinDistFlow without its buses, with the same least cost and prices

Builds on the room ``flexibility``; it knows stations, but no roads.
"""
