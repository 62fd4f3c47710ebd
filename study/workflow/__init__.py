"""From sources to committed notebooks and figures: ``python -m study reproduce``, ``refresh``, ``site`` and ``lock``.

- `bootstrap`: makes ``.venv`` from ``requirements.lock``; a script that needs nothing but Python.
- `notebooks`: executes the notebooks whose sources, code or data have changed.
- `export`: html, png, pdf and csv of what they recorded, and ``figures`` where numbers have changed.
- `render`: pictures of figures, drawn by kaleido in a process of its own.
- `refresh`: writes outputs and pictures into the committed notebooks.
- `compare`: whether tables and drawings are the same but for the last digits.
- `site`: a website of notebooks, figures, tables and docstrings, to be read offline.
- `quotes`: numbers in prose, read from the committed tables; the paper too.
- `quantities`: what may be quoted, and how it follows from the tables.
- `browser`: a headless browser, by which the site is checked.
- `lock`: ``requirements.lock`` and ``environment.yml`` from ``pyproject.toml``.
"""
