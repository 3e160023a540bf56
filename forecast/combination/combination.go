package combination

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// Name is the name forecasts of this model are stored under.
const Name = "combination"

// Member is a model in a combination.
type Member struct {
	Model forecast.Model
	// Weights are its weights at Settings.Horizons; nil means equal ones.
	Weights []float64
}

// Settings are the parameters.
type Settings struct {
	Members  []Member
	Horizons []int // of the weights, ascending; between them, weights are linear in the logarithm of the horizon; empty for equal weights
}

// Model is a combination. It implements forecast.Composite.
type Model struct {
	set     Settings
	members []forecast.Model
	params  string
}

var (
	_ forecast.Composite      = (*Model)(nil)
	_ forecast.TailForecaster = (*fitted)(nil)
	_ forecast.Filterer       = (*fitted)(nil)
)

// params is the JSON of the parameters.
type params struct {
	Horizons []int          `json:"horizons"`
	Members  []memberParams `json:"members"`
}

type memberParams struct {
	Model   string          `json:"model"`
	Params  json.RawMessage `json:"params"`
	Weights []float64       `json:"weights"`
}

// New checks the settings: two members or more, different by name, none a combination; for each a weight at each horizon, not negative, together
// 1 at each. Errors are of KindInvalid and name the field.
func New(set Settings) (*Model, error) {
	if len(set.Members) < 2 {
		return nil, etf.Invalid("members", fmt.Sprintf("a combination of %d models", len(set.Members)), "give two or more")
	}
	m := &Model{set: Settings{Horizons: slices.Clone(set.Horizons)}}
	for i, h := range set.Horizons {
		if h < 1 || i > 0 && h <= set.Horizons[i-1] {
			return nil, etf.Invalid("horizons", fmt.Sprintf("%v are not ascending numbers from 1", set.Horizons), "give the horizons of the weights in order")
		}
	}
	p := params{Horizons: m.set.Horizons}
	if p.Horizons == nil {
		p.Horizons = []int{}
	}
	sums := make([]float64, len(set.Horizons))
	for i, member := range set.Members {
		field := fmt.Sprintf("members[%d]", i)
		if _, nested := member.Model.(forecast.Composite); nested {
			return nil, etf.Invalid(field, member.Model.Name()+" is itself made of other models", "give its members")
		}
		if slices.ContainsFunc(m.members, func(o forecast.Model) bool { return o.Name() == member.Model.Name() }) {
			return nil, etf.Invalid(field, member.Model.Name()+" is named twice", "give each model once")
		}
		if len(member.Weights) != len(set.Horizons) {
			return nil, etf.Invalid(field+".weights", fmt.Sprintf("%d weights for %d horizons", len(member.Weights), len(set.Horizons)), "give a weight for each horizon")
		}
		for k, w := range member.Weights {
			if !(w >= 0 && w <= 1) {
				return nil, etf.Invalid(field+".weights", fmt.Sprintf("%v is no weight", w), "give numbers from 0 to 1")
			}
			sums[k] += w
		}
		member.Weights = append([]float64{}, member.Weights...)
		m.set.Members, m.members = append(m.set.Members, member), append(m.members, member.Model)
		p.Members = append(p.Members, memberParams{member.Model.Name(), json.RawMessage(member.Model.Params()), member.Weights})
	}
	for k, sum := range sums {
		if math.Abs(sum-1) > 1e-9 {
			return nil, etf.Invalid("weights", fmt.Sprintf("the weights at horizon %d add up to %v", set.Horizons[k], sum), "give weights that add up to 1")
		}
	}
	var err error
	m.params, err = forecast.CanonicalJSON(p)
	return m, err
}

