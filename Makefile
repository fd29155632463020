# Needs Swift 6.2 or newer, git, make and a shell. `scripts/require` installs the rest, and says so before it does.

.DEFAULT_GOAL := help
.PHONY: help run test build format lint test-swift test-cli test-sockets test-transports test-browser test-proxies test-openapi test-metrics test-thread soak load fuzz stop crash damage store budgets

ARGS ?=
# docs/decisions/0009-no-exclusivity-checks-in-production.md
RELEASE_FLAGS ?= -Xswiftc -enforce-exclusivity=unchecked
SWIFT_FILES := Sources Tests examples Package.swift
VENV := .venv
VENV_OPENAPI := .venv-openapi
VENV_METRICS := .venv-metrics

help:  ## Shows this list.
	@echo 'Notify. Targets:'
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target text; do \
		printf '%-20s %s\n' "$$target" "$$text"; done

run: build  ## Builds and starts the server. Options: make run ARGS="--port 9000 --database my.sqlite"
	@exec .build/release/notify-cli serve $(ARGS)

test: test-swift test-cli test-browser  ## Runs all tests: Swift, the command line, then a real browser.

build:  ## Builds notify-cli for production into .build/release.
	@scripts/require swift sqlite
	swift build -c release --product notify-cli $(RELEASE_FLAGS)

format:  ## Formats the Swift sources in place.
	@scripts/require swift
	swift format --in-place --parallel --recursive $(SWIFT_FILES)

lint:  ## Checks the format of the Swift sources. Any finding is an error.
	@scripts/require swift
	swift format lint --strict --parallel --recursive $(SWIFT_FILES)

# Eight at a time: all at once, the time limit of each would count while hundreds of others run.
test-swift:  ## Runs the Swift tests, in parallel. One suite: make test-swift ARGS="--filter Names"
	@scripts/require swift sqlite
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8 swift test --disable-xctest $(ARGS)

test-cli:  ## Runs the tests of the command line against the debug build.
	@scripts/require swift sqlite python
	swift build --product notify-cli
	python3 Tests/command-line/run.py "$$(swift build --show-bin-path)/notify-cli"
	python3 Tests/command-line/lifecycle.py "$$(swift build --show-bin-path)/notify-cli"

test-sockets: $(VENV)/ready  ## Runs Python's websockets against the debug build: every kind of frame, and kills of the server under load.
	@scripts/require swift sqlite
	swift build --product notify-cli
	$(VENV)/bin/python Tests/sockets/run.py "$$(swift build --show-bin-path)/notify-cli"

test-transports: $(VENV)/ready  ## Follows over every transport at once, while the server is killed under load. Longer: ROUNDS=20 MESSAGES=5000
	@scripts/require swift sqlite browser curl
	swift build --product notify-cli
	$(VENV)/bin/python Tests/transports/run.py "$$(swift build --show-bin-path)/notify-cli"

test-browser: $(VENV)/ready  ## Runs the browser tests against the debug build of the server.
	@scripts/require swift sqlite browser
	swift build --product notify-cli
	$(VENV)/bin/python Tests/browser/run.py "$$(swift build --show-bin-path)/notify-cli"
	$(VENV)/bin/python Tests/browser/chat.py "$$(swift build --show-bin-path)/notify-cli"
	$(VENV)/bin/python Tests/browser/admin.py "$$(swift build --show-bin-path)/notify-cli"
	$(VENV)/bin/python Tests/browser/https.py "$$(swift build --show-bin-path)/notify-cli"

test-proxies: $(VENV)/ready  ## Runs the browser behind nginx, Caddy and HAProxy, with the configurations of docs/operations.
	@scripts/require swift sqlite browser nginx caddy haproxy
	swift build --product notify-cli
	$(VENV)/bin/python Tests/browser/proxies.py "$$(swift build --show-bin-path)/notify-cli"

