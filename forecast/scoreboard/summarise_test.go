package scoreboard

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etfcast/etfcast/etf"
)

// day is the i-th origin of a test.
func day(i int) etf.Session { return etf.MustSession("2020-01-01").AddDays(i) }

// Sums of small whole numbers, so that the expected values can be worked out by hand.
func TestSummarise(t *testing.T) {
	sessions := []etf.SessionLosses{
		{
			Origin: day(1), N: 2, Absolute: 4, Squared: 10, CRPS: 2, Pinball: 1, Winkler80: 8, Winkler90: 12, Width80: 6, Width90: 8,
			Inside50: 1, Inside80: 2, Inside90: 2, Tailed: 1, Inside95: 1, PIT: [10]int{0: 1, 9: 1},
			Paired: 1, PairedAbsolute: 3, AgainstAbsolute: 2, PairedCRPS: 1, AgainstCRPS: 1, Difference: .25,
		},
		{
			Origin: day(0), N: 2, Absolute: 2, Squared: 6, CRPS: 1, Pinball: 1, Winkler80: 4, Winkler90: 8, Width80: 2, Width90: 4,
			Inside50: 1, Inside80: 1, Inside90: 2, PIT: [10]int{4: 2},
			Paired: 2, PairedAbsolute: 2, AgainstAbsolute: 3, PairedCRPS: 2, AgainstCRPS: 3, Difference: -.5,
		},
		{Origin: day(5), Paired: 7, AgainstAbsolute: 9}, // without scores: left out
	}
	row := Summarise(sessions, Options{Horizon: 1})
	require.Equal(t, 4, row.N)
	require.Equal(t, 2, row.Sessions)
	require.Equal(t, []etf.Session{day(0), day(1)}, []etf.Session{row.From, row.To})
	require.Equal(t, []float64{1.5, 2, .75, .5, 3, 5, 2, 3},
		[]float64{row.MASE, row.RMSSE, row.CRPS, row.Pinball, row.Winkler80, row.Winkler90, row.Width80, row.Width90})
	require.Equal(t, []float64{.5, .75, 1, 1},
		[]float64{row.Coverage50.Value, row.Coverage80.Value, row.Coverage90.Value, row.Coverage95.Value})
	require.Equal(t, [10]int{0: 1, 4: 2, 9: 1}, row.PIT)
	require.Equal(t, []float64{1, .75}, []float64{row.RelMAE.Value, row.RelCRPS.Value})
	// Two increments: -.5/2 and .25/1.
	require.Equal(t, 2, row.Difference.N)
	require.Equal(t, 0., row.Difference.Mean)
	require.Equal(t, -etf.DifferenceLimit, row.Difference.Low) // as wide as can be
	require.Equal(t, etf.DifferenceLimit, row.Difference.High)
	require.Nil(t, row.DM)
	for _, unknown := range []float64{row.RelMAE.Low, row.RelMAE.High, row.RelCRPS.Low, row.Coverage50.SE, row.Coverage95.SE} {
		require.True(t, math.IsNaN(unknown), "two sessions are too few")
	}
	dm := Summarise(sessions, Options{Horizon: 1, FixedWindow: true}).DM
	require.True(t, math.IsNaN(dm.Absolute.Statistic) && math.IsNaN(dm.CRPS.P))
}

func TestNoScores(t *testing.T) {
	for _, sessions := range [][]etf.SessionLosses{nil, {{Origin: day(0)}}} {
		row := Summarise(sessions, Options{FixedWindow: true})
		require.Zero(t, row.N)
		require.Zero(t, row.Sessions)
		require.True(t, row.From.IsZero())
		for _, v := range []float64{row.MASE, row.RMSSE, row.RelMAE.Value, row.RelMAE.Low, row.Coverage80.Value, row.Coverage80.SE, row.Difference.Mean, row.DM.CRPS.P} {
			require.True(t, math.IsNaN(v))
		}
		require.Equal(t, etf.DifferenceLimit, row.Difference.High)
	}
}

// random returns sessions of n origins with correlated losses of both models.
func random(seed uint64, n, etfs int) []etf.SessionLosses {
	r := rand.New(rand.NewPCG(seed, 0))
	sessions := make([]etf.SessionLosses, n)
	for i := range sessions {
		level := math.Exp(.5 * r.NormFloat64())
		s := etf.SessionLosses{Origin: day(i), N: etfs, Paired: etfs}
		for range etfs {
			against := level * math.Abs(r.NormFloat64())
			own := against * (1 + .1*r.NormFloat64())
			s.Absolute += own
			s.Squared += own * own
			s.PairedAbsolute += own
			s.AgainstAbsolute += against
			s.PairedCRPS += own / 2
			s.AgainstCRPS += against / 2
			s.Difference += min(max(own-against, -etf.DifferenceLimit), etf.DifferenceLimit)
			if own < 1 {
				s.Inside80++
			}
		}
		sessions[i] = s
	}
	return sessions
}