// Parse returns the combination that Params wrote. model makes a member from its name and its parameters. KindInvalid for any other text.
func Parse(text string, model func(name, params string) (forecast.Model, error)) (*Model, error) {
	var p params
	decode := json.NewDecoder(bytes.NewReader([]byte(text)))
	decode.DisallowUnknownFields()
	err := decode.Decode(&p)
	set := Settings{Horizons: p.Horizons}
	for _, member := range p.Members {
		var m forecast.Model
		if m, err = model(member.Model, string(member.Params)); err != nil {
			return nil, err
		}
		set.Members = append(set.Members, Member{m, member.Weights})
	}
	var m *Model
	if err == nil {
		m, err = New(set)
	}
	if err == nil && m.params != text {
		err = fmt.Errorf("they read back as %s", m.params)
	}
	if err != nil {
		return nil, &etf.Error{Kind: etf.KindInvalid, Field: "params", Message: "these are not the parameters of a combination of this version", Err: err,
			Remedy: "use the program that wrote them: `etfcast reproduce FORECAST` says which"}
	}
	return m, nil
}

// Scaled returns the settings with weights in the same proportions that add up to 1 at each horizon, equal ones where all are 0.
func Scaled(set Settings) Settings {
	sums := make([]float64, len(set.Horizons))
	for _, member := range set.Members {
		for k, w := range member.Weights {
			sums[k] += w
		}
	}
	members := make([]Member, len(set.Members))
	for i, member := range set.Members {
		members[i] = Member{member.Model, slices.Clone(member.Weights)}
		for k := range member.Weights {
			if sums[k] > 0 {
				members[i].Weights[k] /= sums[k]
			} else {
				members[i].Weights[k] = 1 / float64(len(members))
			}
		}
	}
	set.Members = members
	return set
}

// Name returns "combination".
func (m *Model) Name() string { return Name }

// Params returns members, their parameters and weights as canonical JSON.
func (m *Model) Params() string { return m.params }

// Members implements forecast.Composite.
func (m *Model) Members() []forecast.Model { return slices.Clone(m.members) }

// MinRows returns the most that any member needs.
func (m *Model) MinRows() int {
	n := 0
	for _, member := range m.members {
		n = max(n, member.MinRows())
	}
	return n
}

// MaxRows returns the most that any member uses; 0 if one uses all.
func (m *Model) MaxRows() int {
	n := 0
	for _, member := range m.members {
		if member.MaxRows() == 0 {
			return 0
		}
		n = max(n, member.MaxRows())
	}
	return n
}

// Fit fits every member, with the seed it has alone (forecast.Seed of the series' symbol and origin), so that the combination is that of the
// members' own forecasts. The seed is ignored.
func (m *Model) Fit(ctx context.Context, s forecast.Series, _ uint64, progress forecast.Progress) (forecast.Fitted, error) {
	fits := make([]forecast.Fitted, len(m.members))
	for i, member := range m.members {
		var err error
		if fits[i], err = member.Fit(ctx, s, forecast.Seed(s.Symbol, member.Name(), s.Origin), nil); err != nil {
			return nil, fmt.Errorf("member %s: %w", member.Name(), err)
		}
		if progress != nil {
			progress(i+1, len(m.members))
		}
	}
	return m.Combine(fits)
}

// Combine implements forecast.Composite.
func (m *Model) Combine(fits []forecast.Fitted) (forecast.Fitted, error) {
	if len(fits) != len(m.members) {
		return nil, &etf.Error{Kind: etf.KindInternal, Message: fmt.Sprintf("%d fits of %d members", len(fits), len(m.members))}
	}
	return &fitted{m, slices.Clone(fits)}, nil
}

// stored is the JSON of a fit.
type stored struct {
	Format  int             `json:"format"`
	Model   string          `json:"model"`
	Params  json.RawMessage `json:"params"`
	Members [][]byte        `json:"members"`
}

