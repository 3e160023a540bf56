package scoreboard

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// hits makes the sums of sessions with so many ETFs, the given number of them inside every interval.
func hits(etfs int, inside ...int) []etf.SessionLosses {
	list := make([]etf.SessionLosses, len(inside))
	for i, k := range inside {
		list[i] = etf.SessionLosses{Exchange: "XNYS", Origin: etf.Session(i + 1), N: etfs, Inside50: k, Inside80: k, Inside90: k, Tailed: etfs, Inside95: k}
	}
	return list
}

func TestCoverageOfNothing(t *testing.T) {
	for _, m := range MeasureCoverage(nil, 1) {
		if m.N != 0 || m.Low != 0 || m.High != 1 || m.EValue != 1 || m.Alarm || !m.Since.IsZero() {
			t.Errorf("%+v", m)
		}
	}
	untailed := hits(3, 3, 2)
	for i := range untailed {
		untailed[i].Tailed, untailed[i].Inside95 = 0, 0
	}
	if list := MeasureCoverage(untailed, 1); list[3].N != 0 || list[2].N != 6 || math.Abs(list[2].Measured-5./6) > 1e-15 {
		t.Errorf("%+v", list)
	}
}

// One session, all inside at 50 %: each bet above has made 1+λ/2 and each below 1-λ/2, so that the mean of both sides is 1.
func TestCoverageEValueOfFewSessions(t *testing.T) {
	m := MeasureCoverage(hits(2, 2), 1)[0]
	if math.Abs(m.EValue-1) > 1e-12 || m.Sessions != 1 || m.N != 2 {
		t.Errorf("%+v", m)
	}
	// Two hits: the mean over λ of ((1+λ/2)²+(1-λ/2)²)/2 = 1+λ²/4, with λ = 1.9·2^(-k/2) and weights 17/16/((k+1)(k+2)).
	want := 1.0
	for k := range 16 {
		want += 17. / 16 / float64((k+1)*(k+2)) * 1.9 * 1.9 * math.Pow(2, -float64(k)) / 4
	}
	if m := MeasureCoverage(hits(2, 2, 2), 1)[0]; math.Abs(m.EValue-want) > 1e-12 {
		t.Errorf("e-value %v, want %v", m.EValue, want)
	}
}

// Horizon 3 uses every third origin; an origin without scores gives way to the next. The order of the sessions is of no account.
func TestCoverageDoesNotOverlap(t *testing.T) {
	sessions := hits(1, 1, 0, 0, 1, 0, 0, 1, 0)
	list := MeasureCoverage(sessions, 3)
	if list[0].Sessions != 3 || list[0].N != 8 || list[0].Measured != 3./8 {
		t.Errorf("%+v", list[0])
	}
	if want := MeasureCoverage(hits(1, 1, 1, 1), 1); list[0].EValue != want[0].EValue || list[0].Low != want[0].Low {
		t.Errorf("%+v, but the three origins alone give %+v", list[0], want[0])
	}
	slices.Reverse(sessions)
	if again := MeasureCoverage(sessions, 3); !slices.Equal(again, list) {
		t.Errorf("reversed: %+v, want %+v", again, list)
	}
	two := append(hits(1, 1, 1), hits(1, 1, 1)...)
	for i := range two[2:] {
		two[2+i].Exchange = "XKRX"
	}
	if m := MeasureCoverage(two, 1)[0]; m.Sessions != 0 || m.N != 4 || m.EValue != 1 {
		t.Errorf("two exchanges: %+v", m)
	}
}

// A wrong coverage raises the alarm, which stays: 50 % inside a 90 % interval, then all.
func TestCoverageAlarm(t *testing.T) {
	var inside []int
	for i := range 40 {
		inside = append(inside, i%2)
	}
	m := MeasureCoverage(hits(1, inside...), 1)[2]
	if !m.Alarm || m.Since == 0 || m.EValue < Evidence || m.High >= .9 {
		t.Errorf("%+v", m)
	}
	later := MeasureCoverage(hits(1, append(inside, slices.Repeat([]int{1}, 1000)...)...), 1)[2]
	if !later.Alarm || later.Since != m.Since {
		t.Errorf("%+v, but the alarm was at %v", later, m.Since)
	}
}

// In records with the right coverage, of one ETF and of 10 that move together, the alarm is ever raised in 5 % at most, and the bounds
// ever leave out the true coverage in 5 % at most; of records with 85 % instead of 90 %, most are found within 750 sessions.
func TestCoverageErrs(t *testing.T) {
	const sessions = 750
	for _, c := range []struct {
		name          string
		etfs, horizon int
		inside        func(r *rand.Rand) int
		truth         float64
		least, most   float64 // share of records with an alarm
	}{
		{"one ETF", 1, 1, func(r *rand.Rand) int { return bernoulli(r, .9) }, .9, 0, .05},
		{"10 ETFs that are one", 10, 1, func(r *rand.Rand) int { return 10 * bernoulli(r, .9) }, .9, 0, .05},
		{"10 ETFs with a common day", 10, 1, func(r *rand.Rand) int { // on a quarter of the days 75 %, else 95 %
			p := .95
			if bernoulli(r, .25) == 1 {
				p = .75
			}
			n := 0
			for range 10 {
				n += bernoulli(r, p)
			}
			return n
		}, .9, 0, .05},
		{"too narrow", 1, 1, func(r *rand.Rand) int { return bernoulli(r, .85) }, .85, .6, 1},
	} {
		alarms, out := 0, 0
		const records = 300
		for record := range records {
			r := rand.New(rand.NewPCG(1, uint64(record)))
			w := newWager(.9)
			alarm, left := false, false
			for range sessions {
				w.add(float64(c.inside(r)) / float64(c.etfs))
				alarm = alarm || w.value() >= Evidence
				if !left {
					up, _ := capital(w.upBets[:], w.logWeights[:], w.up[:], float64(w.n)*(c.truth-.9))
					down, _ := capital(w.downBets[:], w.logWeights[:], w.down[:], -float64(w.n)*(c.truth-.9))
					left = max(up, down) >= math.Log(2/Alpha)
				}
			}
			if alarm {
				alarms++
			}
			if left {
				out++
			}
		}
		share, outside := float64(alarms)/records, float64(out)/records
		t.Logf("%s: alarm in %.1f %%, bounds leave out the truth in %.1f %%", c.name, 100*share, 100*outside)
		if share < c.least || share > c.most {
			t.Errorf("%s: alarm in %v of the records", c.name, share)
		}
		if outside > .05 {
			t.Errorf("%s: the bounds leave out the truth in %v of the records", c.name, outside)
		}
	}
}

func bernoulli(r *rand.Rand, p float64) int {
	if r.Float64() < p {
		return 1
	}
	return 0
}
