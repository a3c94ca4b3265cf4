# `make` alone lists what there is. Nothing but Go, git and make is needed for
# build, test and lint; what a target needs beyond that, its line says.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

GO ?= go
TOOL := $(GO) tool -modfile=tools/go.mod

# Version is the newest tag and the distance from it, else the commit, else "dev".
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/openhqm/openhqm/internal/cli.version=$(VERSION)

KILLS ?= 100
CHAOS ?= -messages 100000 -kills 50
GATE ?=
BENCH ?= all
FUZZTIME ?= 1m
FUZZ ?= .
SEEDS ?= 5000

# Packages whose tests also run under the race detector in `make test`: both
# stores, the contract they keep, what moves messages, and the built binary.
RACE_PACKAGES ?= ./queue/... ./internal/store/... ./internal/worker/... ./test/e2e/...

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build ./bin/openhqm, one static file
	@echo "building bin/openhqm $(VERSION): the first build downloads and compiles every dependency and takes minutes, later ones seconds"
	@mkdir -p bin
	@{ CGO_ENABLED=0 $(GO) build -v -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/openhqm ./cmd/openhqm 2>&1; echo "exit $$?"; } | \
	awk '/^exit [0-9]+$$/ { code = $$2; next } \
	     /^[A-Za-z0-9_.\/~-]+$$/ { if (++n % 25 == 0) { printf "  %d packages compiled\n", n; fflush() } next } \
	     { print; fflush() } \
	     END { exit code }'
	@echo "built bin/openhqm; try: ./bin/openhqm serve --endpoint http://localhost:8080"

# The kill test wants the machine for itself: it fails when too little happens
# at the moment of a kill to prove anything. Tests of the built binary do not
# import it, so that an old result would be shown for a new binary: -count=1.
.PHONY: test
test: ## run every test, then the stores and the end-to-end tests again under the race detector (needs a C compiler; said when missing)
	$(GO) test -count=1 -timeout 20m $$($(GO) list ./... | grep -v '/test/kill$$')
	$(GO) test -count=1 -timeout 20m -v ./test/kill
	cd test/chaos && $(GO) test ./...
	@if ! command -v $$($(GO) env CC) >/dev/null 2>&1; then \
		echo "make test: no C compiler, so the race detector could not run; install gcc and run: make race"; \
	else $(MAKE) --no-print-directory race; fi

.PHONY: race
race: ## run the packages of RACE_PACKAGES under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 30m $(RACE_PACKAGES)

.PHONY: lint
lint: ## check formatting, go vet, staticcheck and that go.mod is tidy
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted; run make fmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags planted ./...
	$(TOOL) staticcheck ./...
	$(TOOL) staticcheck -tags planted ./internal/fault ./test/kill
	$(GO) mod tidy -diff
	cd test/chaos && $(GO) vet ./... && $(GO) tool -modfile=../../tools/go.mod staticcheck ./... && $(GO) mod tidy -diff

.PHONY: fmt
fmt: ## format every Go file
	@gofmt -l -w $$(git ls-files --cached --others --exclude-standard '*.go')

.PHONY: kill-test
kill-test: ## kill the binary 100 times under load (KILLS=n) and count what was lost or doubled: nothing
	KILLS=$(KILLS) $(GO) test -count=1 -timeout 60m -v ./test/kill

.PHONY: chaos
chaos: ## drive the binary from outside through kills, stops, outages and full disks and judge the log (CHAOS="-seed 7 -messages 20000 -kills 15"; five to ten minutes as it stands)
	cd test/chaos && $(GO) run . $(CHAOS)

.PHONY: chaos-full
chaos-full: ## the same, its results kept for the report
	$(MAKE) --no-print-directory chaos CHAOS="$(CHAOS) -results results"

.PHONY: chaos-long
chaos-long: ## the storm alone with 1,000,000 messages and 500 kills, its results kept for the report (an hour or so)
	$(MAKE) --no-print-directory chaos CHAOS="-runs storm -messages 1000000 -kills 500 -results results"

.PHONY: chaos-report
chaos-report: ## write docs/reliability-report.md from the kept results of chaos runs
	cd test/chaos && $(GO) run . -report ../../docs/reliability-report.md

.PHONY: h2spec
h2spec: build ## run h2spec against the ingress over HTTP/2: at least 139 of its 145 cases must pass (downloads the tool)
	GO='$(GO)' ./test/h2spec.sh bin/openhqm

.PHONY: slow-clients
slow-clients: build ## let 1,000 slow connections of each kind at the ingress while an honest client asks (needs slowhttptest and curl)
	SLOWTIME='$(SLOWTIME)' ./test/slow-clients.sh bin/openhqm

.PHONY: fuzz
fuzz: ## feed every fuzz target for FUZZTIME=1m each; FUZZ=Config for those whose name has it; a finding stays as a seed in testdata/fuzz
	GO='$(GO)' FUZZWORKERS='$(FUZZWORKERS)' FUZZPLAIN='$(FUZZPLAIN)' ./test/fuzz.sh '$(FUZZTIME)' '$(FUZZ)'

.PHONY: crash
crash: ## crash the store at every sync of SEEDS=5000 random workloads, and print which operations were under way (a quarter of an hour)
	$(GO) test -count=1 -timeout 10h -v -run TestCrashesOfRandomWorkloads ./internal/store/embedded -crash.seeds=$(SEEDS) -crash.seed=0

.PHONY: chaos-gate
chaos-gate: ## plant every bug and want a test to catch it, then crash at every named point and want nothing lost (GATE="-bugs lane -points=false"; minutes)
	$(GO) run ./test/gate $(GATE)

.PHONY: bench
bench: ## measure the figures of bench/RESULTS.md, each beside its comparison (takes long; BENCH="p1 p3" for some)
	$(GO) run ./bench $(BENCH)

.PHONY: image
image: build ## build the container image openhqm:latest (needs buildah, podman or docker)
	./deploy/image/build.sh

.PHONY: image-check
image-check: ## build the image and prove it: uid, probes, a restart with its volume, no shell (needs buildah and podman)
	./deploy/image/check.sh

.PHONY: clean
clean: ## remove what make built
	rm -rf bin
