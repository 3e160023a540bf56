package market_test

import (
	"context"
	"fmt"
	"math"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/prophet/market"
)

// Two years of closes that swing by 2 % around a trend of 0.05 % a session.
func ExampleModel_Fit() {
	nyse, err := calendar.For(etf.XNYS)
	if err != nil {
		fmt.Println(err)
		return
	}
	origin := etf.MustSession("2025-09-26")
	sessions := nyse.Sessions(etf.Window{From: etf.MustSession("2023-09-26"), To: origin})
	closes := make([]float64, len(sessions))
	for i := range closes {
		closes[i] = 100 * math.Exp(0.0005*float64(i)+0.02*math.Sin(float64(i)/9)+0.003*math.Sin(float64(i*i)))
	}

	series := forecast.Series{Symbol: "SPY", Exchange: etf.XNYS, Sessions: sessions, Close: closes, Origin: origin}
	const seed = 1 // of the simulated closes that the quantiles come from
	fitted, err := market.Default().Fit(context.Background(), series, seed, nil)
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
	fmt.Printf("%s: %.1f\n", origin, closes[len(closes)-1])
	last := len(etf.QuantileLevels) - 1
	for _, p := range points {
		fmt.Printf("%s: %.1f, between %.1f and %.1f\n", p.Target, p.Mean, p.Quantiles[0], p.Quantiles[last])
	}
	// Output:
	// 2025-09-26: 126.4
	// 2025-09-29: 126.5, between 125.7 and 127.2
	// 2025-09-30: 126.5, between 125.5 and 127.6
	// 2025-10-01: 126.6, between 125.3 and 127.9
}
