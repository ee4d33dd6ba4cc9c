# make demo, make test, make bench: each installs and builds what it needs, and says so. See `make help`.
# SPDX-License-Identifier: Apache-2.0

PYTHON := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup build wheel abi demo test test-long bench bench-integrations reproduce tune explore validate-sim lint format clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 \t/p' Makefile | expand -t 20
	@echo 'Variables: ARGS="..." for demo and all that measures or simulates, QUICK=1 for bench, JOBS=n'

setup: ## install all Debian and Python packages that any target needs
	@scripts/setup.sh all

build: ## build the Python package into .venv
	@scripts/setup.sh build
	@scripts/build.sh

wheel: ## an sdist and a manylinux wheel in dist/
	@scripts/setup.sh wheel
	@scripts/wheel.sh

abi: ## write the list of symbols that the shared C++ library exports, which the tests hold it to
	@scripts/setup.sh build
	@scripts/abi.sh --update

demo: ## train a detector on a photo with xmsda; pictures and tables go to out/demo/
	@scripts/setup.sh demo
	@scripts/build.sh
	@$(PYTHON) -m xmsda.demo $(ARGS)

test: ## everything that CI runs
	@scripts/test.sh

test-long: ## the same, with longer fuzzing, more random problems and the slow Python tests
	@LONG=1 scripts/test.sh

bench: ## measure against the peers; QUICK=1 takes two minutes
	@scripts/setup.sh bench
	@scripts/build.sh
	@$(PYTHON) -m bench $(if $(QUICK),--quick) $(ARGS)

bench-integrations: ## the bars of the integrations; exit code 1 when one is missed
	@scripts/setup.sh bench
	@XMSDA_ONNX_REQUIRED=ON scripts/build.sh
	@$(PYTHON) -m bench.integrations --json out/bench/integrations.json $(ARGS)

reproduce: ## the paper's comparison on the simulated Ascend chip; ARGS=--quick takes three minutes
	@scripts/setup.sh reproduce
	@scripts/reproduce.sh bench.ascend $(ARGS)

tune: ## the tuner over the comparison's rows, its draft against the simulator
	@scripts/setup.sh reproduce
	@scripts/reproduce.sh bench.ascend.tune $(ARGS)

explore: ## which chip the operator would want: a search over the simulated chip's constants
	@scripts/setup.sh reproduce
	@scripts/reproduce.sh bench.ascend.explore $(ARGS)

validate-sim: ## the figures published of the chip against the simulator: docs/validation.md
	@scripts/setup.sh sim
	@scripts/validate_sim.sh

lint: ## clang-format, ruff, mypy
	@scripts/setup.sh test
	@scripts/lint.sh

format: ## format all sources in place
	@scripts/setup.sh test
	@scripts/lint.sh --fix

clean: ## remove what was built; keeps .venv
	rm -rf build out dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f .venv/.installed-xmsda
