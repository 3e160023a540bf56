package main

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/etfcast/etfcast/etf"
)

var (
	sizes   = []float64{4, 6, 8, 10, 12, 16, 24}
	lengths = []int{30, 60, 250, 2_500, 0} // rows; 0: the whole history
)

func lengthText(n int) string {
	if n == 0 {
		return "all"
	}
	return fmt.Sprint(n)
}

// plan is what is to be injected.
type plan struct {
	seed    uint64
	kinds   []kind
	pools   map[string][]series // by name: real, simulated
	repeats int                 // of each kind, size, length and pool; more of kinds without a size
}

// inject makes the defects of a plan and judges them, in the order of their names.
func (p plan) inject(only func(id string) bool) []*defect {
	type job struct {
		id     string
		kind   *kind
		size   float64
		length int
		pool   []series
	}
	var jobs []job
	for i := range p.kinds {
		k := &p.kinds[i]
		sized, repeats := []float64{0}, 4*p.repeats
		if k.sized {
			sized, repeats = sizes, p.repeats
		}
		for _, size := range sized {
			for _, n := range lengths {
				for _, pool := range []string{"real", "simulated"} {
					for try := range repeats {
						id := fmt.Sprintf("%s/%s/%s/%s/%d", k.name, sizeText(size), lengthText(n), pool, try)
						if len(p.pools[pool]) > 0 && (only == nil || only(id)) {
							jobs = append(jobs, job{id, k, size, n, p.pools[pool]})
						}
					}
				}
			}
		}
	}
	out := make([]*defect, len(jobs))
	var wait sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				j := jobs[i]
				if d := build(p.seed, j.id, j.kind, j.size, j.length, j.pool); d != nil {
					d.judge()
					if only == nil { // for the report, the figures are enough
						d.series, d.stored, d.outcome.lines = series{name: d.series.name, real: d.series.real}, nil, nil
					}
					out[i] = d
				}
			}
		})
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	wait.Wait()
	return slices.DeleteFunc(out, func(d *defect) bool { return d == nil })
}

func sizeText(size float64) string {
	if size == 0 {
		return "-"
	}
	return fmt.Sprint(size)
}

// build draws a history and puts the defect in. Histories that can't hold it are drawn again a few times; nil means that
// none could.
func build(seed uint64, id string, k *kind, size float64, rows int, pool []series) *defect {
	r := newRandom(seed, id)
	for range 30 {
		s := pool[r.IntN(len(pool))]
		need := rows * max(k.daily, 1)
		switch {
		case rows == 0:
			need = len(s.bars)
		case need > len(s.bars) && (k.daily <= 1 || len(s.bars) < 8*k.daily):
			continue
		}
		need = min(need, len(s.bars))
		s = s.window(need, r.between(need, len(s.bars)))
		if k.needs != nil && !k.needs(s) {
			continue
		}
		d := &defect{id: id, kind: k, series: s, basis: s.basis, size: size}
		if k.inject(r, d, size) {
			return d
		}
	}
	return nil
}

// bucket is the class of sizes that the aims are stated for: 0 without a size, 1 below 8, 2 from 8 to 12, 3 from 12 up.
func (d *defect) bucket() int {
	switch {
	case d.size == 0:
		return 0
	case d.size < 8:
		return 1
	case d.size < 12:
		return 2
	}
	return 3
}

// rate counts how many of some are found.
type rate struct{ found, n int }

func (r *rate) add(found bool) {
	r.n++
	if found {
		r.found++
	}
}

func (r rate) share() float64 {
	if r.n == 0 {
		return math.NaN()
	}
	return float64(r.found) / float64(r.n)
}

func (r rate) String() string {
	if r.n == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f (%d/%d)", r.share(), r.found, r.n)
}

// recall is what was found of one kind.
type recall struct {
	kind     *kind
	buckets  [4]rate
	lengths  map[string]rate // of the sizes that the aims are stated for
	pools    map[bool]rate   // the same, by whether the history is real
	errors   rate            // found by an error, without a size or from 12 local volatilities up
	proposed rate            // with the right proposal
	misses   []string
	others   []string // found, but without the right proposal
}

