"""Figures of a day in real time (09): ``swings``, of the two-cycle and of stations' shares; ``days``, of screens and costs."""
