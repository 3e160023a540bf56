package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/api"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/catalogue"
	"github.com/etfcast/etfcast/internal/retry"
	"github.com/etfcast/etfcast/ledger"
	"github.com/etfcast/etfcast/service"
	"github.com/etfcast/etfcast/worker"
)

// The adapters implement their users' ports.
var (
	_ activities.Store   = (*db.Store)(nil)
	_ service.Store      = (*db.Store)(nil)
	_ service.Temporal   = (*dispatch.Client)(nil)
	_ activities.Watcher = (*dispatch.Client)(nil)

	_ activities.Checkpoints = checkpointFolder("")
)

// serverSettings are the settings of the commands that run until stopped.
type serverSettings struct {
	listen string
	// insecure allows listening beyond loopback without keys.
	insecure bool
	// allowedHosts are more names by which requests may address the server.
	allowedHosts []string
	sources      sourceSettings
	uploads      uploadSettings
	ledger       ledgerSettings
	worker       worker.Options
	limits       sourceLimits
	horizons     string // that are scored
	crossCheck   float64
	models       modelSettings
	due          dueSettings
}

func (s *serverSettings) addFlags(flags *pflag.FlagSet, listen string) {
	declare := settings{flags}
	declare.StringVar(&s.listen, "listen", listen, "address of the HTTP server (the API, or health and metrics)")
	declare.StringSliceVar(&s.allowedHosts, "allowed-hosts", nil, "names by which requests may address the server, apart from localhost, its own addresses and the host of --listen; separated by commas")
	declare.BoolVar(&s.insecure, "insecure", false, "listen beyond loopback although there are no keys yet: whoever reaches the address can do everything")
	declare.StringVar(&s.horizons, "score-horizons", joinInts(etf.ScoreHorizons), "horizons at which forecasts are scored, in sessions, separated by commas")
	declare.Float64Var(&s.crossCheck, "cross-check", defaultCrossCheck, "share of new closes, from 0 to 1, that are compared with the ETF's next source; whatever is in doubt is compared, too, unless the share is 0")
	declare.IntVar(&s.worker.Cores, "fit-cores", 0, "number of concurrent model fits (default: number of cores)")
	declare.IntVar(&s.worker.StoreActivities, "store-activities", 0, "number of concurrent database activities (default: 16)")
	s.limits.addFlags(flags)
	s.models.addFlags(flags)
	s.sources.addFlags(flags)
	s.ledger.addFlags(flags)
	s.due.addFlags(flags)
}

// defaultRates formats the default rates as the flag takes them.
func defaultRates() string {
	rates := worker.DefaultSourceRates()
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(rates)) {
		texts = append(texts, fmt.Sprintf("%s=%g", name, rates[name]))
	}
	return strings.Join(texts, ",")
}

// sourceRates returns the default rates overridden by the configured ones.
func sourceRates(configured map[string]string) (map[string]float64, error) {
	rates := worker.DefaultSourceRates()
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		text := configured[name]
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || rate <= 0 || math.IsInf(rate, 0) || !slices.Contains(etf.SourceNames(), name) {
			return nil, usageError{etf.Invalid("source-rate", fmt.Sprintf("%s=%s is not a rate", name, text),
				"write NAME=FETCHES_PER_SECOND; the names are "+strings.Join(etf.SourceNames(), ", "))}
		}
		rates[name] = rate
	}
	return rates, nil
}

// defaultQuotas formats the default quotas as the flag takes them.
func defaultQuotas() string {
	quotas := worker.DefaultSourceQuotas()
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(quotas)) {
		texts = append(texts, fmt.Sprintf("%s=%d", name, quotas[name]))
	}
	return strings.Join(texts, ",")
}

// sourceQuotas returns the default quotas overridden by the configured ones.
func sourceQuotas(configured map[string]string) (map[string]int, error) {
	quotas := worker.DefaultSourceQuotas()
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		text := configured[name]
		quota, err := strconv.Atoi(text)
		if err != nil || quota < 0 || quota > maxQuota || !slices.Contains(etf.SourceNames(), name) {
			return nil, usageError{etf.Invalid("source-quota", fmt.Sprintf("%s=%s is not a daily quota", name, text),
				"write NAME=REQUESTS_PER_DAY, or NAME=0 for no limit; the names are "+strings.Join(etf.SourceNames(), ", "))}
		}
		quotas[name] = quota
	}
	return quotas, nil
}

