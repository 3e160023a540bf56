package service

import (
	"context"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

var monday = etf.MustSession("2025-09-22")

// oneFinding is a Store with one finding and its ETF.
type oneFinding struct {
	Store
	finding etf.Finding
}

func (s *oneFinding) Finding(_ context.Context, id string) (etf.Finding, error) {
	if id != s.finding.ID {
		return etf.Finding{}, etf.NotFound("finding", "no finding "+id, "list them")
	}
	return s.finding, nil
}

func (s *oneFinding) ETF(context.Context, etf.Symbol) (etf.ETF, error) {
	return etf.ETF{Symbol: "069500", Exchange: etf.XKRX}, nil
}

// deciding is a Temporal with at most one workflow waiting for a decision.
type deciding struct {
	Temporal
	waits     bool
	decideErr error
	received  workflows.Decision
	started   workflows.ResolveFindingInput
}

func (t *deciding) Decide(_ context.Context, _ string, d workflows.Decision) (etf.Finding, error) {
	if !t.waits {
		return etf.Finding{}, etf.NotFound("", "no workflow waits", "")
	}
	t.received = d
	return etf.Finding{Decision: d.Decision, By: d.By, Why: d.Why}, t.decideErr
}

func (t *deciding) StartAndDecide(_ context.Context, in workflows.ResolveFindingInput, d workflows.Decision) (etf.Finding, error) {
	t.started, t.received = in, d
	return etf.Finding{ID: in.Finding, Decision: d.Decision, By: d.By, Why: d.Why}, nil
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
		{name: "a warning", stored: with(func(f *etf.Finding) { f.Severity = etf.SeverityWarning }), request: accept, kind: etf.KindInvalid, says: "nothing to decide"},
		{name: "no session", stored: with(func(f *etf.Finding) { f.Sessions = nil }), request: accept, kind: etf.KindInvalid, says: "nothing to decide"},
		{name: "unknown", stored: etf.Finding{ID: "cd34"}, request: accept, kind: etf.KindNotFound, says: "no finding ab12"},
		{name: "no name, no reason", stored: open, waits: true, request: DecisionRequest{Finding: "ab12", Decision: etf.Accept, By: " "}, kind: etf.KindInvalid, says: "--by"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			temporal := &deciding{waits: c.waits, decideErr: c.decideErr}
			s := New(Deps{Store: &oneFinding{finding: c.stored}, Temporal: temporal})
			got, err := s.Decide(t.Context(), c.request)
			if c.kind != "" {
				if etf.KindOf(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("decided %+v, %v; want %s with %q", got, err, c.kind, c.says)
				}
				return
			}
			if err != nil || got.Decision != etf.Accept {
				t.Fatalf("decided %+v, %v", got, err)
			}
			if c.waits && (temporal.received != workflows.Decision{Decision: etf.Accept, By: "kim", Why: "seen on two sources"}) {
				t.Errorf("the workflow received %+v", temporal.received)
			}
			want := workflows.ResolveFindingInput{}
			if c.starts {
				want = workflows.ResolveFindingInput{Finding: "ab12", Symbol: "069500", Exchange: etf.XKRX, Session: monday, Rule: "jump", Evidence: "up by half"}
			}
			if temporal.started != want {
				t.Errorf("started %+v, want %+v", temporal.started, want)
			}
		})
	}
}

func TestDecideReportsBothOmissions(t *testing.T) {
	t.Parallel()
	_, err := New(Deps{}).Decide(t.Context(), DecisionRequest{Finding: "ab12", Decision: etf.Accept})
	if all := etf.Errors(err); len(all) != 2 || all[0].Field != "by" || all[1].Field != "why" {
		t.Errorf("got %v", err)
	}
}
