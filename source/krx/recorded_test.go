package krx

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
)

// recorded reads a day that the exchange's web site has sent, whose fields mean the same as the Open API's: only the list's name, the
// short code's name and the date differ.
func recorded(t *testing.T, name string, day etf.Session) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(testenv.RealData.Value(t), "recorded", "krx", name))
	if err != nil {
		t.Fatal(err)
	}
	var web struct {
		Output []map[string]any `json:"output"`
	}
	if err := json.Unmarshal(raw, &web); err != nil {
		t.Fatal(err)
	}
	for _, row := range web.Output {
		row["BAS_DD"] = compact(day)
	}
	return bodyOf(web.Output...)
}

// 467 ETFs of 2021-03-25, of which 15 did not trade; their numbers have commas.
func TestRecordedDay(t *testing.T) {
	t.Parallel()
	day := etf.MustSession("2021-03-25")
	d, err := parseDay(recorded(t, "EtfOhlcvByTicker.test_with_business_day.json", day), day)
	if err != nil {
		t.Fatal(err)
	}
	bars, untraded, navs := 0, 0, 0
	for code := range d.byCode {
		var r etf.Response
		d.into(code, &r)
		if len(r.Defects) > 0 {
			t.Errorf("%s: %+v", code, r.Defects)
		}
		for _, b := range r.Bars {
			bars++
			if b.NoTrade() {
				untraded++
			}
			if b.Close == 0 {
				t.Errorf("%s has a close of 0", code)
			}
		}
		navs += len(r.NAVs)
	}
	if len(d.rows) != 467 || bars != 467 || untraded != 15 || navs != 467 {
		t.Errorf("%d rows, %d bars, %d untraded, %d NAVs; want 467, 467, 15, 467", len(d.rows), bars, untraded, navs)
	}
	var r etf.Response
	d.into("152100", &r)
	if len(r.Bars) != 1 || r.Bars[0].Close != etf.MustPrice("41835") || r.NAVs[0].NAV != etf.MustPrice("41887.33") || r.NAVs[0].Shares != etf.Shares(18_450_000) {
		t.Errorf("152100: %+v", r)
	}
}

// On a Sunday every price of 474 rows is "-": there is nothing, and nothing is wrong.
func TestRecordedHoliday(t *testing.T) {
	t.Parallel()
	day := etf.MustSession("2021-03-21")
	d, err := parseDay(recorded(t, "EtfOhlcvByTicker.test_with_holiday.json", day), day)
	if err != nil {
		t.Fatal(err)
	}
	var r etf.Response
	for code := range d.byCode {
		d.into(code, &r)
	}
	if len(d.rows) != 474 || d.priced != 0 || len(r.Bars)+len(r.Defects)+len(r.NAVs) != 0 {
		t.Errorf("%d rows, %d with a price; %+v", len(d.rows), d.priced, r)
	}
}
