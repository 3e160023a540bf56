package worker

import (
	"context"
	"time"

	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// RegisterWorkflows registers the workflows under their wire names.
func RegisterWorkflows(r sdkworker.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(workflows.Tick, workflow.RegisterOptions{Name: workflows.TickWorkflow})
	r.RegisterWorkflowWithOptions(workflows.Daily, workflow.RegisterOptions{Name: workflows.DailyWorkflow})
	r.RegisterWorkflowWithOptions(workflows.UpdateETF, workflow.RegisterOptions{Name: workflows.UpdateETFWorkflow})
	r.RegisterWorkflowWithOptions(workflows.ResolveFinding, workflow.RegisterOptions{Name: workflows.ResolveFindingWorkflow})
	r.RegisterWorkflowWithOptions(workflows.Backtest, workflow.RegisterOptions{Name: workflows.BacktestWorkflow})
	r.RegisterWorkflowWithOptions(workflows.Backfill, workflow.RegisterOptions{Name: workflows.BackfillWorkflow})
	r.RegisterWorkflowWithOptions(workflows.DecideAction, workflow.RegisterOptions{Name: workflows.DecideActionWorkflow})
}

// The activities' wire names are their method names, so a workflow that calls a method by reference and a worker that
// registers it agree without depending on each other.

// scoring is shared by the activities that change prices or append forecasts.
func (d Deps) scoring(now func() time.Time) *activities.Scoring {
	if withoutRecord {
		return nil
	}
	models := d.modelNames()
	return &activities.Scoring{Store: d.Store, Horizons: d.horizons(), Models: models, Benchmark: models[0], Now: now}
}

func (d Deps) assessing(now func() time.Time) *activities.Assessing {
	a := &activities.Assessing{Models: d.Models, Horizons: d.horizons(), Now: now}
	if !withoutRecord {
		a.Store = d.Store
	}
	return a
}

// horizons are those that are scored.
func (d Deps) horizons() []int {
	if len(d.ScoreHorizons) == 0 {
		return etf.ScoreHorizons
	}
	return d.ScoreHorizons
}

func (d Deps) anchoring() *activities.Anchoring {
	if withoutRecord {
		return &activities.Anchoring{Store: noLedger{}}
	}
	return &activities.Anchoring{Store: d.Store, Note: d.Note, Files: d.Checkpoints}
}

// noLedger stays empty.
type noLedger struct{}

func (noLedger) Anchor(context.Context, etf.AnchorScope, etf.CheckpointNote) (etf.Anchored, error) {
	return etf.Anchored{}, nil
}

func registerMain(r sdkworker.ActivityRegistry, d Deps, cores int, now func() time.Time) {
	scoring := d.scoring(now)
	r.RegisterActivity(&activities.Recording{Store: d.Store, Models: d.modelNames(), Now: now})
	r.RegisterActivity(&activities.Planning{Registry: d.Store, Runs: d.Store, Watcher: d.Watcher})
	r.RegisterActivity(&activities.Validating{Fetches: d.Store, Findings: d.Store, CrossCheck: d.CrossCheck})
	r.RegisterActivity(&activities.Persisting{Store: d.Store, Scoring: scoring})
	r.RegisterActivity(&activities.Reviewing{Bars: d.Store, History: d.Store, Scoring: scoring})
	r.RegisterActivity(d.anchoring())
	r.RegisterActivity(d.assessing(now))
	r.RegisterActivity(&activities.Deciding{Store: d.Store, Scoring: scoring})
	r.RegisterActivity(&activities.DecidingActions{Store: d.Store, Scoring: scoring})
	r.RegisterActivity(&activities.Backfilling{Store: d.Store, Registry: d.Store, ETFs: d.Store, Runs: d.Store, Now: now})
	r.RegisterActivity(&activities.BacktestPlanning{Store: d.Store, History: d.Store, Cores: cores})
}

func registerFit(r sdkworker.ActivityRegistry, d Deps, cores int, now func() time.Time) {
	fits := activities.NewPlaces(cores)
	r.RegisterActivity(&activities.Forecasting{
		Store: d.Store, Models: d.Models, CodeVersion: d.CodeVersion, Build: d.Build, Now: now, Fits: fits,
		ModelFailed: d.ModelFailed, Scoring: d.scoring(now),
	})
	r.RegisterActivity(&activities.Backtesting{Store: d.Store, History: d.Store, CodeVersion: d.CodeVersion, Fits: fits})
}

func registerSource(r sdkworker.ActivityRegistry, d Deps, source activities.Source, quota int, now func() time.Time) {
	r.RegisterActivity(&activities.Fetching{Store: d.Store, States: d.Store, Source: source, Quota: quota, Now: now})
}
