# make demo: the workbench on an offline demo workspace.   make test: all that CI runs.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= .demo

# Two threads of two busy processes that spin for each other make torch ten times slower.
export OMP_WAIT_POLICY = PASSIVE
export GOMP_SPINCOUNT = 0
export TOKENIZERS_PARALLELISM = false
export HF_HUB_OFFLINE = 1

.PHONY: demo test lint types unit screenshots recordings clean

demo: $(VENV)/.base
	$(BIN)/simia demo --workspace $(DEMO)

test: lint types unit

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/.test
	$(BIN)/mypy

unit: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal

screenshots: $(VENV)/.test
	$(BIN)/python docs/screenshots.py

recordings: $(VENV)/.test
	$(BIN)/python docs/record.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e .
	touch $@

# The constraints file keeps pip from choosing a build of torch with several GB of CUDA.
$(VENV)/.test: pyproject.toml constraints-cpu.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints-cpu.txt -e '.[train,mcp,dev]'
	touch $@ $(VENV)/.base

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info
