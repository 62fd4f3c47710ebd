"""The LinDistFlow grid problem without its buses, for loops that solve it hundreds of times.

``price_groups``     which rows are monitored, and which buses all of them see alike
``variables``        machines, shedding, flows and overloads, with their costs
``sparse_rows``      rows of a sparse system, collected block by block
``reduced_program``  the sparse matrices of the program, and how its solution is read
``violations``       rows that a solution violates because they are not monitored
``station_cost``     stations in the program: fixed, at a price, or with quadratic blocks
``reduced_solver``   Clarabel without CVXPY, on the ladder of tolerances of the full problem
``reduced_answer``   costs, station power, and the prices of every bus
``machines``         what backup, wind, sun and the root do in an answer
``reduced_grid``     ``ReducedGrid``: least cost at free, fixed or responding station power, with the prices of every bus

The full problem of :mod:`evlib.grid.grid_model` stays the specification: both have the same least cost and prices.
"""
