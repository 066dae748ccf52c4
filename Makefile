# Everything somnus needs lives in .venv; every target makes what it needs first.
PYTHON ?= python3
TORCH ?= torch==2.13.0
BIN := .venv/bin
HOME_FOR_DEMO := $(if $(SOMNUS_HOME),$(SOMNUS_HOME),$(CURDIR)/.somnus-demo)

.PHONY: install demo chat test check bench torture instincts clean
.DEFAULT_GOAL := install

install: .venv/installed

# A torch that is there already is kept; otherwise the small CPU build where one is at hand.
.venv/installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/python -m pip install --quiet "$(TORCH)" || $(BIN)/python -m pip install --quiet "torch>=2.6"
	@$(BIN)/python -m pip install --quiet --editable ".[dev,pdf]"
	@touch $@

demo: install
	@$(if $(SOMNUS_HOME),,rm -rf "$(HOME_FOR_DEMO)")
	@$(BIN)/somnus --home "$(HOME_FOR_DEMO)" demo

chat: install
	@$(BIN)/somnus

# The real night is held to a budget of minutes, so nothing runs beside it; all else shares the cores, a thread each.
test: install
	@$(BIN)/python -m pytest -m night
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not night" -n auto --dist worksteal

check: install
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: install
	@$(BIN)/somnus bench speed

# Goes on where build/torture.jsonl ends, for at most MINUTES; does the same to a build without safeguards, for as long;
# sleeps thirty nights, weighed; then takes out each safeguard once.
MINUTES ?= 60
torture: install
	@mkdir -p build
	@$(BIN)/python tests/torture/campaign.py --each 50 --random 2000 --moments 1000 --doubles 300 --power 10000 --races 200 --minutes $(MINUTES) --log build/torture.jsonl
	@$(BIN)/python tests/torture/campaign.py --naive --moments 300 --power 300 --minutes $(MINUTES) --log build/naive.jsonl
	@$(BIN)/python tests/torture/campaign.py --soak 30
	@SOMNUS_LIVES=200 SOMNUS_SEED=$$(date +%s) $(BIN)/python -m pytest -q tests/torture tests/sleep/test_schedule.py
	@$(BIN)/python tests/torture/mutations.py

instincts: install
	@$(BIN)/somnus instincts train

clean:
	@rm -rf .venv build *.egg-info .somnus-demo
