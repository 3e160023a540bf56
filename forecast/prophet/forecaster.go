package prophet

import (
	"context"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// Forecaster is a fitted model without its history: what is needed to forecast rows after it, and small to store. It is
// immutable and safe for concurrent use. (*Fitted).Forecaster makes one from a fit, NewForecaster from its stored parts.
type Forecaster struct{ f *Fitted }

// Tail is what forecasting rows after a history needs besides State.
type Tail struct {
	// Gap is the mean distance between the history's rows in scaled time: the step for a future of one row.
	Gap      float64
	Residual Residual // of Market.ResidualAR1
	// End is the scaled time of the last row that the model was carried on to (Carry); 0 = the history's last.
	End float64
	// Volatility of the innovations, if it follows the market (FollowVolatility); Residual's Innovation and DF are then those of the next session.
	Volatility *Volatility
}

// Forecaster returns the model without its history.
func (f *Fitted) Forecaster() *Forecaster { return &Forecaster{f} }

// NewForecaster builds a model from its parts, as returned by State and Tail; History and HistoryDates are ignored. It
// computes what FromState computes. Errors are of KindInvalid (an option) or KindCorrupt (the parts are inconsistent) and
// name the attribute.
func NewForecaster(s State, t Tail) (*Forecaster, error) {
	s.History, s.HistoryDates = History{}, nil
	e := t.Residual
	if !(t.Gap > 0) || !(e.Phi >= 0 && e.Phi <= maxPhi) || !(e.Innovation >= 0) || !validDF(e.DF) || !(e.Slope >= 0) || e.Behind < 0 {
		return nil, corrupt("gap", "the gap "+sprint(t.Gap)+" or the residual is out of range")
	}
	f, err := assemble(s)
	if err != nil {
		return nil, err
	}
	if t.End != 0 && !(t.End > 1) || math.IsInf(t.End, 1) || (t.End != 0 || t.Volatility != nil) && !f.s.Options.Market.ResidualAR1 {
		return nil, corrupt("end", sprint(t.End)+" is not a time after the history, or there is no residual")
	}
	if v := t.Volatility; v != nil {
		if err := v.check(); err != nil {
			return nil, err
		}
		own := *v
		f.volatility = &own
	}
	f.gap, f.residual, f.end = t.Gap, e, t.End
	return &Forecaster{f}, nil
}

// Predict is Fitted's Predict for rows after the history. The frame is required.
func (p *Forecaster) Predict(ctx context.Context, frame *Frame, po PredictOptions) (*Forecast, error) {
	if frame == nil {
		return nil, etf.Invalid("ds", "the model has no history and there is no frame", "give the rows to forecast")
	}
	return p.f.Predict(ctx, frame, po)
}

// State returns the parts of the model besides Tail, without the history. It shares memory with the model and must not be
// changed.
func (p *Forecaster) State() State {
	s := p.f.s
	s.History, s.HistoryDates = History{}, nil
	return s
}

// Tail returns what the model keeps about the end of the history.
func (p *Forecaster) Tail() Tail { return Tail{p.f.gap, p.f.residual, p.f.end, p.f.volatility} }

// Knowing returns the model with more sessions of its series' own calendar (Market.Own): of these, which are ascending, those that come after the
// ones that it knows. A model of an exchange stays as it is.
func (p *Forecaster) Knowing(sessions []etf.Session) *Forecaster {
	if !p.f.clock.own {
		return p
	}
	days := p.f.clock.sessions
	from, _ := slices.BinarySearch(sessions, days[len(days)-1]+1)
	days = slices.Concat(days, sessions[from:])
	f := *p.f
	f.s.Options.Market.Own, f.clock.sessions = &OwnSessions{days}, days
	return &Forecaster{&f}
}
