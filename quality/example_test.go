package quality_test

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

func exampleBar(session, open, high, low, closing string) etf.Bar {
	return etf.Bar{
		Session: etf.MustSession(session), Open: etf.MustPrice(open), High: etf.MustPrice(high), Low: etf.MustPrice(low),
		Close: etf.MustPrice(closing), Volume: etf.Shares(1_000_000),
	}
}

// A response with four sessions, one of which contradicts itself. Its row is quarantined; the others are kept.
func ExampleCheck() {
	report, err := quality.Check(quality.Input{
		Symbol: "SPY", Exchange: etf.XNYS, Session: etf.MustSession("2025-09-26"), Initial: true, Basis: etf.AsTraded,
		Bars: []etf.Bar{
			exampleBar("2025-09-23", "666.72", "667.34", "661.98", "663.21"),
			exampleBar("2025-09-24", "663.70", "655.00", "659.67", "661.10"), // the high is not the highest
			exampleBar("2025-09-25", "657.85", "660.35", "654.41", "658.05"),
			exampleBar("2025-09-26", "659.51", "662.37", "657.88", "661.82"),
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Findings {
		fmt.Println(f.Severity, f.Rule, f.Sessions)
		fmt.Println(f.Evidence)
	}
	fmt.Println("quarantined:", report.Verdicts[1] == etf.VerdictQuarantine)
	fmt.Println("the new session is usable:", !report.MissingNew && !report.QuarantinedNew)
	// Output:
	// error ohlc_order [2025-09-24]
	// 2025-09-24: open 663.7, high 655, low 659.67, close 661.1; off by 8.7, tolerance 0.06611
	// quarantined: true
	// the new session is usable: true
}

// IJH was split five for one on 22 February 2024. In terms of the shares of that day, the close before is a fifth of the
// price paid, and the volume five times the number traded.
func ExampleAdjust() {
	before := exampleBar("2024-02-21", "280.68", "280.68", "280.68", "280.68")
	after := exampleBar("2024-02-22", "57.01", "57.01", "57.01", "57.01")
	bars := []etf.StoredBar{{Bar: before, Basis: etf.AsTraded}, {Bar: after, Basis: etf.AsTraded}}
	split := etf.Action{Kind: etf.Split, Ex: after.Session, Numerator: 5, Denominator: 1}

	adjusted, err := quality.Adjust(bars, []etf.Action{split}, after.Session)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range adjusted {
		fmt.Println(b.Session, b.Close, b.Volume)
	}
	// Output:
	// 2024-02-21 56.136 5000000
	// 2024-02-22 57.01 1000000
}
