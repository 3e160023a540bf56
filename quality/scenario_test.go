package quality

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// A scenario changes a sound input and lists all the findings this causes, as "rule severity sessions".
type scenario struct {
	name   string
	change func(in *Input)
	want   []string
}

// The sound input is a first update: 120 bars of XNYS ending on 2025-09-26, a random walk of 1 % a day.
const soundRows = 120

func sound(t testing.TB) Input {
	bars := walk(t, etf.XNYS, soundRows, 0.01, rand.New(rand.NewPCG(7, 7)))
	return Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[soundRows-1].Session, Initial: true, Bars: bars, Basis: etf.AsTraded}
}

// daily makes the input a later update: the last n rows are the response, the 60 before them are stored.
func daily(in *Input, n int) {
	cut := len(in.Bars) - n
	in.Initial = false
	in.Known = stored(in.Bars[cut-60:cut], in.Basis)
	in.Bars = slices.Clone(in.Bars[cut:])
}

func scalePrices(bars []etf.Bar, num, den int64) {
	for i := range bars {
		b := &bars[i]
		for _, p := range []*etf.Price{&b.Open, &b.High, &b.Low, &b.Close} {
			*p, _ = p.MulRatio(num, den)
		}
		b.Volume, _ = b.Volume.MulRatio(den, num)
	}
}

func check(t testing.TB, in Input) Report {
	t.Helper()
	r, err := Check(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Verdicts) != len(in.Bars) {
		t.Fatalf("%d verdicts for %d bars", len(r.Verdicts), len(in.Bars))
	}
	return r
}

func summary(r Report) []string {
	out := []string{}
	for _, f := range r.Findings {
		s := f.Rule + " " + string(f.Severity)
		switch n := len(f.Sessions); {
		case n == 1:
			s += " " + f.Sessions[0].String()
		case n > 1:
			s += fmt.Sprintf(" %s..%s (%d)", f.Sessions[0], f.Sessions[n-1], n)
		}
		out = append(out, s)
	}
	return out
}

func run(t *testing.T, scenarios []scenario) {
	t.Helper()
	for _, c := range scenarios {
		t.Run(c.name, func(t *testing.T) {
			in := sound(t)
			c.change(&in)
			r := check(t, in)
			if got := summary(r); !slices.Equal(got, c.want) {
				for _, f := range r.Findings {
					t.Log(f.Rule, f.Severity, f.Evidence)
				}
				t.Errorf("findings\n got %q\nwant %q", got, c.want)
			}
			consistent(t, in, r)
		})
	}
}

// consistent checks what must hold for every report, whatever the input.
func consistent(t testing.TB, in Input, r Report) {
	t.Helper()
	hasError := map[etf.Session]bool{}
	ids := map[string]bool{}
	names := map[string]Rule{}
	for _, rule := range Rules() {
		names[rule.Name] = rule
	}
	withRows, err := WithRows(etf.Judgement{Findings: r.Findings, Verdicts: r.Verdicts}, in.Bars)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range r.Findings {
		if rule, ok := names[f.Rule]; !ok || !slices.Contains(rule.Severities, f.Severity) {
			t.Errorf("rule %q may not report severity %q", f.Rule, f.Severity)
		}
		if f.Evidence == "" || len([]rune(f.Evidence)) > 1000 {
			t.Errorf("%s: evidence of %d characters", f.Rule, len([]rune(f.Evidence)))
		}
		if f.Symbol != in.Symbol || f.ID != "" || f.Fetch != "" {
			t.Errorf("%s: symbol %q, id %q, fetch %q", f.Rule, f.Symbol, f.ID, f.Fetch)
		}
		if !slices.IsSorted(f.Sessions) || len(slices.Compact(slices.Clone(f.Sessions))) != len(f.Sessions) {
			t.Errorf("%s: sessions %v are not ascending", f.Rule, f.Sessions)
		}
		id := FindingID(withRows[i])
		if ids[id] || len(id) != 32 {
			t.Errorf("%s: ID %s is not unique", f.Rule, id)
		}
		ids[id] = true
		if f.Severity == etf.SeverityError {
			for _, s := range f.Sessions {
				hasError[s] = true
			}
		}
	}
	if r.QuarantinedNew != hasError[in.Session] {
		t.Errorf("QuarantinedNew is %v, errors name the new session: %v", r.QuarantinedNew, hasError[in.Session])
	}
	kept := map[etf.Session]int{}
	missing := true
	for i, b := range in.Bars {
		missing = missing && b.Session != in.Session
		if r.Verdicts[i] == etf.VerdictDrop {
			continue
		}
		kept[b.Session]++
		if quarantined := r.Verdicts[i] == etf.VerdictQuarantine; quarantined != hasError[b.Session] {
			t.Errorf("row %d (%s): quarantined %v, named by an error %v", i, b.Session, quarantined, hasError[b.Session])
		}
	}
	if r.MissingNew != missing {
		t.Errorf("MissingNew is %v", r.MissingNew)
	}
	for _, b := range in.Bars {
		given := slices.ContainsFunc(in.Known, func(k etf.StoredBar) bool { return k.Session == b.Session && k.Source == etf.SourcePerson })
		if kept[b.Session] != 1 && b.Session >= in.Listed && !given {
			t.Errorf("%s: %d rows left", b.Session, kept[b.Session])
		}
	}
}

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
