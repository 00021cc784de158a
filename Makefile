# The commands of this project, the same for people and for CI. They need Python 3.11 or later; the image and the reference decoders need more.

PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
DEPLOY_VENV := .venv-deploy
EMULATOR_VENV := .venv-emulator
BIN := $(VENV)/bin
PIP_OF := bin/python -m pip --quiet --disable-pip-version-check
PIP := $(VENV)/$(PIP_OF)
CODE := worker tests benchmarks deploy docs examples
BASE_IMAGE ?= $(shell sed -n 's/^ARG BASE_IMAGE=//p' Dockerfile)
IMAGE ?= audio-conversion-worker
MINUTES ?= 2
KEPT = $(if $(filter-out 0,$(KEEP)),--keep)
BUILDER ?= docker

export AUDIO
# Tests start hundreds of processes, each of which would compile the worker anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-browser browser test-reference reference-decoders mutate mutants simulate simulate-queue chaos history sandbox-check check deploy-check format docs lock bench bench-clips bench-progress bench-queue bench-serve bench-start bench-client bench-probes image image-tools image-base image-on-base image-on-debian image-check clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.demo ## everything that running needs, in .venv; the command is then .venv/bin/worker

demo: $(VENV)/.demo ## all of it on this machine, with a Redis that is killed half-way (AUDIO=path converts your own, KEEP=1 stays up)
	@if [ -e "$$AUDIO" ]; then exec $(BIN)/worker demo $(KEPT) "$$AUDIO"; else exec $(BIN)/worker demo $(KEPT) $$AUDIO; fi

# Tests of processes and servers wait more than they compute, so two cores take three at a time.
test: $(VENV)/.dev ## run all tests
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(or $(TESTS),tests)

# Debian's names. Where they are not installed and apt-get may not, the second command says so.
REFERENCE_PACKAGES := flac mpg123 lame opus-tools vorbis-tools sox sndfile-programs faad ffmpeg wavpack
reference-decoders: $(VENV)/.dev
	@$(BIN)/python -m tests.reference.decoders > /dev/null 2>&1 || { \
		apt-get update -qq && apt-get install -qq --yes --no-install-recommends $(REFERENCE_PACKAGES); } > /dev/null 2>&1 || true
	@$(BIN)/python -m tests.reference.decoders

test-reference: reference-decoders ## let independent decoders of Debian's judge what comes out (SEED=1); they are installed
	$(BIN)/python -m pytest -n 3 --dist worksteal tests/reference

# Debian's name. Playwright cannot fetch a browser of its own everywhere, and needs none. The last command says what is missing.
browser: $(VENV)/.browser
	@command -v chromium > /dev/null || { \
		apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium; } > /dev/null 2>&1 || true
	@command -v chromium > /dev/null || { echo "chromium is not installed, and apt-get could not install it"; exit 1; }

test-browser: browser ## use the gateway's page in a real Chromium, which is installed (SCREENSHOTS=directory keeps pictures)
	SCREENSHOTS=$(SCREENSHOTS) $(BIN)/python -m pytest $(or $(TESTS),tests/browser)

simulate: $(VENV)/.dev ## run schedules of faults against the progress code (SEEDS=100000)
	$(BIN)/python -m tests.simulation.progress.run $(if $(SEEDS),--seeds $(SEEDS))

simulate-queue: $(VENV)/.dev ## run schedules of faults against workers that share a queue (SEEDS=50000)
	$(BIN)/python -m tests.simulation.queue.run $(if $(SEEDS),--seeds $(SEEDS))

chaos: $(VENV)/.dev ## kill, freeze and stop real workers, Redis and the way to AWS, for ten minutes (SEED=1)
	CHAOS_SECONDS=120 CHAOS_JOBS=300 CHAOS_KILLS=100 CHAOS_GOOD_JOBS=200 CHAOS_SEED=$(or $(SEED),1) $(BIN)/python -m pytest -s tests/chaos

mutate: $(VENV)/.dev ## put thousands of damaged files through the converter, and judge each end (SEED=1 COUNT=3000)
	$(BIN)/python -m tests.mutation.run --seed $(or $(SEED),1) --count $(or $(COUNT),3000) $(SOURCES)

