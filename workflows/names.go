package workflows

// Wire names: they are in the histories of running workflows, in schedules and in clients. Renaming one is a
// breaking change.
const (
	TickWorkflow           = "Tick"
	DailyWorkflow          = "Daily"
	UpdateETFWorkflow      = "UpdateETF"
	ResolveFindingWorkflow = "ResolveFinding"

	// StatusQuery asks a running or ended workflow where it stands. Daily answers a DailyStatus, UpdateETF an
	// etf.RunETF, ResolveFinding a FindingStatus.
	StatusQuery = "status"
	// DecideUpdate hands ResolveFinding a person's Decision; it answers the decided etf.Finding.
	DecideUpdate = "decide"
)

// The task queues.
const (
	// TaskQueue takes workflow tasks and the activities that talk to the database.
	TaskQueue = "etfcast"
	// FitTaskQueue takes the fitting of models, which is bounded by the cores.
	FitTaskQueue = "etfcast-fit"
	// sourceTaskQueuePrefix is followed by a source's name.
	sourceTaskQueuePrefix = "etfcast-source-"
)

// SourceTaskQueue names the task queue of the fetches from one source.
func SourceTaskQueue(source string) string { return sourceTaskQueuePrefix + source }
