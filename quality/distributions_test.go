package quality

import (
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func paid(kind etf.ActionKind, ex, amount string) etf.Action {
	return etf.Action{Kind: kind, Ex: etf.MustSession(ex), Amount: etf.MustPrice(amount)}
}

func TestImplausible(t *testing.T) {
	t.Parallel()
	quarterly := []etf.Action{
		paid(etf.Dividend, "2024-03-15", "0.70"), paid(etf.Dividend, "2024-06-14", "0.74"), paid(etf.Dividend, "2024-09-16", "0.71"),
		paid(etf.Dividend, "2024-12-16", "0.95"), paid(etf.Dividend, "2025-03-17", "0.72"),
	}
	split := etf.Action{Kind: etf.Split, Ex: etf.MustSession("2025-05-02"), Numerator: 30, Denominator: 1}
	uneven := []etf.Action{ // a country fund: most of it in June
		paid(etf.Dividend, "2022-06-09", "0.792"), paid(etf.Dividend, "2022-12-13", "0.009"), paid(etf.Dividend, "2023-06-07", "0.759"),
		paid(etf.Dividend, "2023-12-20", "0.002"), paid(etf.Dividend, "2024-06-11", "0.758"),
	}
	for _, c := range []struct {
		name          string
		action        etf.Action
		before, after string
		earlier       []etf.Action
		why           string // part of it; "" = plausible
	}{
		{"ordinary", paid(etf.Dividend, "2025-06-16", "0.71"), "50", "50.1", quarterly, ""},
		{"no price, no history", paid(etf.Dividend, "2025-06-16", "0.71"), "0", "0", nil, ""},
		{"fifty times the price", paid(etf.Dividend, "2025-05-16", "2500"), "50", "50.1", nil, "50 times the close"},
		{"negative", paid(etf.Dividend, "2025-06-16", "-0.71"), "50", "50.1", nil, "not positive"},
		{"zero", paid(etf.CapitalGain, "2025-06-16", "0"), "50", "50.1", nil, "not positive"},
		{"40 % and no fall", paid(etf.Dividend, "2025-06-16", "20"), "50", "49.8", quarterly, "40.0% of the close 50"},
		{"40 % and a fall", paid(etf.SpecialDividend, "2025-06-16", "20"), "50", "29.8", nil, ""},
		{"40 % ahead", paid(etf.SpecialDividend, "2025-06-16", "20"), "50", "0", nil, "no later price"},
		{"5 % gain", paid(etf.CapitalGain, "2025-12-18", "2.5"), "50", "49.9", quarterly, ""},
		{"in cents", paid(etf.Dividend, "2025-06-16", "71"), "500", "499", quarterly, "98.6 times the usual"},
		{"in cents, in won", paid(etf.Dividend, "2025-06-16", "71"), "50000", "49900", quarterly, "98.6 times the usual"},
		{"a hundredth", paid(etf.Dividend, "2025-06-16", "0.0071"), "50", "49.9", quarterly, "0.00986 times the usual"},
		{"after a split", paid(etf.Dividend, "2025-06-16", "0.024"), "1.7", "1.69", append([]etf.Action{split}, quarterly...), ""},
		{"after a split, restated", paid(etf.Dividend, "2025-06-16", "0.72"), "1700", "1699", append([]etf.Action{split}, quarterly...), ""},
		{"uneven fund", paid(etf.Dividend, "2024-12-20", "0.001"), "30", "30", uneven, ""},
		{"twice within days", paid(etf.Dividend, "2025-03-19", "0.72"), "50", "50", quarterly, "stated twice"},
		{"every week", paid(etf.Dividend, "2025-03-24", "0.72"), "50", "50", quarterly, ""},
		{"a split", etf.Action{Kind: etf.Split, Ex: etf.MustSession("2025-06-16"), Numerator: 4, Denominator: 1}, "50", "50", quarterly, ""},
	} {
		why := Implausible(c.action, etf.MustPrice(c.before), etf.MustPrice(c.after), c.earlier)
		if (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: %q, want %q", c.name, why, c.why)
		}
	}
}

// payment is a distribution: the parts of the price that are stated and that the adjusted close deducts.
type payment struct {
	row              int
	stated, deducted float64
	kind             etf.ActionKind
	repeats          bool // the amount of the payment before
}

// payer is a first update of a fund that pays one percent a quarter (every 12 rows in a short history), with the provider's
// adjusted close, after change has altered the payments.
func payer(t testing.TB, x etf.Exchange, bars []etf.Bar, change func(p []payment) []payment) (Input, []payment) {
	t.Helper()
	quarter := 63
	if len(bars) < 250 {
		quarter = 12
	}
	var payments []payment
	for row := quarter; row < len(bars)-1; row += quarter {
		payments = append(payments, payment{row, 0.01, 0.01, etf.Dividend, false})
	}
	payments = change(payments)
	decimals := 6
	if x == etf.XKRX {
		decimals = 2
	}
	in := first(x, append([]etf.Bar(nil), bars...))
	factor := 1.0
	k := len(payments) - 1
	for i := len(bars) - 1; i >= 0; i-- {
		adjusted, ok := etf.PriceFromFloat(in.Bars[i].Close.Float() * factor)
		if !ok {
			t.Fatal("price")
		}
		in.Bars[i].AdjClose = adjusted.RoundTo(decimals)
		for ; k >= 0 && payments[k].row == i; k-- {
			p := payments[k]
			factor *= 1 - p.deducted
			if p.stated != 0 && i > 0 {
				amount, _ := etf.PriceFromFloat(p.stated * in.Bars[i-1].Close.Float())
				if p.repeats {
					amount, _ = etf.PriceFromFloat(payments[k-1].stated * in.Bars[payments[k-1].row-1].Close.Float())
				}
				in.Actions = append(in.Actions, etf.Action{Kind: p.kind, Ex: in.Bars[i].Session, Amount: amount.RoundTo(4)})
			}
		}
	}
	return in, payments
}

func TestDistributions(t *testing.T) {
	t.Parallel()
	last := func(f func(p *payment)) func([]payment) []payment {
		return func(p []payment) []payment { f(&p[len(p)-1]); return p }
	}
	for _, c := range []struct {
		name   string
		change func(p []payment) []payment
		rules  []string // that may report it; none = nothing is reported
		least  int      // rows
	}{
		{"sound", func(p []payment) []payment { return p }, nil, 30},
		{"a capital gain", last(func(p *payment) { p.kind, p.stated, p.deducted = etf.CapitalGain, .05, .05 }), nil, 30},
		{"fifty times the price", last(func(p *payment) { p.stated = 50 }), []string{ruleDistribution, ruleAdjusted}, 30},
		{"in cents", last(func(p *payment) { p.stated = 1; p.deducted = .01 }), []string{ruleDistribution, ruleAdjusted}, 30},
		{"a hundredth", last(func(p *payment) { p.stated /= 100; p.deducted /= 100 }), []string{ruleDistribution}, 500},
		{"in won", last(func(p *payment) { p.stated *= 1350; p.deducted *= 1 }), []string{ruleDistribution, ruleAdjusted}, 30},
		{"half the price, and no fall", last(func(p *payment) { p.stated, p.deducted = .5, .5 }), []string{ruleDistribution}, 30},
		{"negative", last(func(p *payment) { p.stated = -p.stated }), []string{ruleDistribution, ruleAdjusted}, 30},
		{"doubled", last(func(p *payment) { p.stated *= 2 }), []string{ruleAdjusted}, 30},
		{"not deducted", last(func(p *payment) { p.deducted = 0 }), []string{ruleAdjusted}, 30},
		{"lost", last(func(p *payment) { p.stated = 0 }), []string{ruleAdjusted}, 60},
		{"stated twice", func(p []payment) []payment { // and deducted twice
			n := p[len(p)-1]
			n.row++
			n.repeats = true
			return append(p, n)
		}, []string{ruleDistribution}, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			every(t, func(t *testing.T, x etf.Exchange, bars []etf.Bar) {
				if len(bars) < c.least {
					return
				}
				in, payments := payer(t, x, bars, c.change)
				r := check(t, in)
				consistent(t, in, r)
				at := in.Bars[payments[len(payments)-1].row].Session
				seen := map[string]bool{}
				for _, f := range r.Findings {
					if f.Rule != ruleDistribution && f.Rule != ruleAdjusted {
						t.Errorf("%s: %s", f.Rule, f.Evidence)
						continue
					}
					for _, s := range f.Sessions {
						if s != at {
							t.Errorf("%s on %s: %s", f.Rule, s, f.Evidence)
						}
						seen[f.Rule] = true
					}
				}
				for _, rule := range c.rules {
					if !seen[rule] {
						t.Errorf("%s says nothing: %q", rule, summary(r))
					}
				}
				if c.rules == nil && len(r.Findings) > 0 {
					t.Errorf("%s", r.Findings[0].Evidence)
				}
			})
		})
	}
}

