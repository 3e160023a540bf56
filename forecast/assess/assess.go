package assess

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/calibration"
	"github.com/etfcast/etfcast/forecast/combination"
	"github.com/etfcast/etfcast/forecast/gate"
	"github.com/etfcast/etfcast/forecast/scoreboard"
)

// MaxTargets is how many sessions of outcomes an assessment takes in at most, the newest: after a long pause of an installation, or for its
// first assessment, older ones are left out.
const MaxTargets = 250

// Task is what an assessment is made from.
type Task struct {
	Exchange  etf.Exchange
	Session   etf.Session
	Run       etf.RunID
	Now       time.Time
	Benchmark string
	Models    []string // of this program, without the benchmark
	Members   []string // of the combination, the benchmark among them if it is a member; empty without one
	Horizons  []int    // that are scored, ascending
	// Prior are the members' weights where there is no record, by horizon and model, and Backtest is where they are from; may be empty.
	Prior    map[int]map[string]float64
	Backtest string
	Previous string // hash of the assessment that it carries on
	Through  etf.Session
	State    *calibration.State  // with all outcomes up to Through
	Sums     []etf.SessionLosses // of record, of the exchange, in any order
}

// Targets returns the sessions whose outcomes an assessment takes in: those after through, or all if it is zero, and before the session, at
// most the newest MaxTargets.
func Targets(cal *calendar.Calendar, through, session etf.Session) []etf.Session {
	from := cal.Range().From
	if !through.IsZero() {
		from = through + 1
	}
	if from >= session {
		return nil
	}
	list := cal.Sessions(etf.Window{From: from, To: session - 1})
	return list[max(0, len(list)-MaxTargets):]
}

// Make makes the assessment. Sums of origins whose target is not before the session are left out.
func Make(cal *calendar.Calendar, t Task) (etf.Assessment, error) {
	state, err := t.State.MarshalJSON()
	if err != nil {
		return etf.Assessment{}, etf.Wrap(etf.KindInternal, err, "encoding a calibration")
	}
	body := etf.AssessmentBody{
		Exchange: t.Exchange, Session: t.Session, Previous: t.Previous, Through: t.Through, Calibration: hashOf(state),
		Weights: map[int]map[string]float64{}, Gate: []etf.GateVerdict{}, Coverage: []etf.ModelCoverage{}, Skill: []etf.ModelSkill{},
	}
	sums := t.matured(cal)
	var records []gate.Record
	recorded := map[int]bool{} // horizons at which a member has a record
	for _, h := range t.Horizons {
		for _, m := range t.Models {
			sessions := sums[key{m, h}]
			records = append(records, gate.Record{Model: m, Horizon: h, Sessions: sessions})
			recorded[h] = recorded[h] || slices.Contains(t.Members, m) && slices.ContainsFunc(sessions, func(s etf.SessionLosses) bool { return s.Paired > 0 })
			body.Skill = append(body.Skill, skill(m, h, sessions))
		}
		for _, m := range append([]string{t.Benchmark}, t.Models...) {
			body.Coverage = append(body.Coverage, etf.ModelCoverage{Model: m, Horizon: h, Measures: scoreboard.MeasureCoverage(sums[key{m, h}], h)})
		}
	}
	if len(records) > 0 {
		body.Gate = gate.Judge(t.Exchange, t.Session, records)
	}
	prior := map[int]map[string]float64{}
	for _, h := range t.Horizons {
		if w := t.prior(h); w != nil && !recorded[h] {
			prior[h] = w
		}
	}
	if len(prior) > 0 || slices.Contains(slices.Collect(maps.Values(recorded)), true) {
		for _, h := range t.Horizons {
			if w := prior[h]; w != nil {
				body.Weights[h], body.Backtest = w, t.Backtest
				continue
			}
			members := make([]combination.Record, len(t.Members))
			for i, m := range t.Members {
				members[i].Model = m
				if m != t.Benchmark {
					members[i].Sessions = sums[key{m, h}]
				}
			}
			body.Weights[h] = map[string]float64{}
			for i, w := range combination.WeightsOf(members, h) {
				body.Weights[h][t.Members[i]] = w
			}
		}
	}
	text, err := forecast.CanonicalJSON(body)
	if err != nil {
		return etf.Assessment{}, err
	}
	return etf.Assessment{
		Hash: hashOf([]byte(text)), Exchange: t.Exchange, Session: t.Session, Previous: t.Previous, Through: t.Through, MadeAt: t.Now, Run: t.Run,
		Body: []byte(text), State: state,
	}, nil
}

