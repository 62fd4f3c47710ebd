"""What came out: tables, certificate, measures, claims. Notebook 07 is its story.

``result``                 what ``solve`` returns; written, read, compared
``certificate``            how far its numbers can be trusted
``tables``, ``summary``    a run as tidy tables
``measures``               what claims are measured by
``claims``                 the article's claims with their verdicts; ``claim_row`` one row and the rule, ``claims_roads`` and
                           ``claims_grid`` the definitions
``comparison_tables``      several results side by side, for figures
``value_of_coordination``  what coordination, discharging and information are worth
"""