// Dividends stated for today's shares beside prices as traded, and the reverse.
func TestDividendsOnAnotherBasisThanThePrices(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, x etf.Exchange, bars []etf.Bar) {
		if len(bars) < 250 {
			return
		}
		for _, basis := range []etf.Basis{etf.AsTraded, etf.SplitAdjusted} {
			for _, wrong := range []bool{false, true} {
				in, _ := payer(t, x, bars, func(p []payment) []payment {
					var more []payment // monthly
					for row := 10; row < len(bars)-1; row += 21 {
						more = append(more, payment{row, 0.004, 0.004, etf.Dividend, false})
					}
					return more
				})
				in.Basis = basis
				at := len(bars) / 2
				split := etf.Action{Kind: etf.Split, Ex: in.Bars[at].Session, Numerator: 4, Denominator: 1}
				if basis == etf.AsTraded {
					scalePrices(in.Bars[:at], 4, 1)
				}
				for i := range in.Bars {
					in.Bars[i].AdjClose = 0
				}
				for i, a := range in.Actions {
					if a.Ex < split.Ex && (basis == etf.AsTraded) != wrong {
						in.Actions[i].Amount *= 4
					}
				}
				in.Actions = append(in.Actions, split)
				found := false
				for _, f := range check(t, in).Findings {
					found = found || f.Rule == ruleDistribution
					if f.Rule == ruleDistribution && !wrong {
						t.Errorf("%s: %s", basis, f.Evidence)
					}
				}
				if found != wrong {
					t.Errorf("%s, amounts on another basis %v: found %v", basis, wrong, found)
				}
			}
		}
	})
}
