# Everything runs from a virtual environment of the project's own; nothing else is touched.
# Needed on the machine: Python >= 3.11, a C compiler, Rust. uv comes into the environment by itself, and the versions from uv.lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
N ?= 100000
MINUTES ?= 15

# What is installed stays as the lock says; what other targets have added stays too.
SYNC := UV_PROJECT_ENVIRONMENT=$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv sync -q --frozen --inexact --no-install-project \
	--no-default-groups --extra all
ADD := VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --no-deps --no-build-isolation
RUST := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)
TOOLS := bench bounds fuzz mutants mutants-python power properties sanitize trust

.PHONY: help install demo test engine lint verify fit predict claims outcomes parameters clean $(TOOLS)

help:  ## List what can be made
	@grep -hE '^[a-z-]+:.*##' Makefile tools/Makefile | sed 's/:.*##/\t/' | expand -t 16

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q 'uv>=0.9,<1'

$(VENV)/built: $(BIN)/uv uv.lock pyproject.toml $(RUST)
	$(SYNC) --group build
	$(ADD) --reinstall-package senescape -e .
	touch $@

$(VENV)/installed: $(VENV)/built $(wildcard plugins/*/pyproject.toml)
	$(SYNC) --group dev
	$(ADD) $(patsubst %,-e %,$(wildcard plugins/*))
	touch $@

# A group of pyproject.toml that few targets need.
$(VENV)/group-%: $(VENV)/installed
	$(SYNC) --group $*
	touch $@

install: $(VENV)/installed  ## Set up .venv: the release build, the plugin packages, and what tests and lints need

demo: $(VENV)/built  ## The main job: the MCF7 dose series against the wells
	$(BIN)/python examples/mcf7_dose_series.py

test: install lint  ## All checks and tests
	cargo test --workspace --quiet
	$(BIN)/python -m pytest

engine: install  ## The engine's tests where the package's biology is switched off
	SENESCAPE_DISABLE_BIOLOGY=1 $(BIN)/python -m pytest tests -m "not biology"

lint: install  ## Formatting, lints, types and rooms
	cargo fmt --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

verify: install  ## The statistical suite at full size, and docs/verification.md: make verify N=100000
	SENESCAPE_VERIFY_N=$(N) SENESCAPE_VERIFY_REPORT=docs $(BIN)/python -m pytest tests/verification -m statistical -o timeout=7200

fit: $(VENV)/group-fit  ## Fit the presets to the dose series, and docs/fit.md: make fit MINUTES=15 [LINE=mcf7] [DATA=folder]
	$(BIN)/python studies/howard2022/dose_series.py --minutes $(MINUTES) $(addprefix --line ,$(LINE)) $(if $(DATA),--data '$(DATA)') --write

predict: install  ## Predict schedules that were not fitted: studies/howard2022/predictions
	$(BIN)/python studies/howard2022/predict.py

claims: install  ## Run the claims of the source and write docs/claims.md
	$(BIN)/senescape claims --gallery docs

outcomes: $(VENV)/group-fit  ## Outcomes of patients and sensitivity to parameters: docs/outcomes.md
	$(BIN)/python studies/howard2022/outcomes.py --write

parameters: $(VENV)/built  ## Write docs/parameters.md from the code
	$(BIN)/python -m senescape.plugins.parameter_table docs/parameters.md

# What is run now and then stands in tools/Makefile.
$(TOOLS):
	@$(MAKE) --no-print-directory -C tools $@

clean:  ## Remove what was built
	rm -rf $(VENV) target build dist
