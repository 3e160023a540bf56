// Command forecasting makes docs/forecasting.md: every model on real prices, before and in the last two years of each file.
//
// It runs `etfcast backtest` as anybody would, once for each exchange and window, with raw and with calibrated intervals.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// study is one exchange's files.
type study struct {
	exchange etf.Exchange
	files    []string
	from, to etf.Session // first origin of the earlier window, and last row
}

// holdOut is how long before the last row the last window begins.
const holdOut = 2 // years

func main() {
	program := flag.String("etfcast", "bin/etfcast", "the program")
	data := flag.String("data", os.Getenv("ETFCAST_REAL_DATA"), "folder of real prices")
	out := flag.String("out", "docs/forecasting.md", "the page")
	keep := flag.String("results", "", "folder that results are kept in and read from, so that the page can be written again without measuring")
	flag.Parse()
	if err := run(*program, *data, *out, *keep); err != nil {
		log.Fatal(err)
	}
}

func run(program, data, out, keep string) error {
	if data == "" {
		return fmt.Errorf("no folder of real prices: set ETFCAST_REAL_DATA")
	}
	in := func(folder string, names ...string) (list []string) {
		for _, n := range names {
			list = append(list, filepath.Join(data, "prices", folder, n))
		}
		return list
	}
	studies := []study{
		{etf.XNYS, in("yahoo", "SPY.csv", "QQQ.csv", "IWM.csv", "EEM.csv"), etf.MustSession("2016-09-26"), etf.MustSession("2025-09-26")},
		{etf.XKRX, in("krx", "069500_D.csv", "114800_D.csv", "139230_D.csv", "152380_D.csv"), etf.MustSession("2014-12-22"), etf.MustSession("2023-12-22")},
	}
	var page bytes.Buffer
	page.WriteString(head)
	for _, s := range studies {
		cut := etf.SessionOf(s.to.Time().AddDate(-holdOut, 0, 0))
		windows := []struct {
			name     string
			from, to etf.Session
		}{
			{"the last two years", cut + 1, s.to},
			{"the seven years before", s.from, cut},
		}
		for _, w := range windows {
			raw, took, err := measure(program, s, w.from, w.to, false, keep)
			if err != nil {
				return err
			}
			calibrated, _, err := measure(program, s, w.from, w.to, true, keep)
			if err != nil {
				return err
			}
			fmt.Fprintf(&page, "\n## %s, %s: %s to %s\n", s.exchange, w.name, w.from, w.to)
			for _, h := range raw.Options.Horizons {
				section(&page, h, raw.Pooled, calibrated.Pooled)
			}
			log.Printf("%s, %s: %s", s.exchange, w.name, took.Round(time.Second))
		}
	}
	page.WriteString(tail)
	return os.WriteFile(out, page.Bytes(), 0o600)
}

