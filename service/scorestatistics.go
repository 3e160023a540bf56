package service

import (
	"math"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoreboard"
)

// Statistics are many scores in few numbers (package scoreboard; docs/scores.md has the rules). What is undefined, because there are
// too few scores, is nil. Units: ScoreUnits.
type Statistics struct {
	Sessions     int          `json:"sessions"` // origins
	From         *etf.Session `json:"from"`     // the first and the last origin
	To           *etf.Session `json:"to"`
	RelMAE       *float64     `json:"rel_mae"`
	RelMAELow    *float64     `json:"rel_mae_low"`
	RelMAEHigh   *float64     `json:"rel_mae_high"`
	RelCRPS      *float64     `json:"rel_crps"`
	RelCRPSLow   *float64     `json:"rel_crps_low"`
	RelCRPSHigh  *float64     `json:"rel_crps_high"`
	MASE         *float64     `json:"mase"`
	RMSSE        *float64     `json:"rmsse"`
	CRPS         *float64     `json:"crps"`
	Pinball      *float64     `json:"pinball"`
	Coverage50   *float64     `json:"coverage_50"` // shares, 0 to 1
	Coverage50SE *float64     `json:"coverage_50_se"`
	Coverage80   *float64     `json:"coverage_80"`
	Coverage80SE *float64     `json:"coverage_80_se"`
	Coverage90   *float64     `json:"coverage_90"`
	Coverage90SE *float64     `json:"coverage_90_se"`
	Coverage95   *float64     `json:"coverage_95"` // of the forecasts with tails
	Coverage95SE *float64     `json:"coverage_95_se"`
	Winkler80    *float64     `json:"winkler_80"`
	Winkler90    *float64     `json:"winkler_90"`
	Width80      *float64     `json:"width_80"`
	Width90      *float64     `json:"width_90"`
	PIT          []int        `json:"pit"` // scores in each of etf.PITBins equal bins
	// Difference is nil for the benchmark itself, and while no forecast has a counterpart.
	Difference *Difference `json:"difference"`
	// DM is nil unless the window is fixed: both of its ends are given.
	DM *DieboldMariano `json:"dm"`
}

// Difference is the confidence sequence of the mean difference of loss to the benchmark. It holds at all times at once: it may be
// looked at every day.
type Difference struct {
	Mean  float64 `json:"mean"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	N     int     `json:"n"`     // sessions, non-overlapping ones for a horizon above 1
	Alpha float64 `json:"alpha"` // the probability that it ever excludes the true mean, at most
	Limit float64 `json:"limit"` // where a difference is clipped
}

// DieboldMariano is the test that both models' losses have the same mean, with the correction of Harvey, Leybourne and Newbold.
type DieboldMariano struct {
	Absolute *Test `json:"absolute_error"`
	CRPS     *Test `json:"crps"`
}

// Test is a statistic, below 0 if the model is better than the benchmark, and its two-sided p-value.
type Test struct {
	Statistic float64 `json:"statistic"`
	P         float64 `json:"p_value"`
}

// number is nil for what JSON can't say.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// statisticsOf summarises the sessions of one model and horizon; n counts their scores.
func statisticsOf(sessions []etf.SessionLosses, horizon int, fixed, benchmark bool) (n int, s Statistics) {
	o := scoreboard.Options{Horizon: horizon, FixedWindow: fixed && !benchmark}
	if benchmark {
		o.Replicates = -1 // its ratios to itself are 1
	}
	row := scoreboard.Summarise(sessions, o)
	s = Statistics{
		Sessions: row.Sessions,
		RelMAE:   number(row.RelMAE.Value), RelMAELow: number(row.RelMAE.Low), RelMAEHigh: number(row.RelMAE.High),
		RelCRPS: number(row.RelCRPS.Value), RelCRPSLow: number(row.RelCRPS.Low), RelCRPSHigh: number(row.RelCRPS.High),
		MASE: number(row.MASE), RMSSE: number(row.RMSSE), CRPS: number(row.CRPS), Pinball: number(row.Pinball),
		Coverage50: number(row.Coverage50.Value), Coverage50SE: number(row.Coverage50.SE),
		Coverage80: number(row.Coverage80.Value), Coverage80SE: number(row.Coverage80.SE),
		Coverage90: number(row.Coverage90.Value), Coverage90SE: number(row.Coverage90.SE),
		Coverage95: number(row.Coverage95.Value), Coverage95SE: number(row.Coverage95.SE),
		Winkler80: number(row.Winkler80), Winkler90: number(row.Winkler90), Width80: number(row.Width80), Width90: number(row.Width90),
		PIT: row.PIT[:],
	}
	if row.Sessions > 0 {
		s.From, s.To = &row.From, &row.To
	}
	if d := row.Difference; d.N > 0 && !benchmark {
		s.Difference = &Difference{Mean: d.Mean, Low: d.Low, High: d.High, N: d.N, Alpha: d.Alpha, Limit: d.Limit}
	}
	if row.DM != nil {
		s.DM = &DieboldMariano{Absolute: testOf(row.DM.Absolute), CRPS: testOf(row.DM.CRPS)}
	}
	return row.N, s
}

// testOf is nil for a test with too few sessions.
func testOf(t scoreboard.Test) *Test {
	if number(t.Statistic) == nil || number(t.P) == nil {
		return nil
	}
	return &Test{Statistic: t.Statistic, P: t.P}
}
