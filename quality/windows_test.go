package quality

import (
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// judged are the rules on rows, dates, repeats and distributions.
var judged = map[string]bool{ruleDates: true, ruleCalendar: true, ruleFrequency: true, ruleDuplicate: true, ruleStale: true, ruleNonPositive: true,
	ruleMissingOpen: true, ruleOHLC: true, ruleVolume: true, ruleAdjusted: true, ruleDistribution: true, ruleOrder: true}

// Parts of the sound real files, of each length: the rules on rows, dates, repeats and distributions report no error and
// hardly a warning in them.
func TestPartsOfRealFiles(t *testing.T) {
	t.Parallel()
	for _, n := range []int{10, 30, 250, 2500} {
		sessions := map[string]map[etf.Session]bool{}
		rows := 0
		for _, f := range realFiles {
			if strings.HasPrefix(f.path, "defects/") && !strings.Contains(f.path, "EWG") {
				continue
			}
			bars, actions := realBars(t, f.path)
			step := max(n/2, 20)
			for from := 0; from+n <= len(bars); from += step {
				in := first(f.exchange, bars[from:from+n])
				in.Basis, in.Actions = f.basis, actions
				rows += n
				for _, x := range check(t, in).Findings {
					if x.Severity == etf.SeverityInfo || !judged[x.Rule] {
						continue
					}
					if x.Severity == etf.SeverityError {
						t.Errorf("%s, %d rows from %s: %s: %s", f.path, n, bars[from].Session, x.Rule, x.Evidence)
					}
					key := f.path + " " + x.Rule
					if sessions[key] == nil {
						sessions[key] = map[etf.Session]bool{}
					}
					for _, s := range x.Sessions {
						sessions[key][s] = true
					}
				}
			}
		}
		warned := 0
		for key, list := range sessions {
			warned += len(list)
			t.Logf("%d rows: %s: %d sessions", n, key, len(list))
		}
		if warned > 40 {
			t.Errorf("%d rows: warnings on %d sessions", n, warned)
		}
		t.Logf("%d rows: %d checked, warnings on %d sessions", n, rows, warned)
	}
}

// The distributions that the adjusted closes of real files show, stated as such: none is called implausible, at full
// length or in parts; and with one changed, that one is.
func TestRealDistributions(t *testing.T) {
	t.Parallel()
	total, quiet := 0, 0
	for _, path := range []string{"yahoo/SPY.csv", "yahoo/QQQ.csv", "yahoo/IWM.csv", "yahoo/EEM.csv"} {
		bars, _ := realBars(t, path)
		bars = slices.Clone(bars)
		var actions []etf.Action
		for i := range bars {
			// These files call the adjusted close the price; their closes are restated for splits only.
			if i > 0 && bars[i].AdjClose > 0 {
				step := factorStep(row{Bar: bars[i-1]}, row{Bar: bars[i]})
				if amount, ok := etf.PriceFromFloat(step * bars[i-1].Close.Float()); ok && step > 6e-5 {
					actions = append(actions, etf.Action{Kind: etf.Dividend, Ex: bars[i].Session, Amount: amount.RoundTo(3)})
				}
			}
		}
		if len(actions) < 20 {
			t.Fatalf("%s: %d distributions", path, len(actions))
		}
		for _, n := range []int{250, 2500, len(bars)} {
			for from := 0; from+n <= len(bars); from += n {
				in := first(etf.XNYS, bars[from:from+n])
				in.Basis, in.Actions = etf.SplitAdjusted, actions
				for _, f := range check(t, in).Findings {
					if f.Rule == ruleDistribution || f.Rule == ruleAdjusted {
						t.Errorf("%s, %d rows from %s: %s: %s", path, n, bars[from].Session, f.Rule, f.Evidence)
					}
				}
			}
		}
		random := newRandom(4)
		for range 15 {
			changed := slices.Clone(actions)
			a := &changed[1+random.IntN(len(changed)-1)]
			switch random.IntN(6) {
			case 0:
				a.Amount *= 100
			case 1:
				a.Amount /= 100
			case 2:
				a.Amount *= -1
			case 3:
				a.Amount *= 2
			case 4:
				a.Amount *= 1350
			case 5:
				a.Ex, a.Amount = bars[0].Session, 1 // lost
			}
			at := slices.IndexFunc(bars, func(b etf.Bar) bool { return b.Session == a.Ex })
			if at <= 0 {
				continue
			}
			in := first(etf.XNYS, bars)
			in.Basis, in.Actions = etf.SplitAdjusted, changed
			total++
			found := false
			for _, f := range check(t, in).Findings {
				found = found || (f.Rule == ruleDistribution || f.Rule == ruleAdjusted) && slices.Contains(f.Sessions, a.Ex)
			}
			if !found {
				quiet++
				t.Logf("%s: %v is not found", path, *a)
			}
		}
	}
	if quiet*20 > total {
		t.Errorf("%d of %d changed distributions are not found", quiet, total)
	}
}

// Prices stuck for five sessions or more, in real histories of each length.
func TestStuckPricesInRealFiles(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"yahoo/SPY.csv", "yahoo/EEM.csv", "alphavantage/XLF.csv", "krx/069500_D.csv", "krx/114800_D.csv", "krx/161510_D.csv"} {
		source, _ := realBars(t, path)
		exchange := etf.XNYS
		if strings.HasPrefix(path, "krx") {
			exchange = etf.XKRX
		}
		random := newRandom(12)
		total, found := 0, 0
		for _, n := range []int{30, 250, 2500, len(source)} {
			if n > len(source) {
				continue
			}
			for range min(40, 40_000/n) {
				start := random.IntN(len(source) - n + 1)
				bars := slices.Clone(source[start : start+n])
				length := 5 + random.IntN(6)
				from := 5 + random.IntN(n-length-5)
				stuck(bars, from, length, random.IntN(5))
				r := check(t, first(exchange, bars))
				total++
				if inside, _ := staleOn(r, bars[from].Session, bars[from+length-1].Session); inside > 0 {
					found++
				} else {
					t.Logf("%s: %d rows, stuck for %d from %s: %q", path, n, length, bars[from].Session, summary(r))
				}
			}
		}
		t.Logf("%s: %d of %d found", path, found, total)
		if found*100 < total*95 {
			t.Errorf("%s: %d of %d found", path, found, total)
		}
	}
}
