package workflows_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
	etfworker "github.com/etfcast/etfcast/worker"
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
			etfworker.RegisterWorkflows(r)
			if err := r.ReplayWorkflowHistory(silent{}, read(t, file)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Tests of the check itself: a workflow that leaves out a step, or takes two in another order, does not replay.
func TestChangedWorkflowDoesNotReplay(t *testing.T) {
	fetchesNothing := func(ctx workflow.Context, in workflows.UpdateETFInput) (etf.RunETF, error) {
		in.Sources = nil
		return workflows.UpdateETF(ctx, in)
	}
	looksFirst := func(ctx workflow.Context, in workflows.BackfillInput) (workflows.BackfillResult, error) {
		actx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		if err := workflow.ExecuteActivity(actx, "PendingBackfill", activities.PendingBackfillInput{ID: in.ID}).Get(ctx, nil); err != nil {
			return workflows.BackfillResult{}, err
		}
		return workflows.Backfill(ctx, in)
	}
	for _, c := range []struct {
		history, name string
		changed       any
	}{
		{"_update_updated", workflows.UpdateETFWorkflow, fetchesNothing},
		{"_backfill_completed", workflows.BackfillWorkflow, looksFirst},
	} {
		found := false
		for _, file := range histories(t) {
			if !strings.HasSuffix(file, c.history+".json.gz") {
				continue
			}
			found = true
			r := worker.NewWorkflowReplayer()
			r.RegisterWorkflowWithOptions(c.changed, workflow.RegisterOptions{Name: c.name})
			if err := r.ReplayWorkflowHistory(silent{}, read(t, file)); err == nil {
				t.Errorf("%s replays on a workflow that does something else", file)
			}
		}
		if !found {
			t.Errorf("no history *%s.json.gz", c.history)
		}
	}
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
