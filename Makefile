# make demo    the tiny scale, end to end: 12 to 16 minutes on two CPU cores
#              (SCALE=small takes config/small.yaml, CORES=8 more cores)
# make tables  every table and figure of the paper at that scale: about two and a half hours; goes on from the demo
#              (SCALE=desk: overnight on two cores, without a GPU)
# make audit   are the results what they claim to be? (snakemake audit does the same as a target)
# make slurm-demo  a small run through the profile slurm, on a cluster that is started for it on this machine
# make bench   how fast this machine synthesizes, writes and reads, against the obvious ways
# make test    the tests
# make lint    formatting, linting, types, order of imports, unused code, links of the pages
# make zoo     retrain the base models of the tiny scale from nothing (one to two hours)
# make docs    rewrite the schemas and the config's reference from the typed sections
# make lock    pin the newest versions that envs/requirements.in allows
# make clean   remove the results, but not the environment

PYTHON ?= python3.11
VENV ?= .venv
CORES ?= 2
SCALE ?= tiny

BIN := $(VENV)/bin
ENV := $(VENV)/.installed
LAYER := $(if $(filter-out tiny,$(SCALE)),--config scale=$(SCALE))
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)

.PHONY: demo tables slurm-demo audit bench test lint zoo docs lock clean env
.DELETE_ON_ERROR:

env: $(ENV)

# Python's bytecode is kept also where the environment, as many containers' do, says not to write it: without it every
# job compiles 4,000 modules when it starts, 9 of its 14 CPU seconds. pip would compile all 18,000 on one core.
unexport PYTHONDONTWRITEBYTECODE
$(ENV): envs/requirements.txt pyproject.toml
	@echo "making $(VENV): a few minutes, once"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -r envs/requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -j 0 -x '/tests?/|/testing/|/transformers/models/' $(VENV)/lib
	@touch $@

demo: export TOFFEE_PROGRESS := lines
demo: $(ENV)
	@$(SNAKEMAKE) --quiet rules host $(if $(LAYER),$(LAYER),--configfile config/demo.yaml) -- all site
	@$(BIN)/python -m toffee.tables.show results/$(SCALE)

tables: export TOFFEE_PROGRESS := lines
tables: $(ENV)
	@$(SNAKEMAKE) --quiet rules host $(LAYER) -- all tables figures site

slurm-demo: $(ENV)
	@$(BIN)/python tests/slurm/cluster.py -- $(BIN)/snakemake --profile slurm --configfile tests/slurm/config.yaml \
	  --slurm-init-seconds-before-status-checks 3 --latency-wait 5 --quiet rules host
	@$(BIN)/python -m toffee.tables.show results/cluster

audit: $(ENV)
	@$(BIN)/toffee audit results/$(SCALE)

bench: $(ENV)
	@$(BIN)/python -m toffee_bench

# One process more than cores: the tests on a cluster mostly wait.
test: export OMP_NUM_THREADS := 1
test: $(ENV)
	@$(BIN)/python -m pytest --numprocesses $$(($(CORES) + 1)) --dist loadfile --no-loadscope-reorder

lint: $(ENV)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/snakemake --lint
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/vulture
	@site=$$(mktemp -d) && $(BIN)/mkdocs build --quiet --strict --site-dir $$site; \
	  failed=$$?; rm -rf $$site; exit $$failed

zoo: $(ENV)
	@$(SNAKEMAKE) zoo
	@$(BIN)/python -m toffee_zoo.assemble results/zoo workflow/zoo

docs: $(ENV)
	@$(BIN)/python -m toffee.config
	@$(BIN)/python -m toffee.provenance.schema

lock:
	@$(PYTHON) -m venv --clear .venv-lock
	@.venv-lock/bin/pip install --quiet -r envs/requirements.in
	@.venv-lock/bin/pip freeze --all | .venv-lock/bin/python envs/lock.py
	@rm -rf .venv-lock

clean:
	@find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	@rm -rf .snakemake/metadata .snakemake/incomplete
