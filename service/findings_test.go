package service

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

var monday = etf.MustSession("2025-09-22")

// oneFinding is a Store with one finding and its ETF.
type oneFinding struct {
	Store
	finding   etf.Finding
	decisions []etf.DecisionRecord
	bars      []etf.StoredBar
}

func (s *oneFinding) FindingRecord(_ context.Context, id string) (etf.FindingRecord, error) {
	if id != s.finding.ID {
		return etf.FindingRecord{}, etf.NotFound("finding", "no finding "+id, "list them")
	}
	r := etf.FindingRecord{Finding: s.finding, Decisions: s.decisions}
	for _, session := range s.finding.Sessions {
		r.Rows = append(r.Rows, etf.FoundRow{Session: session, Row: &etf.Bar{Session: session, Close: 7}})
	}
	return r, nil
}

func (s *oneFinding) OldestUndecided(context.Context, etf.Symbol) (etf.Finding, error) {
	return s.finding, nil
}

func (s *oneFinding) BarsPage(_ context.Context, _ etf.Symbol, w etf.Window, _ etf.Session, limit int) (page []etf.StoredBar, err error) {
	for _, b := range s.bars {
		if w.Contains(b.Session) && len(page) < limit {
			page = append(page, b)
		}
	}
	return page, nil
}

func (s *oneFinding) ETF(context.Context, etf.Symbol) (etf.ETF, error) {
	return etf.ETF{Symbol: "069500", Exchange: etf.XKRX}, nil
}

// deciding is a Temporal with at most one workflow waiting for a decision. While slow, it does not apply it in time.
type deciding struct {
	Temporal
	waits     bool
	slow      bool
	decideErr error
	received  workflows.Decision
	started   workflows.ResolveFindingInput
	wait      time.Duration
}

func (t *deciding) Decide(_ context.Context, _ string, d workflows.Decision, wait time.Duration) (etf.Finding, bool, error) {
	if !t.waits {
		return etf.Finding{}, false, etf.NotFound("", "no workflow waits", "")
	}
	return t.decide(d, wait)
}

func (t *deciding) decide(d workflows.Decision, wait time.Duration) (etf.Finding, bool, error) {
	t.received, t.wait = d, wait
	if t.decideErr != nil || t.slow {
		return etf.Finding{}, false, t.decideErr
	}
	return etf.Finding{ID: "ab12", Decision: d.Decision, By: d.By, Why: d.Why}, true, nil
}

func (t *deciding) StartAndDecide(_ context.Context, in workflows.ResolveFindingInput, d workflows.Decision, wait time.Duration) (etf.Finding, bool, error) {
	t.started = in
	return t.decide(d, wait)
}

func TestDecide(t *testing.T) {
	t.Parallel()
	open := etf.Finding{
		ID: "ab12", Symbol: "069500", Rule: "jump", Severity: etf.SeverityError, Sessions: []etf.Session{monday - 7, monday}, Evidence: "up by half",
	}
	with := func(change func(*etf.Finding)) etf.Finding {
		f := open
		change(&f)
		return f
	}
	accept := DecisionRequest{Finding: "ab12", Decision: etf.Accept, By: "kim", Why: "seen on two sources"}
	for _, c := range []struct {
		name      string
		stored    etf.Finding
		waits     bool
		decideErr error
		request   DecisionRequest
		kind      etf.Kind // "" = decided
		says      string
		starts    bool
	}{
		{name: "a workflow waits", stored: open, waits: true, request: accept},
		{name: "it was decided differently", stored: open, waits: true, decideErr: &etf.Error{Kind: etf.KindConflict, Message: "decided already"}, request: accept, kind: etf.KindConflict, says: "decided already"},
		{name: "none waits: past rows", stored: open, request: accept, starts: true},
		{name: "none waits, same decision", stored: with(func(f *etf.Finding) { f.Decision, f.By = etf.Accept, "lee" }), request: accept},
		{name: "none waits, different decision", stored: with(func(f *etf.Finding) { f.Decision, f.By = etf.Reject, "lee" }), request: accept, kind: etf.KindConflict, says: "lee has already decided on ab12: reject"},
		{name: "a warning", stored: with(func(f *etf.Finding) { f.Severity = etf.SeverityWarning }), request: accept, kind: etf.KindInvalid, says: "finding retract ab12"},
		{name: "no session", stored: with(func(f *etf.Finding) { f.Sessions = nil }), request: accept, kind: etf.KindInvalid, says: "nothing to decide"},
		{name: "unknown", stored: etf.Finding{ID: "cd34"}, request: accept, kind: etf.KindNotFound, says: "no finding ab12"},
		{name: "no name, no reason", stored: open, waits: true, request: DecisionRequest{Finding: "ab12", Decision: etf.Accept, By: " "}, kind: etf.KindInvalid, says: "--by"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			temporal := &deciding{waits: c.waits, decideErr: c.decideErr}
			s := New(Deps{Store: &oneFinding{finding: c.stored}, Temporal: temporal})
			decided, err := s.Decide(t.Context(), c.request)
			got := decided.Finding
			if c.kind != "" {
				if etf.KindOf(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("decided %+v, %v; want %s with %q", got, err, c.kind, c.says)
				}
				return
			}
			if err != nil || got.Decision != etf.Accept {
				t.Fatalf("decided %+v, %v", got, err)
			}
			want := workflows.ResolveFindingInput{}
			if r := temporal.received; c.waits && (r.Decision != etf.Accept || r.By != "kim" || r.Why != "seen on two sources" || temporal.wait != DecideWait) {
				t.Errorf("the workflow received %+v", temporal.received)
			}
			if c.starts {
				want = workflows.ResolveFindingInput{Finding: "ab12", Symbol: "069500", Exchange: etf.XKRX, Session: monday, Rule: "jump", Evidence: "up by half"}
			}
			if temporal.started != want {
				t.Errorf("started %+v, want %+v", temporal.started, want)
			}
		})
	}
}

