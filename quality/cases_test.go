package quality

import (
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// Small inputs made after public bug reports: the findings of the rules on rows. All other rows are used.
func TestReportedCases(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		exchange etf.Exchange
		session  string
		findings []string
	}{
		{"dates-in-utc", etf.XKRX, "2025-06-26", []string{"wrong_dates error 2025-06-26", "wrong_dates error 2025-03-30..2025-06-25 (59)"}},
		{"duplicate-last-partial", etf.XNYS, "2025-06-30", []string{"duplicate_row warning 2025-06-30"}},
		{"control-dup-last", etf.XNYS, "2019-01-25", []string{"duplicate_row warning 2019-01-25"}},
		{"control-ohl0-volume", etf.XNYS, "2019-07-03", []string{"non_positive_price error 2019-07-03", "non_positive_price error 2019-06-24..2019-06-27 (2)"}},
		{"control-zero-quartet", etf.XNYS, "2026-07-31", []string{"non_positive_price error 2026-07-31", "non_positive_price error 2026-07-06"}},
		{"control-preopen-open0", etf.XKRX, "2026-05-11", []string{"non_positive_price error 2026-05-11"}},
		{"control-weekend-flat", etf.XNYS, "2020-10-14", []string{"unknown_session error 2020-10-03..2020-10-11 (3)"}},
		{"control-partial-low-above-open", etf.XNYS, "2026-07-31", []string{"ohlc_order error 2026-07-31"}},
		{"opens-zero-in-old-rows", etf.XNYS, "2005-12-30", []string{"missing_open warning 2005-08-10..2005-10-05 (40)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bars, actions := realBars(t, "../cases/"+c.name+"/input.csv")
			in := Input{Symbol: "CASE", Exchange: c.exchange, Session: etf.MustSession(c.session), Initial: true, Bars: bars, Actions: actions, Basis: etf.AsTraded}
			r := check(t, in)
			consistent(t, in, r)
			all := r.Findings
			r.Findings = slices.DeleteFunc(slices.Clone(all), func(f etf.Finding) bool { return !judged[f.Rule] })
			got := summary(r)
			if !slices.Equal(got, c.findings) {
				for _, f := range all {
					t.Log(f.Rule, f.Severity, f.Evidence)
				}
				t.Errorf("findings\n got %q\nwant %q", got, c.findings)
			}
		})
	}
}
