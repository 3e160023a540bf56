package service

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

func eventsAt(at time.Time, ids ...int64) []etf.Event {
	list := make([]etf.Event, len(ids))
	for i, id := range ids {
		list[i] = etf.Event{ID: id, At: at}
	}
	return list
}

func idsOf(events []etf.Event) []int64 {
	ids := []int64{}
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

// Each step gives the rows after what was passed, at so many seconds; what is passed follows from the rule: nothing beyond a gap
// that has been there for less than 10 s.
func TestEventOrder(t *testing.T) {
	t.Parallel()
	type step struct {
		at   int // seconds
		rows []int64
		want []int64
	}
	for name, steps := range map[string][]step{
		"no gap":               {{0, []int64{1, 2, 3}, []int64{1, 2, 3}}, {1, nil, nil}, {2, []int64{4}, []int64{4}}},
		"a gap is filled":      {{0, []int64{1, 3, 4}, []int64{1}}, {9, []int64{2, 3, 4}, []int64{2, 3, 4}}},
		"a gap stays":          {{0, []int64{1, 3}, []int64{1}}, {9, []int64{3, 4}, nil}, {10, []int64{3, 4}, []int64{3, 4}}},
		"a gap at the start":   {{0, []int64{2}, nil}, {10, []int64{2}, []int64{2}}},
		"half of a gap":        {{0, []int64{1, 4}, []int64{1}}, {6, []int64{3, 4}, nil}, {10, []int64{3, 4}, []int64{3, 4}}},
		"the wrong half":       {{0, []int64{1, 4}, []int64{1}}, {6, []int64{2, 4}, []int64{2}}, {9, []int64{4}, nil}, {10, []int64{4}, []int64{4}}},
		"two gaps at once":     {{0, []int64{2, 4}, nil}, {10, []int64{2, 4}, []int64{2, 4}}},
		"two gaps, one later":  {{0, []int64{2}, nil}, {5, []int64{2, 4}, nil}, {10, []int64{2, 4}, []int64{2}}, {14, []int64{4}, nil}, {15, []int64{4}, []int64{4}}},
		"late behind the gap":  {{0, []int64{2, 3}, nil}, {9, []int64{2, 3, 5}, nil}, {12, []int64{2, 3, 5}, []int64{2, 3}}, {19, []int64{5}, []int64{5}}},
		"filled behind a gap":  {{0, []int64{2, 4}, nil}, {5, []int64{2, 3, 4}, nil}, {10, []int64{2, 3, 4}, []int64{2, 3, 4}}},
		"a long gap (cluster)": {{0, []int64{1, 1000}, []int64{1}}, {10, []int64{1000}, []int64{1000}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o eventOrder
			for i, s := range steps {
				at := now.Add(time.Duration(s.at) * time.Second)
				if got := idsOf(o.pass(eventsAt(now, s.rows...), at)); !slices.Equal(got, append([]int64{}, s.want...)) {
					t.Fatalf("step %d passes %v, want %v", i, got, s.want)
				}
			}
		})
	}
}

// A reader that has just begun has seen no gap before, but old events tell that the gaps before them are old.
func TestEventOrderOfOldEvents(t *testing.T) {
	t.Parallel()
	rows := append(eventsAt(now.Add(-settledAge), 3), eventsAt(now.Add(-settledAge+time.Second), 4, 6)...)
	var o eventOrder
	if got := idsOf(o.pass(rows, now)); !slices.Equal(got, []int64{3, 4}) {
		t.Errorf("passes %v, want what is before the gap after an old event", got)
	}
}

// Writers that commit late, in any order, and roll back: whatever commits within 10 s of when its number was given is passed
// on exactly once, in order, whenever the reader reads and however many rows it reads.
func TestEventOrderLosesNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		type row struct {
			id               int64
			given, committed time.Duration // zero committed: rolled back
		}
		var table []row
		at := time.Duration(0)
		for id := int64(1); id <= 200; id++ {
			at += time.Duration(rng.Int64N(int64(400 * time.Millisecond)))
			r := row{id: id, given: at, committed: at + time.Duration(rng.Int64N(int64(50*time.Millisecond)))}
			switch rng.IntN(10) {
			case 0:
				r.committed = 0
			case 1:
				r.committed = at + time.Duration(rng.Int64N(int64(etf.EventGap)))
			}
			table = append(table, r)
		}
		var want, got []int64
		for _, r := range table {
			if r.committed > 0 {
				want = append(want, r.id)
			}
		}
		var o eventOrder
		limit := 1 + rng.IntN(60)
		for clock := time.Duration(0); clock < at+time.Minute || len(got) < len(want) && clock < at+time.Hour; clock += time.Duration(rng.Int64N(int64(2 * time.Second))) {
			var rows []etf.Event
			for _, r := range table {
				if r.id > o.passed && r.committed > 0 && r.committed <= clock && len(rows) < limit {
					rows = append(rows, etf.Event{ID: r.id, At: now.Add(r.given)})
				}
			}
			got = append(got, idsOf(o.pass(rows, now.Add(clock)))...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: passed %v\nwant %v", seed, got, want)
		}
	}
}
