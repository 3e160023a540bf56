package ewma

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// Name is the name forecasts of this model are stored under.
const Name = "ewma"

// The defaults of Settings; their reasons are those of package drift.
const (
	DefaultDecay      = 0.94
	DefaultWindow     = 2520
	DefaultMinReturns = 33
	DefaultFloor      = 1e-5
)

// Settings are the model's parameters. The zero value of each field means its default.
type Settings struct {
	Decay      float64 `json:"decay"`       // of the exponential weights, per row, in (0,1)
	Window     int     `json:"window"`      // returns used by a fit, the latest ones
	MinReturns int     `json:"min_returns"` // the fewest returns fitted
	Floor      float64 `json:"floor"`       // the smallest standard deviation of a log return per session
}

// Model is the model and its settings. It implements forecast.Model.
type Model struct {
	set    Settings
	params string
}

var (
	_ forecast.Model          = (*Model)(nil)
	_ forecast.TailForecaster = (*fitted)(nil)
	_ forecast.Filterer       = (*fitted)(nil)
)

// New replaces zeros by defaults and checks the settings. Errors are of KindInvalid and name the setting.
func New(set Settings) (*Model, error) {
	if set.Decay == 0 {
		set.Decay = DefaultDecay
	}
	if set.Window == 0 {
		set.Window = DefaultWindow
	}
	if set.MinReturns == 0 {
		set.MinReturns = min(DefaultMinReturns, set.Window)
	}
	if set.Floor == 0 {
		set.Floor = DefaultFloor
	}
	switch {
	case !(set.Decay > 0 && set.Decay < 1):
		return nil, etf.Invalid("decay", fmt.Sprintf("%v is not between 0 and 1", set.Decay), "use 0.94 for daily closes")
	case set.MinReturns < 2:
		return nil, etf.Invalid("min_returns", fmt.Sprintf("%d is too few returns for a variance", set.MinReturns), "use 2 or more")
	case set.Window < set.MinReturns:
		return nil, etf.Invalid("window", fmt.Sprintf("%d is less than min_returns %d", set.Window, set.MinReturns), "make the window longer")
	case !(set.Floor > 0 && set.Floor < 1):
		return nil, etf.Invalid("floor", fmt.Sprintf("%v is not between 0 and 1", set.Floor), "use 1e-5")
	}
	params, err := forecast.CanonicalJSON(set)
	if err != nil {
		return nil, err
	}
	return &Model{set: set, params: params}, nil
}

// Parse returns the model with the settings that Params wrote. Any other text, also what another version wrote with other settings, is
// an error of KindInvalid.
func Parse(params string) (*Model, error) {
	return forecast.ParseParams("an ewma model", params, New)
}

// Name returns "ewma".
func (m *Model) Name() string { return Name }

// Params returns the settings as canonical JSON.
func (m *Model) Params() string { return m.params }

// MinRows returns the fewest closes Fit accepts: one more than the number of returns.
func (m *Model) MinRows() int { return m.set.MinReturns + 1 }

// MaxRows returns the most closes Fit uses.
func (m *Model) MaxRows() int { return m.set.Window + 1 }

// Fit implements forecast.Model. The seed is ignored.
func (m *Model) Fit(ctx context.Context, s forecast.Series, _ uint64, progress forecast.Progress) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.Validate(m.MinRows()); err != nil {
		return nil, err
	}
	s = s.Tail(m.MaxRows())
	f := &fitted{Format: format, Model: Name, From: s.Sessions[0], Rows: 1, Decay: m.set.Decay, Floor: m.set.Floor}
	f.carry(s, 1)
	if err := f.check(); err != nil {
		return nil, &etf.Error{Kind: etf.KindInternal, Field: "close", Message: "closes of " + string(s.Symbol) + " have no finite volatility", Err: err}
	}
	if progress != nil {
		progress(1, 1)
	}
	return f, nil
}

// Restore implements forecast.Model.
func (m *Model) Restore(blob []byte) (forecast.Fitted, error) {
	f := new(fitted)
	if err := json.Unmarshal(blob, f); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "reading a stored ewma fit")
	}
	if f.Format != format || f.Model != Name {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Message: fmt.Sprintf("the stored fit is of model %q, format %d, but ewma reads format %d", f.Model, f.Format, format), Remedy: "fit the model again"}
	}
	if err := f.check(); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "a stored ewma fit is damaged")
	}
	return f, nil
}

