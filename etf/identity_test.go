package etf

import "testing"

func TestParseISIN(t *testing.T) {
	// Of SPY, KODEX 200, iShares Core S&P 500 UCITS, and the examples of ISO 6166's annex.
	for _, isin := range []string{"US78462F1030", "KR7069500007", "IE00B5BMR087", "US0378331005", "AU0000XVGZA3", "GB0002634946", ""} {
		if got, err := ParseISIN(isin); err != nil || got != isin {
			t.Errorf("%s: %q, %v", isin, got, err)
		}
	}
	for _, isin := range []string{"US78462F1031", "US78426F1030", "us78462F1030", "US78462F103", "US78462F10300", "1278462F1030", "US78462F103A"} {
		if _, err := ParseISIN(isin); KindOf(err) != KindInvalid {
			t.Errorf("%s: %v", isin, err)
		}
	}
}

func TestMinorCurrencies(t *testing.T) {
	for text, want := range map[string]Currency{"GBp": "GBX", "GBX": "GBX", " GBp ": "GBX", "ZAc": "ZAC", "ILA": "ILA", "USD": "USD", "GBP": "GBP"} {
		if got := QuotedCurrency(text); got != want {
			t.Errorf("%q is read as %s", text, got)
		}
	}
	if code, per := Currency("GBX").Major(); code != "GBP" || per != 100 {
		t.Errorf("GBX is 1/%d %s", per, code)
	}
	for _, c := range []struct {
		from, to Currency
		num, den int64
		ok       bool
	}{{"GBP", "GBX", 100, 1, true}, {"GBX", "GBP", 1, 100, true}, {"GBX", "GBX", 1, 1, true}, {"USD", "GBX", 0, 0, false}, {"ILS", "ILA", 100, 1, true}} {
		if num, den, ok := c.from.In(c.to); num != c.num || den != c.den || ok != c.ok {
			t.Errorf("%s in %s: %d/%d, %v", c.from, c.to, num, den, ok)
		}
	}
}

func TestInCurrency(t *testing.T) {
	r := Response{
		Currency: "GBP", Bars: []Bar{{Open: MustPrice("7.1"), High: MustPrice("7.25"), Low: MustPrice("7"), Close: MustPrice("7.2"), AdjClose: MustPrice("7.15"), Volume: Shares(10)}},
		Actions: []Action{{Kind: Dividend, Amount: MustPrice("0.05")}, {Kind: Split, Numerator: 2, Denominator: 1}}, NAVs: []NAV{{NAV: MustPrice("7.21")}},
	}
	got, err := r.InCurrency("GBX")
	if err != nil || got.Currency != "GBX" || got.Bars[0].Close != MustPrice("720") || got.Bars[0].AdjClose != MustPrice("715") || got.Bars[0].Volume != Shares(10) ||
		got.Actions[0].Amount != MustPrice("5") || got.Actions[1].Numerator != 2 || got.NAVs[0].NAV != MustPrice("721") {
		t.Fatalf("%+v, %v", got, err)
	}
	if r.Bars[0].Close != MustPrice("7.2") {
		t.Fatal("the response that was given has changed")
	}
	if back, err := got.InCurrency("GBP"); err != nil || back.Bars[0] != r.Bars[0] {
		t.Fatalf("%+v, %v", back, err)
	}
	for _, to := range []Currency{"GBP", "USD", ""} {
		if same, err := r.InCurrency(to); err != nil || same.Currency != "GBP" || same.Bars[0] != r.Bars[0] {
			t.Fatalf("in %q: %+v, %v", to, same, err)
		}
	}
	r.Bars[0].High = Price(1 << 62)
	if _, err := r.InCurrency("GBX"); KindOf(err) != KindCorrupt {
		t.Fatal(err)
	}
}
