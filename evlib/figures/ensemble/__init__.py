"""Figures of an ensemble of draws (07, 08).

``bands``    bands beside the article's numbers, shares of draws in which claims hold, ranges of knobs
``drivers``  what drives each number, and maps over two knobs
"""
