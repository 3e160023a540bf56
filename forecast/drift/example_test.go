package drift_test

import (
	"context"
	"fmt"
	"math"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
)

// Closes that alternately rise and fall by 1 %: almost no drift, and a spread that grows with the square root of time.
func ExampleModel_Fit() {
	nyse, err := calendar.For(etf.XNYS)
	if err != nil {
		fmt.Println(err)
		return
	}
	origin := etf.MustSession("2025-09-26")
	sessions := nyse.Sessions(etf.Window{From: etf.MustSession("2025-06-02"), To: origin})
	closes := make([]float64, len(sessions))
	for i := range closes {
		closes[i] = 100 * math.Exp(0.01*float64(i%2))
	}

	series := forecast.Series{Symbol: "SPY", Exchange: etf.XNYS, Sessions: sessions, Close: closes, Origin: origin}
	fitted, err := drift.Default().Fit(context.Background(), series, 0, nil) // the model draws no random numbers: any seed
	if err != nil {
		fmt.Println(err)
		return
	}
	targets, err := forecast.Targets(nyse, origin, 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	points, err := fitted.Predict(targets)
	if err != nil {
		fmt.Println(err)
		return
	}
	last := len(etf.QuantileLevels) - 1
	for _, p := range points {
		fmt.Printf("%s: %.1f, between %.1f and %.1f\n", p.Target, p.Mean, p.Quantiles[0], p.Quantiles[last])
	}
	// Output:
	// 2025-09-29: 101.0, between 99.4 and 102.7
	// 2025-09-30: 101.0, between 98.7 and 103.4
	// 2025-10-01: 101.1, between 98.2 and 104.0
}
