package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/catalogue"
)

// showBacktest prints a backtest; the error is errLeak if a leak is suspected. folder is where the report was written, "" if nowhere.
func showBacktest(a *app, b etf.Backtest, as format, folder string) error {
	if as.forPeople() {
		if err := backtestText(a, b, folder); err != nil {
			return err
		}
	} else if err := a.encodeRows(as, b, backtestRows(b)); err != nil {
		return err
	}
	if !b.LeakSuspected {
		return nil
	}
	const remedy = "a signal that is there on purpose is stated with --expect-signal REASON"
	if as.forPeople() { // who have just read where to look
		return fmt.Errorf("%w; %s", errLeak, remedy)
	}
	return fmt.Errorf("%w: %s; %s", errLeak, strings.Join(b.Leaks, "; "), remedy)
}

// backtestRows are the rows of a backtest's CSV: results without their parts.
func backtestRows(b etf.Backtest) []etf.BacktestResult {
	rows := slices.Concat(b.Results, b.Pooled)
	for i := range rows {
		rows[i].Slices, rows[i].Steps = nil, nil
	}
	return rows
}

func backtestText(a *app, b etf.Backtest, folder string) error {
	o := b.Options
	what := newPairs(a.stdout)
	for _, e := range b.ETFs {
		what.line(string(e.ETF), "%d rows from %s to %s, %d origins", e.Rows, e.From, e.To, e.Origins)
		for _, text := range e.Accepted {
			what.line("", "accepted: %s", text)
		}
		for _, model := range o.Models {
			if why := e.Failed[model]; why != "" {
				what.line("", "%s: %s", model, why)
			}
		}
	}
	if err := what.flush(); err != nil {
		return err
	}
	intervals := "as the models give them"
	if o.Calibrate {
		intervals = "calibrated"
	}
	fmt.Fprintf(a.stdout, "Intervals %s; an origin every %d, an estimation every %d sessions.\n", intervals, o.OriginsEvery, o.RefitEvery)
	for _, h := range o.Horizons {
		fmt.Fprintf(a.stdout, "\nHorizon %d\n", h)
		t := newTable(a.stdout, "ETF", "MODEL", "N", "REL MAE", "REL CRPS", "MASE", "COVER 80", "COVER 90", "COVER 95", "WINKLER 90", "WIDTH 90", "DM P", "SERVED").
			numbers("N", "REL MAE", "REL CRPS", "MASE", "COVER 80", "COVER 90", "COVER 95", "WINKLER 90", "WIDTH 90", "DM P").
			spare("WIDTH 90", "WINKLER 90", "COVER 80", "MASE", "DM P", "COVER 95")
		for _, r := range slices.Concat(b.Results, b.Pooled) {
			if r.Horizon != h {
				continue
			}
			name := string(r.ETF)
			if name == "" {
				name = "together"
			}
			served := ""
			if r.Served {
				served = "served"
			}
			t.row(name, r.Model, r.N, decimalsOf(r.RelMAE, 4), decimalsOf(r.RelCRPS, 4), decimalsOf(r.MASE, 3), decimalsOf(r.Coverage80, 3), decimalsOf(r.Coverage90, 3),
				decimalsOf(r.Coverage95, 3), decimalsOf(r.Winkler90, 3), decimalsOf(r.Width90, 3), decimalsOf(r.DMP, 3), served)
		}
		if err := t.flush(); err != nil {
			return err
		}
		fmt.Fprintln(a.stdout, backtestVerdict(b, h))
	}
	switch {
	case b.LeakSuspected:
		fmt.Fprintln(a.stdout, "\nA leak is suspected:")
	case b.Options.ExpectSignal != "":
		fmt.Fprintf(a.stdout, "\nA signal is expected: %s\n", etf.OneLine(b.Options.ExpectSignal))
	}
	if b.Options.ExpectSignal != "" || b.LeakSuspected {
		for _, text := range b.Leaks {
			fmt.Fprintf(a.stdout, "  %s\n", text)
		}
	}
	if folder != "" {
		fmt.Fprintf(a.stdout, "\nReport in %s\n", folder)
	}
	return nil
}

// backtestVerdict says in words which model is better than the benchmark at a horizon.
func backtestVerdict(b etf.Backtest, horizon int) string {
	by := map[string][]string{} // ETFs by served model
	judged := 0
	for _, r := range slices.Concat(b.Results, b.Pooled) {
		if r.Horizon != horizon {
			continue
		}
		if r.Gate != nil {
			judged++
		}
		if r.Served && r.Model != catalogue.Benchmark {
			name := string(r.ETF)
			if name == "" {
				name = "all together"
			}
			by[r.Model] = append(by[r.Model], name)
		}
	}
	if judged == 0 {
		return fmt.Sprintf("Only %s was measured at horizon %d.", catalogue.Benchmark, horizon)
	}
	var texts []string
	for _, model := range b.Options.Models {
		if names := by[model]; len(names) > 0 {
			texts = append(texts, fmt.Sprintf("%s is better than %s at horizon %d on %s.", model, catalogue.Benchmark, horizon, strings.Join(names, ", ")))
		}
	}
	if len(texts) == 0 {
		return fmt.Sprintf("No model is shown to be better than %s at horizon %d.", catalogue.Benchmark, horizon)
	}
	return strings.Join(texts, " ")
}

// decimalsOf writes a number, or nothing if it is undefined.
func decimalsOf(v *float64, n int) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', n, 64)
}
