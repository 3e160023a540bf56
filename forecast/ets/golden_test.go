package ets

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/internal/testenv"
)

// golden is testdata/golden.json, which bench/models/ets_golden.py writes; it names the versions of the reference programs.
type golden struct {
	Horizons    []int
	Rows        int
	LastSession string `json:"last_session"`
	Cases       []goldenCase
}

type goldenCase struct {
	Name       string
	Closes     []float64 // of generated series
	SHA256     string    // of real ones: forecast.ClosesHash
	Models     map[string]struct{ Statsforecast, Statsmodels reference }
	Chosen     string
	ChosenAICc float64 `json:"chosen_aicc"`
}

// reference is what a program makes of one series and model: parameters, log likelihood (statsforecast's without its constant), forecasts of log
// closes and the upper end of the 90 % interval at the horizons.
type reference struct {
	Alpha, Beta, Phi float64
	Initial          []float64
	Likelihood       float64
	AICc             float64
	Sigma2           float64
	Mean, Upper      []float64
}

func (r reference) smoothing() smoothing { return smoothing{r.Alpha, r.Beta, r.Phi} }

func (r reference) initial() state {
	x := state{level: r.Initial[0]}
	if len(r.Initial) > 1 {
		x.trend = r.Initial[1]
	}
	return x
}

// feasible says whether the parameters are within the bounds. statsforecast does not keep beta below alpha, and statsmodels lets it be 0.
func (r reference) feasible(k shape) bool {
	return r.Alpha >= lowest && r.Alpha <= highest && (!k.trend || r.Beta >= lowest*(1-1e-9) && r.Beta <= r.Alpha)
}

func readGolden(t testing.TB) golden {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Cases) != 28 {
		t.Fatalf("%d cases, want 20 generated and 8 real ones", len(g.Cases))
	}
	return g
}

// sample returns the log closes of a case. Of a real one it reads the prices, for which the test may be skipped.
func (c goldenCase) sample(t *testing.T, g golden) sample {
	t.Helper()
	s := forecast.Series{Close: c.Closes}
	if c.Closes == nil {
		s = readReal(t, filepath.Join(testenv.RealData.Value(t), "prices", c.Name), etf.MustSession(g.LastSession)).Tail(g.Rows)
		if hash := forecast.ClosesHash(s); hash != c.SHA256 {
			t.Fatalf("the closes of %s have SHA-256 %s, but the reference's %s", c.Name, hash, c.SHA256)
		}
	}
	return newSample(s)
}

// readReal reads a file of real prices up to a session.
func readReal(t testing.TB, path string, to etf.Session) forecast.Series {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := 2 // yahoo: date, adjusted close, close
	if strings.HasSuffix(path, "_D.csv") {
		column = 4 // krx: date, open, high, low, close
	}
	s := forecast.Series{Symbol: "REAL", Exchange: etf.XNYS}
	for _, r := range records {
		day, _, _ := strings.Cut(r[0], " ")
		if len(day) == 8 {
			day = day[:4] + "-" + day[4:6] + "-" + day[6:]
		}
		session, err := etf.ParseSession(day)
		if err != nil || session > to {
			continue // a header, or too late
		}
		c, err := strconv.ParseFloat(r[column], 64)
		if err != nil {
			t.Fatal(err)
		}
		s.Sessions, s.Close = append(s.Sessions, session), append(s.Close, c)
	}
	s.Origin = s.Sessions[len(s.Sessions)-1]
	return s
}

// At the parameters that the reference programs found, the likelihood, the forecasts and their variances are theirs.
//
// One exception: for damped trends statsforecast 2.1.1 sums phi + phi + phi² + ... for the horizons from 2 on, where the model has
// phi + phi² + phi³ + ...; there only statsmodels is compared.
func TestReferenceNumbers(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	for _, c := range g.Cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			d := c.sample(t, g)
			n := float64(len(d.y))
			for name, m := range c.Models {
				k, ok := parseShape(name)
				if !ok {
					t.Fatalf("model %s", name)
				}
				last := g.Horizons[len(g.Horizons)-1]

				r := m.Statsforecast
				value := d.criterion(k, r.smoothing(), r.initial())
				near(t, name+": likelihood of statsforecast", -value/2, r.Likelihood, 1e-9)
				near(t, name+": AICc of statsforecast", d.aicc(-value/2, k.estimated()), r.AICc, 1e-9)
				means, variances := k.moments(r.smoothing(), end(d, k, r), covariance{}, r.Sigma2, last)
				for i, h := range g.Horizons {
					if k.damped && h > 1 {
						if wrong := r.Mean[i]; math.Abs(wrong-means[h-1]) <= 1e-9*math.Abs(wrong) && math.Abs(end(d, k, r).trend) > 1e-6 {
							t.Errorf("%s: statsforecast sums powers of phi as it should: remove the exception", name)
						}
						if k.relative {
							continue // its variance contains the wrong mean
						}
					} else {
						near(t, name+": mean of statsforecast", r.Mean[i], means[h-1], 1e-9)
					}
					z := distuv.UnitNormal.Quantile(.95)
					sd := (r.Upper[i] - r.Mean[i]) / z
					near(t, name+": standard deviation of statsforecast", math.Sqrt(variances[h-1]), sd, 1e-8)
				}

				r = m.Statsmodels
				value = d.criterion(k, r.smoothing(), r.initial())
				near(t, name+": likelihood of statsmodels", d.logLikelihood(value), r.Likelihood, 1e-9)
				near(t, name+": AICc of statsmodels", d.aicc(d.logLikelihood(value), k.estimated()), r.AICc, 1e-9)
				means, _ = k.moments(r.smoothing(), end(d, k, r), covariance{}, 1, last)
				for i, h := range g.Horizons {
					near(t, name+": mean of statsmodels", means[h-1], r.Mean[i], 1e-9)
				}
				_ = n
			}
		})
	}
}

// end returns the state after the last row.
func end(d sample, k shape, r reference) state {
	x := r.initial()
	for _, y := range d.y {
		x, _, _, _, _ = k.observe(r.smoothing(), x, covariance{}, y, 1)
	}
	return x
}

// worse is how much smaller a log likelihood may be than a reference's.
const worse = 1e-6

func TestOptimumIsNoWorse(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	for _, c := range g.Cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			d := c.sample(t, g)
			n := float64(len(d.y))
			constant := -n / 2 * (math.Log(2*math.Pi/n) + 1)
			chosen, all, err := choose(context.Background(), d, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range all {
				m := c.Models[e.shape.String()]
				a, b := m.Statsforecast.Likelihood+constant, m.Statsmodels.Likelihood
				if !m.Statsforecast.feasible(e.shape) {
					a = math.Inf(-1)
				}
				if !m.Statsmodels.feasible(e.shape) {
					b = math.Inf(-1)
				}
				if e.logLikelihood < max(a, b)-worse {
					t.Errorf("%s: log likelihood %.8f, statsforecast %.8f, statsmodels %.8f", e.shape, e.logLikelihood, a, b)
				}
				t.Logf("%s: log likelihood %.4f, more than statsforecast by %.5f, statsmodels %.5f, %v %v", e.shape, e.logLikelihood, e.logLikelihood-a, e.logLikelihood-b, e.smoothing, m.Statsforecast.smoothing())
			}
			t.Logf("%s chosen, by statsforecast %s", chosen.shape, c.Chosen)
		})
	}
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s is %.15g, want %.15g", what, got, want)
	}
}
