package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// scoresAt returns what counts of drift's late scores of the ETF from an origin at horizon 1. There is one for each of its forecasts:
// after a decision the newest session is forecast again.
func (p *process) scoresAt(symbol etf.Symbol, origin etf.Session) (list []etf.Score) {
	p.t.Helper()
	raw, _ := p.must(http.MethodGet, fmt.Sprintf("/v1/etfs/%s/scores?late=true&model=drift&horizon=1&from=%[2]s&to=%[2]s", symbol, origin), nil, http.StatusOK)
	var page struct{ Items []etf.Score }
	if err := json.Unmarshal(raw, &page); err != nil {
		p.t.Fatal(err)
	}
	return page.Items
}

// Scores follow what is believed about prices, at once and by the commands that change it: a session's quarantined row scores nothing
// until it is accepted, a price taken back takes its score back, and one given again gives it again, in a new version. A split
// between origin and target brings the price into the forecast's shares. doctor finds the sums in order after all of it.
func TestScoresFollowDecisions(t *testing.T) {
	t.Parallel()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	origin := etf.MustSession("2025-09-24")
	next := func(s etf.Session) etf.Session {
		t.Helper()
		n, err := cal.Next(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	bad, split := next(origin), next(next(origin))
	dir := t.TempDir()
	var closes []string
	write := func(to etf.Session) { // the same prices every time, up to a session
		writePrices(t, dir, "whole.csv", split, nil)
		raw, err := os.ReadFile(filepath.Join(dir, "whole.csv"))
		if err != nil {
			t.Fatal(err)
		}
		var kept []string
		closes = nil
		for line := range strings.Lines(string(raw)) {
			f := strings.Split(strings.TrimSpace(line), ",")
			switch {
			case f[0] == "Date":
			case f[0] > to.String():
				continue
			case f[0] == bad.String():
				f[2], f[3] = f[3], f[2] // high and low swapped
			case f[0] == split.String():
				for k := 1; k < 5; k++ {
					v, err := strconv.ParseFloat(f[k], 64)
					if err != nil {
						t.Fatal(err)
					}
					f[k] = fmt.Sprintf("%.2f", v/2)
				}
			}
			kept, closes = append(kept, strings.Join(f, ",")), append(closes, f[4])
		}
		if err := os.WriteFile(filepath.Join(dir, "AAA.csv"), []byte(strings.Join(kept, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir}, "up")
	p.waitReady()
	write(origin)
	p.registerFile("AAA", "AAA.csv?basis=as_traded")
	do := func(args ...string) {
		t.Helper()
		if run := s.start(t, nil, append(args, "--by", "kim", "--why", "compared with the exchange")...); run.wait() != 0 {
			t.Fatalf("%v: %s", args, run.tail())
		}
	}
	// Version 0 stands for no score.
	check := func(what string, from etf.Session, version int, want string) {
		t.Helper()
		eventually(t, what, func() error {
			list := p.scoresAt("AAA", from)
			if (len(list) > 0) == (version > 0) && !slices.ContainsFunc(list, func(x etf.Score) bool {
				return x.Version != version || fmt.Sprintf("%.2f", x.Actual) != want || x.Standing != etf.Late
			}) {
				return nil
			}
			return fmt.Errorf("%+v, want version %d, %s", list, version, want)
		})
	}
	if row := p.session("AAA", origin.String()); row.Outcome != etf.OutcomeUpdated {
		t.Fatalf("%+v", row)
	}
	check("before the target", origin, 0, "")

	write(bad)
	if row := p.session("AAA", bad.String()); row.Outcome != etf.OutcomeQuarantined {
		t.Fatalf("%+v", row)
	}
	check("quarantined", origin, 0, "")
	finding, last := p.reported("AAA", "ohlc_order").ID, closes[len(closes)-1]
	do("finding", "accept", finding)
	check("accepted", origin, 1, last)
	do("finding", "undo", finding)
	check("undone", origin, 0, "")
	do("finding", "replace", finding, "--close", "99.5")
	check("replaced", origin, 3, "99.50")
	do("finding", "undo", finding)
	do("finding", "accept", finding)
	check("accepted again", origin, 5, last)

	write(split)
	if row := p.session("AAA", split.String()); row.Outcome != etf.OutcomeQuarantined {
		t.Fatalf("%+v", row)
	}
	check("a split that the prices show, and nobody has decided on", bad, 0, "")
	action := p.openAction(t, "AAA")
	do("action", "accept", action)
	close, err := strconv.ParseFloat(closes[len(closes)-1], 64)
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprintf("%.2f", 2*close) // in shares of before the split
	check("after a split", bad, 1, before)
	do("action", "cancel", action)
	check("the split taken back", bad, 0, "")
	do("action", "accept", action)
	check("the split accepted again", bad, 3, before)

	if n := s.count(t, "SELECT COUNT(*) FROM scores x WHERE version > 1 AND NOT EXISTS (SELECT 1 FROM scores y WHERE y.forecast_id = x.forecast_id AND y.horizon = x.horizon AND y.version = x.version - 1)"); n != 0 {
		t.Errorf("%d versions have none before them", n)
	}
	doctor := s.start(t, nil, "doctor")
	doctor.wait()
	if text := doctor.out.String() + doctor.tail(); !strings.Contains(text, "scores") || strings.Contains(text, "differ") {
		t.Errorf("doctor: %s", text)
	}
}
