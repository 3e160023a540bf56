# etfcast. `make` alone lists the targets. Needs Go 1.26.8, a C compiler, make and git; nothing else.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The commit, and whether the tree differs from it. The Go tool records both, but not in a worktree. In a source archive
# neither is known, and the program uses a hash of its executable.
STAMP   := $(shell [ -e .git ] && git rev-parse HEAD 2>/dev/null | tr -d '\n' && { [ -z "$$(git status --porcelain 2>/dev/null)" ] || echo .dirty; })
LDFLAGS := $(if $(STAMP),-X main.stamp=$(STAMP))
GO      ?= go
TOOLS   := $(CURDIR)/bin/tools

# Every tool has one exact version, which is part of the program's file name: a new version is installed on first use.
SQLC_VERSION          := v1.31.1
OAPI_CODEGEN_VERSION  := v2.8.2
GOLANGCI_VERSION      := v2.15.0
WORKFLOWCHECK_VERSION := v0.6.0
GOVULNCHECK_VERSION   := v1.9.0

SQLC          := $(TOOLS)/sqlc-$(SQLC_VERSION)
OAPI_CODEGEN  := $(TOOLS)/oapi-codegen-$(OAPI_CODEGEN_VERSION)
GOLANGCI      := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
WORKFLOWCHECK := $(TOOLS)/workflowcheck-$(WORKFLOWCHECK_VERSION)
GOVULNCHECK   := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)
# Its version, and those of everything in it, are in a module of its own.
VACUUM        := $(TOOLS)/vacuum-$(shell awk '$$1 == "require" && $$2 == "github.com/daveshanley/vacuum" {print $$3}' api/lint/go.mod)

