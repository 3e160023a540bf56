package service

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/forecast/issue"
)

// recorded is a Store with one forecast of SPY and the history that it was made from.
type recorded struct {
	forecasts
	history etf.History
	limits  []int // asked for
}

func (s *recorded) HistoryAt(_ context.Context, _ etf.Symbol, _ int64, _ etf.Session, limit int) (etf.History, error) {
	s.limits = append(s.limits, limit)
	return s.history, s.fail["HistoryAt"]
}

func recordedForecast(t *testing.T) *recorded {
	t.Helper()
	origin := etf.MustSession("2025-09-26")
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	s := &recorded{forecasts: forecasts{fail: failures{}, etf: etf.ETF{Symbol: "SPY", Exchange: etf.XNYS}}}
	s.history.DataVersion = etf.DataVersion{Number: 4, Writer: "w"}
	for i, session := range cal.Sessions(etf.Window{From: origin.AddDays(-300), To: origin}) {
		price, _ := etf.PriceFromFloat(math.Round(1e4*(1+.1*math.Sin(float64(i)))) / 100)
		s.history.Bars = append(s.history.Bars, etf.StoredBar{Bar: etf.Bar{Session: session, Close: price, Volume: etf.VolumeUnknown}, Basis: etf.SplitAdjusted})
	}
	in, err := issue.Prepare(cal, "SPY", etf.XNYS, origin, s.history)
	if err != nil {
		t.Fatal(err)
	}
	m := drift.Default()
	made, err := issue.Make(t.Context(), m, in, 5)
	if err != nil {
		t.Fatal(err)
	}
	s.stored = []etf.Forecast{{
		ID: strings.Repeat("a", 32), Symbol: "SPY", Model: m.Name(), Origin: origin, DataVersion: s.history.DataVersion, Basis: in.Basis, Params: m.Params(), Seed: 5,
		CodeVersion: "1.0.0+0123456789ab", Run: "daily:XNYS:2025-09-26", Points: made.Points, Tails: made.Tails, Diagnostics: made.Diagnostics,
		ClosesHash: made.ClosesHash, Scale: made.Scale, Build: etf.Build{Go: "go1"},
	}}
	return s
}

func TestReproduce(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("a", 32)
	parse := func(name, params string) (forecast.Model, error) {
		if name != drift.Name {
			return nil, etf.Invalid("model", "unknown", "")
		}
		return drift.Parse(params)
	}
	same := Reproducer{CodeVersion: "1.0.0+0123456789ab", Build: etf.Build{Go: "go1"}, Model: parse}
	for _, c := range []struct {
		name    string
		change  func(*recorded, *Reproducer)
		verdict issue.Verdict
		kind    etf.Kind // of the error, if verdict is empty
		field   string
	}{
		{"as it was", func(*recorded, *Reproducer) {}, issue.Identical, "", ""},
		{"another build", func(_ *recorded, r *Reproducer) { r.Build.Features = "v3" }, issue.Identical, "", ""},
		{"another close", func(s *recorded, _ *Reproducer) { s.history.Bars[9].Close += 1e8 }, issue.Different, "", ""},
		{"a history of one's own", func(_ *recorded, r *Reproducer) {
			r.History = func(_ context.Context, f etf.Forecast, limit int) (etf.History, error) {
				if limit != drift.Default().MaxRows() || f.ID != id {
					t.Errorf("asked for %d bars of %s", limit, f.ID)
				}
				return etf.History{}, etf.Invalid("fetch", "no body", "")
			}
		}, "", etf.KindInvalid, "fetch"},
		{"another code version", func(_ *recorded, r *Reproducer) { r.CodeVersion = "1.0.0+ffffffffffff" }, "", etf.KindConflict, "code_version"},
		{"another code version, anyway", func(_ *recorded, r *Reproducer) { r.CodeVersion, r.Anyway = "2", true }, issue.Identical, "", ""},
		{"an entry", func(s *recorded, _ *Reproducer) { s.stored[0].Run = "entry:naive" }, "", etf.KindInvalid, "id"},
		{"an unknown model", func(s *recorded, _ *Reproducer) { s.stored[0].Model = "naive" }, "", etf.KindInvalid, "model"},
		{"parameters of another version", func(s *recorded, _ *Reproducer) { s.stored[0].Params = "{}" }, "", etf.KindInvalid, "params"},
		{"another data version", func(s *recorded, _ *Reproducer) { s.history.DataVersion.Writer = "x" }, "", etf.KindCorrupt, "data_version"},
		{"no database", func(s *recorded, _ *Reproducer) {
			s.fail["HistoryAt"] = etf.Wrap(etf.KindUnavailable, errors.New("gone"), "reading")
		}, "", etf.KindUnavailable, ""},
		{"no bar of the origin", func(s *recorded, _ *Reproducer) { s.history.Bars = s.history.Bars[:50] }, "", etf.KindNotFound, "session"},
	} {
		s, r := recordedForecast(t), same
		c.change(s, &r)
		got, err := New(Deps{Store: s}).Reproduce(t.Context(), id, r)
		if c.verdict != "" {
			if err != nil || got.Verdict != c.verdict || got.Exchange != etf.XNYS || got.SameBuild != (r.Build == same.Build && r.CodeVersion == same.CodeVersion) {
				t.Errorf("%s: %+v, %v", c.name, got, err)
			}
			continue
		}
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != c.kind || c.field != "" && e.Field != c.field {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestCommitOf(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"0.1.0+1a2b3c4d5e6f": "1a2b3c4d5e6f", "0.1.0+1a2b3c4d5e6f.dirty.01234567": "", "0.1.0+module.1a2b3c4d5e6f": "",
		"0.1.0+executable.1a2b3c4d5e6f": "", "": "", "entry": "", "0.1.0+1a2b3c4d5e6": "", "0.1.0+1a2b3c4d5e6g": "",
	} {
		if got := CommitOf(version); got != want {
			t.Errorf("%q: %q, want %q", version, got, want)
		}
	}
}