// measure runs the command, unless its result was kept.
func measure(program string, s study, from, to etf.Session, calibrate bool, keep string) (b etf.Backtest, took time.Duration, err error) {
	kept := filepath.Join(keep, fmt.Sprintf("%s-%s-%s-%t.json", s.exchange, from, to, calibrate))
	if keep != "" {
		if raw, err := os.ReadFile(kept); err == nil { //nolint:gosec // the path is this program's flag
			return b, 0, json.Unmarshal(raw, &b)
		}
	}
	args := []string{"backtest", "--in", strings.Join(s.files, ","), "--exchange", string(s.exchange), "--from", from.String(), "--to", to.String(), "--accept-errors", "--json"}
	if calibrate {
		args = append(args, "--calibrate")
	}
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(context.Background(), program, args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	start := time.Now()
	if err := c.Run(); err != nil {
		return b, 0, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	took = time.Since(start)
	if keep != "" {
		if err := os.WriteFile(kept, stdout.Bytes(), 0o600); err != nil {
			return b, took, err
		}
	}
	return b, took, json.Unmarshal(stdout.Bytes(), &b)
}

func section(page *bytes.Buffer, horizon int, raw, calibrated []etf.BacktestResult) {
	fmt.Fprintf(page, "\n### %d session%s ahead\n\n%s\n\n", horizon, map[bool]string{true: "", false: "s"}[horizon == 1], verdict(horizon, raw))
	page.WriteString("| model | n | relative MAE | relative CRPS | DM p | pinball | Winkler 90 | width 90 | coverage 50 | 80 | 90 | 95 | calibrated 50 | 80 | 90 | 95 | its Winkler 90 |\n")
	page.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range raw {
		if r.Horizon != horizon {
			continue
		}
		var c etf.BacktestResult
		for _, x := range calibrated {
			if x.Model == r.Model && x.Horizon == horizon {
				c = x
			}
		}
		name := r.Model
		if r.Served {
			name = "**" + name + "** (served)"
		}
		fmt.Fprintf(page, "| %s | %d | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", name, r.N,
			interval(r.RelMAE, r.RelMAELow, r.RelMAEHigh), interval(r.RelCRPS, r.RelCRPSLow, r.RelCRPSHigh), number(r.DMP, 3), number(r.Pinball, 3),
			number(r.Winkler90, 2), number(r.Width90, 2), number(r.Coverage50, 3), number(r.Coverage80, 3), number(r.Coverage90, 3), number(r.Coverage95, 3),
			number(c.Coverage50, 3), number(c.Coverage80, 3), number(c.Coverage90, 3), number(c.Coverage95, 3), number(c.Winkler90, 2))
	}
}

// verdict says in words who wins.
func verdict(horizon int, rows []etf.BacktestResult) string {
	var better, worse []string
	served := "drift"
	best, least := "", math.Inf(1)
	for _, r := range rows {
		if r.Horizon != horizon {
			continue
		}
		if r.Served {
			served = r.Model
		}
		if r.Model == "drift" || r.RelCRPS == nil || r.RelCRPSLow == nil || r.RelCRPSHigh == nil {
			continue
		}
		if *r.RelCRPS < least {
			best, least = r.Model, *r.RelCRPS
		}
		switch {
		case *r.RelCRPSHigh < 1:
			better = append(better, fmt.Sprintf("%s (%.1f %%)", r.Model, 100*(1-*r.RelCRPS)))
		case *r.RelCRPSLow > 1:
			worse = append(worse, fmt.Sprintf("%s (%.1f %%)", r.Model, 100*(*r.RelCRPS-1)))
		}
	}
	var text strings.Builder
	if served == "drift" {
		text.WriteString("No model passes the gate: drift is served.")
	} else {
		fmt.Fprintf(&text, "The gate would serve %s.", served)
	}
	if len(better) > 0 {
		fmt.Fprintf(&text, " Less CRPS than drift, by this window's interval alone: %s.", strings.Join(better, ", "))
	} else if best != "" {
		fmt.Fprintf(&text, " None has less CRPS than drift by more than its interval; the least is %s's, %.3f of drift's.", best, least)
	}
	if len(worse) > 0 {
		fmt.Fprintf(&text, " More: %s.", strings.Join(worse, ", "))
	}
	return text.String()
}

func number(v *float64, digits int) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, *v)
}

func interval(v, low, high *float64) string {
	if v == nil || low == nil || high == nil {
		return number(v, 3)
	}
	return fmt.Sprintf("%.3f (%.3f to %.3f)", *v, *low, *high)
}

const head = `# What the models are worth on real prices

Made by ` + "`make report-forecasting`" + `. Four ETFs of each exchange (SPY, QQQ, IWM, EEM; 069500, 114800, 139230, 152380), every origin of each window, parameters estimated again
every 21 sessions, horizons of 1, 5 and 21 sessions; figures are over the four ETFs together. The columns are those of [scores.md](scores.md); below 1, a relative figure is
better than drift's, and its interval holds for one figure looked at once, not for the best of thirty. The gate allows for that
([ADR 0027](adr/0027-gate.md)); its verdict here is that at the last origin of the window.

The last two years of each file were kept out of every choice: no default, prior, window or rate was set or changed after seeing a figure of them.

"Calibrated" is the same forecasts with calibrated intervals ([calibration.md](calibration.md)), which begin without any experience at the first origin of the window.
`

const tail = `
## How to read this
- Nobody has an edge in the price itself: relative MAE is 1 for whoever adds nothing, and more for whoever adds noise. A model is worth having for its intervals, if for
  anything: that is what relative CRPS, the Winkler score and coverage show.
- At 21 sessions a window of two years has 24 origins that don't overlap. Differences of a few per cent mean nothing there.
- The price of one moment is compared with that of another: costs, distributions and taxes are left out. None of this is a strategy.
`