// maxQuota is far above every plan, and fits the database's column.
const maxQuota = 1_000_000_000

// defaultCrossCheck costs an ETF's next source a request every ten sessions.
const defaultCrossCheck = 0.1

// checkShare returns the share of closes to compare.
func (s *serverSettings) checkShare() (float64, error) {
	if !(s.crossCheck >= 0 && s.crossCheck <= 1) {
		return 0, usageError{etf.Invalid("cross-check", fmt.Sprintf("%g is not a share", s.crossCheck), "write a number from 0 (nothing is compared) to 1 (every close is), such as 0.1")}
	}
	return s.crossCheck, nil
}

// scoreHorizons returns the horizons that are scored.
func (s *serverSettings) scoreHorizons() ([]int, error) {
	if s.horizons == "" {
		return etf.ScoreHorizons, nil
	}
	var list []int
	for text := range strings.SplitSeq(s.horizons, ",") {
		h, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || h < 1 || h > etf.MaxHorizon || len(list) > 0 && h <= list[len(list)-1] {
			return nil, usageError{etf.Invalid("score-horizons", fmt.Sprintf("%q is not a list of horizons", s.horizons),
				fmt.Sprintf("write distinct numbers from 1 to %d, ascending, such as 1,5,21", etf.MaxHorizon))}
		}
		list = append(list, h)
	}
	return list, nil
}

func joinInts(list []int) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ",")
}

// process holds the parts of a running etfcast. Creating it does not need the database or Temporal to be up.
type process struct {
	settings serverSettings
	ui       string // URL of Temporal's Web UI; may be empty
	log      *slog.Logger
	listener net.Listener
	hosts    api.Hosts
	store    *db.Store // of the workers
	requests *db.Store // of everything else: requests and runs can't take each other's connections
	sources  []activities.Source
	temporal *dispatch.Client
	metrics  *prometheus.Registry
	observe  func(worker.Activity)
	uploads  service.PriceFolder // nil = none
	// modelFailed counts a failure of the model.
	modelFailed func(model string)
	models      []activities.Model // the benchmark first
	signer      *ledger.Signer     // of checkpoints; nil = they are not signed
	horizons    []int              // that are scored
	crossCheck  float64            // share of closes compared with a second source
	dueAfter    service.DueAfter
	calendars   *service.CalendarReader
	// final and schedules are the exchanges' times of day (exchangeTimes).
	final, schedules map[etf.Exchange]etf.TimeOfDay
	env              environment // with the sources' keys
}

const (
	// requestConnections are for requests, health checks and metrics. Each of these has a shorter limit of its own but for changes, which
	// may wait for a lock; requestTimeout only ends what nobody waits for any more.
	requestConnections = 8
	requestTimeout     = 30 * time.Second
)

// newProcess checks every setting before starting anything, and reports all problems at once.
func (a *app) newProcess(s serverSettings) (*process, error) {
	log, err := a.logger()
	if err != nil {
		return nil, err
	}
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	slog.SetDefault(log) // for libraries
	p := &process{settings: s, ui: a.common.temporalUI, log: log}
	p.store, err = a.openStoreWith(db.Options{MaxConns: s.worker.Connections(len(etf.SourceNames()))})
	note(err)
	if err == nil {
		p.requests, err = a.openStoreWith(db.Options{MaxConns: requestConnections, Timeout: requestTimeout})
		note(err)
	}
	if err == nil {
		p.calendars = service.NewCalendarReader(p.requests, time.Now)
	}
	p.final, p.schedules, err = a.common.times.parse()
	note(err)
	p.sources, err = s.sources.open(log, a.env)
	note(err)
	p.uploads, err = s.uploads.open(s.sources.fileDir)
	note(err)
	p.signer, err = s.ledger.signer()
	note(err)
	options, err := a.temporalOptions(log)
	note(err)
	p.horizons, err = s.scoreHorizons()
	note(err)
	p.crossCheck, err = s.checkShare()
	note(err)
	p.dueAfter, err = s.due.parse()
	note(err)
	p.settings.worker.SourceRates, err = s.limits.rates()
	note(err)
	p.settings.worker.SourceQuotas, err = s.limits.quotas()
	note(err)
	p.env = a.env
	p.metrics = prometheus.NewRegistry()
	options.MetricsHandler = newSDKMetrics(p.metrics).handler()
	if len(problems) == 0 {
		p.temporal, err = dispatch.New(options, log)
		note(err)
	}
	p.hosts, err = s.hosts()
	note(err)
	note(s.checkListen())
	if len(problems) == 0 {
		p.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", s.listen)
		if err != nil {
			err = &etf.Error{Kind: etf.KindInvalid, Field: "listen", Message: "can't listen on " + s.listen, Err: err, Remedy: "choose another address with --listen"}
		}
		note(err)
	}
	p.models, err = s.models.open()
	note(err)
	if len(problems) > 0 {
		p.close()
		return nil, usageError{errors.Join(problems...)}
	}
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.metrics.MustRegister(storeMetrics{p.service()}, queueMetrics{p.temporal.Backlogs})
	p.observe = activityMetrics(p.metrics)
	p.modelFailed = modelMetrics(p.metrics, p.models)
	return p, nil
}

