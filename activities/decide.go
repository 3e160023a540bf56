package activities

import (
	"context"

	"github.com/etfcast/etfcast/etf"
)

// Deciding applies a person's decisions.
type Deciding struct {
	Store Findings
}

// DecideInput is a person's decision on a finding.
type DecideInput struct {
	Finding  string       `json:"finding"`
	Decision etf.Decision `json:"decision"`
	By       string       `json:"by"`
	Why      string       `json:"why"`
}

// Decide records the decision and releases the rows the finding names from quarantine or keeps them there. The first
// decision stands: a repeat of it changes nothing, a different one is TypeConflict.
func (a *Deciding) Decide(ctx context.Context, in DecideInput) (etf.Finding, error) {
	return a.Store.Decide(ctx, etf.Ruling(in))
}
