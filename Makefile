# Two commands: `make bench` runs the main job, `make test` the tests. Both set up everything.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN := runs/bench

.PHONY: bench test check sanitize setup clean

bench: $(READY)
	rm -rf $(RUN)
	$(BIN)/opbench calibrate --ceilings
	$(BIN)/opbench run pooling -k "tiny or wide" --pass forward,backward --id bench
	$(BIN)/opbench publish $(RUN)
	@echo
	@echo "The leaderboards are above; the dashboard opens with:  $(BIN)/opbench dashboard $(RUN)"

# Hundreds of processes are started: what they import is compiled once.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal -p no:benchmark --durations=25

check: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/oxlint --deny-warnings dashboards
	$(BIN)/zizmor --quiet --offline --strict-collection .
	$(BIN)/python -m pytest -q tests/test_architecture.py

# The C++ kernels under the sanitizers of g++: half an hour or more.
sanitize: $(READY)
	$(BIN)/python -m benchmarks.sanitized

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt "torch==2.13.0"
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev,triton,trace]"
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
