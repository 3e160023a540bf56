package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/etf"
)

// Persisting moves validated rows into the series.
type Persisting struct {
	Store Bars
}

// PersistInput names a fetch whose rows have been validated.
type PersistInput struct {
	Fetch string `json:"fetch"`
}

// PersistResult says what happened to the rows.
type PersistResult struct {
	etf.Persisted
	Attempt int32 `json:"attempt"`
}

// Persist stores a fetch's validated rows in one transaction. The fetch is the idempotency key: a repeat has no further
// effect and returns the same result.
func (a *Persisting) Persist(ctx context.Context, in PersistInput) (PersistResult, error) {
	p, err := a.Store.Persist(ctx, in.Fetch)
	if err != nil {
		return PersistResult{}, err
	}
	return PersistResult{Persisted: p, Attempt: activity.GetInfo(ctx).Attempt}, nil
}