// format is the version of the serialised fit; increment it when the fields of fitted change.
const format = 1

// fitted is the fit. Log returns are natural, per session.
type fitted struct {
	Format  int         `json:"format"`
	Model   string      `json:"model"`
	Origin  etf.Session `json:"origin"`
	From    etf.Session `json:"from"`
	Last    float64     `json:"last"`    // close at the origin
	Squares float64     `json:"squares"` // weighted sum of squared returns
	Weights float64     `json:"weights"` // sum of the weights
	Decay   float64     `json:"decay"`
	Floor   float64     `json:"floor"`
	Rows    int         `json:"rows"`
	Gaps    int         `json:"gaps"` // returns over more than one session
}

// carry takes in the rows of s from row from on.
func (f *fitted) carry(s forecast.Series, from int) {
	for i := from; i < len(s.Close); i++ {
		k := s.Step(i)
		if k > 1 {
			f.Gaps++
		}
		r := forecast.LogReturn(s.Close[i-1], s.Close[i])
		f.Squares = f.Decay*f.Squares + r*r/float64(k)
		f.Weights = f.Decay*f.Weights + 1
		f.Rows++
	}
	f.Origin, f.Last = s.Origin, s.Close[len(s.Close)-1]
}

// Filter implements forecast.Filterer. Rows before the window stay in the average, with weights below 1e-60 at the default settings.
func (f *fitted) Filter(ctx context.Context, s forecast.Series) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	from, err := s.After(f.Origin)
	if err != nil {
		return nil, err
	}
	next := *f
	next.carry(s, from)
	if err := next.check(); err != nil {
		return nil, &etf.Error{Kind: etf.KindInternal, Field: "close", Message: "closes of " + string(s.Symbol) + " have no finite volatility", Err: err}
	}
	return &next, nil
}

// sigma returns the standard deviation of a log return of one session, and whether that is the floor.
func (f *fitted) sigma() (float64, bool) {
	s := math.Sqrt(f.Squares / f.Weights)
	return max(s, f.Floor), s < f.Floor
}

func (f *fitted) check() error {
	sigma, _ := f.sigma()
	if !(f.Last > 0) || !(f.Squares >= 0) || !(f.Weights >= 1) || !(f.Decay > 0 && f.Decay < 1) || !(f.Floor > 0 && f.Floor < 1) ||
		math.IsInf(f.Last, 0) || math.IsInf(sigma, 0) || f.Rows < 2 || f.Origin <= f.From {
		return fmt.Errorf("last close %v, squares %v, weights %v, decay %v, floor %v, rows %d, origin %s", f.Last, f.Squares, f.Weights, f.Decay, f.Floor, f.Rows, f.Origin)
	}
	return nil
}

func (f *fitted) forecast() forecast.LogNormal {
	sigma, _ := f.sigma()
	return forecast.LogNormal{Base: f.Last, Origin: f.Origin, At: func(h int) (float64, float64) { return 0, float64(h) * sigma * sigma }}
}

// Predict implements forecast.Fitted.
func (f *fitted) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	return f.forecast().Points(targets)
}

// Tails implements forecast.TailForecaster.
func (f *fitted) Tails(targets []etf.Session) ([][2]float64, error) {
	return f.forecast().Tails(targets)
}

// Diagnostics implements forecast.Fitted.
func (f *fitted) Diagnostics() map[string]string {
	sigma, floored := f.sigma()
	d := map[string]string{
		"status": "ok",
		"rows":   strconv.Itoa(f.Rows),
		"from":   f.From.String(),
		"sigma":  strconv.FormatFloat(sigma, 'g', -1, 64),
		"gaps":   strconv.Itoa(f.Gaps),
	}
	if floored {
		d["status"] = "sigma raised to the floor: the closes hardly move"
	}
	return d
}

// MarshalBinary implements forecast.Fitted. It writes JSON, floats as the shortest text that reads back exactly.
func (f *fitted) MarshalBinary() ([]byte, error) {
	b, err := json.Marshal(f)
	return b, etf.Wrap(etf.KindInternal, err, "writing an ewma fit")
}
