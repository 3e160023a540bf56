package tiingo

import (
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/sourcetest"
)

// Reading thirty years.
func BenchmarkRead(b *testing.B) {
	body := []byte(rows(sourcetest.Walk(b, 7500, etf.MustSession("2024-09-30"), 0, 1), nil, nil))
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var got etf.Response
		if err := read(body, cal, etf.Window{To: etf.MustSession("2024-09-30")}, &got); err != nil || len(got.Bars) != 7500 {
			b.Fatal(err, len(got.Bars))
		}
	}
}
