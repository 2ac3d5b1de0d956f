# Two commands set everything up on a fresh machine with Python >= 3.11: `make demo` and `make test`.
PYTHON ?= python3
BIN = .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# A file's tests stay together: they share what is slow to make. The slowest files begin (tests/conftest.py).
TEST = $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: demo test check floors bench clean

demo: .venv/user
	$(BIN)/foveate run demo

test: .venv/dev
	$(TEST)
	if [ "$$CI" = true ] || $(BIN)/python -m tests.reading.site.hosting; then \
	  FOVEATE_TEST_DATABASE=postgresql $(TEST) -q tests/reading/site; fi

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q --durations=0 --durations-min=5 tests/test_architecture.py

# The core of the suite at the oldest versions that pyproject.toml allows; an old torch would bring gigabytes.
floors:
	$(PYTHON) -m tests.floors .venv-floors --newest torch

bench: .venv/dev
	for script in benchmarks/bench_*.py; do $(BIN)/python -m $$(echo $${script%.py} | tr / .) || exit 1; done

clean:
	rm -rf .venv .venv-floors build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# constraints.txt pins torch to a version whose build for PyPI is quick to install on a CPU.
.venv/user: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) --editable .[reading]
	touch $@

.venv/dev: .venv/user
	$(INSTALL) --editable .[dev]
	touch $@
