"""What an ensemble of draws says about the claims. Explained in notebook 08.

``bands``        medians and 5-95 % bands of numbers, with their own sampling error by bootstrap
``probability``  how often each claim holds, and how often its number does
``drivers``      which unknown drives a number: rank correlations, partial ones, and first-order shares of variance
``conditions``   what draws that meet the article's numbers have in common, the nearest draw, conflicts, maps
"""
