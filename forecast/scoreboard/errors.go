package scoreboard

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
)

// coverage returns the share of hits and its standard error. The origins are ascending; count returns an origin's hits, and the
// scores they are of.
func coverage(origins []etf.SessionLosses, horizon int, count func(*etf.SessionLosses) (hits, of int)) Coverage {
	var hits, of []float64
	var allHits, all float64
	for i := range origins {
		if h, n := count(&origins[i]); n > 0 {
			hits, of = append(hits, float64(h)), append(of, float64(n))
			allHits += float64(h)
			all += float64(n)
		}
	}
	c := Coverage{allHits / all, math.NaN()}
	n := len(of)
	if n < max(fewest, 3*horizon) || allHits == 0 || allHits == all {
		return c
	}
	deviations := hits
	for i := range deviations {
		deviations[i] -= c.Value * of[i]
	}
	lag := min(max(int(4*math.Pow(float64(n)/100, 2./9)), 2*(horizon-1)), n-1)
	v := autocovariance(deviations, 0)
	for k := 1; k <= lag; k++ {
		v += 2 * (1 - float64(k)/float64(lag+1)) * autocovariance(deviations, k)
	}
	c.SE = math.Sqrt(v*float64(n)/float64(n-1)) / all
	return c
}

// autocovariance is the sum of the products of x with itself k places earlier.
func autocovariance(x []float64, k int) (sum float64) {
	for i := k; i < len(x); i++ {
		sum += x[i] * x[i-k]
	}
	return sum
}

// DieboldMariano tests that the model's and the benchmark's losses have the same mean, with one difference a session: the mean over
// ETFs. It is that of Diebold and Mariano (1995) with the correction of Harvey, Leybourne and Newbold (1997), and holds only for
// a window that was chosen before its scores were seen.
type DieboldMariano struct{ Absolute, CRPS Test }

// Test is a statistic, below 0 if the model is better, and its two-sided p-value; both NaN with fewer than 10 or 3h sessions.
type Test struct{ Statistic, P float64 }

// dieboldMariano tests the differences of sums, loss, over their pairs. The sessions are ascending.
func dieboldMariano(paired []etf.SessionLosses, horizon int, loss func(*etf.SessionLosses) float64) Test {
	count := len(paired)
	if count < max(fewest, 3*horizon) {
		return Test{math.NaN(), math.NaN()}
	}
	n, h := float64(count), float64(horizon)
	d := make([]float64, count)
	var mean float64
	for i := range paired {
		d[i] = loss(&paired[i]) / float64(paired[i].Paired)
		mean += d[i] / n
	}
	for i := range d {
		d[i] -= mean
	}
	rectangular := autocovariance(d, 0)
	bartlett := rectangular
	if !(rectangular > 0) { // the models have not differed
		return Test{math.NaN(), math.NaN()}
	}
	for k := 1; k < horizon; k++ {
		g := autocovariance(d, k)
		rectangular += 2 * g
		bartlett += 2 * (1 - float64(k)/h) * g
	}
	v := rectangular / n
	if v <= 0 { // which equal weights allow, and Bartlett's don't
		v = bartlett / n
	}
	statistic := mean / math.Sqrt(v/n) * math.Sqrt((n+1-2*h+h*(h-1)/n)/n)
	return Test{statistic, 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.CDF(-math.Abs(statistic))}
}
