# Everything that is done with this project by hand or by a build server. `make help` lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules

PROJECT := $(patsubst %/,%,$(dir $(abspath $(firstword $(MAKEFILE_LIST)))))
export PATH := $(PROJECT)/.venv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
# Where byte code is not kept, every worker and every command compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# The translator behind the template's tests and `sam validate` wants a Region, whichever it is. A command about what is
# deployed goes by the Region of your profile, as `sam deploy` does.
ABOUT_DEPLOYED := accept adopt doctor replay secret signing-certificate why
ifeq ($(filter $(ABOUT_DEPLOYED),$(MAKECMDGOALS)),)
export AWS_DEFAULT_REGION ?= eu-west-1
endif

SAM := .venv-sam/bin/sam
SCANNERS := .venv-security/bin
PYTHON_FOLDERS := $(patsubst %/,%,$(sort $(dir $(wildcard src/ local/ tests/ tools/ campaign/ bench/*.py))))
TEST_FOLDERS := tests/attacks tests/unit tests/integration tests/template tests/runtime
# A worker more than there are processors, because some tests wait; one that has nothing left takes tests from another.
WORKERS := --numprocesses=$$(python -c "import os; print(os.cpu_count() + 1)") --dist=worksteal

# What functions run on: arm64 or x86_64. Give the same to `sam deploy --parameter-overrides Architecture=…`.
ARCHITECTURE ?= arm64

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## Create or update the virtual environments; instant where nothing changed
	@requirements/install.sh

# --universal locks for Linux and macOS on every processor; the hashes of all their wheels are listed.
LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.13 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links
.PHONY: lock
lock: setup ## Lock the requirements again (LOCK_OPTIONS=--upgrade takes newer versions)
	for name in build uv sam emulator extras security dev; do \
		$(LOCK) $(LOCK_OPTIONS) "requirements/$$name.in" --output-file "requirements/$$name.txt"; \
	done
	$(LOCK) $(LOCK_OPTIONS) requirements/runtime.in --output-file src/requirements.txt

.PHONY: format
format: setup ## Format the code and mend what the linter can mend
	ruff format .
	ruff check --fix .

# Side by side, each with its lines in one piece where make can keep them together (not the make of macOS).
.PHONY: lint
lint: setup ## Check style, types and the template
	@$(MAKE) --no-print-directory --jobs $(if $(filter output-sync,$(.FEATURES)),--output-sync) \
		lint-types lint-template lint-tests lint-style

.PHONY: lint-style lint-types lint-template lint-tests
lint-style:
	ruff check .
	ruff format --check .

lint-types:
	mypy $(PYTHON_FOLDERS)

lint-template:
	cfn-lint

# Whether every test file can be imported. In a fresh clone it also compiles, once, what every worker would at the same time.
lint-tests:
	@mkdir -p build
	pytest --collect-only -qqq $(TEST_FOLDERS) >build/collected.txt || { cat build/collected.txt; exit 1; }

.PHONY: test
test: lint ## Lint, then the unit, integration, template and runtime tests with branch coverage
	@mkdir -p build
	PYTHONWARNINGS="ignore:Unable to activate pytest branch coverage:RuntimeWarning" \
		python -m slipcover -m pytest $(TEST_FOLDERS) $(WORKERS)
	python -m slipcover --merge build/coverage.json --fail-under 95

.PHONY: security
security: setup ## Scan for what a security review would object to, and attack (ALLOW_MISSING=pip-audit where it has no data)
	@requirements/install.sh security
	$(SCANNERS)/checkov --framework cloudformation --skip-download --quiet --compact --file template.yaml
	$(SCANNERS)/bandit --quiet --recursive --severity-level medium src local tools
	@mkdir -p build && cp .secrets.baseline build/secrets.baseline
	detect-secrets-hook --baseline build/secrets.baseline \
		$$(git ls-files --cached --others --exclude-standard) || [ $$? = 3 ] # 3: known ones stand in other lines now
	@rm -f build/audit.txt; \
	if $(SCANNERS)/pip-audit --requirement src/requirements.txt --require-hashes --disable-pip --strict \
		--progress-spinner off --output build/audit.txt 2>build/audit.log; \
	then echo "pip-audit: no known holes in what is deployed"; \
	elif [ -s build/audit.txt ]; then cat build/audit.txt; exit 1; \
	else echo "pip-audit: its data could not be reached, so known holes were not looked for (build/audit.log)"; \
		case " $(ALLOW_MISSING) " in *" pip-audit "*) ;; *) exit 1;; esac; fi
	@rm -f build/attacks.xml; pytest -q -m attack tests/attacks tests/unit tests/integration tests/template --junitxml build/attacks.xml || true; \
	python -m tests.attacks build/attacks.xml

.PHONY: sbom
sbom: setup ## List what is deployed in build/sbom.cdx.json (CycloneDX)
	@requirements/install.sh extras
	@mkdir -p build
	.venv-extras/bin/python -W ignore::UserWarning -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible \
		--output-file build/sbom.cdx.json src/requirements.txt

.PHONY: bench
bench: ## Measure the client against its yardsticks; fails where a target is missed (OPTIONS=group for one; writes build/bench.json)
	@requirements/install.sh extras
	PYTHONPATH=src .venv-extras/bin/python -m bench $(OPTIONS)

.PHONY: fleet
fleet: ## Simulate fleets of 1 to 10,000 environments that share a token (writes build/fleet.json and the plot)
	@requirements/install.sh extras
	PYTHONPATH=src .venv-extras/bin/python -m bench.fleet

.PHONY: quiet
quiet: setup ## Tell weeks of made-up alarms, and count who is woken (writes build/quiet.json and the plot)
	@requirements/install.sh extras
	PYTHONPATH=src python -m bench.quiet
	.venv-extras/bin/python -m bench.quiet.plot

.PHONY: contract
contract: setup ## Look at every known fact about ServiceNow, in the simulator or in SERVICENOW_CONTRACT_HOST (docs/testing.md)
	PYTHONPATH=src python -m tests.contract

.PHONY: faults
faults: setup ## Let every fault happen to the functions, 20 times each, and plant every defect (OPTIONS='--only 54' for one; writes build/faults.json)
	PYTHONPATH=src python -m campaign $(OPTIONS)

.PHONY: fuzz
fuzz: setup ## Feed the functions 100,000 made-up inputs, and every bad address and certificate (OPTIONS='--share 0.1' for fewer)
	PYTHONPATH=src python -m campaign.fuzz $(OPTIONS)

.PHONY: load
load: setup ## Load the deployed local stack while half of all answers fail (OPTIONS=--hold-circuit; writes build/load.json)
	PYTHONPATH=src python -m campaign.load $(OPTIONS)

.PHONY: mutants
mutants: setup ## Plant small mistakes into the deciding modules, and see the unit tests notice (writes build/mutants.json)
	@requirements/install.sh extras
	.venv-extras/bin/python -m tests.mutation $(OPTIONS)

.PHONY: e2e
e2e: setup ## Test the deployed stack on a local AWS emulator
	pytest tests/e2e

.PHONY: demo
demo: setup ## Show an alarm open and resolve an incident, on a local AWS and a local ServiceNow
	@PYTHONPATH=src python -m local.demo

.PHONY: local
local: setup ## Keep the stack of the demo running, with a console for the browser
	@PYTHONPATH=src python -m local.serve

.PHONY: rules
rules: setup ## Check every rule file (EVENT=events/x.json shows what that event would become, TAGS=team=x with these tags, AT=time in which window, NEW=x.json a first rule for it)
	@PYTHONPATH=src python -m local.rules $(if $(EVENT),--event "$(EVENT)") $(if $(SOURCE),--source "$(SOURCE)") $(if $(TABLES),--tables "$(TABLES)") $(if $(AT),--at "$(AT)") $(if $(ZONE),--zone "$(ZONE)") $(if $(TAGS),--tags "$(TAGS)") $(if $(TAG_LOOKUPS),--tag-lookups "$(TAG_LOOKUPS)") $(if $(NEW),--new "$(NEW)")

.PHONY: tickets
tickets: setup ## Write into the docs what the rules say: the table of docs/rules-shipped.md, the tickets of docs/tickets.md and docs/sources.md
	PYTHONPATH=src python -m local.rule_table
	PYTHONPATH=src python -m local.shipped_tickets
	PYTHONPATH=src python -m local.tickets

.PHONY: house
house: setup ## Draw the rooms of src and their arrows into CONTRIBUTING.md
	PYTHONPATH=src python -m local.house

.PHONY: secret
secret: setup ## Store the client credentials of a deployed STACK (OPTIONS=--next, --promote), or make a secret for WEBHOOK=source
	@PYTHONPATH=src python -m $(if $(WEBHOOK),tools.webhook --source "$(WEBHOOK)",tools.secret) --stack "$(STACK)" $(OPTIONS)

.PHONY: signing-certificate
signing-certificate: setup ## Print the certificate of the signing key KEY (its ARN), for ServiceNow's JWT verifier map
	@PYTHONPATH=src python -m tools.signing_certificate --key "$(KEY)" $(OPTIONS)

.PHONY: doctor
doctor: setup ## Check the set-up of a deployed STACK from inside its account (OPTIONS=--write opens a record, --bus sends an alert)
	@PYTHONPATH=src python -m tools.doctor --stack "$(STACK)" $(OPTIONS)

.PHONY: accept
accept: setup ## Accept a deployed STACK: alert, API, doctor's steps, metrics (CONTRACT=1: facts too; writes build/accept.json)
	@PYTHONPATH=src python -m tools.accept --stack "$(STACK)" $(if $(CONTRACT),--contract) $(OPTIONS)

.PHONY: replay
replay: setup ## Send the dead letters of a deployed STACK back to its queue (OPTIONS=--show only lists them)
	PYTHONPATH=src python -m tools.replay --stack "$(STACK)" $(OPTIONS)

.PHONY: why
why: setup ## Tell what became of a PROBLEM (part of an alarm's name, or a record's number) in a deployed STACK, and why nothing was opened (HOURS=24)
	@PYTHONPATH=src python -m tools.why --stack "$(STACK)" --problem "$${PROBLEM-}" $(if $(HOURS),--hours "$(HOURS)") $(OPTIONS)

.PHONY: adopt
adopt: setup ## Rebuild the ledger of a deployed STACK from ServiceNow (OPTIONS=--show only says what it would do)
	PYTHONPATH=src python -m tools.adopt --stack "$(STACK)" $(OPTIONS)

.PHONY: build
build: setup ## Build the deployment package (ARCHITECTURE=x86_64 for the other processor, RULES=folder of your own rules)
	@rm -f src/rules/own/folder-*.toml
	@$(if $(RULES),mkdir -p src/rules/own && for file in "$(RULES)"/*.toml; do \
		[ -f "$$file" ] || { echo "error: RULES names no folder with rules (*.toml): $(RULES)" >&2; exit 1; }; \
		cp "$$file" "src/rules/own/folder-$${file##*/}"; done,:)
	$(SAM) build --parameter-overrides Architecture=$(ARCHITECTURE)

# What `sam build` calls for each function (`BuildMethod: makefile`), in a folder of its own.
build-%:
	@cd "$(PROJECT)" && requirements/install.sh && .venv/bin/python -m tools.package "$*" "$(ARTIFACTS_DIR)"

.PHONY: clean
clean: ## Remove what builds and tests made, and keep the virtual environments
	rm -rf .aws-sam .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build mutants
	find src local tests tools bench campaign -name __pycache__ -type d -prune -exec rm -rf {} +
