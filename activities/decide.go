package activities

import (
	"context"

	"github.com/etfcast/etfcast/etf"
)

// DecisionStore is what applying decisions needs of the store.
type DecisionStore interface {
	Findings
	Registry
	Forecasts
}

// Deciding applies a person's decisions.
type Deciding struct {
	Store   DecisionStore
	Scoring *Scoring
}

// DecideInput is a person's decision on a finding.
type DecideInput struct {
	Finding  string        `json:"finding"`
	Decision etf.Decision  `json:"decision"`
	By       string        `json:"by"`
	Why      string        `json:"why"`
	Key      string        `json:"key,omitempty"`
	Values   []etf.Bar     `json:"values,omitempty"`
	Sessions []etf.Session `json:"sessions,omitempty"`
	Run      etf.RunID     `json:"run,omitempty"`
}

// Decide records the decision and changes the bars accordingly, or takes the decision in force back (etf.Undo). A decision
// stands until it is taken back: a repeat of it changes nothing, a different one is TypeConflict. Then it scores the forecasts that
// the changed bars decide on.
func (a *Deciding) Decide(ctx context.Context, in DecideInput) (etf.Finding, error) {
	f, err := a.Store.Decide(ctx, etf.Ruling(in))
	if err != nil {
		return f, err
	}
	_, err = a.Scoring.Score(ctx, f.Symbol)
	return f, err
}

// FindingInput names a finding.
type FindingInput struct {
	Finding string `json:"finding"`
}

// FindingState returns a finding as it is now: it may have been settled without the workflow that waits for a decision on it.
func (a *Deciding) FindingState(ctx context.Context, in FindingInput) (etf.Finding, error) {
	return a.Store.Finding(ctx, in.Finding)
}

// NewestInput names an ETF.
type NewestInput struct {
	Symbol etf.Symbol `json:"symbol"`
}

// NewestResult is an ETF's newest session, and whether forecasts can be made from it: its price can be used, or is held.
type NewestResult struct {
	Session etf.Session `json:"session,omitzero"`
	Usable  bool        `json:"usable,omitempty"`
}

// NewestSession returns the newest session of an ETF.
func (a *Deciding) NewestSession(ctx context.Context, in NewestInput) (NewestResult, error) {
	e, err := a.Store.ETF(ctx, in.Symbol)
	if err != nil || e.Last.IsZero() {
		return NewestResult{}, err
	}
	h, err := a.Store.History(ctx, in.Symbol, e.Last, 1)
	if err != nil {
		return NewestResult{}, err
	}
	n := len(h.Bars)
	return NewestResult{Session: e.Last, Usable: n > 0 && (h.Held || h.Bars[n-1].Session == e.Last)}, nil
}
