package activities

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/source/simulated"
)

// badBars is a kind of error that a source makes with a session's row, and what has to become of the row.
type badBars struct {
	name   string
	faults string // DATE stands for the session
	// caught is the least share of the rows that are kept out in their own session. A tick or a crash of a volatile ETF may
	// be less than what is held.
	caught float64
	// confirmed means that a row that is still sent in the next session counts from then on: nothing shows that it is wrong.
	confirmed bool
	split     bool // the ETF has a split in the session
	used      bool // the row is used in its own session, although it is wrong
}

var badKinds = []badBars{
	{name: "ten times the close", faults: "bad_tick@DATE", caught: 1},
	{name: "a tenth of the close", faults: "tenth@DATE", caught: 1},
	{name: "another unit", faults: "unit@DATE", caught: 1},
	{name: "zeros", faults: "zero@DATE", caught: 1},
	{name: "negative prices", faults: "negative@DATE", caught: 1},
	{name: "high below low", faults: "ohlc@DATE", caught: 1, confirmed: true},
	{name: "a closed day", faults: "wrong_date@DATE", caught: 1},
	{name: "dates shifted by a day", faults: "shifted@DATE", caught: 1},
	{name: "can't be read", faults: "garbled@DATE", caught: 1},
	{name: "missing", faults: "late:3@DATE", caught: 1},
	{name: "a part of the session", faults: "partial@DATE", caught: .95, confirmed: true},
	{name: "a fall taken back", faults: "crash:1@DATE", caught: .95},
	{name: "a fall that stays", faults: "crash:10000@DATE", caught: .95, confirmed: true},
	{name: "a split not stated", faults: "unsplit:10000@DATE", caught: 1, split: true},
	{name: "a split that did not happen", faults: "false_split@DATE"},
	{name: "twice", faults: "duplicate@DATE"},
	{name: "stale", faults: "stale@DATE", used: true},
}

// Bad bars of each kind, as a source sends them, go through Fetch, Validate, Persist and Forecast in the order of UpdateETF.
// None reaches a forecast while it is quarantined or held: each close that the model is fitted to is the right one, or one
// that the next session has confirmed. Every other time the source corrects its row in the next session, and then the
// stored row is in use again.
func TestBadBarsReachNoForecast(t *testing.T) {
	t.Parallel()
	each, funds := 1000, 250
	if raceDetector {
		each, funds = 100, 25 // make test-bad-bars sends a thousand
	}
	for _, k := range badKinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			var out, bad int
			for fund := range funds {
				var p *pipeline
				for i := range each / funds {
					if i == 0 || k.split { // a new ETF for each split
						p = newPipeline(t, k, fund, i)
					}
					if p.badSession(t, i) {
						out++
					}
					bad++
					if t.Failed() {
						return
					}
				}
			}
			if share := float64(out) / float64(bad); share < k.caught || bad < each {
				t.Errorf("%.3f of %d rows are kept out, want %.2f", share, bad, k.caught)
			}
		})
	}
}

// pipeline takes one simulated ETF through the steps of its updates.
type pipeline struct {
	kind        badBars
	symbol      etf.Symbol
	cal         *calendar.Calendar
	sessions    []etf.Session // from the first update on
	ref         string        // without faults
	source      *simulated.Source
	store       *memory
	model       *watched
	fetching    *Fetching
	validating  *Validating
	persisting  *Persisting
	forecasting *Forecasting
	env         *testsuite.TestActivityEnvironment
	market      etf.Response // without faults
	held        bool         // the newest row is held
}

// watched keeps the series that its model is fitted to.
type watched struct {
	Model
	seen forecast.Series
}

func (w *watched) Fit(ctx context.Context, s forecast.Series, seed uint64, progress forecast.Progress) (forecast.Fitted, error) {
	w.seen = s
	return w.Model.Fit(ctx, s, seed, progress)
}