func recalls(kinds []kind, defects []*defect) []*recall {
	byKind := map[*kind]*recall{}
	var all []*recall
	for i := range kinds {
		r := &recall{kind: &kinds[i], lengths: map[string]rate{}, pools: map[bool]rate{}}
		byKind[&kinds[i]] = r
		all = append(all, r)
	}
	for _, d := range defects {
		r := byKind[d.kind]
		r.buckets[d.bucket()].add(d.outcome.found)
		if d.split != nil {
			r.proposed.add(d.outcome.proposed)
			if d.outcome.found && !d.outcome.proposed {
				r.others = append(r.others, d.id)
			}
		}
		if d.bucket() == 1 {
			continue
		}
		length := d.id[:lastSlash(d.id, 2)]
		length = length[lastSlash(length, 1)+1:]
		l, p := r.lengths[length], r.pools[d.series.real]
		l.add(d.outcome.found)
		p.add(d.outcome.found)
		r.lengths[length], r.pools[d.series.real] = l, p
		if d.bucket() != 2 {
			r.errors.add(d.outcome.asError)
		}
		if !d.outcome.found {
			r.misses = append(r.misses, d.id)
		}
	}
	return all
}

// lastSlash is the position of the n-th slash from the end.
func lastSlash(s string, n int) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '/' {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

// The aims: recall from 12 local volatilities up, where a kind has no size, and from 8 to 12.
const (
	aimLarge  = 0.95
	aimMedium = 0.80
)

// least is how many defects a class of sizes needs to say anything.
const least = 5

// short says what of a kind does not reach the aims; empty if all does.
func (r *recall) short() (text []string) {
	if !r.kind.aim {
		return nil
	}
	for i, aim := range []float64{aimLarge, 0, aimMedium, aimLarge} {
		if b := r.buckets[i]; aim > 0 && b.n >= least && b.share() < aim {
			name := [...]string{"without a size", "", "from 8 to 12 local volatilities", "from 12 local volatilities up"}[i]
			text = append(text, fmt.Sprintf("%s, %s: %s, aim %.2f", r.kind.name, name, b, aim))
		}
	}
	return text
}

// alarms is what the rules say about a history without defects.
type alarms struct {
	name             string
	bars             int
	errors, warnings int // lines
	errorBars        int // sessions they name
	lines            []string
}

func quietly(s series) alarms {
	a := alarms{name: s.name, bars: len(s.bars)}
	d := defect{kind: &kind{mode: believed}, series: s}
	d.judge()
	if d.outcome.refused != "" {
		a.errors, a.errorBars = 1, a.bars
		a.lines = append(a.lines, d.outcome.refused)
	}
	for _, l := range d.outcome.lines {
		switch l.Severity {
		case etf.SeverityError:
			a.errors++
			a.errorBars += l.Sessions
		case etf.SeverityWarning:
			a.warnings++
		default:
			continue
		}
		a.lines = append(a.lines, fmt.Sprintf("%s %s %s..%s (%d): %s", l.Severity, l.Rule, l.From, l.To, l.Sessions, l.Evidence))
	}
	return a
}

// windowLengths are the lengths of the parts of clean histories that are checked on their own.
var windowLengths = []int{10, 30, 60, 250}

// windows checks parts of clean histories, so many of each length: a new ETF's first file is short, and ends on any day.
func windows(seed uint64, pool []series, rows, n int) (a alarms) {
	r := newRandom(seed, fmt.Sprintf("windows/%d", rows))
	results := make([]alarms, n)
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range results {
		s := pool[r.IntN(len(pool))]
		s = s.window(rows, r.between(rows, len(s.bars)))
		slots <- struct{}{}
		wait.Go(func() {
			results[i] = quietly(s)
			<-slots
		})
	}
	wait.Wait()
	for _, x := range results {
		a.bars += x.bars
		a.errors += x.errors
		a.errorBars += x.errorBars
		a.warnings += x.warnings
		for _, l := range x.lines {
			a.lines = append(a.lines, x.name+": "+l)
		}
	}
	return a
}