func TestDecideReportsEverythingWrong(t *testing.T) {
	t.Parallel()
	value := []etf.Bar{{Session: monday, Close: 1}}
	for _, c := range []struct {
		request DecisionRequest
		fields  string
	}{
		{DecisionRequest{Decision: etf.Accept}, "by why"},
		{DecisionRequest{Decision: "maybe", By: "kim", Why: "x"}, "decision"},
		{DecisionRequest{Decision: etf.Accept, By: strings.Repeat("k", 101), Why: strings.Repeat("x", 1001), Key: strings.Repeat("k", 129)}, "by why key"},
		// Limits are characters: Hangul takes three bytes for each.
		{DecisionRequest{Decision: etf.Replace, By: strings.Repeat("김", 100), Why: strings.Repeat("틀", 1000), Key: strings.Repeat("키", 128)}, "values"},
		{DecisionRequest{Decision: etf.Accept, By: "k\x07im", Why: "a\nb", Key: "\xff"}, "by why key"},
		{DecisionRequest{Decision: etf.Replace, By: "kim", Why: "x"}, "values"},
		{DecisionRequest{Decision: etf.Reject, By: "kim", Why: "x", Values: value, Sessions: []etf.Session{monday}}, "values sessions"},
		{DecisionRequest{Decision: etf.Replace, By: "kim", Why: "x", Values: []etf.Bar{{Session: monday}, {Close: 1}}}, "values.close values.session"},
		{DecisionRequest{Decision: etf.Replace, By: "kim", Why: "x", Values: slices.Repeat(value, 101)}, "values"},
	} {
		_, err := New(Deps{}).Decide(t.Context(), c.request)
		var fields []string
		for _, e := range etf.Errors(err) {
			fields = append(fields, e.Field)
			if e.Remedy == "" {
				t.Errorf("%v has no remedy", e)
			}
		}
		if strings.Join(fields, " ") != c.fields {
			t.Errorf("%+v: %v", c.request, err)
		}
	}
}

// What is left out of a value is filled in before it is sent; a decision that is not applied in time is pending.
func TestReplaceIsPending(t *testing.T) {
	t.Parallel()
	f := etf.Finding{ID: "ab12", Symbol: "069500", Rule: "jump", Severity: etf.SeverityError, Sessions: []etf.Session{monday}}
	temporal := &deciding{slow: true}
	s := New(Deps{Store: &oneFinding{finding: f}, Temporal: temporal})
	got, err := s.Decide(t.Context(), DecisionRequest{Finding: "ab12", Decision: etf.Replace, By: "kim", Why: "x", Key: "k", Wait: time.Second, Values: []etf.Bar{{Session: monday, Open: 5, Close: 7}}})
	if err != nil || !got.Pending || got.Finding.ID != "ab12" || got.Finding.Decision != etf.Undecided || temporal.wait != time.Second {
		t.Errorf("%+v, %v", got, err)
	}
	if r := temporal.received; r.Key != "k" || len(r.Values) != 1 || (r.Values[0] != etf.Bar{Session: monday, Open: 5, High: 7, Low: 5, Close: 7}) {
		t.Errorf("sent %+v", r)
	}
}

