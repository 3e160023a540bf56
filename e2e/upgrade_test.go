package e2e

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
	"github.com/etfcast/etfcast/workflows"
)

// released are the commits of the releases that an installation may be upgraded from.
var released = map[string]string{"0.1.0": "0150e2e"}

// buildRelease builds a release's etfcast from its commit and returns its path.
func buildRelease(t *testing.T, release string) string {
	t.Helper()
	commit := released[release]
	if _, err := exec.LookPath("git"); err != nil {
		testenv.GitHistory.Missing(t)
	}
	if err := exec.CommandContext(t.Context(), "git", "cat-file", "-e", commit+"^{commit}").Run(); err != nil {
		testenv.GitHistory.Missing(t)
	}
	dir := t.TempDir()
	archive := exec.CommandContext(t.Context(), "git", "archive", "--format=tar", commit)
	archive.Dir = ".." // of the whole repository, not only of this folder
	out, err := archive.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := archive.Start(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unpack(out, dir), archive.Wait()); err != nil {
		t.Fatalf("unpacking %s: %v", commit, err)
	}
	program := filepath.Join(dir, "etfcast-"+release)
	// With -trimpath the dependencies that `make build` has compiled are reused.
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-X main.version="+release, "-o", program, "./cmd/etfcast")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", release, err, out)
	}
	return program
}

// unpack writes the files of a tar archive below dir.
func unpack(r io.Reader, dir string) error {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, r) // the padding at the end
			return err
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		path := filepath.Join(dir, header.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, content, fs.FileMode(header.Mode).Perm()); err != nil {
			return err
		}
	}
}

// A release is killed with workflows open in every stage, and this program is started on its database and its workflows:
// it migrates, the workflows go on without a single failed workflow task, and no ETF is lost.
func TestUpgradeWithRunningWorkflows(t *testing.T) {
	t.Parallel()
	for release := range released {
		t.Run(release, func(t *testing.T) { upgrade(t, buildRelease(t, release)) })
	}
}

