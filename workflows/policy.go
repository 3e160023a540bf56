package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Every size, timeout and wait of the workflows. activities/errors.go decides whether an error is retried, and how soon; the
// retry policy here is for attempts that end without an error, because their worker was killed.

const (
	// FanOut is how many updates a daily run keeps open. At about 10 KB each in the worker's cache they cost next to
	// nothing; the limit is for how many ETFs wait for one provider at once.
	FanOut = 50

	// duePage is how many ETFs one activity returns: 100 of them with two sources each are 12 KB of payload, below the
	// target of 16 KB.
	duePage = 100

	// recordBatch is how many ended updates are written to the runs table at once: 50 rows are about 12 KB.
	recordBatch = 50

	// reviewPage is how many held closes one activity looks at again; their rows are in its result (40 are 14 KB), and their forecasts are
	// made at the same time.
	reviewPage = 40

	// mostSeconds is how many sources are asked for a second opinion until one has the session.
	mostSeconds = 2

	// maxReleased bounds the sessions forecast again because their closes are believed now. As a rule that is one: each
	// session decides on the one before it.
	maxReleased = 5

	// modelFailures bounds, in bytes, a row's message about failed models, like that of an activity's error.
	modelFailures = 300

	// maxProblems bounds the ETFs shown as needing attention, and with them what continue-as-new carries over.
	maxProblems = 20

	// maxTickSessions bounds the sessions of one Tick run; it continues as new for the rest.
	maxTickSessions = 60

	// heartbeatTimeout is how soon an activity of a killed worker is noticed and retried elsewhere.
	// activities.Interceptor heartbeats at a quarter of it.
	heartbeatTimeout = 20 * time.Second

	// untilClose is how long before the exchange's next close an update stops waiting for its sources. The rest of it takes
	// less: three attempts of a fit, and of each of the steps before it.
	untilClose = 75 * time.Minute

	// openPatience is the longest that an update without the session waits at once for a source that is not asked for now. A breaker
	// opens for 5 and 10 minutes first: a short outage costs no session, a long one fails the updates as soon as it is known to be long.
	openPatience = 15 * time.Minute

	// openWaits bounds how often an update waits for such a source. Their number is in the histories of running workflows.
	openWaits = 20
	// backfillETFs is how many ETFs of a backfill are filled in at once, and backfillWindows how many of its windows one source has to answer
	// at the same time: of the 8 fetches of a source, the rest is for the daily runs.
	backfillETFs    = 6
	backfillWindows = 3

	// backfillPage is how many ETFs of a backfill one activity returns: symbols only, a few KB.
	backfillPage = 100

	// backfillTries is how often a window is asked for whose source is unavailable or busy; each time is activities.SourceAttempts attempts.
	backfillTries = 5

	// failuresInRow is after how many such failures in a row a source is left alone, first for shortestBlock, then twice as long each time,
	// up to longestBlock. shortWait is the pause before one that is not left alone is asked again.
	failuresInRow = 3
	shortestBlock = 5 * time.Minute
	longestBlock  = time.Hour
	shortWait     = time.Minute

	// measurePage is how many ETFs of a backtest one activity returns: symbols only, a few KB.
	measurePage = 100

	// detailsEvery is the shortest interval between two renderings of current details.
	detailsEvery = 5 * time.Second

	// RemindAfter and DecisionDeadline are when a finding that waits for a decision reminds of itself, and when it counts as
	// overdue: a day, and a week of trading.
	RemindAfter      = 24 * time.Hour
	DecisionDeadline = 5 * 24 * time.Hour

	// The limits of a decision: characters, and sessions.
	MaxDecidedBy   = 100
	MaxDecidedWhy  = 1000
	MaxDecisionKey = 128
	MaxDecidedRows = 100

	// drainTimeout is how long a cancelled daily run waits for its updates to end before it finishes without them.
	// An update ends as soon as its current activity does, and none takes longer than storePolicy allows.
	drainTimeout = 5 * time.Minute
)

// DailyPriority is higher than the default (3), so that the daily run precedes a backfill on a source's task queue.
var DailyPriority = temporal.Priority{PriorityKey: 2}

// BehindPriority is the lowest: for runs that only fill in the past.
var BehindPriority = temporal.Priority{PriorityKey: 5}

