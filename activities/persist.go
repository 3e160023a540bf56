package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/etf"
)

// Persisting moves validated rows into the series.
type Persisting struct {
	Store   Bars
	Scoring *Scoring
}

// PersistInput names a fetch whose rows have been validated.
type PersistInput struct {
	Fetch string `json:"fetch"`
	// Whole: the fetch is the whole history and replaces everything stored.
	Whole bool `json:"whole,omitempty"`
	// Listed: the stored bars before this session are taken out.
	Listed etf.Session `json:"listed,omitzero"`
	// OnlyNew: only the rows of sessions without a bar are stored.
	OnlyNew bool `json:"only_new,omitempty"`
	// CanJudge: the rows are judged again if the result asks for it.
	CanJudge bool `json:"can_judge,omitempty"`
}

// PersistResult says what happened to the rows.
type PersistResult struct {
	etf.Persisted
	Attempt int32 `json:"attempt"`
	// JudgeAgain: what the rows are judged by has changed since their Validate. Nothing has been stored.
	JudgeAgain bool `json:"judge_again,omitempty"`
	// Settled are findings that wait for a decision no longer, because other rows have taken the place of those they are about.
	Settled []string `json:"settled,omitempty"`
	// Scored says what was scored with the rows.
	Scored etf.Scored `json:"scored,omitzero"`
}

// Persist stores a fetch's validated rows in one transaction, and scores the forecasts that they decide on in another. The fetch is
// the idempotency key: a repeat has no further effect and returns the same result, but scores what an earlier attempt left out.
func (a *Persisting) Persist(ctx context.Context, in PersistInput) (PersistResult, error) {
	// Workflows that an earlier release has begun can't judge again.
	p, settled, err := a.Store.Replace(ctx, in.Fetch, etf.Replacement{Whole: in.Whole, Listed: in.Listed, OnlyNew: in.OnlyNew, Outdated: !in.CanJudge})
	if errors.Is(err, etf.ErrOutdated) {
		return PersistResult{JudgeAgain: true, Attempt: activity.GetInfo(ctx).Attempt}, nil
	}
	if err != nil {
		return PersistResult{}, err
	}
	scored, err := a.Scoring.scorePersisted(ctx, p)
	if err != nil {
		return PersistResult{}, err
	}
	return PersistResult{Persisted: p, Attempt: activity.GetInfo(ctx).Attempt, Settled: settled, Scored: scored}, nil
}
