package api

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/etfcast/etfcast/dispatch/dispatchtest"
	"github.com/etfcast/etfcast/service"
)

// Concurrent identical requests, and a later one, start one run on a real Temporal server.
func TestIdentityOnARealServer(t *testing.T) {
	temporal := dispatchtest.Connect(t)
	c := temporal.SDK()
	store := newFakeStore()
	service := service.New(service.Deps{Store: store, Temporal: temporal, Now: func() time.Time { return testNow }})
	handler, err := New(Deps{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	f.store = store
	f.server.Close()
	f.server = httptest.NewServer(handler)
	t.Cleanup(f.server.Close)

	locations := make([]string, 8)
	atOnce(len(locations), func(i int) {
		locations[i] = f.post("/v1/runs", friday).want(t, http.StatusAccepted).header.Get("Location")
	})
	if got := slices.Compact(locations); len(got) != 1 {
		t.Errorf("locations %v", got)
	}
	first, err := c.DescribeWorkflowExecution(t.Context(), "daily/XNYS/2025-09-26", "")
	if err != nil {
		t.Fatal(err)
	}
	rerun := `{"workflow":"daily","exchange":"XNYS","session":"2025-09-26","rerun":true}`
	reruns := make([]string, 4)
	atOnce(len(reruns), func(i int) { reruns[i] = f.post("/v1/runs", rerun).want(t, http.StatusAccepted).header.Get("Location") })
	slices.Sort(reruns)
	if want := []string{locations[0] + ":rerun-2", locations[0] + ":rerun-3", locations[0] + ":rerun-4", locations[0] + ":rerun-5"}; !slices.Equal(reruns, want) {
		t.Errorf("re-runs %v", reruns)
	}
	f.post("/v1/runs", friday).want(t, http.StatusAccepted)
	last, err := c.DescribeWorkflowExecution(t.Context(), "daily/XNYS/2025-09-26", "")
	if err != nil || last.GetWorkflowExecutionInfo().GetExecution().GetRunId() != first.GetWorkflowExecutionInfo().GetExecution().GetRunId() {
		t.Errorf("the run was restarted: %v", err)
	}
}