// modelSettings say which models forecast every ETF.
type modelSettings struct{ names []string }

func (s *modelSettings) addFlags(flags *pflag.FlagSet) {
	settings{flags}.StringSliceVar(&s.names, "daily-models", catalogue.Daily(), "models that forecast every ETF, separated by commas; the benchmark, "+catalogue.Benchmark+", is always the first")
}

// open returns the models, the benchmark first: its failure fails an update, and the others are compared with it.
func (s *modelSettings) open() ([]activities.Model, error) {
	names, asked := []string{catalogue.Benchmark}, s.names
	if len(asked) == 0 {
		asked = catalogue.Daily()
	}
	for _, name := range asked {
		if name = strings.TrimSpace(name); name != "" && name != catalogue.Benchmark {
			names = append(names, name)
		}
	}
	list, err := catalogue.New(names)
	if err != nil {
		return nil, usageError{err}
	}
	return list, nil
}

// models returns every model that this program has, the benchmark first: what commands that only read may be asked about.
func models() ([]activities.Model, error) { return catalogue.New(catalogue.Names()) }

func (p *process) close() {
	if p.temporal != nil {
		p.temporal.Close()
	}
	for _, store := range []*db.Store{p.store, p.requests} {
		if store != nil {
			_ = store.Close()
		}
	}
	if p.listener != nil {
		_ = p.listener.Close()
	}
}

// work runs the workers. It waits for the schema, then for Temporal and its search attributes.
func (p *process) work(ctx context.Context) error {
	if err := p.awaitSchema(ctx); err != nil {
		return err
	}
	defer p.beside(ctx, p.pruneEvents, p.watchDeadlines, p.watchKeys, p.readCalendars)()
	if err := p.temporal.Await(ctx, p.log); err != nil {
		return err
	}
	if err := p.temporal.EnsureSearchAttributes(ctx, p.log); err != nil {
		return err
	}
	if p.signer == nil {
		p.log.Info("checkpoints of the ledger are not signed", "remedy", "make a key with `etfcast key init --out FILE` and set --ledger-key")
	}
	return worker.Run(ctx, p.temporal.SDK(), p.deps(), p.settings.worker)
}

// beside runs loops beside the workers, which need the database and not Temporal, and returns the function that ends them and waits for
// them.
func (p *process) beside(ctx context.Context, loops ...func(context.Context)) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, loop := range loops {
		running.Go(func() { loop(ctx) })
	}
	return func() {
		stop()
		running.Wait()
	}
}

// calendarAge is how old the calendars may be that an activity uses.
const calendarAge = time.Second

// readCalendars has this process know the changes of calendars until ctx ends.
func (p *process) readCalendars(ctx context.Context) {
	for {
		_ = p.calendars.Read(ctx, calendarAge) // worker and API of one process share the reader; a database that is away is reported by the checks of readiness
		select {
		case <-ctx.Done():
			return
		case <-time.After(service.CalendarRefresh):
		}
	}
}

// pruneEvery is about how often a worker deletes old events. Each waits for a random time, so that many do not come at once.
const pruneEvery = time.Hour

// pruneEvents deletes old events now and then until ctx ends.
func (p *process) pruneEvents(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pruneEvery/2 + rand.N(pruneEvery)):
		}
		n, err := p.service().PruneEvents(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.Warn("old events not deleted, they are next time", "error", err)
		case n > 0:
			p.log.Info("old events deleted", "events", n)
		}
	}
}

