package ets

import (
	"math"
	"math/rand/v2"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// origin is a Friday; the target sessions of the tests are the XNYS sessions after it.
var origin = etf.MustSession("2025-09-26")

// series puts closes on consecutive days up to the origin.
func series(closes ...float64) forecast.Series {
	s := forecast.Series{Symbol: "SIM", Exchange: etf.XNYS, Close: closes, Origin: origin}
	for i := range closes {
		s.Sessions = append(s.Sessions, origin.AddDays(i+1-len(closes)))
	}
	return s
}

// walk returns the closes of a random walk that starts at 100.
func walk(random *rand.Rand, n int, mu, sigma float64) forecast.Series {
	closes := make([]float64, n)
	log := math.Log(100)
	for i := range closes {
		closes[i] = math.Exp(log)
		log += mu + sigma*random.NormFloat64()
	}
	return series(closes...)
}
