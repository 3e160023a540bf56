package activities

import (
	"context"

	"github.com/etfcast/etfcast/etf"
)

// Actions keeps statements about corporate actions.
type Actions interface {
	// DecideAction records a person's decision on a statement about a corporate action, or what a person states, and releases
	// the bars that fit then, in one transaction that advances the data version if a state changed. d.Key makes a repeat
	// change nothing. KindNotFound for an unknown symbol or statement, KindConflict for another decision with the same key.
	DecideAction(ctx context.Context, d etf.ActionDecision) (etf.ActionDecided, error)
}

// DecidingActions applies people's decisions on corporate actions.
type DecidingActions struct {
	Store   Actions
	Scoring *Scoring
}

// DecideAction applies a decision on a corporate action. Its key makes a repeat change nothing. Then it scores the forecasts that the
// action or the released bars decide on.
func (a *DecidingActions) DecideAction(ctx context.Context, d etf.ActionDecision) (etf.ActionDecided, error) {
	decided, err := a.Store.DecideAction(ctx, d)
	if err != nil {
		return decided, err
	}
	_, err = a.Scoring.Score(ctx, decided.Action.Symbol)
	return decided, err
}
