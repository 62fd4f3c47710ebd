"""Bands instead of points: the claims under everything that is not known, ``python -m study ensemble``.

- `knobs`: what is varied and how far, from ``data/ensembles``.
- `weather`: whole days of a year, in an order that spreads draws over kinds of days.
- `draws`: a scrambled Sobol sequence over knobs and days, and the scenario of each draw.
- `one_draw`: four strategies of a draw, what certifies them, and the claims on it.
- `engine`: draws on any number of machines, one small file each; stops and goes on anywhere.
- `adopt`: draws of an earlier table, taken over once some of them have been solved again.
- `table`: ``ensemble_nguyen.csv``, from the files of the draws.
"""
