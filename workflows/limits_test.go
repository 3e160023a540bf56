package workflows

import (
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// Temporal's defaults (server dynamic configuration): it suggests continue-as-new at 4,096 events or 4 MB of history
// and ends a workflow at 51,200 events or 50 MB; a payload may have 2 MB, but our own limit is 64 KB.
const (
	suggestedEvents = 4_096
	suggestedBytes  = 4 << 20
	allowedEvents   = suggestedEvents * 3 / 2
	allowedPayload  = 64 << 10
	targetPayload   = 16 << 10
)

// meter is a data converter that measures the payloads it encodes.
type meter struct {
	converter.DataConverter
	mu      sync.Mutex
	largest int
	total   int
	text    string // beginning of the largest
}

func newMeter() *meter { return &meter{DataConverter: converter.GetDefaultDataConverter()} }

func (m *meter) ToPayload(v any) (*commonpb.Payload, error) {
	p, err := m.DataConverter.ToPayload(v)
	m.note(p)
	return p, err
}

func (m *meter) ToPayloads(vs ...any) (*commonpb.Payloads, error) {
	ps, err := m.DataConverter.ToPayloads(vs...)
	for _, p := range ps.GetPayloads() {
		m.note(p)
	}
	return ps, err
}

func (m *meter) note(p *commonpb.Payload) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(p.GetData())
	m.total += n
	if n > m.largest {
		m.largest, m.text = n, etf.Clip(string(p.GetData()), 120)
	}
}

// seen is safe to call while the environment's activities are still encoding.
func (m *meter) seen() (total, largest int, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total, m.largest, m.text
}

// eventsPerChild: initiated, started, closed, and in the worst case a workflow task of three events after each of the
// last two. eventsPerActivity: scheduled, started, closed, and a workflow task.
const (
	eventsPerChild    = 3 + 2*3
	eventsPerActivity = 3 + 3
	// bytesPerEvent is the size of an event apart from its payloads: IDs, times, search attributes, summaries. In the
	// recorded histories the average is 330.
	bytesPerEvent = 500
)

