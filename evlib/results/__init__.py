"""Results: tables, certificate, measures and claims. Explained in notebook 07.

``result``                 what ``solve`` returns; how it is written, read and compared
``certificate``            how far its numbers can be trusted
``tables``, ``summary``    a run as tidy tables
``measures``               the measures by which claims are tested
``claims``                 the article's claims with their verdicts
``headlines``              one verdict a claim, by a definition chosen beforehand, with thresholds
``claim_row``              one row of that table, and the rule for a verdict
``claims_roads``           definitions of the claims about roads; ``claims_grid`` those about the grid
``comparison_tables``      several results side by side, for figures
``ensemble``               many draws of what is not known: bands, probabilities and what drives them, a room within
``accounts``               where energy and money of a run go: a room within
``value_of_coordination``  what coordination, discharging and information are worth
"""
