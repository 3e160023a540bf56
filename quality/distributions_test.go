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
