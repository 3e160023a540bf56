package dispatch_test

import (
	"testing"

	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/dispatch/dispatchtest"
	"github.com/etfcast/etfcast/workflows"
)

// What nobody takes waits, and is counted with its age; a worker that polls is counted, and takes it.
func TestBacklogs(t *testing.T) {
	temporal := dispatchtest.Connect(t)
	at := func() (found dispatch.Backlog) {
		list, err := temporal.Backlogs(t.Context(), []string{workflows.TaskQueue, workflows.FitTaskQueue})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 3 { // the main queue has both kinds, the other one only activities
			t.Fatalf("%+v", list)
		}
		for _, b := range list {
			if b.Queue == workflows.TaskQueue && b.Kind == "workflow" {
				found = b
			} else if b.Tasks != 0 || b.Age != 0 {
				t.Errorf("nothing waits here: %+v", b)
			}
		}
		return found
	}
	if b := at(); b.Tasks != 0 || b.Pollers != 0 {
		t.Errorf("an empty queue: %+v", b)
	}
	done := func(workflow.Context) error { return nil }
	for range 3 {
		if _, err := temporal.SDK().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: workflows.TaskQueue}, "Nothing"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "3 tasks wait, and their age is known", func() bool { b := at(); return b.Tasks == 3 && b.Age > 0 })
	w := sdkworker.New(temporal.SDK(), workflows.TaskQueue, sdkworker.Options{DisableRegistrationAliasing: true})
	w.RegisterWorkflowWithOptions(done, workflow.RegisterOptions{Name: "Nothing"})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	eventually(t, "the worker has taken them", func() bool { b := at(); return b.Tasks == 0 && b.Pollers == 1 })
}
