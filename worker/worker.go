package worker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// Deps are the dependencies of the activities. All but Build, Checkpoints, ScoreHorizons, Observe, ModelFailed, Ping, Now and Started are required.
type Deps struct {
	Store   activities.Store
	Watcher activities.Watcher
	Sources []activities.Source
	Models  []activities.Model // the benchmark first; see activities.Forecasting
	// ScoreHorizons are the horizons that are scored, distinct and ascending; etf.ScoreHorizons if empty.
	ScoreHorizons []int
	// CrossCheck is the share of new closes that are compared with a second source (activities.Validating).
	CrossCheck  float64
	CodeVersion string    // of the running program; part of every forecast's identity
	Build       etf.Build // of the running program; recorded with every forecast
	Log         *slog.Logger
	// Note makes the text of the ledger's checkpoints.
	Note etf.CheckpointNote
	// Checkpoints keeps them outside the database; nil = nowhere.
	Checkpoints activities.Checkpoints
	// Calendars tells this process the stored changes of the calendars, if that was not just done; before every activity. May be nil.
	Calendars func(context.Context) error
	// Observe is called for every finished attempt of an activity; for metrics. May be nil.
	Observe func(Activity)
	// ModelFailed is called for each model that gave no forecast for an ETF; for metrics. May be nil.
	ModelFailed func(model string)
	// Ping reports whether the database answers: a step that has used all of its time is repeated while it does not. Nil
	// means that it does.
	Ping func(context.Context) error
	// Now is the clock; nil means the system clock.
	Now func() time.Time
	// Started is called once, when every worker is polling. May be nil.
	Started func()
}

func (d Deps) modelNames() []string {
	names := make([]string, len(d.Models))
	for i, m := range d.Models {
		names[i] = m.Name()
	}
	return names
}

// Run serves every task queue until ctx ends, then lets running activities finish within Options.StopTimeout. It does not
// wait for Temporal: call Await and EnsureSearchAttributes of a dispatch.Client first. It returns nil after ctx has
// ended, and an error if a worker can't start or fails.
func Run(ctx context.Context, c client.Client, deps Deps, options Options) error {
	if deps.Store == nil || deps.Watcher == nil || len(deps.Models) == 0 || len(deps.Sources) == 0 || deps.CodeVersion == "" || deps.Log == nil || deps.Note == nil {
		return etf.Invalid("deps", "a worker needs a store, a watcher, sources, models, a code version, a log and the text of checkpoints", "set all of them")
	}
	options = options.withDefaults()
	now := deps.Now
	if now == nil {
		now = time.Now
	}
	sdkworker.SetStickyWorkflowCacheSize(options.CacheSize)

	fatal := make(chan error, 1)
	finish := func(s sdkworker.Options, queue string) sdkworker.Options {
		s.OnFatalError = func(err error) {
			select {
			case fatal <- fmt.Errorf("worker on task queue %s failed: %w", queue, err):
			default: // the first error is enough
			}
		}
		s.Interceptors = []interceptor.WorkerInterceptor{&activities.Interceptor{Ping: deps.Ping}}
		if deps.Calendars != nil {
			s.Interceptors = append(s.Interceptors, &informed{read: deps.Calendars, log: deps.Log})
		}
		if deps.Observe != nil { // outermost, so that it sees the error types set by the other
			s.Interceptors = slices.Insert(s.Interceptors, 0, interceptor.WorkerInterceptor(&observer{queue: queue, observe: deps.Observe}))
		}
		return s
	}

	main := sdkworker.New(c, workflows.TaskQueue, finish(options.Main(), workflows.TaskQueue))
	RegisterWorkflows(main)
	registerMain(main, deps, options.Cores, now)
	fit := sdkworker.New(c, workflows.FitTaskQueue, finish(options.Fit(), workflows.FitTaskQueue))
	registerFit(fit, deps, options.Cores, now)
	workers := []sdkworker.Worker{main, fit}
	for _, s := range deps.Sources {
		queue := workflows.SourceTaskQueue(s.Name())
		w := sdkworker.New(c, queue, finish(options.Source(s.Name()), queue))
		registerSource(w, deps, s, options.SourceQuotas[s.Name()], now)
		workers = append(workers, w)
	}

	started := 0
	defer func() { stopAll(workers[:started]) }()
	for _, w := range workers {
		if err := w.Start(); err != nil {
			return etf.Wrap(etf.KindUnavailable, err, "starting the workers")
		}
		started++
	}
	deps.Log.Info("workers started", "task_queues", len(workers), "fits_at_once", options.Cores)
	if deps.Started != nil {
		deps.Started()
	}
	select {
	case <-ctx.Done():
		deps.Log.Info("workers stopping", "at_most", options.StopTimeout)
		return nil
	case err := <-fatal:
		return err
	}
}

// stopAll stops the workers concurrently: one after another could take StopTimeout for each.
func stopAll(workers []sdkworker.Worker) {
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(w.Stop)
	}
	wg.Wait()
}