func newPipeline(t *testing.T, k badBars, fund, i int) *pipeline {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	source, err := simulated.New(simulated.Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := etf.MustSession("2024-03-04").AddDays(fund % 360)
	p := &pipeline{
		kind: k, symbol: etf.Symbol(fmt.Sprintf("SIMB%d", fund)), source: source, model: &watched{Model: driftModel(t)},
		cal: cal, sessions: cal.Sessions(etf.Window{From: first, To: first.AddDays(45)}),
	}
	last := p.sessions[len(p.sessions)-1]
	for seed := 0; ; seed++ {
		p.ref = fmt.Sprintf("%s-%d?inception=%s", p.symbol, seed, first.AddDays([]int{-75, -120, -200, -400}[fund%4]))
		if k.split {
			p.ref += fmt.Sprintf("&split=%s:4:1", p.sessions[badAt(i)])
		}
		if p.market, err = source.Fetch(t.Context(), etf.Query{Symbol: p.symbol, Ref: p.ref, Exchange: etf.XNYS, Window: etf.Window{To: last}, AsOf: p.after(t, last)}); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(p.market.Actions, func(a etf.Action) bool { // a split that the market adds to the one here
			return k.split && a.Kind == etf.Split && a.Ex != p.sessions[badAt(i)] && a.Ex >= first
		}) {
			break
		}
	}
	p.store = newMemory(etf.XNYS, etf.SourceRef{Name: "simulated", Ref: p.ref})
	p.fetching, p.validating, p.persisting = &Fetching{Store: p.store, Source: source}, &Validating{Fetches: p.store, Findings: p.store}, &Persisting{Store: p.store}
	p.forecasting = &Forecasting{Store: p.store, Models: []Model{p.model}, CodeVersion: "1", Now: time.Now}
	p.env = newEnv(t, p.fetching, p.validating, p.persisting, p.forecasting)
	p.update(t, p.sessions[badAt(i)-1], "")
	return p
}

// badAt is the position of the i-th bad session: rows of two others without faults follow.
func badAt(i int) int { return 1 + 3*i }

// after is an instant after the session's prices are final.
func (p *pipeline) after(t *testing.T, session etf.Session) time.Time {
	t.Helper()
	closes, err := p.cal.Close(session)
	if err != nil {
		t.Fatal(err)
	}
	return closes.Add(5 * time.Hour)
}

// update is UpdateETF.
func (p *pipeline) update(t *testing.T, session etf.Session, faults string) {
	t.Helper()
	p.model.seen = forecast.Series{}
	now := p.after(t, session)
	p.fetching.Now = func() time.Time { return now }
	fetch := FetchInput{Symbol: p.symbol, Exchange: etf.XNYS, Currency: "USD", Session: session, Ref: p.ref + faults}
	validate := ValidateInput{Symbol: p.symbol, Exchange: etf.XNYS, Session: session, CanFetchWhole: true}
	var fetched FetchResult
	var validated ValidateResult
	for {
		var err error
		if fetched, err = do[FetchResult](t, p.env, p.fetching.Fetch, fetch); err != nil {
			t.Fatal(err)
		}
		validate.Fetch = fetched.Fetch
		if validated, err = do[ValidateResult](t, p.env, p.validating.Validate, validate); err != nil {
			t.Fatal(err)
		}
		if !validated.FetchWhole {
			break
		}
		fetch.Whole, validate.Whole, validate.CanFetchWhole = true, true, false
	}
	if _, err := do[PersistResult](t, p.env, p.persisting.Persist, PersistInput{Fetch: fetched.Fetch, Whole: validated.TakeOver}); err != nil {
		t.Fatal(err)
	}
	p.held = validated.HeldNew
	if validated.QuarantinedNew || !fetched.HasSession {
		return
	}
	if _, err := do[ForecastResult](t, p.env, p.forecasting.Forecast, ForecastInput{Symbol: p.symbol, Exchange: etf.XNYS, Session: session}); err != nil {
		t.Fatalf("%s, %s: %v", p.symbol, session, err)
	}
	if p.model.seen.Origin.IsZero() {
		t.Fatalf("%s, %s: no forecast", p.symbol, session)
	}
	for i, s := range p.model.seen.Sessions {
		if b := p.store.bar(s); !inUse(b) || s > session {
			t.Fatalf("%s: the forecast of %s is fitted to the row of %s, close %v, which is kept out", p.symbol, session, s, p.model.seen.Close[i])
		}
	}
}

// badSession makes the row of a session bad, and checks the forecasts of that session and of the next ones. It reports
// whether the row was kept out in its own session.
func (p *pipeline) badSession(t *testing.T, i int) (out bool) {
	t.Helper()
	at := badAt(i)
	session := p.sessions[at]
	faults := "&faults=" + strings.ReplaceAll(p.kind.faults, "DATE", session.String())
	p.update(t, session, faults)
	b := p.store.bar(session)
	out = b.Session.IsZero() || !inUse(b)
	wrong := etf.Session(0)
	if p.kind.used || !out && p.kind.caught < 1 {
		wrong = session
	}
	p.rightExcept(t, session, wrong)
	if wrong = 0; i%2 == 0 {
		faults = ""
	} else if p.kind.confirmed || p.kind.used {
		wrong = session
	}
	p.update(t, p.sessions[at+1], faults)
	p.rightExcept(t, p.sessions[at+1], wrong)
	// The source is right again: so is everything stored.
	p.update(t, p.sessions[at+2], "")
	p.rightExcept(t, p.sessions[at+2], 0)
	for _, b := range p.market.Bars {
		if stored := p.store.bar(b.Session); b.Session >= session && b.Session <= p.sessions[at+1] && (stored.Close != b.Close || !inUse(stored)) {
			t.Errorf("%s: two sessions after the bad one of %s, the row of %s is %+v; the market's is %+v", p.symbol, session, b.Session, stored, b)
		}
	}
	return out
}

// rightExcept checks that the model was fitted to the market's closes, but for the sessions from `wrong` on.
func (p *pipeline) rightExcept(t *testing.T, origin, wrong etf.Session) {
	t.Helper()
	var market []etf.StoredBar
	for _, b := range p.market.Bars {
		if b.Session <= origin {
			market = append(market, etf.StoredBar{Bar: b, Basis: etf.AsTraded})
		}
	}
	right, err := quality.Adjust(market, p.market.Actions, origin)
	if err != nil {
		t.Fatal(err)
	}
	k := 0
	for i, s := range p.model.seen.Sessions {
		if !wrong.IsZero() && s >= wrong {
			return
		}
		for right[k].Session < s {
			k++
		}
		if got, want := p.model.seen.Close[i], right[k].Close.Float(); math.Abs(got-want) > 1e-6*want {
			t.Errorf("%s: the forecast of %s is fitted to a close of %v on %s; it was %v", p.symbol, origin, got, s, want)
			return
		}
	}
}
