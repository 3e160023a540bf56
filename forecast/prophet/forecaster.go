package prophet

import (
	"context"

	"github.com/etfcast/etfcast/etf"
)

// Forecaster is a fitted model without its history: all that forecasting the rows after it needs, and little to store.
// It is immutable and safe for concurrent use. (*Fitted).Forecaster makes one of a fit, NewForecaster of what was stored.
type Forecaster struct{ f *Fitted }

// Tail is what a forecast of the rows after a history takes of the history besides State.
type Tail struct {
	// Gap is the mean distance of the history's rows in scaled time: the step of a future of one row.
	Gap      float64
	Residual Residual // of Market.ResidualAR1
}

// Forecaster returns the model without its history.
func (f *Fitted) Forecaster() *Forecaster { return &Forecaster{f} }

// NewForecaster makes a model of its parts as State and Tail give them; History and HistoryDates are not looked at. What is
// computed by FromState is computed here too. Errors are of KindInvalid (an option) or KindCorrupt (the parts do not fit
// together) and name the attribute.
func NewForecaster(s State, t Tail) (*Forecaster, error) {
	s.History, s.HistoryDates = History{}, nil
	e := t.Residual
	if !(t.Gap > 0) || !(e.Phi >= 0 && e.Phi <= maxPhi) || !(e.Innovation >= 0) {
		return nil, corrupt("gap", sprint(t.Gap)+", or residual, is out of range")
	}
	f, err := assemble(s)
	if err != nil {
		return nil, err
	}
	f.gap, f.residual = t.Gap, e
	return &Forecaster{f}, nil
}

// Predict is Fitted's Predict for rows after the history. A frame has to be given.
func (p *Forecaster) Predict(ctx context.Context, frame *Frame, po PredictOptions) (*Forecast, error) {
	if frame == nil {
		return nil, etf.Invalid("ds", "the model is without its history and no rows are named", "give the rows to forecast")
	}
	return p.f.Predict(ctx, frame, po)
}

// State returns what the model consists of besides Tail, without the history. It shares memory with the model and must
// not be changed.
func (p *Forecaster) State() State {
	s := p.f.s
	s.History, s.HistoryDates = History{}, nil
	return s
}

// Tail returns what the model knows of the history's end.
func (p *Forecaster) Tail() Tail { return Tail{Gap: p.f.gap, Residual: p.f.residual} }