// awaitSchema returns once the database can be reached and has the schema and the rights that this program needs.
func (p *process) awaitSchema(ctx context.Context) error {
	return retry.Until(ctx, p.log, retry.Limit, p.service().Migrated)
}

// deps are the dependencies of this process's workers.
func (p *process) deps() worker.Deps {
	var files activities.Checkpoints
	if dir := p.settings.ledger.dir; dir != "" {
		files = checkpointFolder(dir)
	}
	return worker.Deps{
		Ping: p.store.Ping, Note: p.signer.Note, Checkpoints: files,
		Store: p.store, Watcher: p.temporal, Sources: p.sources, Models: p.models,
		Calendars:     func(ctx context.Context) error { return p.calendars.Read(ctx, calendarAge) },
		ScoreHorizons: p.horizons, CrossCheck: p.crossCheck, CodeVersion: version, Build: thisBuild, Log: p.log, Observe: p.observe, ModelFailed: p.modelFailed,
	}
}

// queues are the task queues that a complete installation polls.
func queues() []string { return worker.Queues(etf.SourceNames()) }

// service returns the service behind the API.
func (p *process) service() *service.Service {
	return service.New(service.Deps{
		Store: p.requests, Anchors: p.settings.ledger.anchors(p.requests, func(c etf.Checkpoint, err error) {
			p.log.Error("checkpoint of entries not written", "checkpoint", c.Size, "error", err)
		}), CheckpointNote: p.signer.Note, Temporal: p.temporal, Sources: etf.SourceNames(), Models: modelInfos(p.models),
		Files: p.uploads, Remedies: remedies(),
		UI: p.ui, Namespace: p.temporal.Namespace(), Final: p.final, Schedules: p.schedules, DueAfter: p.dueAfter,
		Rates: p.settings.worker.SourceRates, Quotas: p.settings.worker.SourceQuotas, Keys: p.env.keyState,
	})
}

// remedies are what to do about each type of error, as docs/operations.md lists them.
func remedies() map[string]string {
	list := map[string]string{}
	for _, e := range activities.ErrorTypes() {
		list[e.Name] = e.Remedy
	}
	return list
}

// modelInfos describes the models to the service.
func modelInfos(models []activities.Model) []service.Model {
	infos := make([]service.Model, len(models))
	for i, m := range models {
		infos[i] = service.Model{Name: m.Name(), MinSessions: m.MinRows(), Params: m.Params()}
	}
	return infos
}

// serveAPI serves the HTTP API until ctx ends. The probes of the workers are part of its readiness.
func (p *process) serveAPI(ctx context.Context, workers []service.Probe) error {
	svc := p.service()
	defer p.beside(ctx, p.readCalendars)()
	handler, err := api.New(api.Deps{
		KeepForecasts: keepFor, KeepBars: keepFor,
		Service: svc, Version: version, Workers: workers, Log: p.log, Metrics: p.metrics, Hosts: p.hosts,
	})
	if err != nil {
		return err
	}
	defer p.beside(ctx, func(ctx context.Context) { warm(ctx, svc) })()
	return api.Serve(ctx, p.listener, handler)
}

// warm reads the overview once the database has its schema, so that the first page does not wait for all ETFs to be read. A failure
// costs nothing but that: the request reads them.
func warm(ctx context.Context, svc *service.Service) {
	if retry.Until(ctx, slog.New(slog.DiscardHandler), retry.Limit, svc.Migrated) == nil {
		_, _ = svc.Overview(ctx, "")
	}
}

// serveHealth serves health and metrics, for a process without the API, until ctx ends.
func (p *process) serveHealth(ctx context.Context) error {
	svc := p.service()
	ready := service.NewReadiness(time.Now, append(svc.Probes(), svc.OwnQueueProbes(queues())...)...)
	p.log.Info("health server listening", "address", p.listener.Addr().String())
	return api.Serve(ctx, p.listener, api.NewHealth(ready, p.metrics, p.hosts))
}

// keepFor is how long the API may send a latest forecast or a page of bars again while no event names its ETF. For that long, a change
// made past the program is not seen, and a forecast is not verified against its hash again.
const keepFor = 5 * time.Second
