package main

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/internal/testenv"
)

// small is a plan of a few hundred defects in simulated histories.
func small() plan {
	return plan{seed: 3, kinds: kinds, repeats: 1, pools: map[string][]series{"simulated": simulated(3)}}
}

// few selects half of the sizes and lengths.
func few(id string) bool {
	part := strings.Split(id, "/")
	return part[1] != "4" && part[1] != "6" && part[1] != "16" && part[2] != "60" && part[2] != "2500" && (part[1] != "-" || part[4] < "3")
}

// The rules find what they are to find, in simulated histories of any length. A single kind has too few defects here for
// its aim, which `make report-quality` measures.
func TestRulesFindInjectedDefects(t *testing.T) {
	t.Parallel()
	defects := small().inject(few)
	if len(defects) < 400 {
		t.Fatalf("only %d defects", len(defects))
	}
	var total recall
	for _, r := range recalls(kinds, defects) {
		if !r.kind.aim {
			continue
		}
		n, found := 0, 0
		for i, b := range r.buckets {
			total.buckets[i].n += b.n
			total.buckets[i].found += b.found
			if i != 1 {
				n, found = n+b.n, found+b.found
			}
		}
		if float64(found) < 0.7*float64(n) {
			t.Errorf("%s: %d of %d found; missed %s", r.kind.name, found, n, strings.Join(r.misses, ", "))
		}
	}
	for i, aim := range []float64{aimLarge, 0, aimMedium, aimLarge} {
		if b := total.buckets[i]; b.n > 0 && b.share() < aim {
			t.Errorf("size class %d: %s found, aim %.2f", i, b, aim)
		}
	}
}

// Without the defect nothing is found on the same sessions: the harness does not count as found what is always there.
func TestNothingIsFoundWithoutDefect(t *testing.T) {
	t.Parallel()
	p := small()
	p.kinds = slices.Clone(kinds)
	for i := range p.kinds {
		k := &p.kinds[i]
		inject := k.inject
		k.inject = func(r random, d *defect, log float64) bool {
			clean := d.series
			clean.bars, clean.actions = slices.Clone(clean.bars), slices.Clone(clean.actions)
			ok := inject(r, d, log)
			d.series, d.stored, d.extra = clean, nil, nil
			return ok
		}
	}
	for _, r := range recalls(p.kinds, p.inject(few)) {
		n, found := 0, 0
		for _, b := range r.buckets {
			n, found = n+b.n, found+b.found
		}
		if want := r.kind.mode == believed; n == 0 || want && found < n || !want && float64(found) > 0.15*float64(n) {
			t.Errorf("%s: %d of %d found without a defect", r.kind.name, found, n)
		}
	}
}

// A defect has the size it is said to have.
func TestSizes(t *testing.T) {
	t.Parallel()
	pool := simulated(3)
	for i := range kinds {
		k := kinds[i]
		// The rows of the one are not those of the history it is put into, and the other changes no price.
		if !k.sized || k.name == "spike in a file of 10 rows" || k.name == "wrong net asset value" {
			continue
		}
		var clean series
		inject := k.inject
		k.inject = func(r random, d *defect, log float64) bool {
			clean = d.series
			clean.bars = slices.Clone(clean.bars)
			return inject(r, d, log)
		}
		d := build(3, k.name, &k, 12, 250, pool)
		if d == nil {
			t.Errorf("%s: no defect", k.name)
			continue
		}
		changed := 0
		for at, b := range d.series.bars {
			if b == clean.bars[at] {
				continue
			}
			changed++
			if changed > 1 {
				continue // a level shift changes all later rows, whose local volatility differs
			}
			largest := 0.0
			for _, p := range [][2]float64{{b.Open.Float(), clean.bars[at].Open.Float()}, {b.High.Float(), clean.bars[at].High.Float()}, {b.Low.Float(), clean.bars[at].Low.Float()}, {b.Close.Float(), clean.bars[at].Close.Float()}} {
				largest = max(largest, math.Abs(math.Log(p[0]/p[1])))
			}
			if size := largest / clean.volatility(at); math.Abs(size-12) > 0.3 {
				t.Errorf("%s: %.2f local volatilities, want 12", k.name, size)
			}
		}
		if changed == 0 {
			t.Errorf("%s: nothing changed", k.name)
		}
	}
}

// The same seed gives the same defects and figures, another seed others.
func TestSeed(t *testing.T) {
	t.Parallel()
	files := func(seed uint64) (all [][]byte) {
		pool := simulated(seed)
		for i := range kinds {
			if d := build(seed, kinds[i].name, &kinds[i], 12, 60, pool); d != nil {
				all = append(all, d.series.csv(d.extra))
			}
		}
		return all
	}
	a, b, c := files(3), files(3), files(4)
	if len(a) < len(kinds)-2 {
		t.Errorf("only %d of %d kinds can be injected into 60 rows", len(a), len(kinds))
	}
	if !slices.EqualFunc(a, b, bytes.Equal) {
		t.Error("the same seed gives other files")
	}
	if slices.EqualFunc(a, c, bytes.Equal) {
		t.Error("another seed gives the same files")
	}
}

// Names are unique, and free of what separates the parts of a defect's name.
func TestKindsAreComplete(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, k := range kinds {
		if names[k.name] || strings.Contains(k.name, "/") || len(k.rules) == 0 || k.inject == nil {
			t.Errorf("kind %q", k.name)
		}
		names[k.name] = true
	}
}

// Simulated histories are like real ones in what matters here.
func TestSimulatedHistories(t *testing.T) {
	t.Parallel()
	for _, s := range simulated(3) {
		for i, b := range s.bars {
			if b.Low > b.Open || b.Low > b.Close || b.High < b.Open || b.High < b.Close || b.Low <= 0 || i > 0 && b.Session <= s.bars[i-1].Session {
				t.Fatalf("%s: row %d is %+v", s.name, i, b)
			}
		}
		a := quietly(s)
		if a.errorBars > 0 || float64(a.warnings) > 1+float64(a.bars)/300 {
			t.Errorf("%s: %d bars named by errors, %d warnings: %s", s.name, a.errorBars, a.warnings, strings.Join(a.lines, "\n"))
		}
	}
}

// Known real files get the right answer, and real histories without defects no more alarms than docs/data-quality.md
// allows.
func TestRealFiles(t *testing.T) {
	t.Parallel()
	folder := testenv.RealData.Value(t)
	for _, j := range judgeTruths(folder) {
		for i, wrong := range j.wrong {
			if wrong != "" {
				t.Errorf("%s: %s: %s %s", j.path, j.expect[i].text, wrong, j.refused)
			}
		}
	}
	histories, err := realSeries(folder)
	if err != nil {
		t.Fatal(err)
	}
	bars, named, warnings := 0, 0, 0
	for _, s := range histories {
		a := quietly(s)
		bars, named, warnings = bars+a.bars, named+a.errorBars, warnings+a.warnings
	}
	if bars < 70_000 || named*10_000 > bars || warnings > 20 {
		t.Errorf("%d bars, %d of them named by errors, %d warnings", bars, named, warnings)
	}
}
