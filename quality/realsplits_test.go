package quality

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
)

// TestRealSplits lets the rules propose the splits of as-traded histories that state none, accepts each proposal as a person
// would, and compares the adjusted closes with another provider's split-adjusted ones. What must come out are the known
// ex-dates and ratios, every parked row free, and the same closes.
func TestRealSplits(t *testing.T) {
	t.Parallel()
	testenv.RealData.Value(t)
	for _, c := range []struct {
		symbol etf.Symbol
		splits []etf.Action
		differ []string // days on which the two providers differ, in either's favour
	}{
		{"QQQ", []etf.Action{splitOn("2000-03-20", 2, 1)}, strings.Fields(`1999-11-30 2000-01-05 2000-01-11 2000-04-10 2000-05-31 2000-08-31 2001-04-06 2001-08-31 2001-11-21 2006-06-09 2007-02-20 2009-07-16`)},
		{"IWM", []etf.Action{splitOn("2005-06-09", 2, 1)}, strings.Fields(`2000-05-31 2002-01-02 2003-01-29 2006-01-18 2006-03-23 2006-06-09 2006-09-25 2006-12-19
			2007-02-28 2007-03-08 2007-04-26 2007-06-20 2007-07-09 2008-02-12 2008-07-03 2009-03-24 2009-09-21 2009-12-22 2010-03-23 2014-07-01`)},
		{"IJH", []etf.Action{splitOn("2005-06-09", 2, 1), splitOn("2024-02-22", 5, 1)}, nil},
	} {
		t.Run(string(c.symbol), func(t *testing.T) {
			t.Parallel()
			bars, _ := realBars(t, "alphavantage/"+string(c.symbol)+".csv")
			in := Input{Symbol: c.symbol, Exchange: etf.XNYS, Session: bars[len(bars)-1].Session, Initial: true, Bars: bars, Basis: etf.AsTraded}
			report := check(t, in)
			kept := stored(bars, etf.AsTraded)
			parked := map[etf.Session]bool{}
			for i, v := range report.Verdicts {
				if kept[i].Quarantined = v == etf.VerdictQuarantine; kept[i].Quarantined {
					parked[bars[i].Session] = true
				}
			}
			var stated []etf.StatedAction
			for _, f := range report.Findings {
				if f.Proposal == nil {
					continue
				}
				changes, err := Detected(c.symbol, *f.Proposal, stated, func(etf.Window) ([]etf.Bar, error) { return bars, nil })
				if err != nil {
					t.Fatal(err)
				}
				stated = WithChanges(stated, changes)
			}
			for i := range stated {
				changes, err := DecideAction(stated, ActionRuling{ID: stated[i].ID, Status: etf.Accepted, By: "kim", Why: "the fund's notice"})
				if err != nil || len(changes) != 1 {
					t.Fatal(changes, err)
				}
				stated[i] = changes[0]
			}
			splits := InForce(stated)
			if !slices.Equal(splits, c.splits) {
				t.Fatalf("splits %v, want %v", splits, c.splits)
			}
			freed, err := Freed(etf.XNYS, kept, parked, splits, splits)
			if err != nil || len(freed) != len(parked) || len(parked) == 0 {
				t.Fatalf("%d of %d rows freed, %v", len(freed), len(parked), err)
			}
			if c.symbol == "IJH" {
				return // there is no other provider's file
			}
			adjusted, err := Adjust(kept, splits, in.Session)
			if err != nil {
				t.Fatal(err)
			}
			other := map[etf.Session]etf.Price{}
			theirs, _ := realBars(t, "yahoo/"+string(c.symbol)+".csv")
			for _, b := range theirs {
				other[b.Session] = b.Close
			}
			compared := 0
			var differ []string
			for _, b := range adjusted {
				p, ok := other[b.Session]
				if !ok {
					continue
				}
				compared++
				if math.Abs(b.Close.Float()/p.Float()-1) > .002 {
					differ = append(differ, b.Session.String())
				}
			}
			if compared < 5000 || !slices.Equal(differ, c.differ) {
				t.Errorf("%d closes compared; %d differ: %v", compared, len(differ), differ[:min(len(differ), 30)])
			}
		})
	}
}