// A run over 3,000 ETFs stays within Temporal's limits: it continues as new when suggested, with nothing open and all
// counts carried over, and no payload is large.
func TestDailyOfThreeThousand(t *testing.T) {
	const n = 3000
	m := newMarket(n)
	var last DailyInput
	in := xnysFriday
	runs := 0
	for ; ; runs++ {
		if runs > 10 {
			t.Fatal("it keeps continuing as new")
		}
		env := newEnvWith(t, func(ctx workflow.Context, in UpdateETFInput) (etf.RunETF, error) {
			m.open++
			m.most = max(m.most, m.open)
			m.updated = append(m.updated, in.Symbol)
			if !in.Until.Equal(m.nextClose.Add(-untilClose)) {
				t.Errorf("%s may wait until %s", in.Symbol, in.Until)
			}
			defer func() { m.open-- }()
			row := etf.RunETF{
				Symbol: in.Symbol, Session: in.Session, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, Source: "simulated",
				RowsNew: 1, RowsUnchanged: 15, Findings: 2, Forecasts: 1, Attempts: 1,
			}
			err := workflow.Sleep(ctx, time.Second)
			if len(m.updated)%3 == 0 { // a bad day
				row.Outcome, row.ErrorType, row.ErrorMessage = etf.OutcomeFailed, activities.TypeSourceUnavailable, strings.Repeat("x", 300)
				return row, updateError(row)
			}
			return row, err
		})
		meter := newMeter()
		env.SetDataConverter(meter)
		m.serve(env)
		events := 5
		count := func(n int) {
			events += n
			env.SetCurrentHistoryLength(events)
			total, _, _ := meter.seen()
			if events >= suggestedEvents || total+events*bytesPerEvent >= suggestedBytes {
				env.SetContinueAsNewSuggested(true)
			}
		}
		env.SetOnChildWorkflowCompletedListener(func(*workflow.Info, converter.EncodedValue, error) { count(eventsPerChild) })
		env.SetOnActivityCompletedListener(func(*activity.Info, converter.EncodedValue, error) { count(eventsPerActivity) })
		env.ExecuteWorkflow(Daily, in)
		if m.open != 0 {
			t.Fatalf("run %d ended with %d updates open", runs, m.open)
		}
		if events > allowedEvents {
			t.Errorf("run %d has about %d events", runs, events)
		}
		total, largest, text := meter.seen()
		if bytes := total + events*bytesPerEvent; bytes > suggestedBytes*3/2 {
			t.Errorf("run %d has about %d bytes of history", runs, bytes)
		}
		if largest > allowedPayload {
			t.Errorf("run %d has a payload of %d bytes: %s", runs, largest, text)
		}
		t.Logf("run %d: %d events, %d bytes of payloads, the largest %d: %s", runs, events, total, largest, text)
		var next *workflow.ContinueAsNewError
		if !asContinue(env.GetWorkflowError(), &next) {
			got := result[DailyResult](t, env)
			if got.Counts.Due != n || got.Counts.Done() != n || got.Counts.RowsNew != n {
				t.Errorf("the counts over all runs are %+v", got.Counts)
			}
			break
		}
		last, in = in, decodeInput[DailyInput](t, next)
		p := in.Progress
		if p == nil || p.Counts.Done() != len(m.updated) || p.Counts.Due != p.Counts.Done() || len(p.Problems) > maxProblems {
			t.Fatalf("carried over %+v after %d updates", p, len(m.updated))
		}
		if last.Progress != nil && !p.StartedAt.Equal(last.Progress.StartedAt) {
			t.Errorf("the start moved to %s", p.StartedAt)
		}
		if in.Run().WorkflowID() != xnysFriday.Run().WorkflowID() {
			t.Errorf("the next run is %s", in.Run().WorkflowID())
		}
	}
	if runs < 3 {
		t.Errorf("continued as new %d times", runs)
	}
	if len(m.distinct()) != n || len(m.updated) != n || len(m.recorded) != n || m.most != FanOut {
		t.Errorf("%d updates of %d ETFs, %d recorded, at most %d open", len(m.updated), len(m.distinct()), len(m.recorded), m.most)
	}
	if len(m.finished) != 1 || len(m.anchors) != 1 { // at the end of the last run only
		t.Errorf("finished %d times, anchored %d times", len(m.finished), len(m.anchors))
	}
}

// The largest payloads: long symbols and references, errors and evidence at their limits.
func TestChainPayloadsStaySmall(t *testing.T) {
	long := etf.Symbol(strings.Repeat("A", 32))
	text := strings.Repeat("x", 1000)
	var page activities.DueETFsResult
	var batch activities.RecordOutcomesInput
	for range duePage {
		page.ETFs = append(page.ETFs, activities.DueETF{Symbol: long, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: text[:40]}, {Name: "yahoo", Ref: text[:40]}}})
	}
	for range recordBatch {
		batch.ETFs = append(batch.ETFs, etf.RunETF{Symbol: long, Session: friday, Stage: etf.StageValidate, Outcome: etf.OutcomeQuarantined, Source: "simulated",
			RowsNew: 10000, RowsUnchanged: 10000, ErrorType: activities.TypeSourceUnavailable, ErrorMessage: text[:300]})
	}
	status := DailyStatus{Active: batch.ETFs[:FanOut], Recent: append(batch.ETFs, batch.ETFs...), Problems: batch.ETFs[:maxProblems]}
	for _, c := range []struct {
		name  string
		value any
		most  int
	}{
		{"page of ETFs", page, 24 << 10},
		{"batch of outcomes", batch, 2 * targetPayload},
		{"status, which is a query result and in no history", status, 2 * allowedPayload},
		{"finding", ResolveFindingInput{Finding: text[:32], Symbol: long, Rule: "missing_session", Evidence: text, Run: etf.RunID(text[:60])}, targetPayload},
	} {
		p, err := converter.GetDefaultDataConverter().ToPayload(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(p.GetData()); n > c.most {
			t.Errorf("%s: %d bytes, at most %d", c.name, n, c.most)
		}
	}
}
