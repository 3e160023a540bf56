package yahoo

import (
	"net/http"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Whatever the body, nothing panics, every error has a kind, and no number appears that was not sent: a bar's price is
// zero only if the chart's cell reads as zero.
func FuzzBody(f *testing.F) {
	f.Add(200, goodBody())
	f.Add(200, spy().json())
	f.Add(200, spy().nulls("2025-09-22T13:30:00Z").row("2025-09-23T13:30:00Z", "1", "2", "0.5", "1", "null").
		split("2025-09-24T13:30:00Z", "3", "2").dividend("2025-09-22T13:30:00Z", "0.5").json())
	f.Add(200, strings.ReplaceAll(goodBody(), "661.5", "Infinity"))
	f.Add(400, `{"chart":{"result":null,"error":{"code":"Bad Request","description":"Data doesn't exist"}}}`)
	f.Add(429, "Too Many Requests")
	f.Add(200, "<html>Will be right back")
	f.Add(200, `{"chart":{"result":[{"meta":{"symbol":"SPY","exchangeTimezoneName":"America/New_York"},"timestamp":[1758547800],"indicators":{"quote":[{"open":[1e-9],"high":["1"],"low":[-1],"close":[9e18],"volume":[1e99]}]}}]}}`)
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		f.Fatal(err)
	}
	q := anyQuery
	f.Fuzz(func(t *testing.T, status int, body string) {
		r := response{status: status, header: http.Header{}, body: []byte(body)}
		c, empty, err := classify(r, "SPY")
		var a etf.Response
		if err == nil && !empty {
			err = translate(c, "SPY", cal, q, &a)
		}
		if err != nil {
			if etf.KindOf(err) == etf.KindInternal {
				t.Errorf("an error without a kind: %v", err)
			}
			return
		}
		zeroes := map[etf.Session]bool{}
		if table, err := c.columns(); err == nil {
			for i := range table.stamps {
				s, _ := sessionOf(table.stamps[i], cal.Location())
				for _, column := range [][]cell{table.open, table.high, table.low, table.close} {
					// A price below half a millionth, or below six decimals after a split, reads as zero too.
					if p, err := etf.ParsePrice(string(at(column, i))); err == nil && abs(p) < 100 {
						zeroes[s] = true
					}
				}
			}
		}
		for _, b := range a.Bars {
			if !q.Window.Contains(b.Session) {
				t.Errorf("%s is outside the window", b.Session)
			}
			for _, p := range []etf.Price{b.Open, b.High, b.Low, b.Close} {
				if p == 0 && !zeroes[b.Session] && len(a.Splits) == 0 {
					t.Errorf("a price of zero on %s that was not sent", b.Session)
				}
			}
		}
		for _, d := range a.Defects {
			if d.Where == "" || d.Reason == "" || len(d.Text) > 203 {
				t.Errorf("defect %+v", d)
			}
		}
		for _, x := range a.Actions {
			if x.Kind == etf.Split && (x.Numerator <= 0 || x.Denominator <= 0) || x.Kind != etf.Split && x.Amount < 0 {
				t.Errorf("action %+v", x)
			}
		}
	})
}
