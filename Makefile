# Everything runs from a virtual environment of the project's own; nothing else is touched.
# Needed on the machine: Python >= 3.11, a C compiler, Rust.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
N ?= 100000
CANDIDATES ?= 1e9
MINUTES ?= 15
SCALE ?= 1
SECONDS ?= 1800

RUST := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)

.PHONY: help demo fit claims parameters outcomes predict engine test lint verify properties bounds trust fuzz sanitize power mutants mutants-python bench clean

help:  ## List what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(BIN)/maturin:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q 'maturin>=1.9,<2'

$(VENV)/built: $(BIN)/maturin pyproject.toml $(RUST)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --extras all
	touch $@

$(VENV)/tools: $(VENV)/built requirements/test.txt requirements/lint.txt requirements/data.txt $(wildcard plugins/*/pyproject.toml)
	$(BIN)/pip install -q -r requirements/test.txt -r requirements/lint.txt
	$(BIN)/pip install -q --no-deps -r requirements/data.txt
	$(BIN)/pip install -q --no-deps --no-build-isolation $(patsubst %,-e %,$(wildcard plugins/*))
	touch $@

demo: $(VENV)/built  ## The main job: the MCF7 dose series against the wells
	$(BIN)/python examples/mcf7_dose_series.py

$(VENV)/fit: $(BIN)/maturin requirements/fit.txt
	$(BIN)/pip install -q -r requirements/fit.txt
	touch $@

fit: $(VENV)/built $(VENV)/fit  ## Fit the presets to the dose series and report: make fit MINUTES=15 [LINE=mcf7] [DATA=folder]
	$(BIN)/python studies/howard2022/dose_series.py --minutes $(MINUTES) $(addprefix --line ,$(LINE)) $(if $(DATA),--data '$(DATA)') --write

claims: $(VENV)/built $(VENV)/tools  ## Run the claims of the source and write docs/claims.md
	$(BIN)/senescape claims --gallery docs

parameters: $(VENV)/built  ## Write docs/parameters.md from the code
	$(BIN)/python -m senescape.plugins.parameter_table docs/parameters.md

outcomes: $(VENV)/built $(VENV)/tools $(VENV)/fit  ## Outcomes of patients and sensitivity to parameters: docs/outcomes.md
	$(BIN)/python studies/howard2022/outcomes.py --write

predict: $(VENV)/built $(VENV)/tools  ## Predict schedules that were not fitted: studies/howard2022/predictions/
	$(BIN)/python studies/howard2022/predict.py

test: $(VENV)/built $(VENV)/tools lint  ## All checks and tests
	cargo test --workspace --quiet
	$(BIN)/python -m pytest

engine: $(VENV)/built $(VENV)/tools  ## The engine's tests where the package's biology is switched off
	SENESCAPE_DISABLE_BIOLOGY=1 $(BIN)/python -m pytest tests -m "not biology"

lint: $(VENV)/built $(VENV)/tools  ## Formatting, lints and types
	cargo fmt --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

verify: $(VENV)/built $(VENV)/tools  ## The statistical suite at full size: make verify N=100000
	SENESCAPE_VERIFY_N=$(N) SENESCAPE_VERIFY_REPORT=docs $(BIN)/python -m pytest tests/verification -m statistical -o timeout=7200

bench: $(VENV)/built $(VENV)/tools  ## Benchmarks beside numba and NumPy, as ratios in one run
	$(BIN)/pip install -q -r requirements/bench.txt
	$(BIN)/python -m pytest benches -W default --benchmark-columns=median,iqr,rounds --benchmark-sort=name
	$(BIN)/python -m benches.workload_a
	$(BIN)/python -m benches.plugin_rule
	$(BIN)/python -m benches.dormancy
	$(BIN)/python -m benches.import_time
	cargo bench --package senescape-core --bench rules

properties: $(VENV)/built $(VENV)/tools  ## What must hold for every rule and model, 10,000 examples of each
	SENESCAPE_PROFILE=senescape-thorough $(BIN)/python -m pytest tests/testing/test_properties.py -o timeout=3600

bounds: $(VENV)/built $(VENV)/tools  ## Random rules: make bounds CANDIDATES=1e9 looks for a hazard above its bound
	$(BIN)/python -m tools.random_rules --candidates $(CANDIDATES)

trust: $(VENV)/built $(VENV)/tools  ## What is promised under faults, with figures and PASS or FAIL: make trust [PARTS="resume disk"] [SCALE=1]
	$(BIN)/python -m tools.trust $(PARTS) --scale $(SCALE)

FUZZ ?= program scenario state
# Threads of a pool that is let go end in their own time, which would look like a leak; `make trust` measures what stays.
fuzz:  ## Programs, scenarios and kept states that are not meant well: make fuzz SECONDS=1800 [FUZZ="state"]
	cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked --version 0.13.2
	@for target in $(FUZZ); do \
		RUSTC_BOOTSTRAP=1 ASAN_OPTIONS=detect_leaks=0 cargo fuzz run --fuzz-dir rust/senescape-fuzz --features libfuzzer $$target \
			-- -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=400 -len_control=0 || exit 1; \
	done

# Threads are watched where many runs go on at once; `tests/thread-sanitizer.txt` tells what the sanitizer can't see.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
SANITIZED = RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Zsanitizer=$(1) -Cunsafe-allow-abi-mismatch=sanitizer' CARGO_TARGET_DIR=target/$(1)-sanitizer \
	cargo test --package senescape-core --target $(HOST)
sanitize:  ## The core's Rust tests under the address sanitizer, and those of many threads under the thread sanitizer
	$(call SANITIZED,address) --lib --tests
	TSAN_OPTIONS="suppressions='$(CURDIR)/rust/senescape-core/tests/thread-sanitizer.txt'" \
		$(call SANITIZED,thread) --test threads -- --test-threads=1

power: $(VENV)/built $(VENV)/tools  ## Mistakes made on purpose in a copy: each must be caught by a test
	$(BIN)/python -m tools.seeded_bugs

# Results end up in mutants.out; `SHARD=1/8` takes an eighth of the mistakes, FILES some files of the core.
mutants:  ## One line of the core wrong at a time, by the thousand: make mutants [FILES="random/stream.rs simulation/candidates.rs"] [SHARD=1/8]
	cargo mutants --version >/dev/null 2>&1 || cargo install cargo-mutants --locked --version 27.1.0
	cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked
	-cargo mutants --package senescape-core $(if $(SHARD),--shard $(SHARD)) $(FILES:%=--file rust/senescape-core/src/%)
	$(PYTHON) -m tools.rust_mutants

# Works in build/mutants-python; what no test told is printed, with a line for each module.
mutants-python: $(VENV)/built $(VENV)/tools  ## One line of the package wrong at a time: make mutants-python [MODULES="units ledger"]
	$(BIN)/pip install -q -r requirements/mutation.txt
	$(BIN)/python -m tools.mutants $(MODULES)

clean:  ## Remove what was built
	rm -rf $(VENV) target build dist
