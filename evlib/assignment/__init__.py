"""Who drives where: costs, tolls, equilibrium, the traffic operator's problem (TNO). Notebook 04 is its story.

``path_costs``           the signal: time, queue and electricity of every path; ``gaps`` how far drivers are from content
``marginal_costs``       tolls: what one more vehicle costs the others on a road or in a queue
``plug_prices``          what a vehicle pays at a station with plug rents, which ``coordination.plug_rents`` makes
``traffic_problem``      demand, drivers and network together; ``evaluate`` loads and prices a choice of paths
``tno``                  flows that answer costs, near the present ones (CVXPY)
``route_choice``         rules without optimisation: nearest station, cheapest path, even split
``dynamic_equilibrium``  extragradient steps through the loading
``path_generation``      paths by column generation, where there are too many to list
``static_assignment``    static equilibrium with ``link_costs`` and ``shortest_paths``: published optima, everyday traffic

Stands on the room ``traffic``; prices come in as arrays.
"""
