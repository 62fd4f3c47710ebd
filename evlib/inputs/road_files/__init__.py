"""What a table of links may hold beside free-flow times. A room within the inputs.

``lengths``  length of roads, for the energy of driving
``room``     vehicles that fit on a road
"""
