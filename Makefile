# Two commands on a machine with nothing but Python: `make demo` and `make test`.
# `make test-all` runs the slow tests, too; MARKS chooses tests as pytest's -m does.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/ready
MARKS := not slow

.PHONY: demo test test-all docs notebooks format clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	touch $(READY)

demo: $(READY)
	$(BIN)/segae demo --out demo --force

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "$(MARKS)"

test-all: MARKS :=
test-all: test

# Runs the gallery: some minutes. OPTIONS="-D plot_gallery=0" leaves it out, "-t online" links out.
docs: .venv/ready-docs
	$(BIN)/python -m sphinx -n -W --keep-going $(OPTIONS) docs docs/_build/html

notebooks: .venv/ready-docs
	$(BIN)/python docs/make_notebooks.py

.venv/ready-docs: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	touch .venv/ready-docs

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv demo docs/_build docs/auto_examples docs/reference
