package quality_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

func TestMarketExplains(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		own    float64
		others []float64
		want   bool
	}{
		{"a crash in which everything moves alike", 18, []float64{14, 15, 16, 17, 18}, true},
		{"four others are no market", 18, []float64{14, 15, 16, 17}, false},
		{"nobody else", 18, nil, false},
		{"an ordinary day", 13, []float64{0.2, 0.5, 0.7, 0.9, 3}, false},
		{"two others that moved as well do not move the median", 13, []float64{0.2, 0.5, 0.7, 20, 30}, false},
		{"a lively day is no surprise", 11, []float64{3.9, 3.9, 3.9, 3.9, 3.9}, false},
		{"at the limit of reach", 12, []float64{4, 4, 4, 4, 4}, true},
		{"beyond reach", 12.1, []float64{4, 4, 4, 4, 4}, false},
		{"a misplaced decimal point in a crash", 230, []float64{14, 15, 16, 17, 18}, false},
	} {
		if got := quality.MarketExplains(c.own, c.others); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestMoveInVolatilities(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for _, sigma := range []float64{0.005, 0.01, 0.04} {
		x := math.Log(100)
		var closes []etf.Price
		for range 61 {
			x += sigma * rng.NormFloat64()
			closes = append(closes, priceOf(math.Exp(x)))
		}
		last := priceOf(math.Exp(x - 15*sigma))
		got, ok := quality.MoveInVolatilities(etf.XNYS, append(closes, last), 1)
		if !ok || got < 9 || got > 22 { // 60 returns determine a volatility within a third
			t.Errorf("a move of 15 standard deviations of %v is %v volatilities, %v", sigma, got, ok)
		}
		wide, ok := quality.MoveInVolatilities(etf.XNYS, append(closes, last), 4)
		if !ok || math.Abs(2*wide-got) > 1e-9 {
			t.Errorf("over four sessions it is %v, want half of %v", wide, got)
		}
		if _, ok := quality.MoveInVolatilities(etf.XNYS, closes[:11], 1); ok {
			t.Error("nine returns make no volatility")
		}
		if _, ok := quality.MoveInVolatilities(etf.XNYS, closes[:12], 1); !ok {
			t.Error("ten returns make a volatility")
		}
	}
	if _, ok := quality.MoveInVolatilities(etf.XNYS, make([]etf.Price, 30), 1); ok {
		t.Error("prices of 0 make a volatility")
	}
}

func priceOf(x float64) etf.Price { return etf.Price(math.Round(x * 1e8)) }