func upgrade(t *testing.T, program string) {
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	sessions := cal.Sessions(etf.Window{From: etf.MustSession("2025-09-19"), To: etf.MustSession("2025-09-26")})
	suspect, last := sessions[0], sessions[len(sessions)-1]
	faults := map[etf.Symbol]string{
		"SIMOK1": "", "SIMOK2": "", "SIMOK3": "",
		"SIMFAULT": "bad_tick@" + suspect.String(),      // waits for a person
		"SIMMISS":  "missing:1",                         // waits for the session, once per session and process
		"SIMRETRY": "rate_limit:1:5s",                   // retried after 5 s, once per session and process
		"SIMSLOW":  "slow:5s",                           // its fetch is running
		"SIMBOTH":  "missing:1,slow:1s,server_error:1",  // one after the other
		"SIMREV":   "revised:1@" + sessions[1].String(), // a revision
	}
	s := newStack(t)
	s.program = program
	if code := s.start(t, nil, "migrate", "--grant", s.user).wait(); code != 0 { // 0.1.0's up does not wait for the grant
		t.Fatalf("migrate ended with %d", code)
	}
	old := s.start(t, nil, "up")
	old.waitReady()
	for symbol, list := range faults {
		ref := string(symbol) + "?inception=2024-06-03"
		if list != "" {
			ref += "&faults=" + list
		}
		old.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": symbol, "exchange": etf.XNYS, "currency": "USD",
			"sources": []etf.SourceRef{{Name: "simulated", Ref: ref}}}, http.StatusCreated)
	}
	// The session of the quarantined row, then a Tick over the others. It is one that has continued as new: a quarter of a
	// year of sessions, which would bring one there, takes too long here.
	first := workflows.DailyInput{Exchange: etf.XNYS, Session: suspect}
	old.waitRun(old.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": suspect}))
	tick, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.TickID(etf.XNYS), TaskQueue: workflows.TaskQueue},
		workflows.TickWorkflow, workflows.TickInput{
			Exchange: etf.XNYS, Nominal: last.Time().Add(23 * time.Hour), After: suspect,
			Started: []workflows.TickSession{{Session: suspect, Run: first.Run(), Status: etf.RunCompleted}},
		})
	if err != nil {
		t.Fatal(err)
	}

	// Each session brings the moment at which one ETF waits for its price, one for a retry and one for the source.
	eventually(t, "workflows in every stage", func() error {
		var missing []string
		for _, session := range sessions[1:] {
			missing = nil
			for symbol, in := range map[etf.Symbol]func(*workflowservice.DescribeWorkflowExecutionResponse) bool{
				"SIMMISS": func(d *workflowservice.DescribeWorkflowExecutionResponse) bool {
					return len(d.GetPendingActivities()) == 0 && d.GetWorkflowExecutionInfo().GetHistoryLength() > 8
				},
				"SIMRETRY": func(d *workflowservice.DescribeWorkflowExecutionResponse) bool {
					return len(d.GetPendingActivities()) == 1 && d.GetPendingActivities()[0].GetLastFailure() != nil
				},
				"SIMSLOW": func(d *workflowservice.DescribeWorkflowExecutionResponse) bool {
					return len(d.GetPendingActivities()) == 1 && d.GetPendingActivities()[0].GetState() == enums.PENDING_ACTIVITY_STATE_STARTED
				},
			} {
				d, err := s.client.DescribeWorkflowExecution(t.Context(), workflows.UpdateID(symbol, session), "")
				if err != nil || d.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING || !in(d) {
					missing = append(missing, fmt.Sprintf("%s %s", symbol, session))
				}
			}
			if len(missing) == 0 {
				old.kill()
				t.Logf("killed in session %s", session)
				return nil
			}
		}
		if d, err := s.client.DescribeWorkflowExecution(t.Context(), tick.GetID(), ""); err == nil && d.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			t.Fatal("the Tick has ended before every stage was seen at once")
		}
		return fmt.Errorf("not in their stages: %v", missing)
	})
	types := map[string]int{}
	open, err := s.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: "ExecutionStatus='Running'"})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range open.GetExecutions() {
		types[x.GetType().GetName()]++
	}
	for name, least := range map[string]int{
		workflows.TickWorkflow: 1, workflows.DailyWorkflow: 1, workflows.UpdateETFWorkflow: 3, workflows.ResolveFindingWorkflow: 1,
	} {
		if types[name] < least {
			t.Fatalf("%d workflows of type %s are open, want at least %d", types[name], name, least)
		}
	}
	chained := s.count(t, "SELECT COUNT(*) FROM forecasts")

	s.program = ""
	up := s.start(t, nil, "up")
	up.waitReady()
	var ended workflows.TickResult
	if err := tick.Get(t.Context(), &ended); err != nil {
		t.Fatalf("the Tick ended with %v", err)
	}
	var completed []etf.Session
	for _, x := range ended.Sessions {
		if x.Status == etf.RunCompleted {
			completed = append(completed, x.Session)
		}
	}
	if !slices.Equal(completed, sessions) {
		t.Errorf("the Tick completed %v, want %v", completed, sessions)
	}
	up.waitSessions(etf.XNYS, sessions)
	id := ""
	list := s.start(t, nil, "finding", "list")
	list.wait()
	for line := range strings.Lines(list.tail()) {
		if strings.Contains(line, "SIMFAULT") && strings.Contains(line, "error") {
			id = strings.Fields(line)[0]
		}
	}
	if decide := s.start(t, nil, "finding", "reject", id, "--by", "kim", "--why", "a bad tick"); decide.wait() != 0 {
		t.Errorf("the finding can't be decided: %s", decide.tail())
	}

	// A run of this program alone: the chains go on from those of the release.
	next, err := cal.Nth(last, 1)
	if err != nil {
		t.Fatal(err)
	}
	sessions = append(sessions, next)
	if done := up.waitRun(up.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": next})); done.Counts.Updated != len(faults) {
		t.Errorf("the run after the upgrade ended with %+v: %+v", done.Counts, done.ETFs.Items)
	}
	updates := len(faults) * len(sessions)
	models := len(up.models())
	for _, c := range []struct {
		what, query string
		want        int
	}{
		{"updates recorded", "SELECT COUNT(*) FROM run_etfs", updates},
		{"updates that brought no row", "SELECT COUNT(*) FROM run_etfs WHERE outcome <> 'updated'", 1}, // the quarantined one
		{"quarantined updates", "SELECT COUNT(*) FROM run_etfs WHERE outcome = 'quarantined'", 1},
		{"ETFs, models and sessions with a forecast", "SELECT COUNT(*) FROM (SELECT DISTINCT etf_id, model, origin FROM forecasts) x", models * (updates - 1)},
		{"sessions stored", fmt.Sprintf("SELECT COUNT(*) FROM bars WHERE session >= '%s'", suspect), updates},
	} {
		if n := s.count(t, c.query); n != c.want {
			t.Errorf("%s: %d, want %d", c.what, n, c.want)
		}
	}
	// An update that was killed between storing its forecasts and reporting them makes them again, by other code.
	if n, least := s.count(t, "SELECT COUNT(*) FROM forecasts"), models*(updates-1); n < least || n > least+models*len(faults) {
		t.Errorf("%d forecasts, want %d, and at most %d made again", n, least, models*len(faults))
	}
	if chained == 0 || chained >= models*(updates-1) {
		t.Errorf("%d forecasts were the release's, of %d", chained, models*(updates-1))
	}
	s.noFailedWorkflowTasks(t)
	verify := s.start(t, nil, "ledger", "verify", "--json")
	verify.wait()
	if report := verify.out.String(); !strings.Contains(report, `"broken":0`) {
		t.Errorf("ledger verify reports %s", report)
	}
}

// noFailedWorkflowTasks checks that no workflow is open and that the history of none has a failed task: a history that the
// code does not reproduce would leave one.
func (s *stack) noFailedWorkflowTasks(t *testing.T) {
	t.Helper()
	histories := 0
	var page []byte
	for {
		list, err := s.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: page})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list.GetExecutions() {
			histories++
			id := x.GetExecution().GetWorkflowId()
			if x.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
				t.Errorf("%s is still running", id)
			}
			events := s.client.GetWorkflowHistory(t.Context(), id, x.GetExecution().GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for events.HasNext() {
				event, err := events.Next()
				if err != nil {
					t.Fatal(err)
				}
				// Just after a namespace's search attributes are made, the server's history service may not know them yet, and has the task done again.
				if failed := event.GetWorkflowTaskFailedEventAttributes(); failed != nil && failed.GetCause() != enums.WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES {
					t.Errorf("%s: a workflow task failed: %s: %s", id, failed.GetCause(), failed.GetFailure().GetMessage())
				}
			}
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	if histories == 0 {
		t.Error("there is no history")
	}
}
