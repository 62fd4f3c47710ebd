"""Who drives where: costs, tolls, equilibrium and the traffic operator's problem (TNO). Explained in notebook 04.

``path_costs``           the signal to drivers: the cost of every path in time, queueing and electricity
``gaps``                 how far drivers are from equilibrium
``marginal_costs``       tolls: what one more vehicle costs the others on a road or in a queue
``plug_prices``          what a vehicle pays at a station under the plug rents of ``coordination.joint.plug_rents``
``traffic_problem``      demand, drivers and network together; ``evaluate`` loads and prices a choice of paths
``tno``                  flows in reply to given costs, kept near the present flows (CVXPY)
``route_choice``         rules without optimisation: nearest station, cheapest path, even split
``dynamic_equilibrium``  extragradient steps through the loading
``path_generation``      column generation for networks with too many paths to list
``static_assignment``    static equilibrium with ``link_costs``, ``shortest_paths``: published optima, everyday traffic
``many_stations``        a room within: searches, choice sets and rents for hundreds of stations

Builds on the room ``traffic`` and takes prices as arrays.
"""
