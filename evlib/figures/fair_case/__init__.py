"""Figures of how far the case study's findings hold: other assumptions, other sizes (07).

``verdict_grid``  a verdict for each claim and variant of the base case
``size_map``      a number over two sizes, such as plugs and road capacity
"""
