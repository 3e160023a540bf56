package forecast_test

import (
	"math"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

func TestScaleOf(t *testing.T) {
	t.Parallel()
	long := make([]float64, 400) // rises by 5 at first, by 2 over the newest etf.ScaleSessions changes
	for i := 1; i < len(long); i++ {
		long[i] = long[i-1] + 2
		if i < len(long)-etf.ScaleSessions {
			long[i] = long[i-1] + 5
		}
	}
	for _, c := range []struct {
		name   string
		closes []float64
		want   etf.Scale
	}{
		{"none", nil, etf.Scale{}},
		{"one", []float64{7}, etf.Scale{}},
		{"two", []float64{7, 4}, etf.Scale{Absolute: 3, Squared: 9}},
		{"three, by hand: (1+3)/2 and (1+9)/2", []float64{10, 11, 8}, etf.Scale{Absolute: 2, Squared: 5}},
		{"constant", []float64{3, 3, 3}, etf.Scale{}},
		{"only the newest changes", long, etf.Scale{Absolute: 2, Squared: 4}},
	} {
		got := forecast.ScaleOf(c.closes)
		if math.Abs(got.Absolute-c.want.Absolute) > 1e-12 || math.Abs(got.Squared-c.want.Squared) > 1e-12 {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