// Restore implements forecast.Model.
func (m *Model) Restore(blob []byte) (forecast.Fitted, error) {
	var st stored
	err := json.Unmarshal(blob, &st)
	if err == nil && (st.Format != 1 || st.Model != Name) {
		err = fmt.Errorf("it is of model %q, format %d", st.Model, st.Format)
	}
	var own *Model
	if err == nil {
		own, err = Parse(string(st.Params), func(name, text string) (forecast.Model, error) {
			for _, member := range m.members {
				if member.Name() == name {
					if member.Params() != text {
						// Restore reads a blob whatever the parameters; those that are kept are the blob's own.
						return renamed{member, text}, nil
					}
					return member, nil
				}
			}
			return nil, fmt.Errorf("this combination has no member %q", name)
		})
	}
	if err == nil && len(st.Members) != len(own.members) {
		err = fmt.Errorf("%d fits of %d members", len(st.Members), len(own.members))
	}
	if err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "reading a stored fit of a combination")
	}
	fits := make([]forecast.Fitted, len(st.Members))
	for i, raw := range st.Members {
		if fits[i], err = own.members[i].Restore(raw); err != nil {
			return nil, fmt.Errorf("member %s: %w", own.members[i].Name(), err)
		}
	}
	return &fitted{own, fits}, nil
}

// renamed is a member with the parameters of a stored fit.
type renamed struct {
	forecast.Model
	params string
}

func (r renamed) Params() string { return r.params }

// fitted is the members' fits.
type fitted struct {
	model *Model
	fits  []forecast.Fitted
}

// weights returns the members' weights at a horizon.
func (f *fitted) weights(horizon int) []float64 {
	list := make([]float64, len(f.fits))
	at := f.model.set.Horizons
	if len(at) == 0 {
		for i := range list {
			list[i] = 1 / float64(len(list))
		}
		return list
	}
	low, high, share := between(at, horizon)
	for i, member := range f.model.set.Members {
		list[i] = member.Weights[low]*(1-share) + member.Weights[high]*share
	}
	return list
}

// between returns the two of the ascending horizons that a horizon lies between, and how far, from 0 to 1, on a logarithmic scale.
func between(at []int, horizon int) (low, high int, share float64) {
	k, found := slices.BinarySearch(at, horizon)
	switch {
	case found || k == 0:
		return k, k, 0
	case k == len(at):
		return k - 1, k - 1, 0
	}
	return k - 1, k, math.Log(float64(horizon)/float64(at[k-1])) / math.Log(float64(at[k])/float64(at[k-1]))
}

// Between returns the weights at a horizon, given those at ascending horizons (weights[k] are the members' at horizons[k]), as a
// combination with these Settings has them.
func Between(horizons []int, weights [][]float64, horizon int) []float64 {
	low, high, share := between(horizons, horizon)
	list := make([]float64, len(weights[low]))
	for i := range list {
		list[i] = weights[low][i]*(1-share) + weights[high][i]*share
	}
	return list
}

// Average returns the weighted mean of the members' quantiles and tails at one horizon, as a combination's Predict and Tails have them. The
// weights add up to 1. Without tails of every member (they are 0 then) there are none.
func Average(points []etf.RawPoint, weights []float64) etf.RawPoint {
	var sum etf.RawPoint
	tailed := true
	for i, p := range points {
		for k, q := range p.Quantiles {
			sum.Quantiles[k] += weights[i] * q
		}
		tailed = tailed && p.Tails != ([2]float64{})
		sum.Tails[0] += weights[i] * p.Tails[0]
		sum.Tails[1] += weights[i] * p.Tails[1]
	}
	uncross(&sum.Quantiles)
	if !tailed {
		sum.Tails = [2]float64{}
		return sum
	}
	sum.Tails = [2]float64{min(sum.Tails[0], sum.Quantiles[0]), max(sum.Tails[1], sum.Quantiles[len(sum.Quantiles)-1])}
	return sum
}

// uncross takes back what the rounding of sums may have done to the order of quantiles.
func uncross(q *[7]float64) {
	for k := 1; k < len(q); k++ {
		q[k] = max(q[k], q[k-1])
	}
}

