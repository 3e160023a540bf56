package worker

import (
	"runtime"
	"time"

	sdkworker "go.temporal.io/sdk/worker"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// Options tunes the workers. The zero value of a field means its default.
type Options struct {
	// Cores limits how many fits run at once; default: the cores the process may use.
	Cores int
	// StoreActivities limits how many activities talk to the database at once; default 16. The database's connection
	// pool needs as many connections, plus those for fits and fetches (Connections).
	StoreActivities int
	// SourceActivities limits how many fetches from one source run at once; default 8.
	SourceActivities int
	// SourceRates limits the fetches per second from a source, over all workers; default: DefaultSourceRates. 0 or
	// absent means no limit.
	SourceRates map[string]float64
	// SourceQuotas limits the requests per day to a source, over all workers; default: DefaultSourceQuotas. 0 or absent means no
	// limit.
	SourceQuotas map[string]int
	// StopTimeout is how long a stopping worker lets running activities finish; default 20 s. Activities that take longer
	// are cancelled and retried by another worker.
	StopTimeout time.Duration
	// CacheSize is how many workflows the process keeps in memory between their tasks; default 256: five times the
	// fan-out. A workflow that is not cached is replayed, which only costs time. At 20 to 40 KB each, 256 of them are
	// under 10 MB.
	CacheSize int
}

// forecastsPerFit is how many forecast activities may be open for each fit that may run: while one fits, others read
// their history or append. With only as many activities as cores, the cores waited for the database.
const forecastsPerFit = 4

// DefaultSourceRates returns the fetches per second from each source that has a rate limit (etf.SourceTraits).
func DefaultSourceRates() map[string]float64 {
	rates := map[string]float64{}
	for _, s := range etf.Sources() {
		if s.Rate > 0 {
			rates[s.Name] = s.Rate
		}
	}
	return rates
}

// DefaultSourceQuotas returns the requests per day to each source that has a daily quota (etf.SourceTraits).
func DefaultSourceQuotas() map[string]int {
	quotas := map[string]int{}
	for _, s := range etf.Sources() {
		if s.Quota > 0 {
			quotas[s.Name] = s.Quota
		}
	}
	return quotas
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
	if o.SourceQuotas == nil {
		o.SourceQuotas = DefaultSourceQuotas()
	}
	if o.StopTimeout <= 0 {
		o.StopTimeout = 20 * time.Second
	}
	if o.CacheSize <= 0 {
		o.CacheSize = 256
	}
	return o
}

// Connections returns how many database connections the workers of one process use at most, given the number of sources.
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
	// A parent with fifty children handles many events in one task, possibly on two cores shared with fits and a database.
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
		// A workflow whose history does not match the code waits, visibly, for code that does: failing it would discard
		// its progress.
		WorkflowPanicPolicy: sdkworker.BlockWorkflow,
	}
}

// pollers scales the number of pollers with the load, from one to most: an idle worker causes little load on the server,
// and a busy one does not wait for tasks.
func pollers(initial, most int) sdkworker.PollerBehavior {
	return sdkworker.NewPollerBehaviorAutoscaling(sdkworker.PollerBehaviorAutoscalingOptions{
		InitialNumberOfPollers: initial, MinimumNumberOfPollers: 1, MaximumNumberOfPollers: most,
	})
}

// Queues lists the task queues that the workers of a complete installation with these sources poll, the main one first.
func Queues(sources []string) []string {
	queues := []string{workflows.TaskQueue, workflows.FitTaskQueue}
	for _, s := range sources {
		queues = append(queues, workflows.SourceTaskQueue(s))
	}
	return queues
}
