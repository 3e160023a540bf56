package naver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
)

// Two answers of the older endpoint, of a share: 1,835 rows, and 2,832 with three halts before the split of 2018-05-04.
func TestRecorded(t *testing.T) {
	t.Parallel()
	cal, err := calendar.For(etf.XKRX)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ rows, halts int }{
		"StockOhlcvByDateTest.test_ohlcv_simple_call.xml": {1835, 0}, "StockOhlcvByDateTest.test_ohlcv_with_adjusted.xml": {2832, 3},
	} {
		body, err := os.ReadFile(filepath.Join(testenv.RealData.Value(t), "recorded", "naver", name))
		if err != nil {
			t.Fatal(err)
		}
		q := query(0, 0, instantOf(friday+2, 20, 0))
		r, err := ParseStored(q, etf.Fetch{Request: "https://fchart.stock.naver.com/sise.nhn?symbol=005930"}, body)
		if err != nil {
			t.Fatal(name, err)
		}
		halts := 0
		for _, b := range r.Bars {
			if b.NoTrade() {
				halts++
			}
			if b.Close <= 0 || !cal.IsSession(b.Session) {
				t.Errorf("%s: %+v", name, b)
			}
		}
		if len(r.Bars) != want.rows || halts != want.halts || len(r.Defects) != 0 || r.Bars[len(r.Bars)-1].Session != friday {
			t.Errorf("%s: %d bars, %d halts, defects %v; want %+v", name, len(r.Bars), halts, r.Defects, want)
		}
	}
}