// Predict implements forecast.Fitted. The mean of the averaged distribution is the average of the means.
func (f *fitted) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	points := make([]etf.ForecastPoint, len(targets))
	for i, fit := range f.fits {
		list, err := fit.Predict(targets)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", f.model.members[i].Name(), err)
		}
		for h := range points {
			w := f.weights(h + 1)[i]
			points[h].Horizon, points[h].Target = h+1, targets[h]
			points[h].Mean += w * list[h].Mean
			for k, q := range list[h].Quantiles {
				points[h].Quantiles[k] += w * q
			}
		}
	}
	for h := range points {
		uncross(&points[h].Quantiles)
	}
	return points, forecast.Check(points)
}

// Tails implements forecast.TailForecaster. Every member has to have tails.
func (f *fitted) Tails(targets []etf.Session) ([][2]float64, error) {
	points, err := f.Predict(targets)
	if err != nil {
		return nil, err
	}
	tails := make([][2]float64, len(targets))
	for i, fit := range f.fits {
		name := f.model.members[i].Name()
		t, ok := fit.(forecast.TailForecaster)
		if !ok {
			return nil, &etf.Error{Kind: etf.KindInternal, Message: "member " + name + " has no tails"}
		}
		list, err := t.Tails(targets)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", name, err)
		}
		for h := range tails {
			w := f.weights(h + 1)[i]
			tails[h][0] += w * list[h][0]
			tails[h][1] += w * list[h][1]
		}
	}
	for h, p := range points {
		tails[h][0], tails[h][1] = min(tails[h][0], p.Quantiles[0]), max(tails[h][1], p.Quantiles[len(p.Quantiles)-1])
	}
	return tails, nil
}

// Filter implements forecast.Filterer if every member does.
func (f *fitted) Filter(ctx context.Context, s forecast.Series) (forecast.Fitted, error) {
	fits := make([]forecast.Fitted, len(f.fits))
	for i, fit := range f.fits {
		c, ok := fit.(forecast.Filterer)
		if !ok {
			return nil, etf.Invalid("members", f.model.members[i].Name()+" can't be carried on", "fit it again")
		}
		var err error
		if fits[i], err = c.Filter(ctx, s); err != nil {
			return nil, fmt.Errorf("member %s: %w", f.model.members[i].Name(), err)
		}
	}
	return &fitted{f.model, fits}, nil
}

// Diagnostics implements forecast.Fitted: the members' states, and the weights at the horizons of the weights.
func (f *fitted) Diagnostics() map[string]string {
	d := map[string]string{"status": "ok"}
	rows := 0
	for i, fit := range f.fits {
		name := f.model.members[i].Name()
		own := fit.Diagnostics()
		if own["status"] != "ok" && d["status"] == "ok" {
			d["status"] = name + ": " + own["status"]
		}
		n, _ := strconv.Atoi(own["rows"])
		rows = max(rows, n)
		for _, h := range f.horizons() {
			d[fmt.Sprintf("weight_%s_%d", name, h)] = strconv.FormatFloat(f.weights(h)[i], 'g', -1, 64)
		}
	}
	d["rows"] = strconv.Itoa(rows)
	return d
}

func (f *fitted) horizons() []int {
	if len(f.model.set.Horizons) == 0 {
		return []int{1}
	}
	return f.model.set.Horizons
}

// MarshalBinary implements forecast.Fitted.
func (f *fitted) MarshalBinary() ([]byte, error) {
	st := stored{Format: 1, Model: Name, Params: json.RawMessage(f.model.params)}
	for i, fit := range f.fits {
		raw, err := fit.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", f.model.members[i].Name(), err)
		}
		st.Members = append(st.Members, raw)
	}
	b, err := json.Marshal(st)
	return b, etf.Wrap(etf.KindInternal, err, "writing the fit of a combination")
}