// The order of sessions and how an origin is split into rows don't matter, and the same input gives the same row to the last bit.
func TestOrderDoesNotMatter(t *testing.T) {
	sessions := random(1, 100, 3)
	row := Summarise(sessions, Options{Horizon: 5, FixedWindow: true})
	shuffled := slices.Clone(sessions)
	rand.New(rand.NewPCG(2, 0)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	plain := func(r Row) Row { // NaN is not equal to itself
		r.Coverage50, r.Coverage90, r.Coverage95 = Coverage{}, Coverage{}, Coverage{}
		return r
	}
	require.Equal(t, plain(row), plain(Summarise(shuffled, Options{Horizon: 5, FixedWindow: true})))
	var split []etf.SessionLosses
	for _, s := range sessions {
		first := s
		first.N, first.Paired, first.Inside80 = 1, 1, min(s.Inside80, 1)
		first.Absolute, first.AgainstAbsolute, first.Difference = s.Absolute/4, 0, 0
		rest := s
		rest.N, rest.Paired, rest.Inside80 = s.N-1, s.Paired-1, s.Inside80-first.Inside80
		rest.Absolute, rest.PairedAbsolute, rest.PairedCRPS, rest.AgainstCRPS, rest.Squared = s.Absolute-first.Absolute, 0, 0, 0, 0
		split = append(split, rest, first)
	}
	again := Summarise(split, Options{Horizon: 5, FixedWindow: true})
	require.InDelta(t, row.MASE, again.MASE, 1e-12)
	require.InDelta(t, row.RelMAE.Low, again.RelMAE.Low, 1e-12)
	require.InDelta(t, row.Coverage80.SE, again.Coverage80.SE, 1e-12)
	require.InDelta(t, row.Difference.Low, again.Difference.Low, 1e-12)
	require.Equal(t, row.Sessions, again.Sessions)
}

// With independent sessions the bootstrap's interval has the width of the linear approximation of a ratio's standard error, and
// the benchmark against itself is exactly 1.
func TestBootstrap(t *testing.T) {
	sessions := random(3, 1000, 1)
	row := Summarise(sessions, Options{Horizon: 1, Replicates: 4000})
	var own, against, squares float64
	for _, s := range sessions {
		own += s.PairedAbsolute
		against += s.AgainstAbsolute
	}
	for _, s := range sessions {
		d := s.PairedAbsolute - own/against*s.AgainstAbsolute
		squares += d * d
	}
	se := math.Sqrt(squares) / against
	require.InDelta(t, own/against, row.RelMAE.Value, 1e-12)
	require.InEpsilon(t, 2*1.96*se, row.RelMAE.High-row.RelMAE.Low, .1)
	require.InDelta(t, row.RelMAE.Value, (row.RelMAE.High+row.RelMAE.Low)/2, .2*se)
	require.InDelta(t, row.RelMAE.Low, row.RelCRPS.Low, 1e-12, "the pairs of both are drawn together")
	for i := range sessions {
		sessions[i].PairedAbsolute = sessions[i].AgainstAbsolute
	}
	same := Summarise(sessions, Options{Horizon: 1}).RelMAE
	require.Equal(t, Estimate{1, 1, 1}, same)
}

func TestNonOverlappingOrigins(t *testing.T) {
	session := func(i, paired int, mean float64) etf.SessionLosses {
		return etf.SessionLosses{Origin: day(i), N: 2, Paired: paired, Difference: mean * float64(paired)}
	}
	sessions := []etf.SessionLosses{
		session(0, 0, 0), session(1, 1, .1), session(2, 2, .5), session(3, 1, .5), session(4, 0, 0), session(5, 2, .2), session(6, 1, .5), session(7, 1, .5),
	}
	d := Summarise(sessions, Options{Horizon: 3}).Difference
	require.Equal(t, 2, d.N) // origins 1 and 5: 4 has no pairs
	require.InDelta(t, .15, d.Mean, 1e-15)
	require.Equal(t, 6, Summarise(sessions, Options{Horizon: 1}).Difference.N)
	sessions[3].Exchange = etf.Exchange("other")
	require.Zero(t, Summarise(sessions, Options{Horizon: 3}).Difference.N, "sessions of two exchanges overlap")
}

// At the ends of an interval the capital is exactly what Ville's inequality allows, and whatever is outside is excluded.
func TestSequenceEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 0))
	for _, sd := range []float64{0, 1e-12, .01, .1, .5, 3} {
		for _, mean := range []float64{-.4, -.01, 0, .2} {
			var s sequence
			for range 500 {
				s.add(mean + sd*r.NormFloat64())
				d, n := s.at(Alpha), float64(s.n)
				require.LessOrEqual(t, d.Low, d.Mean+1e-12)
				require.GreaterOrEqual(t, d.High, d.Mean-1e-12)
				if d.Low > -d.Limit && d.High < d.Limit {
					up, _ := logCapital(&s.up, n*d.Low)
					down, _ := logCapital(&s.down, -n*d.High)
					require.InDelta(t, math.Log(2/Alpha), up, 1e-9)
					require.InDelta(t, math.Log(2/Alpha), down, 1e-9)
				}
				require.False(t, s.excludes(n*d.Mean))
				require.True(t, s.excludes(n*(d.Low-1e-6)) || d.Low == -d.Limit)
				require.True(t, s.excludes(n*(d.High+1e-6)) || d.High == d.Limit)
			}
		}
	}
	var weights float64
	for _, w := range logWeights {
		weights += math.Exp(w)
	}
	require.InDelta(t, 1, weights, 1e-14)
}

func BenchmarkSummarise(b *testing.B) {
	for _, n := range []int{250, 1250} {
		sessions := random(5, n, 10)
		b.Run(map[int]string{250: "250", 1250: "1250"}[n], func(b *testing.B) {
			for b.Loop() {
				Summarise(sessions, Options{Horizon: 1, FixedWindow: true})
			}
		})
	}
}
