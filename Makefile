# Two commands on a machine with nothing but Python: `make demo` and `make test`.
# `make test-all` runs the slow tests, too; MARKS chooses tests as pytest's -m does.
# CONSTRAINTS=constraints-oldest.txt installs the oldest supported versions, /dev/null the newest.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/ready
MARKS := not slow
CONSTRAINTS := constraints.txt
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS)

.PHONY: demo lint pytest test test-all test-napari docs notebooks release-check format clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) -e ".[test]"
	touch $(READY)

demo: $(READY)
	$(BIN)/segae demo --out demo --force

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests/check_types.py

test: lint pytest

pytest: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "$(MARKS)"

test-all: MARKS :=
test-all: test

# The plugin of napari, whose pytest plugin warns at import, in an environment of its own. Without a
# display, xvfb-run is needed.
test-napari: .venv-napari/ready
	OMP_NUM_THREADS=1 $(if $(DISPLAY),,xvfb-run -a) .venv-napari/bin/python -m pytest \
		-o addopts="--import-mode=importlib --strict-markers --disable-warnings -ra" \
		-o filterwarnings="error:::sklearn_segae" tests/napari

.venv-napari/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-napari
	.venv-napari/bin/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) \
		-e ".[napari]" "napari[pyqt6]" "pytest>=8" "pytest-qt>=4.4"
	touch .venv-napari/ready

# Runs the gallery: some minutes. OPTIONS="-D plot_gallery=0" leaves it out, "-t online" links out.
docs: .venv/ready-docs
	$(BIN)/python -m sphinx -n -W --keep-going $(OPTIONS) docs docs/_build/html

notebooks: .venv/ready-docs
	$(BIN)/python docs/make_notebooks.py

.venv/ready-docs: $(READY)
	$(INSTALL) -e ".[docs]"
	touch .venv/ready-docs

# Builds sdist and wheel, checks their metadata, and tries each in an environment of its own.
release-check:
	rm -rf .venv-release dist
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/python -m pip install --quiet --disable-pip-version-check build twine
	.venv-release/bin/python -m build
	.venv-release/bin/python -m twine check --strict dist/*
	for package in dist/*.whl dist/*.tar.gz; do ./.ci/try-package $(PYTHON) $$package || exit 1; done

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-napari .venv-release demo dist docs/_build docs/auto_examples docs/reference
