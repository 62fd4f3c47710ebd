"""Coordination by Newton steps on prices and plug rents: no vehicle and no flow is a variable of a program.

``dual``       the dual of the joint program: its value at prices and rents, and what vehicles and drivers reply
``curvature``  how much station energy and held plugs change with prices and rents
``soft_waiting``  who waits for a cheaper plug, softened so that held plugs bend with rents
``pressed_rents``  rents that give way while drivers choose anew, so that flows keep within scarce plugs
``dispatch_prices``  prices that support the dispatch of the vehicles that came, with bounds on its cost
``step``       one Newton step: a quadratic program in grid variables and rents only
``pace``       whether a run that goes on at its present pace ends near enough
``method``     the method of the loop: Newton steps, drivers' steps, and the measured price gap
"""
