package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Every size, timeout, wait and retry policy of the workflows. An error's type says whether it is worth another
// try, and activities/errors.go decides which type an error has; what is here says how soon.

const (
	// FanOut is how many updates a daily run keeps open. At about 10 KB each in the worker's cache it costs nothing;
	// it is what bounds how many ETFs wait for one provider at once.
	FanOut = 50

	// duePage is how many ETFs one activity hands out: 100 of them with two sources each make 12 KB of payload,
	// under the 16 KB aimed at.
	duePage = 100

	// recordBatch is how many ended updates go to the table of runs at once: 50 rows are about 12 KB.
	recordBatch = 50

	// modelFailures bounds, in bytes, what a row says of models that failed: as much as an activity's error may.
	modelFailures = 300

	// maxProblems bounds the ETFs shown as needing attention, and the carry-over of continue-as-new with them.
	maxProblems = 20

	// maxTickSessions bounds one Tick run; what is beyond it continues as new.
	maxTickSessions = 60

	// heartbeatTimeout is how soon an activity of a worker that was killed is noticed and tried elsewhere.
	// activities.Interceptor heartbeats at a quarter of it.
	heartbeatTimeout = 20 * time.Second

	// detailsEvery is how often current details are rendered at most.
	detailsEvery = 5 * time.Second

	// drainPatience is how long a cancelled daily run waits for its updates to end before it reports without them.
	// An update ends as soon as the activity under way does, and none takes longer than storePolicy allows.
	drainPatience = 5 * time.Minute
)

// DailyPriority goes before the default (3), so that the daily run is served before a backfill on a source's queue.
var DailyPriority = temporal.Priority{PriorityKey: 2}

// storePolicy is for activities that only talk to the database. While it is down they wait, nearly at once at
// first and every half minute later, for a day: nothing is lost by waiting and nobody has to start anything again.
func storePolicy(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		ScheduleToCloseTimeout: 24 * time.Hour,
		StartToCloseTimeout:    2 * time.Minute,
		HeartbeatTimeout:       heartbeatTimeout,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
		},
		Summary: summary,
		// The answer to a write says what it did, and a cancelled run records that.
		WaitForCancellation: true,
	}
}

// fetchPolicy is for asking one source. A source that is down or busy is asked activities.SourceAttempts times;
// ScheduleToStart is for a source no worker serves.
func fetchPolicy(source, summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              SourceTaskQueue(source),
		ScheduleToStartTimeout: 4 * time.Hour,
		ScheduleToCloseTimeout: 24 * time.Hour,
		StartToCloseTimeout:    5 * time.Minute, // a whole history, slowly
		HeartbeatTimeout:       heartbeatTimeout,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 2 * time.Second, BackoffCoefficient: 3, MaximumInterval: 2 * time.Minute,
		},
		Summary: summary,
	}
}

// fitPolicy is for fitting models: long, on few cores, watched by heartbeats.
func fitPolicy(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              FitTaskQueue,
		ScheduleToCloseTimeout: 24 * time.Hour,
		StartToCloseTimeout:    15 * time.Minute,
		HeartbeatTimeout:       heartbeatTimeout,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
		},
		Summary: summary,
		// A forecast that was appended is counted.
		WaitForCancellation: true,
	}
}

// watchPolicy is for waiting until a run somebody else started has ended. Each try may last a day.
func watchPolicy(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:           TaskQueue,
		StartToCloseTimeout: 24 * time.Hour,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute,
		},
		Summary: summary,
	}
}
