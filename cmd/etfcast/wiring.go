package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/pflag"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/api"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/forecast/prophet/market"
	"github.com/etfcast/etfcast/worker"
)

// The adapters implement the ports of those who use them.
var (
	_ activities.Store = (*db.Store)(nil)
	_ api.Store        = (*db.Store)(nil)
)

// serverSettings belong to the commands that keep running.
type serverSettings struct {
	listen  string
	sources sourceSettings
	worker  worker.Options
	rates   map[string]string
	ui      string
}

func (s *serverSettings) addFlags(flags *pflag.FlagSet, listen string) {
	flags.StringVar(&s.listen, "listen", listen, "address of the HTTP server")
	flags.StringVar(&s.ui, "temporal-ui", "", "address of Temporal's Web UI, for links")
	flags.IntVar(&s.worker.Cores, "fit-cores", 0, "fits at once (default: the cores)")
	flags.IntVar(&s.worker.StoreActivities, "store-activities", 0, "database activities at once (default 16)")
	flags.StringToStringVar(&s.rates, "source-rate", nil, "fetches per second from a source, over all workers, for example yahoo=1 (default: yahoo=2)")
	s.sources.addFlags(flags)
}

// sourceRates are the default rates with those given in their place.
func (s *serverSettings) sourceRates() (map[string]float64, error) {
	rates := worker.DefaultSourceRates()
	for name, text := range s.rates {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || rate <= 0 || math.IsInf(rate, 0) || !slices.Contains(sourceNames(), name) {
			return nil, usageError{etf.Invalid("source-rate", fmt.Sprintf("%s=%s is not a rate", name, text),
				"write NAME=FETCHES_PER_SECOND with a name of "+strings.Join(sourceNames(), ", "))}
		}
		rates[name] = rate
	}
	return rates, nil
}

// process is everything a running etfcast is made of. Nothing in it needs the database or Temporal to be up when it
// is made.
type process struct {
	settings serverSettings
	log      *slog.Logger
	listener net.Listener
	store    *db.Store
	sources  []activities.Source
	options  client.Options
	temporal client.Client // lazy: connects when first used
	metrics  *prometheus.Registry
	observe  func(worker.Activity)
	// modelFailed counts a model that gave no forecast.
	modelFailed func(model string)
	models      []activities.Model // the benchmark first
	ready       *readiness
}

// connections is the most the process uses at once: the workers' activities, and some for the API.
func (s *serverSettings) connections() int {
	const forAPI = 8
	return s.worker.Connections(len(sourceNames())) + forAPI
}

// newProcess checks every setting before anything is started, and reports all problems at once.
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
	slog.SetDefault(log) // what libraries say goes where ours goes
	p := &process{settings: s, log: log, ready: newReadiness(time.Now)}
	p.store, err = a.openStoreFor(s.connections())
	note(err)
	p.sources, err = s.sources.open(log)
	note(err)
	p.options, err = a.temporalOptions(log)
	note(err)
	p.settings.worker.SourceRates, err = s.sourceRates()
	note(err)
	if len(problems) == 0 {
		p.temporal, err = client.NewLazyClient(p.options)
		note(err)
	}
	if len(problems) == 0 {
		p.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", s.listen)
		if err != nil {
			err = &etf.Error{Kind: etf.KindInvalid, Field: "listen", Message: "can't listen on " + s.listen, Err: err, Remedy: "choose another address with --listen"}
		}
		note(err)
	}
	if len(problems) > 0 {
		p.close()
		return nil, usageError{errors.Join(problems...)}
	}
	if p.models, err = models(); err != nil {
		p.close()
		return nil, err
	}
	p.metrics = prometheus.NewRegistry()
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.metrics.MustRegister(storeMetrics{p.store})
	p.observe = activityMetrics(p.metrics)
	p.modelFailed = modelMetrics(p.metrics, p.models)
	return p, nil
}

