package service

import (
	"context"
	"errors"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/workflows"
)

// FindingQuery selects findings, as the user wrote it.
type FindingQuery struct {
	Symbol    string // "" = all
	Undecided bool   // only those of severity error that await a decision
	After     etf.Cursor
	Limit     int
}

// Findings returns findings, newest first, and the position of the next page: zero after the last.
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

// DecisionRequest is a decision on a finding, as the user wrote it.
type DecisionRequest struct {
	Finding  string
	Decision etf.Decision
	By, Why  string
}

// Decide sends a decision to the workflow that waits for it, so that it is made once and in that workflow's history, and
// returns the decided finding. No workflow waits for a finding on past rows, which stops no run, or for one whose workflow
// was lost with Temporal's data: for these, Decide starts one. The first decision stands: a repeat changes nothing, a
// different one is KindConflict. KindUnavailable if no worker has applied it in time.
func (s *Service) Decide(ctx context.Context, r DecisionRequest) (etf.Finding, error) {
	var problems []error
	if strings.TrimSpace(r.By) == "" {
		problems = append(problems, etf.Invalid("by", "no name is given", `say who decides: --by, or "by" in a request`))
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
