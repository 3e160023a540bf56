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
	"slices"
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
	var held, before []window
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
			if w.from > cut {
				held = append(held, window{s.exchange, raw, calibrated})
			} else {
				before = append(before, window{s.exchange, raw, calibrated})
			}
			log.Printf("%s, %s: %s", s.exchange, w.name, took.Round(time.Second))
		}
	}
	page.WriteString(tail)
	return os.WriteFile(out, slices.Concat([]byte(head), summary(held, before), page.Bytes()), 0o600)
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

// window is one exchange's results over some years.
type window struct {
	exchange        etf.Exchange
	raw, calibrated etf.Backtest
}

// summary says who wins in the last two years, and by how much.
func summary(held, before []window) []byte {
	var page bytes.Buffer
	page.WriteString("\n## In short: the last two years\n\n" + lead(held) + passedBefore(before) + "\n")
	for _, w := range held {
		fmt.Fprintf(&page, "\n**%s**\n\n", w.exchange)
		for _, h := range w.raw.Options.Horizons {
			fmt.Fprintf(&page, "- **%d session%s ahead:** %s\n", h, plural(h), verdict(h, w.raw.Pooled, w.calibrated.Pooled))
		}
	}
	page.WriteString("\nRelative CRPS of each model as it is, and with calibrated intervals; in **bold** if its interval lies below 1:\n\n| model |")
	line := "|---|"
	for _, w := range held {
		for _, h := range w.raw.Options.Horizons {
			fmt.Fprintf(&page, " %s, h=%d | calibrated |", w.exchange, h)
			line += "---:|---:|"
		}
	}
	page.WriteString("\n" + line + "\n")
	for _, m := range held[0].raw.Options.Models {
		fmt.Fprintf(&page, "| %s |", m)
		for _, w := range held {
			for _, h := range w.raw.Options.Horizons {
				fmt.Fprintf(&page, " %s | %s |", bold(find(w.raw.Pooled, m, h)), bold(find(w.calibrated.Pooled, m, h)))
			}
		}
		page.WriteString("\n")
	}
	page.WriteString("\nRelative CRPS of each ETF alone, one session ahead, as the models are:\n\n| model |")
	line = "|---|"
	for _, w := range held {
		for _, e := range w.raw.ETFs {
			fmt.Fprintf(&page, " %s |", e.ETF)
			line += "---:|"
		}
	}
	page.WriteString("\n" + line + "\n")
	for _, m := range held[0].raw.Options.Models {
		fmt.Fprintf(&page, "| %s |", m)
		for _, w := range held {
			for _, e := range w.raw.ETFs {
				own := slices.DeleteFunc(slices.Clone(w.raw.Results), func(r etf.BacktestResult) bool { return r.ETF != e.ETF })
				fmt.Fprintf(&page, " %s |", bold(find(own, m, 1)))
			}
		}
		page.WriteString("\n")
	}
	return page.Bytes()
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// sentence begins with a capital.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// lead says in one paragraph what the last two years come to.
func lead(held []window) string {
	cells, passed := 0, 0
	var gain, loss etf.BacktestResult
	note := func(best *etf.BacktestResult, r etf.BacktestResult, more bool) {
		if best.RelCRPS == nil || (*r.RelCRPS > *best.RelCRPS) == more {
			*best = r
		}
	}
	for _, w := range held {
		for _, h := range w.raw.Options.Horizons {
			cells++
			if !find(w.calibrated.Pooled, "drift", h).Served {
				passed++
			}
		}
		for _, r := range w.raw.Pooled {
			switch {
			case r.RelCRPSHigh != nil && *r.RelCRPSHigh < 1:
				note(&gain, r, false)
			case r.RelCRPSLow != nil && *r.RelCRPSLow > 1:
				note(&loss, r, true)
			}
		}
	}
	text := fmt.Sprintf("**A model passes the gate in %d of %d cells of exchange and horizon;** in the others, drift is served.", passed, cells)
	if passed == 0 {
		text = fmt.Sprintf("**Drift is served everywhere: no model passes the gate in any of %d cells of exchange and horizon.**", cells)
	}
	say := func(r etf.BacktestResult, what string) string {
		return fmt.Sprintf(" The largest %s beyond its interval is %.1f %% of drift's CRPS (%s, %s, h=%d).", what, 100*math.Abs(1-*r.RelCRPS), r.Model, r.Exchange, r.Horizon)
	}
	if gain.RelCRPS == nil {
		text += " None has a lower CRPS beyond its interval."
	} else {
		text += say(gain, "gain")
	}
	if loss.RelCRPS != nil {
		text += say(loss, "loss")
	}
	return text
}

// passedBefore says what the gate would serve at the end of the years before.
func passedBefore(before []window) string {
	var list []string
	for _, w := range before {
		for _, r := range w.calibrated.Pooled {
			if r.Served && r.Model != "drift" {
				list = append(list, fmt.Sprintf("%s (%s, h=%d, %.1f %% less CRPS)", r.Model, r.Exchange, r.Horizon, 100*(1-*r.RelCRPS)))
			}
		}
	}
	if list == nil {
		return " Nor did one pass in the seven years before."
	}
	return " Over the seven years before, the gate would serve " + strings.Join(list, ", ") + ": that is how long a small advantage takes to be proven."
}

// find returns a model's result at a horizon, empty if there is none.
func find(rows []etf.BacktestResult, model string, horizon int) etf.BacktestResult {
	for _, r := range rows {
		if r.Model == model && r.Horizon == horizon {
			return r
		}
	}
	return etf.BacktestResult{}
}

func bold(r etf.BacktestResult) string {
	if r.RelCRPSHigh != nil && *r.RelCRPSHigh < 1 {
		return "**" + number(r.RelCRPS, 3) + "**"
	}
	return number(r.RelCRPS, 3)
}

func section(page *bytes.Buffer, horizon int, raw, calibrated []etf.BacktestResult) {
	fmt.Fprintf(page, "\n### %d session%s ahead\n\n%s\n\n", horizon, plural(horizon), sentence(verdict(horizon, raw, calibrated)))
	page.WriteString("| model | n | relative MAE | relative CRPS | DM p | calibrated: relative CRPS |\n|---|---:|---:|---:|---:|---:|\n")
	for _, r := range raw {
		if r.Horizon == horizon {
			c := find(calibrated, r.Model, horizon)
			fmt.Fprintf(page, "| %s | %d | %s | %s | %s | %s |\n", r.Model, r.N, interval(r.RelMAE, r.RelMAELow, r.RelMAEHigh),
				interval(r.RelCRPS, r.RelCRPSLow, r.RelCRPSHigh), number(r.DMP, 3), interval(c.RelCRPS, c.RelCRPSLow, c.RelCRPSHigh))
		}
	}
	page.WriteString("\n| model | coverage 50 | 80 | 90 | 95 | width 90 | Winkler 90 | calibrated 50 | 80 | 90 | 95 | width 90 | Winkler 90 |\n")
	page.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range raw {
		if r.Horizon == horizon {
			fmt.Fprintf(page, "| %s | %s | %s |\n", r.Model, intervals(r), intervals(find(calibrated, r.Model, horizon)))
		}
	}
}

// intervals are how a model's intervals did.
func intervals(r etf.BacktestResult) string {
	return strings.Join([]string{number(r.Coverage50, 3), number(r.Coverage80, 3), number(r.Coverage90, 3), number(r.Coverage95, 3), number(r.Width90, 2), number(r.Winkler90, 2)}, " | ")
}

// verdict says in words who wins.
func verdict(horizon int, raw, calibrated []etf.BacktestResult) string {
	served := "drift"
	for _, r := range calibrated {
		if r.Horizon == horizon && r.Served {
			served = r.Model
		}
	}
	text := "no model passes the gate, and drift is served."
	if served != "drift" {
		text = "the gate would serve " + served + "."
	}
	better, worse, least := against(horizon, raw)
	switch {
	case len(better) > 0:
		text += " CRPS lower than drift's, beyond the interval: " + strings.Join(better, ", ") + "."
	case least != "":
		text += " None has a CRPS that is lower than drift's beyond its interval; the lowest is " + least + "."
	}
	if len(worse) > 0 {
		text += " Higher: " + strings.Join(worse, ", ") + "."
	}
	if better, _, _ := against(horizon, calibrated); len(better) > 0 {
		text += " All calibrated, lower: " + strings.Join(better, ", ") + "."
	} else {
		text += " All calibrated, none is lower."
	}
	return text
}

// against are the models whose CRPS is lower and higher than drift's beyond its interval, with percentages, and the one with the lowest.
func against(horizon int, rows []etf.BacktestResult) (better, worse []string, least string) {
	lowest := math.Inf(1)
	for _, r := range rows {
		if r.Horizon != horizon || r.Model == "drift" || r.RelCRPS == nil || r.RelCRPSLow == nil || r.RelCRPSHigh == nil {
			continue
		}
		if *r.RelCRPS < lowest {
			lowest, least = *r.RelCRPS, fmt.Sprintf("%s's, %.3f of drift's", r.Model, *r.RelCRPS)
		}
		switch {
		case *r.RelCRPSHigh < 1:
			better = append(better, fmt.Sprintf("%s (%.1f %%)", r.Model, 100*(1-*r.RelCRPS)))
		case *r.RelCRPSLow > 1:
			worse = append(worse, fmt.Sprintf("%s (%.1f %%)", r.Model, 100*(*r.RelCRPS-1)))
		}
	}
	return better, worse, least
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
every 21 sessions, horizons of 1, 5 and 21 sessions; figures are over the four ETFs together unless said otherwise. The columns are those of [scores.md](scores.md). A relative figure is
the model's divided by drift's, so that below 1 the model is better. Its 95 % interval holds for one figure that is looked at once, not for the best of thirty. The gate
allows for that ([gate.md](gate.md)); its verdict here is that at the last origin of the window, on calibrated forecasts, as in the daily run.

The last two years of each file were kept apart: no default, prior, window or rate was chosen by a figure of them.

"Calibrated": the same forecasts with calibrated intervals, drift's too ([calibration.md](calibration.md)). Calibration begins without any experience at the first origin of the window; the
daily run's goes on from what it has.
`

const tail = `
## How to read this
- Nobody has an edge in the price itself: relative MAE is 1 for whoever adds nothing, and more for whoever adds noise. A model is worth having for its intervals, if for
  anything: that is what relative CRPS, the Winkler score and coverage show.
- Calibration takes most of what there is to gain away from the models: once every model's intervals are right, drift's included, the differences are smaller.
- An exchange's ETFs move together: four of them are fewer than four times as much evidence as one.
- At 21 sessions a window of two years has 24 origins that don't overlap. Differences of a few per cent mean nothing there.
- The price of one moment is compared with that of another: costs, distributions and taxes are left out. None of this is a strategy.
`
