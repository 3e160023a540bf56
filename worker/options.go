package worker

import (
	"runtime"
	"time"

	sdkworker "go.temporal.io/sdk/worker"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// Options tune the workers. The zero value of each field means its default.
type Options struct {
	// Cores bounds how many fits run at once; default: the cores the program may use.
	Cores int
	// StoreActivities bounds the activities that talk to the database at once; default 16. The database's
	// connection pool should hold as many, plus the fits and the fetches.
	StoreActivities int
	// SourceActivities bounds the fetches from one source at once; default 8.
	SourceActivities int
	// SourceRates are fetches per second from a source, counted over all workers together; default:
	// DefaultSourceRates. 0 or absent means as many as come.
	SourceRates map[string]float64
	// StopTimeout is how long a stopping worker lets running activities end; default 20 s. What takes longer is
	// cancelled and tried again by another worker.
	StopTimeout time.Duration
	// CacheSize is how many workflows are kept in memory between their tasks, for the whole process; default 256:
	// five times the fan-out. A workflow that is not kept is replayed, which costs time and nothing else. At 20 to
	// 40 KB each, 256 of them are under 10 MB.
	CacheSize int
}

// forecastsPerFit is how many forecast activities are open for each fit that may run: while one fits, others read their
// history or append. With as many activities as cores, the cores waited for the database.
const forecastsPerFit = 4

// DefaultSourceRates are the fetches per second from the sources that have a rate (etf.SourceTraits).
func DefaultSourceRates() map[string]float64 {
	rates := map[string]float64{}
	for _, s := range etf.Sources() {
		if s.Rate > 0 {
			rates[s.Name] = s.Rate
		}
	}
	return rates
}

func (o Options) withDefaults() Options {
	if o.Cores <= 0 {
		o.Cores = runtime.GOMAXPROCS(0)
	}
	if o.StoreActivities <= 0 {
		o.StoreActivities = 16
	}
	if o.SourceActivities <= 0 {
		o.SourceActivities = 8
	}
	if o.SourceRates == nil {
		o.SourceRates = DefaultSourceRates()
	}
	if o.StopTimeout <= 0 {
		o.StopTimeout = 20 * time.Second
	}
	if o.CacheSize <= 0 {
		o.CacheSize = 256
	}
	return o
}

// Connections is how many database connections the workers of one process use at most, with this many sources.
func (o Options) Connections(sources int) int {
	o = o.withDefaults()
	return o.StoreActivities + sources*o.SourceActivities + o.Cores
}

// Main returns the options of the worker on workflows.TaskQueue: workflow tasks and the activities that talk to the
// database.
func (o Options) Main() sdkworker.Options {
	o = o.withDefaults()
	s := o.common()
	s.MaxConcurrentWorkflowTaskExecutionSize = 32
	s.MaxConcurrentActivityExecutionSize = o.StoreActivities
	s.WorkflowTaskPollerBehavior = pollers(4, 16)
	s.ActivityTaskPollerBehavior = pollers(2, 8)
	// A parent with fifty children takes in many events in one task, on two cores that fits and a database may share.
	s.DeadlockDetectionTimeout = 10 * time.Second
	return s
}

// Fit returns the options of the worker on workflows.FitTaskQueue.
func (o Options) Fit() sdkworker.Options {
	o = o.withDefaults()
	s := o.common()
	s.DisableWorkflowWorker = true
	s.MaxConcurrentActivityExecutionSize = forecastsPerFit * o.Cores
	s.ActivityTaskPollerBehavior = pollers(2, max(2, o.Cores))
	return s
}

// Source returns the options of the worker on workflows.SourceTaskQueue(name).
func (o Options) Source(name string) sdkworker.Options {
	o = o.withDefaults()
	s := o.common()
	s.DisableWorkflowWorker = true
	s.MaxConcurrentActivityExecutionSize = o.SourceActivities
	s.ActivityTaskPollerBehavior = pollers(2, 8)
	// The server enforces it for the whole queue, however many workers there are.
	s.TaskQueueActivitiesPerSecond = o.SourceRates[name]
	return s
}

func (o Options) common() sdkworker.Options {
	return sdkworker.Options{
		WorkerStopTimeout: o.StopTimeout,
		// A workflow whose history does not fit the code waits, visibly, for code that does: failing it would throw
		// away what it has done.
		WorkflowPanicPolicy: sdkworker.BlockWorkflow,
	}
}

// pollers scales with the load between one and most: an idle worker keeps the server quiet, a busy one is not
// limited by waiting for tasks.
func pollers(initial, most int) sdkworker.PollerBehavior {
	return sdkworker.NewPollerBehaviorAutoscaling(sdkworker.PollerBehaviorAutoscalingOptions{
		InitialNumberOfPollers: initial, MinimumNumberOfPollers: 1, MaximumNumberOfPollers: most,
	})
}

// Queues lists the task queues a complete installation with these sources serves: the main one first.
func Queues(sources []string) []string {
	queues := []string{workflows.TaskQueue, workflows.FitTaskQueue}
	for _, s := range sources {
		queues = append(queues, workflows.SourceTaskQueue(s))
	}
	return queues
}