// models are those every ETF is forecast with, the benchmark first: it is the one that is served, and the one whose
// failure fails an update. The API and the smoke test follow this list.
func models() ([]activities.Model, error) {
	benchmark, err := drift.New(drift.Settings{})
	if err != nil {
		return nil, err
	}
	sessions, err := market.New(market.Settings{})
	if err != nil {
		return nil, err
	}
	return []activities.Model{benchmark, sessions}, nil
}

func (p *process) close() {
	if p.temporal != nil {
		p.temporal.Close()
	}
	if p.store != nil {
		_ = p.store.Close()
	}
	if p.listener != nil {
		_ = p.listener.Close()
	}
}

// work runs the workers. It waits for the schema, then for Temporal and its search attributes.
func (p *process) work(ctx context.Context) error {
	err := worker.Retry(ctx, p.log, func(err error) { p.ready.set("database", err) }, p.store.Ping)
	if err != nil {
		return err
	}
	if err := worker.Retry(ctx, p.log, func(err error) { p.ready.set("schema", err) }, p.schemaReady); err != nil {
		return err
	}
	c, err := worker.Connect(ctx, p.options, p.log, func(err error) { p.ready.set("temporal", err) })
	if err != nil {
		return err
	}
	defer c.Close()
	if err := worker.EnsureSearchAttributes(ctx, c, p.options.Namespace, p.log); err != nil {
		return err
	}
	return worker.Run(ctx, c, p.deps(), p.settings.worker)
}

// deps are what the workers of this process work with.
func (p *process) deps() worker.Deps {
	return worker.Deps{
		Store: p.store, Sources: p.sources, Models: p.models,
		CodeVersion: version, Log: p.log, Observe: p.observe, ModelFailed: p.modelFailed,
		Started: func() { p.ready.set("workers", nil) },
	}
}

// schemaReady returns nil when the database has the schema this program was written for.
func (p *process) schemaReady(ctx context.Context) error {
	current, wanted, err := p.store.SchemaVersion(ctx)
	switch {
	case err != nil:
		return err
	case current < wanted:
		return &etf.Error{Kind: etf.KindUnavailable, Field: "schema", Message: fmt.Sprintf("the database's schema is at version %d, this program needs %d", current, wanted), Remedy: "run `etfcast migrate`"}
	}
	// A newer schema is one this program can work with: migrations expand first and contract a release later.
	return tablesGranted(ctx, p.store)
}

// tablesGranted returns nil when the pipeline's user may read every table. One that migrate has made and not granted is
// waited for like the migration: somebody has to run it again.
func tablesGranted(ctx context.Context, store *db.Store) error {
	missing, err := store.Ungranted(ctx)
	if err == nil && len(missing) > 0 {
		err = &etf.Error{Kind: etf.KindUnavailable, Message: "tables not granted: " + strings.Join(missing, ", "), Remedy: "run `etfcast migrate --grant USER`"}
	}
	return err
}

// queues are the task queues a complete installation serves.
func queues() []string { return worker.Queues(sourceNames()) }

// service is the logic behind the API, in this process.
func (p *process) service() *api.Service {
	infos := make([]api.Model, len(p.models))
	for i, m := range p.models {
		infos[i] = api.Model{Name: m.Name(), MinSessions: m.MinRows(), Params: m.Params()}
	}
	return api.NewService(api.ServiceDeps{
		Store: p.store, Temporal: api.NewTemporal(p.temporal), Sources: sourceNames(), Models: infos,
		UI: p.settings.ui, Namespace: p.options.Namespace,
	})
}

// serveAPI serves the HTTP API until ctx ends.
func (p *process) serveAPI(ctx context.Context) error {
	handler, err := api.New(api.Deps{
		Service: p.service(), Version: version, Queues: queues(), Log: p.log, Metrics: p.metrics,
	})
	if err != nil {
		return err
	}
	return api.Serve(ctx, p.listener, handler)
}
