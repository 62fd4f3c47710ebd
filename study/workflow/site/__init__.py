"""A website of the study from what is committed: ``python -m study site`` writes it to ``build/site``, to be read offline.

``build``            gathers the sources, renders every page, checks the whole and puts it in place
``sources``          where the sources are, and where a link between them leads on the site
``page``             the frame around every page: navigation, contents of the page, previous and next
``markdown``         Markdown to HTML: anchors as in Jupyter, links between pages, tables that scroll
``formulas``         TeX to MathML, or TeX in plain sight where no converter is installed
``notebook_page``    a notebook with its committed outputs
``result_pages``     the explorer, the gallery of figures, the claims, the committed tables
``room_pages``       packages and modules, read with `ast` so that nothing heavy is imported
``docstrings``       a docstring in numpydoc's form to HTML
``glossary``         the terms of ``glossary.md``, linked where a page first uses them
``search_index``     the sections of all pages, for ``static/site.js``
``links``            every link leads somewhere, and no page loads anything from another machine
"""
