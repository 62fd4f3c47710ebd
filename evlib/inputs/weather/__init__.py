"""Wind and sun of any day of a year: what was measured, what was forecast the day before, and what is forecast in between.

``series``    reads a year of one file: the measured five minutes or the hourly forecast of the day before
``forecast``  the forecast of every step of a day: the last measured deviation, fading into the forecast of the day before
``day``       both for a day of a scenario, with the load of that day
"""
