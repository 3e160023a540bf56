package workflows

// Wire names: they are in the histories of running workflows, in schedules and in clients. Renaming one is a
// breaking change.
const (
	TickWorkflow           = "Tick"
	DailyWorkflow          = "Daily"
	UpdateETFWorkflow      = "UpdateETF"
	ResolveFindingWorkflow = "ResolveFinding"
	BacktestWorkflow       = "Backtest"
	BackfillWorkflow       = "Backfill"

	// StatusQuery asks a running or ended workflow for its status. Daily returns a DailyStatus, UpdateETF an etf.RunETF,
	// ResolveFinding a FindingStatus, Backtest a BacktestStatus, Backfill a
	// BackfillStatus.
	StatusQuery = "status"
	// DecideUpdate sends ResolveFinding a person's Decision; it returns the decided etf.Finding.
	DecideUpdate = "decide"
	// PauseSignal makes a Backfill start no further window (its argument is true, or there is none), or go on (false). It is one signal,
	// because Temporal keeps the order only of signals of one name.
	PauseSignal = "pause"
)

// The task queues.
const (
	// TaskQueue is for workflow tasks and for the activities that talk to the database.
	TaskQueue = "etfcast"
	// FitTaskQueue is for fitting models, which is limited by the number of cores.
	FitTaskQueue = "etfcast-fit"
	// sourceTaskQueuePrefix is followed by a source's name.
	sourceTaskQueuePrefix = "etfcast-source-"
)

// SourceTaskQueue returns the name of the task queue for fetches from one source.
func SourceTaskQueue(source string) string { return sourceTaskQueuePrefix + source }
