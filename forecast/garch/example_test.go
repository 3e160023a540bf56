package garch_test

import (
	"context"
	"fmt"
	"math"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/garch"
)

// Two calm and turbulent quarters in turn, the last calm; then a week in which closes fall by 3 % a day: Filter takes the week in without a new
// fit, and the interval widens.
func ExampleModel_Fit() {
	nyse, err := calendar.For(etf.XNYS)
	if err != nil {
		fmt.Println(err)
		return
	}
	sessions := nyse.Sessions(etf.Window{From: etf.MustSession("2022-01-03"), To: etf.MustSession("2025-09-26")})
	closes := make([]float64, len(sessions))
	log := math.Log(100)
	for i := range closes {
		size := .005 * (1 + 2*float64(i/63%2)) // moves of .5 % and of 1.5 %, larger and smaller in turn
		log += size * (1 + .5*math.Sin(float64(i))) * float64(1-2*(i%2))
		closes[i] = math.Exp(log)
	}
	n := len(sessions) - 5
	for i := n; i < len(closes); i++ {
		closes[i] = closes[i-1] * .97
	}

	past := forecast.Series{Symbol: "SPY", Exchange: etf.XNYS, Sessions: sessions[:n], Close: closes[:n], Origin: sessions[n-1]}
	fitted, err := garch.Default().Fit(context.Background(), past, 0, nil) // nothing is random: any seed
	if err != nil {
		fmt.Println(err)
		return
	}
	now := forecast.Series{Symbol: "SPY", Exchange: etf.XNYS, Sessions: sessions, Close: closes, Origin: sessions[len(sessions)-1]}
	after, err := fitted.(forecast.Filterer).Filter(context.Background(), now)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range []forecast.Fitted{fitted, after} {
		origin := past.Origin
		if f == after {
			origin = now.Origin
		}
		targets, err := forecast.Targets(nyse, origin, 5)
		if err != nil {
			fmt.Println(err)
			return
		}
		points, err := f.Predict(targets)
		if err != nil {
			fmt.Println(err)
			return
		}
		p := points[4]
		fmt.Printf("from %s to %s: %.0f, between %.0f and %.0f\n", origin, p.Target, p.Quantiles[3], p.Quantiles[0], p.Quantiles[6])
	}
	// Output:
	// from 2025-09-19 to 2025-09-26: 91, between 88 and 94
	// from 2025-09-26 to 2025-10-03: 78, between 71 and 86
}
