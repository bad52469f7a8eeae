# Everything a developer or a user types. `make demo` and `make test` need Python 3.11+, pip and make, nothing else.
PYTHON ?= python3
BIN = .venv/bin
PIP = $(BIN)/pip --disable-pip-version-check -q

# The tests start hundreds of processes, and each would compile the program anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo serve test check bench lock clean

demo: .venv/run
	$(BIN)/gateway demo $(ARGS)

serve: .venv/run
	$(BIN)/gateway serve $(ARGS)

test: .venv/dev
	$(BIN)/pytest -rs -n logical --dist worksteal $(ARGS)

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_house.py

bench: .venv/dev
	$(BIN)/python -m tests.bench $(ARGS)

.venv/run: requirements.lock pyproject.toml
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	test -e .venv/dev || $(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: requirements-dev.lock pyproject.toml
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	$(PIP) install --require-hashes -r requirements-dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ .venv/run

# For developers, with uv installed: after a change of the dependencies in pyproject.toml.
COMPILE = uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --all-extras pyproject.toml
lock:
	$(COMPILE) --group build -o requirements.lock
	$(COMPILE) --group build --group dev -o requirements-dev.lock

clean:
	rm -rf .venv build dist