mutants: $(VENV)/.dev ## change our own code in one place at a time: at least 95 % must fail a test (SEED=1 COUNT=200)
	$(BIN)/python -m tests.code_mutants.run --seed $(or $(SEED),1) --count $(or $(COUNT),200) $(PLACES)

history: $(VENV)/.dev ## minutes of writers, readers and a Redis that is broken again and again (MINUTES=2)
	$(BIN)/python -m tests.history.run --minutes $(MINUTES)

sandbox-check: $(VENV)/.dev ## let a hostile converter try all that it should not, on this kernel: each attempt, and what stopped it
	@$(BIN)/python -m tests.support.sandbox_check

check: $(VENV)/.dev ## format, lint, types, layers, sizes, generated documents
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tests.sizes
	$(BIN)/python -m docs.generate --check

# The same tests are part of `make test`, but there they leave out what needs these tools.
deploy-check: $(VENV)/.dev $(DEPLOY_VENV)/.deploy $(EMULATOR_VENV)/.emulator ## lint deploy/, make it on two emulators, and read it back
	DEPLOY_TOOLS=$(CURDIR)/$(DEPLOY_VENV)/bin $(BIN)/python -m pytest -n 2 --dist loadfile tests/deploy tests/system/test_monitoring.py

format: $(VENV)/.dev ## bring the code into the one format
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

docs: $(VENV)/.dev ## write the documents that are made from the code
	$(BIN)/python -m docs.generate

bench: $(VENV)/.dev ## measure the worker beside bare ffmpeg: long files, a full queue, clips, memory, starts, options; run, long_files and full_queue keep their tables in benchmarks/results
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.long_files
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python -m benchmarks.full_queue
	$(BIN)/python -m benchmarks.clips
	$(BIN)/python -m benchmarks.start_cost
	$(BIN)/python -m benchmarks.option_cost

bench-progress: $(BENCH_VENV)/.bench ## measure outages of Redis and the cost of progress, beside redis-py and its MultiDBClient
	$(BENCH_VENV)/bin/python -m benchmarks.progress

bench-queue: $(BENCH_VENV)/.bench ## measure the queue's side beside taskiq, celery and a plain loop, which .venv-bench is for
	$(BENCH_VENV)/bin/python -m benchmarks.queue_run

bench-client: $(VENV)/.dev ## measure what the import and the first use of the client cost
	$(BIN)/python -m benchmarks.client_start

bench-clips: $(VENV)/.dev ## measure the CPU of one-second clips by format beside bare ffmpeg, with an AWS that costs nothing
	$(BIN)/python -m benchmarks.clips

bench-serve: $(VENV)/.dev ## measure a gateway with 2,000 open streams: memory, and how soon they show a change
	$(BIN)/python -m benchmarks.gateway

bench-probes: $(VENV)/.dev ## measure how long probes take beside 5,000 slow clients and a flood of connections
	$(BIN)/python -m benchmarks.probes

bench-start: $(VENV)/.dev ## measure what it costs to start a converter, with and without the sandbox
	$(BIN)/python -m benchmarks.start_cost

image: ## build the container image (BUILDER=docker or buildah, BASE_IMAGE=..., PLATFORM=linux/arm64)
ifeq ($(BUILDER),buildah)
	deploy/image/build $(BASE_IMAGE) $(IMAGE) $(PLATFORM)
else
	$(BUILDER) build $(if $(PLATFORM),--platform $(PLATFORM)) --build-arg BASE_IMAGE=$(BASE_IMAGE) --tag $(IMAGE) .
endif

image-tools: # Debian's names; where they cannot be installed, the second command says so
	@{ command -v buildah && command -v debootstrap; } > /dev/null || { \
		apt-get update -qq && apt-get install -qq --yes --no-install-recommends buildah debootstrap; } > /dev/null 2>&1 || true
	@{ command -v buildah && command -v debootstrap; } > /dev/null || { echo "buildah and debootstrap are not installed, and apt-get could not install them"; exit 1; }

image-base: image-tools # needs Debian's mirror, and mounts
	deploy/image/base localhost/python-base

image-on-debian: image-base image-on-base ## build the image on a base of Debian's packages, where no registry of images is at hand