// BackfillPriority is that of a backfill and of everything it starts.
var BackfillPriority = BehindPriority

// BacktestPriority is that of a backtest and of everything it starts: no run waits for one.
var BacktestPriority = BehindPriority

// Priority is that of the run and of everything it starts.
func (in DailyInput) Priority() temporal.Priority {
	if in.Behind {
		return BehindPriority
	}
	return DailyPriority
}

// retrySoon is how soon another worker, or the same one after a restart, takes over from a killed worker, once
// heartbeatTimeout has passed. However long the database was away before, that is within seconds.
func retrySoon() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 4 * time.Second}
}

// storePolicy is for activities that only talk to the database. While it is down they are retried for a day: nothing is
// lost by waiting and nobody has to restart anything.
func storePolicy(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		ScheduleToCloseTimeout: 24 * time.Hour,
		StartToCloseTimeout:    2 * time.Minute,
		HeartbeatTimeout:       heartbeatTimeout,
		RetryPolicy:            retrySoon(),
		Summary:                summary,
		// The result says what a write did, and a cancelled run records that.
		WaitForCancellation: true,
	}
}

// planPolicy is for planning a backfill: a few milliseconds for each ETF.
func planPolicy(summary string) workflow.ActivityOptions {
	options := storePolicy(summary)
	options.StartToCloseTimeout = 15 * time.Minute
	return options
}

// assessPolicy is for assessing the record: seconds on an ordinary day, minutes after a long pause. The day waits for it, but not for long.
func assessPolicy(summary string) workflow.ActivityOptions {
	options := storePolicy(summary)
	options.StartToCloseTimeout = 15 * time.Minute
	options.ScheduleToCloseTimeout = time.Hour
	return options
}

// fetchPolicy is for fetching from one source. A source may be down or busy activities.SourceAttempts times;
// ScheduleToStart is for a source whose task queue no worker polls.
//
// left is the time until the update must not wait for a source any longer, 0 if there is no limit.
func fetchPolicy(source, summary string, left time.Duration) workflow.ActivityOptions {
	patience := 4 * time.Hour
	if left != 0 {
		patience = min(patience, max(left, 30*time.Minute)) // long enough for a restart of the workers
	}
	return workflow.ActivityOptions{
		TaskQueue:              SourceTaskQueue(source),
		ScheduleToStartTimeout: patience,
		ScheduleToCloseTimeout: 24 * time.Hour,
		StartToCloseTimeout:    5 * time.Minute, // a whole history from a slow source
		HeartbeatTimeout:       heartbeatTimeout,
		RetryPolicy:            retrySoon(),
		Summary:                summary,
	}
}

// checkPolicy is for asking a second source for comparison: once, without waiting long, and after those whose first source it is. A
// fetch keeps half a minute of its time for storing the response.
func checkPolicy(source, summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              SourceTaskQueue(source),
		ScheduleToStartTimeout: 30 * time.Second,
		ScheduleToCloseTimeout: 90 * time.Second,
		StartToCloseTimeout:    time.Minute,
		HeartbeatTimeout:       heartbeatTimeout,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		Priority:               temporal.Priority{PriorityKey: 4},
		Summary:                summary,
	}
}

// fitPolicy is for fitting models: long-running, on few cores, monitored by heartbeats.
func fitPolicy(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              FitTaskQueue,
		ScheduleToCloseTimeout: 24 * time.Hour,
		StartToCloseTimeout:    15 * time.Minute,
		HeartbeatTimeout:       heartbeatTimeout,
		RetryPolicy:            retrySoon(),
		Summary:                summary,
		// The result counts the forecasts appended, and a cancelled run records that.
		WaitForCancellation: true,
	}
}

// measurePolicy is for measuring models on an ETF's whole history, and for assembling what came of it: minutes, on few cores.
func measurePolicy(summary string) workflow.ActivityOptions {
	o := fitPolicy(summary)
	o.ScheduleToCloseTimeout = 7 * 24 * time.Hour // others may be before it in the queue for long
	o.StartToCloseTimeout = 6 * time.Hour
	return o
}

// watchPolicy is for waiting until a run somebody else started has ended. Each attempt may last a day.
func watchPolicy(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:           TaskQueue,
		StartToCloseTimeout: 24 * time.Hour,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         retrySoon(),
		Summary:             summary,
	}
}