// Fetching again starts a run, names it in the decision, and starts no second one for a repeat.
func TestRefetchStartsARun(t *testing.T) {
	t.Parallel()
	f := etf.Finding{ID: "ab12", Symbol: "069500", Rule: "jump", Severity: etf.SeverityError, Sessions: []etf.Session{monday}}
	runs := newRecord()
	runs.etfs["069500"] = etf.XKRX
	store := &findingAndRuns{record: runs, finding: &oneFinding{finding: f}}
	temporal := &decidingEngine{engine: newEngine(), deciding: &deciding{waits: true}}
	s := New(Deps{Store: store, Temporal: temporal, Now: atNow})
	request := DecisionRequest{Finding: "ab12", Decision: etf.Refetch, By: "kim", Why: "corrected since", Key: "k"}
	got, err := s.Decide(t.Context(), request)
	if err != nil || got.Run == "" || temporal.deciding.received.Run != got.Run || len(temporal.starts) != 1 || temporal.starts[0].ID != got.Run || got.Run.Base() != etf.DailyRunID(etf.XKRX, friday, []etf.Symbol{"069500"}, 1) {
		t.Fatalf("%+v, %v, %+v", got, err, temporal.starts)
	}
	store.finding.finding.Decision, store.finding.finding.By = etf.Refetch, "kim"
	store.finding.decisions = []etf.DecisionRecord{{Number: 1, InForce: true, Decision: etf.Refetch, Key: "k", Run: got.Run}}
	again, err := s.Decide(t.Context(), request)
	if err != nil || again.Run != got.Run || len(temporal.starts) != 1 {
		t.Errorf("a repeat: %+v, %v, %d runs", again, err, len(temporal.starts))
	}
}

// findingAndRuns is a Store of runs and of one finding.
type findingAndRuns struct {
	*record
	finding *oneFinding
}

func (s *findingAndRuns) FindingRecord(ctx context.Context, id string) (etf.FindingRecord, error) {
	return s.finding.FindingRecord(ctx, id)
}

func (s *findingAndRuns) ChangeETF(_ context.Context, c etf.ETFEdit) (etf.ETF, bool, error) {
	return etf.ETF{Symbol: c.Symbol}, true, nil
}

// decidingEngine is a Temporal that runs what it is told and has a workflow waiting for a decision.
type decidingEngine struct {
	*engine
	deciding *deciding
}

func (t *decidingEngine) Decide(ctx context.Context, finding string, d workflows.Decision, wait time.Duration) (etf.Finding, bool, error) {
	return t.deciding.Decide(ctx, finding, d, wait)
}

func (t *decidingEngine) StartAndDecide(ctx context.Context, in workflows.ResolveFindingInput, d workflows.Decision, wait time.Duration) (etf.Finding, bool, error) {
	return t.deciding.StartAndDecide(ctx, in, d, wait)
}

func TestFindingQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query  FindingQuery
		fields string
	}{
		{FindingQuery{Symbol: "SPY", Rule: "price_jump", Severity: "error", State: "decided", From: "2025-09-22", To: "2025-09-22"}, ""},
		{FindingQuery{}, ""},
		{FindingQuery{Symbol: "spy", Rule: "no_such_rule", Severity: "fatal", State: "open", From: "22.9.2025", To: "2025-13-01"}, "symbol rule severity state from to"},
		{FindingQuery{From: "2025-09-23", To: "2025-09-22"}, "from"},
	} {
		_, err := c.query.Filter()
		var fields []string
		for _, e := range etf.Errors(err) {
			fields = append(fields, e.Field)
		}
		if strings.Join(fields, " ") != c.fields {
			t.Errorf("%+v: %v", c.query, err)
		}
	}
	f, err := FindingQuery{State: "undecided", From: "2025-09-22"}.Filter()
	if err != nil || !f.Undecided || f.Decided || f.Sessions != (etf.Window{From: monday}) {
		t.Errorf("%+v, %v", f, err)
	}
}

// A finding is shown with the rows it names, stored or not, and ten stored ones on each side.
func TestFindingDetail(t *testing.T) {
	t.Parallel()
	store := &oneFinding{finding: etf.Finding{ID: "ab12", Symbol: "SPY", Severity: etf.SeverityError, Sessions: []etf.Session{monday, monday + 1}}}
	for day := monday - 40; day <= monday+40; day++ {
		if day != monday+1 { // not stored
			store.bars = append(store.bars, etf.StoredBar{Bar: etf.Bar{Session: day, Close: 5}})
		}
	}
	d, err := New(Deps{Store: store}).NextFinding(t.Context(), "")
	if err != nil || len(d.Around) != 22 || d.Around[0].Session != monday-10 || d.Around[21].Session != monday+11 || d.Clipped {
		t.Fatalf("%+v, %v", d.Around, err)
	}
	for _, r := range d.Around {
		named := r.Session == monday || r.Session == monday+1
		if r.Named != named || (r.Found != nil) != named || (r.Stored != nil) != (r.Session != monday+1) {
			t.Errorf("%+v", r)
		}
	}
	if _, err := New(Deps{Store: store}).NextFinding(t.Context(), "spy"); etf.KindOf(err) != etf.KindInvalid {
		t.Error(err)
	}
}
