package db_test

import (
	"slices"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// BenchmarkAsOf reads 5,000 bars with three revisions each as of every version, and compares each with the plain read in the
// same run: the metric ratio-N is the median time as of version N over that of the plain read.
func BenchmarkAsOf(b *testing.B) {
	d := dbtest.Open(b, dbtest.Embedded(b))
	ctx, s := b.Context(), d.Store
	register(b, s, "ASOF")
	bars := weekdays(etf.MustSession("2000-01-03"), 5000)
	for range 4 {
		for i := range bars {
			bars[i].Close++
			bars[i].High++
		}
		ingest(b, s, "ASOF", bars)
	}
	const versions = 4
	var times [versions + 1][]time.Duration // 0: the plain read
	read := func(i int) {
		begin := time.Now()
		var list []etf.StoredBar
		var err error
		if i == 0 {
			list, err = s.BarsPage(ctx, "ASOF", everything, 0, 10_000)
		} else {
			list, err = s.BarsPageAt(ctx, "ASOF", int64(i), everything, 0, 10_000)
		}
		if err != nil || len(list) != len(bars) {
			b.Fatalf("%d bars, %v", len(list), err)
		}
		times[i] = append(times[i], time.Since(begin))
	}
	for b.Loop() {
		for i := range times {
			read(i)
		}
	}
	middle := func(list []time.Duration) float64 {
		slices.Sort(list)
		return list[len(list)/2].Seconds()
	}
	plain := middle(times[0])
	b.ReportMetric(1000*plain, "ms-plain")
	for i := 1; i <= versions; i++ {
		b.ReportMetric(middle(times[i])/plain, "ratio-"+string(rune('0'+i)))
	}
}