// prior returns the members' weights of the backtest at a horizon; nil unless it has measured them all.
func (t Task) prior(horizon int) map[string]float64 {
	if len(t.Members) == 0 {
		return nil
	}
	weights, sum := map[string]float64{}, 0.0
	for _, m := range t.Members {
		w, ok := t.Prior[horizon][m]
		if !ok || !(w >= 0) {
			return nil
		}
		weights[m] = w
		sum += w
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		return nil
	}
	for m := range weights {
		weights[m] /= sum
	}
	return weights
}

type key struct {
	model   string
	horizon int
}

// matured returns the sums by model and horizon, ascending by origin, of the origins whose target is before the session.
func (t Task) matured(cal *calendar.Calendar) map[key][]etf.SessionLosses {
	last := map[int]etf.Session{}
	for _, h := range t.Horizons {
		last[h], _ = cal.Nth(t.Session, -h-1) // zero before the calendar: there is no such origin
	}
	list := map[key][]etf.SessionLosses{}
	for _, s := range t.Sums {
		if s.Standing == etf.OfRecord && s.Exchange == t.Exchange && s.Origin <= last[s.Horizon] {
			k := key{s.Model, s.Horizon}
			list[k] = append(list[k], s)
		}
	}
	for _, sessions := range list {
		slices.SortStableFunc(sessions, func(a, b etf.SessionLosses) int { return cmp.Compare(a.Origin, b.Origin) })
	}
	return list
}

func skill(model string, horizon int, sessions []etf.SessionLosses) etf.ModelSkill {
	row := scoreboard.Summarise(sessions, scoreboard.Options{Horizon: horizon})
	return etf.ModelSkill{Model: model, Horizon: horizon, N: row.N, RelCRPS: defined(row.RelCRPS.Value), Low: defined(row.RelCRPS.Low), High: defined(row.RelCRPS.High)}
}

func defined(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Read returns what an assessment says, and its calibration if its State was read. KindCorrupt unless they are what its hash was made of.
func Read(a etf.Assessment) (etf.AssessmentBody, *calibration.State, error) {
	var body etf.AssessmentBody
	corrupt := func(message string, err error) (etf.AssessmentBody, *calibration.State, error) {
		return body, nil, &etf.Error{Kind: etf.KindCorrupt, Err: err, Message: "the assessment of " + string(a.Exchange) + " " + a.Session.String() + ": " + message,
			Remedy: "compare the database with a backup"}
	}
	if hashOf(a.Body) != a.Hash {
		return corrupt("it is not as it was stored", etf.ErrAltered)
	}
	if err := json.Unmarshal(a.Body, &body); err != nil {
		return corrupt("it can't be read", err)
	}
	if body.Exchange != a.Exchange || body.Session != a.Session || body.Previous != a.Previous || body.Through != a.Through {
		return corrupt("it is another's", etf.ErrAltered)
	}
	if a.State == nil {
		return body, nil, nil
	}
	if hashOf(a.State) != body.Calibration {
		return corrupt("its calibration is not as it was stored", etf.ErrAltered)
	}
	state := &calibration.State{}
	if err := state.UnmarshalJSON(a.State); err != nil {
		return corrupt("its calibration can't be read", err)
	}
	return body, state, nil
}

// Served returns the model that is served at a horizon, and the scored horizon whose verdict that is: the longest that is not longer, or else
// the shortest. "" if no model has passed there: then it is the benchmark.
func Served(body etf.AssessmentBody, horizon int) (model string, at int) {
	for _, v := range body.Gate {
		switch {
		case at == 0, v.Horizon > at && v.Horizon <= horizon:
			at = v.Horizon
		}
	}
	for _, v := range body.Gate {
		if v.Horizon == at && v.Served {
			return v.Model, at
		}
	}
	return "", at
}