GO_SOURCES       := $(shell find . -name '*.go' -not -path './devstack/*' -not -path './bin/*' 2>/dev/null)
EMBEDDED         := $(wildcard db/migrations/*.sql api/openapi.yaml) $(shell find api/assets -type f 2>/dev/null)
DEVSTACK_SOURCES := $(wildcard devstack/*.go devstack/go.mod devstack/go.sum)

##@ Use

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN {FS = ":.*##"; print "Usage: make TARGET"} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-zA-Z0-9_-]+:.*##/ {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build devstack ## Build, start the embedded stack, run both exchanges, leave API and Temporal Web UI running (Ctrl-C stops all).
	@bin/devstack run $(DEVSTACK_FLAGS) -- bin/etfcast up --demo $(UP_FLAGS)

.PHONY: build
build: bin/etfcast ## Build bin/etfcast.

# Written only when it changes. A new commit is a new version, which forecasts record, even if no source file differs.
bin/.version: FORCE
	@mkdir -p bin; echo '$(STAMP)' | cmp -s - $@ || echo '$(STAMP)' > $@
.PHONY: FORCE
FORCE:

bin/etfcast: $(GO_SOURCES) $(EMBEDDED) go.mod go.sum bin/.version
	@mkdir -p bin
	$(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $@ ./cmd/etfcast

.PHONY: devstack
devstack: bin/devstack ## Build bin/devstack, the embedded Temporal and database (5 to 6 minutes the first time on 2 cores).

bin/devstack: $(DEVSTACK_SOURCES)
	@mkdir -p bin
	cd devstack && $(GO) build -tags gms_pure_go -trimpath -ldflags "-s -w" -o ../bin/devstack .

##@ Test

TEST_FLAGS ?= -race -shuffle=on
# These two compute for minutes, ten times as long under the race detector. They have goroutines in few places: there it is on.
NUMERIC     := ./forecast/prophet ./forecast/prophet/diagnostics
# These have no goroutines, and many cases to go through.
RULES       := ./quality ./filecheck ./bench/quality ./forecast/scoring ./forecast/scoreboard
NUMERIC_RUN := MCMC|Gibbs|Sampl|Draws|Parallel|Progress|Deterministic|Concurrent|Shared
.PHONY: test
test: build devstack ## Run every test on the embedded stack.
	@# devstack: without -trimpath and -vet=off every dependency would be compiled again.
	cd devstack && $(GO) test -tags gms_pure_go -trimpath -vet=off -shuffle=on .
	$(GO) test -timeout 30m $(filter-out -race,$(TEST_FLAGS)) $(NUMERIC) $(RULES)
	$(GO) test $(TEST_FLAGS) -run '$(NUMERIC_RUN)' $(NUMERIC)
	bin/devstack run --ephemeral -- $(GO) test -timeout 30m $(filter-out -race,$(TEST_FLAGS)) ./rebuild
	bin/devstack run --ephemeral -- $(GO) test -timeout 45m $(TEST_FLAGS) $$($(GO) list ./... | grep -vE '/(forecast/prophet(/diagnostics)?|forecast/scor(ing|eboard)|quality|filecheck|rebuild)$$')

.PHONY: test-bad-bars
test-bad-bars: ## Send 1,000 bad bars of each kind through the activities instead of the 100 of make test.
	$(GO) test -count=1 -timeout 30m ./activities -run '^TestBadBarsReachNoForecast$$'

.PHONY: test-tampering
test-tampering: devstack ## Change the stored record in N places (default 1,000), one after another: ledger verify --against must find each.
	bin/devstack run --ephemeral -- $(GO) test -count=1 -v -timeout 30m ./db -run '^TestTampering$$' -tamperings $(if $(filter file,$(origin N)),1000,$(N))

KILLS ?= 20
SEED  ?= 0
.PHONY: chaos
chaos: build devstack ## Kill worker, API, Temporal and database KILLS times (default 20) while runs, backfills and decisions go on; the last line is JSON. SEED=<printed seed> repeats it.
	@result=$$(mktemp); $(GO) test -count=1 -v -timeout 60m -run '^TestChaos$$' ./e2e -timed -kills $(KILLS) -seed $(SEED) -chaos-result $$result; \
	  code=$$?; cat $$result; rm -f $$result; exit $$code

.PHONY: test-databases
test-databases: build devstack ## Run the store's tests and first starts on the embedded database, MySQL and MariaDB (ETFCAST_TEST_MYSQL_DSN, ETFCAST_TEST_MARIADB_DSN).
	ETFCAST_NO_SKIP=1 bin/devstack run --ephemeral -- $(GO) test $(TEST_FLAGS) -count=1 -timeout 45m -run 'TestFirstStart|TestReadOnlyDatabase' ./e2e
	ETFCAST_NO_SKIP=1 bin/devstack run --ephemeral -- $(GO) test $(TEST_FLAGS) -count=1 -timeout 45m ./db ./db/column ./deploy

.PHONY: test-monitoring
test-monitoring: build devstack ## Run the dashboards' queries on the demo's data and the rules on a Prometheus that scrapes it (prometheus, promtool; the variables of test-databases).
	ETFCAST_NO_SKIP=1 bin/devstack run --ephemeral -- $(GO) test -count=1 -timeout 30m ./deploy/...
	ETFCAST_NO_SKIP=1 bin/devstack run --ephemeral -- $(GO) test -count=1 -timeout 30m -run 'OnTheDemo$$' ./e2e

.PHONY: test-map
test-map: ## Compare Prophet's optimisers on 300 random configurations instead of the 30 of make test.
	$(GO) test -count=1 -timeout 30m ./forecast/prophet -run '^TestMAPIsNeverBelowNewton$$' -configurations 300

.PHONY: test-real-data
test-real-data: build devstack ## Run the tests that read real prices and recorded responses (ETFCAST_REAL_DATA).
	@[ -n "$$ETFCAST_REAL_DATA" ] || { echo "set ETFCAST_REAL_DATA to the folder of real prices and recorded responses" >&2; exit 1; }
	bin/devstack run --ephemeral -- $(GO) test -count=1 ./calendar/... ./source/... ./quality/... ./forecast/... ./db/... ./bench/smoke/...

.PHONY: replay
replay: ## Replay the recorded workflow histories against this code.
	$(GO) test -count=1 -run Replay ./workflows/...

.PHONY: smoke
smoke: build devstack ## Run the whole chain once, headless; the last line is JSON. PRICES=<folder of CSVs> [EXCHANGE=XNYS] uses real prices.
	@ETFCAST_DAILY_MODELS=$(MODELS) bin/devstack run --ephemeral -- $(GO) run ./bench/smoke -etfcast bin/etfcast $(if $(PRICES),-prices "$(PRICES)") $(if $(EXCHANGE),-exchange "$(EXCHANGE)")

.PHONY: lint
lint: $(GOLANGCI) ## Run gofmt, vet and the linters, including the import rules.
	@# devstack: -trimpath, to reuse the dependencies that make devstack has compiled.
	$(GOLANGCI) run ./...
	cd devstack && GOFLAGS="$$GOFLAGS -trimpath" $(GOLANGCI) run --config ../.golangci.yml --build-tags gms_pure_go ./...

.PHONY: lint-openapi
lint-openapi: $(VACUUM) ## Lint api/openapi.yaml: every rule of api/lint/ruleset.yaml; whatever it reports is a failure.
	$(VACUUM) lint --no-banner --no-style --details --fail-severity info --ruleset api/lint/ruleset.yaml api/openapi.yaml

CASES ?= 10000
.PHONY: fuzz-api
fuzz-api: build devstack ## Send CASES requests made from the OpenAPI document to a server with the demo's data (python3 with venv). SEED=N repeats.
	CASES=$(CASES) SEED=$(if $(filter file,$(origin SEED)),1,$(SEED)) api/fuzz/run.sh

.PHONY: workflowcheck
workflowcheck: $(WORKFLOWCHECK) ## Check that the workflows are deterministic.
	$(WORKFLOWCHECK) ./workflows/...

# A copy of https://vuln.go.dev, such as file:///srv/vulndb, gives the same result every time.
VULNDB ?= https://vuln.go.dev
.PHONY: vulncheck
vulncheck: $(GOVULNCHECK) ## Look for known vulnerabilities that the code reaches (VULNDB=URL of the database).
	$(GOVULNCHECK) -db "$(VULNDB)" ./...

FUZZTIME ?= 20s
.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (default 20s).
	@set -e; for pkg in $$($(GO) list ./...); do \
	  dir=$$($(GO) list -f '{{.Dir}}' $$pkg); \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$dir/*_test.go 2>/dev/null | awk '{print $$2}'); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; done; done

##@ Measure (the last line of each is JSON)

N ?= 500
# The models of bench-daily, bench-record, smoke and report-reproduce: the others are measured by naming them. With GOAMD64=v3, ETS differs by up to 7e-9.
MODELS ?= drift,prophet

.PHONY: bench-daily
bench-daily: build devstack ## Update N simulated ETFs for one new session, against bare workflows on the same stack. MYSQL=1 uses the server of ETFCAST_TEST_MYSQL_DSN, MODELS= other models.
	@ETFCAST_DAILY_MODELS=$(MODELS) bin/devstack run --ephemeral -- $(GO) run ./bench/daily -etfcast bin/etfcast -n $(N) $(if $(MYSQL),-mysql) $(BENCH_FLAGS)

.PHONY: bench-record
bench-record: build devstack ## What scoring and anchoring add to that, by a program without them, in the same run.
	@$(GO) build -trimpath -tags withoutrecord -ldflags "$(LDFLAGS)" -o bin/etfcast-without-record ./cmd/etfcast
	@ETFCAST_DAILY_MODELS=$(MODELS) bin/devstack run --ephemeral -- $(GO) run ./bench/daily -etfcast bin/etfcast -without bin/etfcast-without-record -n $(N) $(if $(MYSQL),-mysql) $(BENCH_FLAGS)

PYTHON ?= python3
.PHONY: bench-models
bench-models: ## Statistical models beside their references, likelihoods beside the times (PYTHON with bench/models/requirements.txt).
	@$(GO) run ./bench/models/ets -python $(PYTHON) $(BENCH_FLAGS)
	@$(GO) run ./bench/models/theta -python $(PYTHON) $(BENCH_FLAGS)
	@$(GO) run ./bench/models/garch -python $(PYTHON) $(BENCH_FLAGS)

.PHONY: bench-seed
bench-seed: build devstack ## The same with ten years of bars on that server, against SQLAlchemy, pandas and Prophet (PYTHON with bench/seed/requirements.txt).
	@bin/devstack run --ephemeral -- $(GO) run ./bench/daily -etfcast bin/etfcast -n $(N) -years 10 -mysql -python $(PYTHON) $(BENCH_FLAGS)

.PHONY: bench-store
bench-store: ## Measure Persist against LOAD DATA on a real MySQL (ETFCAST_TEST_MYSQL_DSN).
	@$(GO) run ./bench/store

.PHONY: bench-krx
bench-krx: devstack ## One session of 900 ETFs from a local stand-in for the Korea Exchange, through Fetch, Validate and Persist. MYSQL=1 uses the server of ETFCAST_TEST_MYSQL_DSN.
	@bin/devstack run --ephemeral -- $(GO) run ./bench/krx -n $(if $(filter file,$(origin N)),900,$(N)) $(if $(MYSQL),-mysql) $(BENCH_FLAGS)

.PHONY: bench-backfill
bench-backfill: build devstack ## Backfill N simulated ETFs (default 50) over 20 years, against LOAD DATA on the same server, a real MySQL (ETFCAST_TEST_MYSQL_DSN).
	@bin/devstack run --ephemeral --quiet -- $(GO) run ./bench/backfill -etfcast bin/etfcast $(if $(filter file,$(origin N)),,-n $(N)) $(BENCH_FLAGS)

.PHONY: bench-scores
bench-scores: ## Score 10,000 due forecasts, and read the sums of a year, on a real MySQL (ETFCAST_TEST_MYSQL_DSN).
	@$(GO) run ./bench/scores $(BENCH_FLAGS)

.PHONY: bench-overview
bench-overview: ## Read the overview of 2,000 ETFs: in a new process, unchanged, after changes, on a real MySQL (ETFCAST_TEST_MYSQL_DSN).
	@$(GO) run ./bench/overview $(BENCH_FLAGS)

.PHONY: bench-api
bench-api: build ## Ask `etfcast api` for forecast, bars and overview beside FastAPI (PYTHON with bench/api/requirements.txt), on a real MySQL (ETFCAST_TEST_MYSQL_DSN).
	@$(GO) run ./bench/api -etfcast bin/etfcast -python $(PYTHON) $(BENCH_FLAGS)

.PHONY: bench-asof
bench-asof: devstack ## Compare reads as of an earlier data version with the plain read of 5,000 bars.
	@bin/devstack run --ephemeral -- $(GO) test ./db -run '^$$' -bench AsOf -benchtime 15x

.PHONY: bench-ledger
bench-ledger: ## Verify a ledger of 100,000 forecasts on a real MySQL (ETFCAST_TEST_MYSQL_DSN).
	@$(GO) test ./db -run '^$$' -bench 'VerifyLedger' -benchtime 3x -timeout 30m

.PHONY: bench-check
bench-check: build ## Measure `etfcast check` on a file of 6,000 rows.
	@$(GO) run ./bench/check -etfcast bin/etfcast

.PHONY: report-quality
report-quality: ## Make docs/data-quality.md: what the rules find of injected defects, false alarms, known cases (ETFCAST_REAL_DATA).
	@[ -n "$$ETFCAST_REAL_DATA" ] || { echo "set ETFCAST_REAL_DATA to the folder of real prices and recorded responses" >&2; exit 1; }
	@$(GO) run ./bench/quality -out docs/data-quality.md $(QUALITY_FLAGS)

.PHONY: report-forecasting
report-forecasting: build ## Make docs/forecasting.md: every model on real prices, the last two years apart (ETFCAST_REAL_DATA).
	@$(GO) run ./bench/forecasting -etfcast bin/etfcast -out docs/forecasting.md

RECORDS ?= 20000
.PHONY: report-scores
report-scores: ## Simulate RECORDS confidence sequences in each case and print the tables of docs/scores.md: how often they err, how wide they are, what clipping does, and how well the intervals of one day hold.
	@$(GO) test ./forecast/scoreboard -count 1 -timeout 30m -run '^(TestConfidenceSequence|TestWidth|TestClipping|TestIntervals)$$' -v -records $(RECORDS) | sed -n 's/^.*: \(|.*\)$$/\1/p; s/^  *\(|.*\)$$/\1/p; /FAIL/p'

CALIBRATION_RECORDS ?= 40
ENGINE_RECORDS ?= 8
.PHONY: report-calibration
report-calibration: ## Print the tables of docs/calibration.md: coverage on CALIBRATION_RECORDS simulated series of each kind, on real funds (ETFCAST_REAL_DATA), and of real models on ENGINE_RECORDS series.
	@$(GO) test ./forecast/calibration -count 1 -timeout 60m -run '^TestCoverage' -v -records $(CALIBRATION_RECORDS) | sed -n 's/^[^|]*: \(|.*\)$$/\1/p; s/^  *\(|.*\)$$/\1/p; /FAIL/p'
	@$(GO) test ./forecast/backtest -count 1 -timeout 60m -run '^TestCoverageOfSimulatedTruth$$' -v -truths $(ENGINE_RECORDS) -truth-models drift,ets,theta,garch | sed -n 's/^[^|]*: \(|.*\)$$/\1/p; /FAIL/p'

GATE_WALKS ?= 1000
.PHONY: report-gate
report-gate: ## Simulate GATE_WALKS random walks of each kind, and series with a signal: how often the gate serves a model (docs/gate.md). GATE_FLAGS=-models=ewma,ets measures some models.
	@$(GO) run ./bench/gate -walks $(GATE_WALKS) -check $(GATE_FLAGS)

.PHONY: score-golden
score-golden: ## Record the golden values of losses and statistics (PYTHON with bench/scores/requirements.txt). SCORE_FLAGS=--check compares.
	@$(PYTHON) bench/scores/golden.py $(SCORE_FLAGS)
.PHONY: report-reproduce
report-reproduce: build devstack ## Issue forecasts of simulated ETFs, draw N at random and make them again: same program, one core, GOAMD64=v3.
	@GOAMD64=v3 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/etfcast-v3 ./cmd/etfcast
	@ETFCAST_DAILY_MODELS=$(MODELS) bin/devstack run --ephemeral -- $(GO) run ./bench/reproduce -etfcast bin/etfcast $(if $(filter amd64,$(shell $(GO) env GOARCH)),-v3 bin/etfcast-v3) -n $(if $(filter file,$(origin N)),200,$(N)) $(REPORT_FLAGS)

.PHONY: bench-prophet
bench-prophet: build ## Measure Prophet against the original, in one process and as whole processes (python3 with prophet; ETFCAST_REAL_DATA).
	@$(GO) run ./bench/prophet/bench -etfcast bin/etfcast $(BENCH_FLAGS)

##@ Dashboard (needs Node and npm; the built files are committed, so that nothing else does)

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --ignore-scripts --no-audit --no-fund

.PHONY: web
web: web/node_modules/.package-lock.json ## Build the dashboard from web/ into api/assets, and its types from openapi.yaml (Node 20).
	cd web && npm run --silent generate && npm run --silent build

.PHONY: web-check
web-check: web ## Check the dashboard's types and functions; fail if api/assets is not what web/ gives.
	cd web && npm run --silent check && npm test --silent
	@[ -z "$$(git status --porcelain -- api/assets web/src/lib/api)" ] || { git status --short -- api/assets web/src/lib/api; echo "the dashboard's build is out of date: run 'make web' and commit" >&2; exit 1; }

.PHONY: test-web
test-web: build devstack web/node_modules/.package-lock.json ## Drive every page of the dashboard in a real browser (CHROMIUM) against a running demo; pictures are left in web/screenshots.
	bin/devstack run --ephemeral --quiet -- npm --prefix web run test:browser

PICTURES ?= $(CURDIR)/docs/images
.PHONY: pictures
pictures: build devstack web/node_modules/.package-lock.json ## Walk through docs/first-steps.md on a fresh demo and save its pictures in docs/images, or in PICTURES (pngquant, if installed, makes them smaller).
	PICTURES=$(PICTURES) bin/devstack run --ephemeral --quiet -- npm --prefix web run test:browser -- e2e/first-steps.test.ts
	@if command -v pngquant > /dev/null; then cd $(PICTURES) && pngquant --force --ext .png --speed 1 dashboard*.png first-steps-*.png; fi

##@ Generated code and tools

.PHONY: generate
generate: $(SQLC) $(OAPI_CODEGEN) ## Regenerate the generated code (sqlc, OpenAPI).
	$(SQLC) generate
	cd api && $(OAPI_CODEGEN) -config oapi-codegen.yaml openapi.yaml

.PHONY: generate-check
generate-check: generate ## Fail if generated code is not up to date.
	@git diff --exit-code --stat -- db api || { echo "generated code is out of date: run 'make generate' and commit" >&2; exit 1; }

.PHONY: record-histories
record-histories: build devstack ## Record workflow histories for the replay tests (only from a commit: see docs/workflows.md). RECORD_FLAGS="--only backfill" records some.
	bin/devstack run --ephemeral -- $(GO) run ./e2e/record --label "$$(bin/etfcast version | cut -d' ' -f2)" $(RECORD_FLAGS)

ETFCAST ?= bin/etfcast
.PHONY: record-database
record-database: build devstack ## Record a database for the upgrade tests. RELEASE=0.1.0 (only from released code: see docs/workflows.md).
	@[ -n "$(RELEASE)" ] || { echo "set RELEASE to the release, for example RELEASE=0.1.0" >&2; exit 1; }
	bin/devstack run --ephemeral -- $(GO) run ./db/record --etfcast "$(ETFCAST)" --release "$(RELEASE)" $(RECORD_FLAGS)

.PHONY: prophet-golden
prophet-golden: ## Record the original Prophet's results for every case as golden files (python3 with prophet; ETFCAST_REAL_DATA).
	$(GO) run ./bench/prophet/series -out forecast/prophet/testdata
	python3 bench/prophet/golden.py $(GOLDEN_FLAGS)

.PHONY: prophet-parity
prophet-parity: ## Make docs/prophet-parity.md: the original Prophet and ours side by side. PARITY_FLAGS=--reuse uses the golden files.
	@python3 bench/prophet/parity.py $(PARITY_FLAGS)

# $(call install,PACKAGE,VERSION,PROGRAM) installs the program under its name and version.
install = GOBIN=$(TOOLS) $(GO) install $(1)@$(2) && mv $(TOOLS)/$(3) $@
$(SQLC):
	$(call install,github.com/sqlc-dev/sqlc/cmd/sqlc,$(SQLC_VERSION),sqlc)
$(OAPI_CODEGEN):
	$(call install,github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen,$(OAPI_CODEGEN_VERSION),oapi-codegen)
$(GOLANGCI):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,$(GOLANGCI_VERSION),golangci-lint)
$(WORKFLOWCHECK):
	$(call install,go.temporal.io/sdk/contrib/tools/workflowcheck,$(WORKFLOWCHECK_VERSION),workflowcheck)
$(VACUUM): api/lint/go.mod api/lint/go.sum
	cd api/lint && $(GO) build -o $@ github.com/daveshanley/vacuum
$(GOVULNCHECK):
	$(call install,golang.org/x/vuln/cmd/govulncheck,$(GOVULNCHECK_VERSION),govulncheck)

.PHONY: clean
clean: ## Remove everything built (but not the demo's data, which is in .devstack).
	rm -rf bin
