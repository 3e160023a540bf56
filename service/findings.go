package service

import (
	"context"
	"errors"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/workflows"
)

// FindingQuery selects findings, as a person wrote it.
type FindingQuery struct {
	Symbol    string // "" = all
	Undecided bool   // only those of severity error that wait for a decision
	After     etf.Cursor
	Limit     int
}

// Findings returns findings, the newest first, and the position to read on from: zero after the last.
func (s *Service) Findings(ctx context.Context, q FindingQuery) (page []etf.Finding, next etf.Cursor, err error) {
	filter := etf.FindingFilter{Undecided: q.Undecided}
	var symbolErr error
	if q.Symbol != "" {
		filter.Symbol, symbolErr = etf.ParseSymbol(q.Symbol)
	}
	if err := errors.Join(symbolErr, checkLimit(q.Limit)); err != nil {
		return nil, etf.Cursor{}, err
	}
	return s.store.Findings(ctx, filter, q.After, q.Limit)
}

// Finding returns one finding; KindNotFound for an unknown ID.
func (s *Service) Finding(ctx context.Context, id string) (etf.Finding, error) {
	return s.store.Finding(ctx, id)
}

// DecisionRequest is a person's decision on a finding, as it was written.
type DecisionRequest struct {
	Finding  string
	Decision etf.Decision
	By, Why  string
}

// Decide hands a decision to the workflow that waits for it, so that it is in its history and made once, and returns the
// decided finding. A finding on rows of the past waits nowhere, for no run stopped over it; nor does one whose workflow
// was lost with Temporal's data: for those the workflow is started now. The first decision stands: a repeat changes
// nothing, another one is KindConflict. KindUnavailable when no worker has applied it in time.
func (s *Service) Decide(ctx context.Context, r DecisionRequest) (etf.Finding, error) {
	var problems []error
	if strings.TrimSpace(r.By) == "" {
		problems = append(problems, etf.Invalid("by", "nobody is named", `say who decides: --by, or "by" in a request`))
	}
	if strings.TrimSpace(r.Why) == "" {
		problems = append(problems, etf.Invalid("why", "no reason is given", `say why: --why, or "why" in a request`))
	}
	if len(problems) > 0 {
		return etf.Finding{}, errors.Join(problems...)
	}
	d := workflows.Decision{Decision: r.Decision, By: r.By, Why: r.Why}
	decided, err := s.temporal.Decide(ctx, r.Finding, d)
	if err == nil || etf.KindOf(err) != etf.KindNotFound {
		return decided, err
	}
	f, err := s.store.Finding(ctx, r.Finding)
	if err != nil {
		return etf.Finding{}, err
	}
	if _, changed, err := quality.Settle(f, etf.Ruling(r)); err != nil || !changed {
		return f, err
	}
	if err := quality.Decidable(f); err != nil {
		return etf.Finding{}, err
	}
	registered, err := s.store.ETF(ctx, f.Symbol)
	if err != nil {
		return etf.Finding{}, err
	}
	return s.temporal.StartAndDecide(ctx, workflows.ResolveFindingInput{
		Finding: f.ID, Symbol: f.Symbol, Exchange: registered.Exchange, Session: f.Sessions[len(f.Sessions)-1], Rule: f.Rule, Evidence: f.Evidence,
	}, d)
}
