"""Drivers in real time: what they are told, what they choose, who really departs, and who turns on the way.

``signals``     what drivers are told at the minute they leave, and what they then choose
``departures``  whole vehicles, drawn from the expected demand
``turning``     drivers on their way who change station at the next node
"""