test-openapi: $(VENV_OPENAPI)/ready  ## Holds the debug build of the server to its own openapi.yaml. Other requests: ARGS="--seed 2"
	@scripts/require swift sqlite
	swift build --product notify-cli
	$(VENV_OPENAPI)/bin/python scripts/openapi "$$(swift build --show-bin-path)/notify-cli" $(ARGS)

test-metrics: $(VENV_METRICS)/ready  ## Lets promtool and Python's parser judge /metrics of the debug build, and the alerts.
	@scripts/require swift sqlite promtool
	swift build --product notify-cli
	$(VENV_METRICS)/bin/python scripts/metrics "$$(swift build --show-bin-path)/notify-cli"

# One test after the other: at this pace, all at once would starve each other beyond their time limits. And Swift's own
# report of a crash hangs under the sanitizer.
test-thread:  ## Runs the Swift tests under the thread sanitizer, in a build folder of their own.
	@scripts/require swift sqlite
	SWIFT_BACKTRACE=enable=no swift test --disable-xctest --no-parallel --sanitize=thread \
		--scratch-path .build-thread $(ARGS)

soak: build  ## Loads the server for a minute and accounts for every message. ARGS="--minutes 30", --saturate, --retain
	@scripts/require python3
	scripts/load/soak $(ARGS)

load: build $(VENV)/ready  ## Runs the other load scripts: broken connections, many streams, stalled readers, dead peers.
	@scripts/require python3 ip
	scripts/load/aborts
	scripts/load/crowd
	scripts/load/tokens
	scripts/load/stalled
	scripts/load/stalled --stalled 100
	scripts/load/dead-peer
	scripts/load/dead-peer --websocket
	$(VENV)/bin/python scripts/load/http2

fuzz: build $(VENV)/ready  ## Sends the server input that is nearly right, over HTTP/1 and HTTP/2. Longer: ARGS="--seconds 60"
	$(VENV)/bin/python scripts/load/http2 --part fuzz $(ARGS)

stop: build  ## Stops the server again and again under everything that writes. Fewer: make stop ARGS="--rounds 20"
	@scripts/require python3
	scripts/load/stop $(ARGS)

crash: build  ## Kills the server again and again under load, and compares. Fewer: make crash ARGS="--rounds 10"
	@scripts/require python3
	scripts/load/crash $(ARGS)
	scripts/load/crash --durability normal $(ARGS)

damage: build  ## Full, read-only and locked disks, then damaged files: what the server makes of them.
	@scripts/require python3
	scripts/load/disk
	scripts/load/damage

store: build  ## Measures batches, lone publishes, history, resuming and the file's size. ARGS="--only history"
	@scripts/require python3
	scripts/load/store $(ARGS)

budgets: build  ## Counts the instructions of a publish and of a delivery, and compares them with their budgets.
	@scripts/require python3
	scripts/load/budgets $(ARGS)

$(VENV)/ready: Tests/browser/requirements.txt Tests/sockets/requirements.txt
	@scripts/require python
	@echo 'Installing Playwright and websockets for the tests from PyPI into $(VENV).'
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement Tests/browser/requirements.txt \
		--requirement Tests/sockets/requirements.txt
	@touch $@

$(VENV_OPENAPI)/ready: Tests/openapi/requirements.txt
	@scripts/require python
	@echo 'Installing schemathesis from PyPI into $(VENV_OPENAPI).'
	python3 -m venv --clear $(VENV_OPENAPI)
	$(VENV_OPENAPI)/bin/pip install --quiet --disable-pip-version-check --requirement Tests/openapi/requirements.txt
	@touch $@

$(VENV_METRICS)/ready: Tests/metrics/requirements.txt
	@scripts/require python
	@echo 'Installing prometheus_client from PyPI into $(VENV_METRICS).'
	python3 -m venv --clear $(VENV_METRICS)
	$(VENV_METRICS)/bin/pip install --quiet --disable-pip-version-check --requirement Tests/metrics/requirements.txt
	@touch $@
