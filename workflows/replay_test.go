package workflows_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// histories lists the histories of workflows that ran on earlier code. Whatever changes in this package, they must
// replay: such workflows may still be running. docs/workflows.md says how to change a workflow and record new histories.
func histories(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/histories/*.json.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded histories: %v", err)
	}
	return files
}

func TestRecordedHistoriesReplay(t *testing.T) {
	for _, file := range histories(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json.gz"), func(t *testing.T) {
			r := worker.NewWorkflowReplayer()
			r.RegisterWorkflowWithOptions(workflows.Tick, workflow.RegisterOptions{Name: workflows.TickWorkflow})
			r.RegisterWorkflowWithOptions(workflows.Daily, workflow.RegisterOptions{Name: workflows.DailyWorkflow})
			r.RegisterWorkflowWithOptions(workflows.UpdateETF, workflow.RegisterOptions{Name: workflows.UpdateETFWorkflow})
			r.RegisterWorkflowWithOptions(workflows.ResolveFinding, workflow.RegisterOptions{Name: workflows.ResolveFindingWorkflow})
			r.RegisterWorkflowWithOptions(workflows.Backtest, workflow.RegisterOptions{Name: workflows.BacktestWorkflow})
			r.RegisterWorkflowWithOptions(workflows.DecideAction, workflow.RegisterOptions{Name: workflows.DecideActionWorkflow})
			if err := r.ReplayWorkflowHistory(silent{}, read(t, file)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A test of the check itself: an UpdateETF that leaves out a step does not replay.
func TestChangedWorkflowDoesNotReplay(t *testing.T) {
	changed := func(ctx workflow.Context, in workflows.UpdateETFInput) (etf.RunETF, error) {
		in.Sources = nil // fetches nothing
		return workflows.UpdateETF(ctx, in)
	}
	for _, file := range histories(t) {
		if !strings.HasSuffix(file, "_update_updated.json.gz") {
			continue
		}
		r := worker.NewWorkflowReplayer()
		r.RegisterWorkflowWithOptions(changed, workflow.RegisterOptions{Name: workflows.UpdateETFWorkflow})
		if err := r.ReplayWorkflowHistory(silent{}, read(t, file)); err == nil {
			t.Errorf("%s replays on a workflow that does something else", file)
		}
		return
	}
	t.Fatal("no history of a plain update")
}

func read(t *testing.T, file string) *historypb.History {
	t.Helper()
	zipped, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	history, err := client.HistoryFromJSON(zip, client.HistoryJSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return history
}

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
