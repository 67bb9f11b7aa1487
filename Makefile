# Everything runs from here; `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help setup demo test fast clean

help:  ## this list
	@echo "virtmigrate: make TARGET"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r target text; do printf '%-9s %s\n' "$$target" "$$text"; done

setup:  ## system packages that are missing, then .venv     [Debian 12 or like it; root only to install packages]
	@scripts/setup

demo:  ## a real guest moves between two real hosts         [root, or user namespaces; about a minute after the set-up]
	@scripts/setup
	@.venv/bin/python scripts/demo.py

test:  ## every test, as CI runs them                       [as demo; 3.12 and 3.13 are used where they are found]
	@scripts/setup --test
	@scripts/test

fast:  ## lint, types, most of core and mock: before a commit    [no libvirt daemon, no root]
	@scripts/setup
	@scripts/test fast

clean:  ## removes environments, wheels and caches; the set-up makes them again
	rm -rf .venv .tox .wheelhouse .mypy_cache .ruff_cache .pytest_cache \
	  .import_linter_cache .hypothesis .coverage htmlcov
	find core libs plugins tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
