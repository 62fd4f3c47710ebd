"""The chain around the model evlib, from an empty checkout to the committed notebooks, figures and tables.

- `study.workflow`: the environment, executed notebooks, exported figures, the website and the lock.
- `study.experiments`: the full-size runs behind the tables in ``data/results``.
- `study.benchmarks`: time and memory, measured.

``python -m study reproduce|refresh|site|lock|bench|results`` runs it, see `study.__main__`; the Makefile has a target for
each. The three do not know each other, except that benchmarks measure on cases of the experiments.
"""
