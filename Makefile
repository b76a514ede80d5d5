# Everything happens in a virtual environment beside this file; nothing else is needed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CACHE := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/tvm_snn
# Where `make emulation` and `make tools` put programs that the system lacks.
FETCHED := $(CACHE)/emulation/qemu/usr/bin:$(CACHE)/tools/bin

.PHONY: demo test check types emulation tools pynq bench clean

demo: $(INSTALLED)  ## Train, compile and run sub-bit networks on handwritten digits.
	$(BIN)/python examples/digits.py

test: check types emulation tools pynq  ## Everything that has to hold: style, types, tests.
	@PATH="$(PATH):$(FETCHED)" $(BIN)/python -m pytest -n auto --dist worksteal --durations 30

# Kept between checkouts: qemu, Debian and TVM for ARM are 130 MB.
emulation: $(INSTALLED)  ## Fetch what the tests for ARM need; without apt they are skipped.
	$(BIN)/python -m tests.emulation.provision

# Kept between checkouts: 110 MB at most, to download.
tools: $(INSTALLED)  ## Fetch programs and images that tests take, if the machine lacks them.
	$(BIN)/python -m tests.tools.provision

# Kept between checkouts: 220 MB.
pynq: $(INSTALLED)  ## Fetch the package of PYNQ boards, for the test of the FPGA's driver.
	$(BIN)/python -m tests.target.vta.driver.provision

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy finds packages by their folders: show it relay_passes/, schedules/ and target/ where they
# are when installed.
types: $(INSTALLED)
	rm -rf build/types && mkdir -p build/types
	cp -rs $(CURDIR)/tvm_snn build/types/
	cp -rs $(CURDIR)/relay_passes $(CURDIR)/schedules $(CURDIR)/target build/types/tvm_snn/
	cd build/types && $(abspath $(BIN))/mypy --config-file $(CURDIR)/pyproject.toml -p tvm_snn

bench: $(INSTALLED)  ## Measure layers and whole networks next to other engines.
	$(BIN)/tvm-snn bench --metaschedule-trials 16 --output benchmarks/results

$(INSTALLED): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[torch,tune,cross,bench,fpga,dev]"
	touch $@

clean:
	rm -rf $(VENV) build artifacts *.egg-info