image-on-base:
	deploy/image/build localhost/python-base localhost/$(IMAGE)

image-check: $(VENV)/.dev ## run the image of `make image-on-debian` as a container would
	STORAGE_DRIVER=vfs IMAGE=localhost/$(IMAGE) $(BIN)/python -m pytest tests/image

# The dev lock is made first; the others hold the same versions. No line of a lock names a registry.
RESOLVE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"
COMPILE = $(RESOLVE) --no-emit-package audio-conversion-worker pyproject.toml
lock: $(VENV)/.dev ## resolve the dependencies anew
	$(COMPILE) --upgrade --extra dev -o locks/dev.txt
	$(COMPILE) --extra demo -c locks/dev.txt -o locks/demo.txt
	$(COMPILE) --extra worker --extra serve --extra otel -c locks/dev.txt -o locks/runtime.txt
	cp locks/dev.txt locks/bench.txt  # a preference, no constraint: taskiq-aio-sqs is behind in one package
	$(COMPILE) --extra bench -o locks/bench.txt
	$(RESOLVE) --upgrade locks/deploy.in -o locks/deploy.txt
	$(RESOLVE) --upgrade -c locks/dev.txt locks/browser.in -o locks/browser.txt
	$(RESOLVE) --upgrade locks/emulator.in -o locks/emulator.txt

clean: ## remove what the other commands made
	rm -rf $(VENV) $(BENCH_VENV) $(DEPLOY_VENV) $(EMULATOR_VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist demo-output
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the virtual environment: made once, brought up to date when a lock changes --------------------------------------

$(BIN)/pip:
	@command -v $(PYTHON) > /dev/null || { \
		echo "There is no $(PYTHON) here. Python 3.11 or later is needed: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or later is needed, and $(PYTHON) is $$($(PYTHON) --version). Name another: make PYTHON=python3.12"; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
		echo "$(PYTHON) has no venv module: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: locks/demo.txt pyproject.toml | $(BIN)/pip
	@echo "Installing what running needs into $(VENV) (a minute or so) ..."
	@$(PIP) install --require-hashes -r locks/demo.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# The dev lock holds all of the demo lock: one installation serves both.
$(VENV)/.dev: locks/dev.txt pyproject.toml | $(BIN)/pip
	@echo "Installing what tests and checks need into $(VENV) (a minute or so) ..."
	@$(PIP) install --require-hashes -r locks/dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $(VENV)/.demo $@

# Playwright's driver and axe-core, beside what the tests need anyway.
$(VENV)/.browser: locks/browser.txt $(VENV)/.dev
	@$(PIP) install --require-hashes -r locks/browser.txt
	@touch $@

# Of the peers that we are measured beside, nothing comes into the environment that tests and checks run in.
$(BENCH_VENV)/.bench: locks/bench.txt pyproject.toml | $(BIN)/pip
	@echo "Installing the worker and its peers into $(BENCH_VENV) (a minute or two) ..."
	@$(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/$(PIP_OF) install --require-hashes -r locks/bench.txt
	@$(BENCH_VENV)/$(PIP_OF) install --no-deps --no-build-isolation -e .
	@touch $@

# uv takes seconds where pip takes a minute. It does not read pip's configuration: where that names a mirror, pip follows.
install_quickly = $(BIN)/uv pip install --quiet --python $(1)/bin/python --require-hashes -r $(2) 2> /dev/null \
	|| $(1)/$(PIP_OF) install --require-hashes -r $(2)

$(DEPLOY_VENV)/.deploy: locks/deploy.txt | $(VENV)/.dev
	@echo "Installing linters and kustomize into $(DEPLOY_VENV) ..."
	@$(PYTHON) -m venv $(DEPLOY_VENV)
	@$(call install_quickly,$(DEPLOY_VENV),locks/deploy.txt)
	@touch $@

$(EMULATOR_VENV)/.emulator: locks/emulator.txt | $(VENV)/.dev
	@echo "Installing ministack into $(EMULATOR_VENV) ..."
	@$(PYTHON) -m venv $(EMULATOR_VENV)
	@$(call install_quickly,$(EMULATOR_VENV),locks/emulator.txt)
	@touch $@
