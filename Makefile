# The study's commands. Everything runs in .venv, which is made from requirements.lock when first needed.
PYTHON ?= python3
PY := .venv/bin/python

# One thread: faster for problems of this size, and sums come out in the same order on every machine.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export NUMBA_NUM_THREADS := 1
export VECLIB_MAXIMUM_THREADS := 1
export RAYON_NUM_THREADS := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1
export JUPYTER_PREFER_ENV_PATH := 1
# Compiled modules are kept, even where the shell says otherwise: else each of some forty processes compiles cvxpy and pandas.
export PYTHONDONTWRITEBYTECODE :=

# Below, tests and the laboratory get build folders of their own; the cache of solved cases is shared.

.DEFAULT_GOAL := help
.PHONY: help env reproduce test lint pytest pytest-loop pytest-rest nbval nbval-solves nbval-rest verify results ensemble site lab bench lock refresh clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

env: # the locked packages in .venv
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) was not found; Python 3.11 or later is needed" >&2; exit 1; }
	@"$(PYTHON)" study/workflow/bootstrap.py

reproduce: env ## execute the notebooks and export figures; skips what has not changed
	@$(PY) -m study reproduce

# Four parts share the cores, so that none of them idles at the end. Each shows its report when it has ended.
PARTS := nbval-solves pytest-loop nbval-rest pytest-rest
KERNELS := build/kernels

test: env ## style, walls, package tests, and notebooks compared with their committed outputs
	@$(MAKE) --no-print-directory --jobs=2 lint $(KERNELS)
	@echo "Four parts run beside each other; each reports at its end."
	@$(MAKE) --no-print-directory --jobs=4 --keep-going $(PARTS:%=%.part)

%.part:
	@mkdir -p build; $(MAKE) --no-print-directory $* >build/$*.log 2>&1; status=$$?; cat build/$*.log; exit $$status

LOOP := tests/assignment tests/coordination tests/flexibility tests/traffic
SOLVES := $(wildcard notebooks/05*.ipynb notebooks/07*.ipynb)
NBVAL = EVLIB_BUILD=build/nbval EVLIB_RECORD=1 IPYTHONDIR="$(CURDIR)/build/ipython-$@" \
	$(PY) -m pytest --nbval --nbval-current-env --nbval-cell-timeout=600

nbval-solves: env
	$(NBVAL) $(SOLVES)

nbval-rest: env
	$(NBVAL) $(filter-out $(SOLVES),$(wildcard notebooks/*.ipynb))

pytest-loop: env
	EVLIB_BUILD=build/test $(PY) -m pytest $(LOOP)

pytest-rest: env
	EVLIB_BUILD=build/test-rest $(PY) -m pytest $(addprefix --ignore=,$(LOOP))

lint: env
	$(PY) -m ruff check .
	@mkdir -p build; .venv/bin/lint-imports --no-cache >build/imports.log || { cat build/imports.log; exit 1; }

# Kernels are compiled once, not by each of the four parts; again only where the package has changed.
build/kernels: $(shell find evlib -name "*.py" 2>/dev/null) requirements.lock | env
	@$(PY) -m study kernels
	@mkdir -p build; touch $@

pytest: env
	EVLIB_BUILD=build/test $(PY) -m pytest

nbval: env
	$(NBVAL) notebooks

verify: env ## the long checks: ensembles, a second run, a path with spaces
	EVLIB_BUILD=build/test $(PY) -m pytest -m verify

results: env ## compute data/results anew: full-size runs of every method (minutes)
	@$(PY) -m study results $(NAMES)

site: env ## render what is committed into build/site, to be read offline
	@$(PY) -m study site

N := 256
ensemble: env ## the claims under everything that is not known: N=256 draws, on any machines (SCHEDULER=tcp://...); hours
	@$(PY) -m study ensemble --draws $(N) $(if $(SCHEDULER),--scheduler $(SCHEDULER)) $(if $(WORKERS),--workers $(WORKERS))

lab: env ## open the notebooks in JupyterLab, with live figures
	EVLIB_BUILD=build/lab $(PY) -m jupyterlab notebooks

# One thread: idle threads of linear algebra wait busily, and would count as processor time.
bench: env ## measure time and memory into build/benchmarks.json
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m study bench $(NAMES)

lock: env ## requirements.lock and environment.yml from pyproject.toml (UPGRADE=1: newer versions)
	@$(PY) -m study lock $(if $(UPGRADE),--upgrade)

refresh: env ## reproduce, then write outputs and pictures into the notebooks
	@$(PY) -m study refresh

clean: ## remove what can be made again, except .venv
	rm -rf build .pytest_cache .ruff_cache .hypothesis figures/plotly.min.js
	find evlib study tests -name __pycache__ -type d -prune -exec rm -rf {} +
