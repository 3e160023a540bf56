package yahoo

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source"
)

var _ source.Source = (*Source)(nil)

const priced = "100.5"

// 2025-09-26 is a Friday; the New York exchanges close at 16:00 EDT = 20:00Z, and rows are final 15 minutes later.
func TestLiveBar(t *testing.T) {
	t.Parallel()
	settled := func() *testChart {
		return spy().regular("2025-09-26T13:30:00Z", "2025-09-26T20:00:00Z").
			row("2025-09-25T13:30:00Z", "660", "662", "659", "661.5", "100")
	}
	live := func() *testChart { return settled().row("2025-09-26T18:12:44Z", "661", "664", "660", "663", "40") }
	for _, c := range []struct {
		name, asOf string
		a          *testChart
		want       string
	}{
		{"during the session", "2025-09-26T18:12:50Z", live(), "2025-09-25 660 662 659 661.5 100"},
		{"before it settles", "2025-09-26T20:14:59Z", live(), "2025-09-25 660 662 659 661.5 100"},
		{"settled", "2025-09-26T20:15:00Z", live(), "2025-09-25 660 662 659 661.5 100\n2025-09-26 661 664 660 663 40"},
		{"twice while live", "2025-09-26T18:12:50Z",
			settled().row("2025-09-26T13:30:00Z", "661", "664", "660", "663", "39").row("2025-09-26T18:12:44Z", "661", "664", "660", "663", "40"),
			"2025-09-25 660 662 659 661.5 100"},
		{"twice when settled: the later one wins", "2025-09-26T21:00:00Z",
			settled().row("2025-09-26T13:30:00Z", "661", "664", "660", "663", "39").row("2025-09-26T20:00:01Z", "661", "664", "660", "663.5", "41"),
			"2025-09-25 660 662 659 661.5 100\n2025-09-26 661 664 660 663.5 41"},
		{"twice, the later one empty", "2025-09-26T21:00:00Z",
			settled().row("2025-09-26T13:30:00Z", "661", "664", "660", "663", "39").nulls("2025-09-26T20:00:01Z"),
			"2025-09-25 660 662 659 661.5 100\n2025-09-26 661 664 660 663 39"},
		{"empty before the open of the next session", "2025-09-26T12:00:00Z", settled().nulls("2025-09-26T13:30:00Z"),
			"2025-09-25 660 662 659 661.5 100"},
		{"Yahoo's session ends later than the calendar's", "2025-09-26T20:30:00Z",
			live().regular("2025-09-26T13:30:00Z", "2025-09-26T21:00:00Z"), "2025-09-25 660 662 659 661.5 100"},
		{"as of the day before", "2025-09-25T23:00:00Z", live(), "2025-09-25 660 662 659 661.5 100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := fetch(t, serve(t, c.a.json()), spyQuery("2025-09-20", "2025-09-26", c.asOf))
			wantBars(t, got, c.want)
			wantDefects(t, got)
		})
	}
}

func TestRowsOutsideTheWindowAreDropped(t *testing.T) {
	t.Parallel()
	a := spy().row("2025-09-24T13:30:00Z", priced, priced, priced, priced, "1").
		row("2025-09-25T13:30:00Z", priced, priced, priced, priced, "2").
		row("2025-09-26T20:00:00Z", priced, priced, priced, priced, "3")
	got := fetch(t, serve(t, a.json()), spyQuery("2025-09-25", "2025-09-25", "2025-09-29T12:00:00Z"))
	wantBars(t, got, "2025-09-25 100.5 100.5 100.5 100.5 2")
	// A zero end means up to the last settled session.
	got = fetch(t, serve(t, a.json()), spyQuery("2025-09-25", "", "2025-09-29T12:00:00Z"))
	wantBars(t, got, "2025-09-25 100.5 100.5 100.5 100.5 2\n2025-09-26 100.5 100.5 100.5 100.5 3")
}

// 2025-11-28 closed at 13:00 EST = 18:00Z.
func TestEarlyClose(t *testing.T) {
	t.Parallel()
	a := spy().row("2025-11-28T14:30:00Z", "680", "684", "679", "683", "5")
	if got := fetch(t, serve(t, a.json()), spyQuery("", "", "2025-11-28T18:14:00Z")); len(got.Bars) != 0 {
		t.Errorf("bars before the early close settled: %v", got.Bars)
	}
	wantBars(t, fetch(t, serve(t, a.json()), spyQuery("", "", "2025-11-28T18:15:00Z")), "2025-11-28 680 684 679 683 5")
}

func TestNullCells(t *testing.T) {
	t.Parallel()
	a := spy().row("2025-09-22T13:30:00Z", "660", "662", "659", "661.5", "null").
		row("2025-09-23T13:30:00Z", "null", "null", "null", "null", "81000000").
		row("2025-09-24T13:30:00Z", "660", "null", "659", "661.5", "7").
		row("2025-09-25T13:30:00Z", "660", "662", "659", "661.5", "9").
		nulls("2025-09-26T13:30:00Z"). // a finished session at the end is missing, not unfinished
		nulls("2025-09-27T13:30:00Z")  // a Saturday: an empty row on a closed day means nothing
	got := fetch(t, serve(t, a.json()), spyQuery("", "", "2025-09-29T12:00:00Z"))
	wantBars(t, got, "2025-09-22 660 662 659 661.5 -\n2025-09-25 660 662 659 661.5 9")
	wantDefects(t, got, "2025-09-23 no price", "2025-09-24 no price: high", "2025-09-26 no price")
	if d := got.Defects[0]; d.Where != "chart.result[0].timestamp[1]" || !strings.Contains(d.Text, "volume=81000000") {
		t.Errorf("the defect does not name the row or its cells: %+v", d)
	}
	for _, d := range got.Defects {
		if !d.NoPrice {
			t.Errorf("NoPrice is not set for a row of nulls: %+v", d)
		}
	}
}

func TestAdjustedCloseIsEvidence(t *testing.T) {
	t.Parallel()
	a := spy()
	for _, day := range []string{"22", "23", "24", "25", "26"} {
		a.row("2025-09-"+day+"T13:30:00Z", "660", "662", "659", "661.5", "9")
	}
	a.adj = []string{"643.1234567", "Infinity", "null", `"Infinity"`, "-1"}
	got := fetch(t, serve(t, a.json()), spyQuery("", "", "2025-09-29T12:00:00Z"))
	wantDefects(t, got)
	want := []string{"643.123457", "0", "0", "0", "0"}
	for i, b := range got.Bars {
		if b.AdjClose.String() != want[i] || b.Close != etf.MustPrice("661.5") {
			t.Errorf("bar %d has adjusted close %s and close %s, want %s and 661.5", i, b.AdjClose, b.Close, want[i])
		}
	}
	if len(got.Bars) != 5 {
		t.Errorf("%d bars, want 5", len(got.Bars))
	}
}

func TestNonFiniteWordsInStringsAreKept(t *testing.T) {
	t.Parallel()
	a := spy().row("2025-09-22T13:30:00Z", "NaN", "Infinity", "-Infinity", "661.5", "9")
	a.meta["longName"] = `NaN "Infinity" \ Fund`
	got := fetch(t, serve(t, a.json()), spyQuery("", "", "2025-09-29T12:00:00Z"))
	wantDefects(t, got, "2025-09-22 no price: open, high, low")
	if len(got.Bars) != 0 {
		t.Errorf("bars made of NaN: %v", got.Bars)
	}
}

// The offset in the meta block is today's; opens are stamped 14:30Z in winter and 13:30Z in summer. Around a daylight
// saving change some rows are stamped 22:00 or 23:00 on the evening before.
func TestStampsAcrossDaylightSavingChange(t *testing.T) {
	t.Parallel()
	a := spy().row("2025-03-07T14:30:00Z", priced, priced, priced, priced, "1").
		row("2025-03-10T03:00:00Z", priced, priced, priced, priced, "2"). // Sunday 23:00 EDT: Monday's
		row("2025-03-11T02:00:00Z", priced, priced, priced, priced, "3"). // Monday 22:00 EDT: Tuesday's
		row("2025-03-12T04:00:00Z", priced, priced, priced, priced, "4"). // Wednesday 00:00 EDT
		row("2025-03-13T13:30:00Z", priced, priced, priced, priced, "5")
	a.meta["gmtoffset"] = 50400 // nonsense on purpose
	got := fetch(t, serve(t, a.json()), spyQuery("", "", "2025-09-29T12:00:00Z"))
	wantBars(t, got, `
		2025-03-07 100.5 100.5 100.5 100.5 1
		2025-03-10 100.5 100.5 100.5 100.5 2
		2025-03-11 100.5 100.5 100.5 100.5 3
		2025-03-12 100.5 100.5 100.5 100.5 4
		2025-03-13 100.5 100.5 100.5 100.5 5`)
}

// Korean rows are stamped 00:00Z = 09:00 KST; the session closes at 15:30 KST and its row is final at 16:30.
func TestKorea(t *testing.T) {
	t.Parallel()
	a := kodex().regular("2025-09-26T00:00:00Z", "2025-09-26T06:30:00Z").
		row("2025-09-25T00:00:00Z", "47105.0", "47330", "46950", "47215.0", "3000000").
		row("2025-09-26T05:11:12Z", "46800", "46900", "46000", "46130", "5000000").
		dividend("2025-07-30T00:00:00Z", "300")
	q := query("069500", etf.XKRX, "KRW", "2025-07-01", "", "2025-09-26T07:29:00Z")
	got := fetch(t, serve(t, a.json()), q)
	wantBars(t, got, "2025-09-25 47105 47330 46950 47215 3000000")
	wantActions(t, got.Actions, "dividend 2025-07-30 300")
	if got.Currency != "KRW" {
		t.Errorf("currency %q", got.Currency)
	}
	q.AsOf = instant("2025-09-26T07:30:00Z")
	wantBars(t, fetch(t, serve(t, a.json()), q), "2025-09-25 47105 47330 46950 47215 3000000\n2025-09-26 46800 46900 46000 46130 5000000")
}

// A 5:1 split: 47,005 won is sent as 9401, 47,012 as 9402.400390625 (float32).
func TestKoreanPricesAreWholeWon(t *testing.T) {
	t.Parallel()
	a := kodex().row("2025-09-24T00:00:00Z", "9401", "9402.400390625", "9400.200195", "9401", "10").
		row("2025-09-25T00:00:00Z", "9405", "9405", "9405", "9405", "11").split("2025-09-25T00:00:00Z", "5", "1")
	got := fetch(t, serve(t, a.json()), query("069500", etf.XKRX, "KRW", "", "", "2025-09-29T00:00:00Z"))
	wantBars(t, got, "2025-09-24 47005 47012 47001 47005 2\n2025-09-25 9405 9405 9405 9405 11")
}

func TestRowsBeforeTheListingBelongToAnEarlierHolder(t *testing.T) {
	t.Parallel()
	a := spy().row("1993-01-27T14:30:00Z", "1", "1", "1", "1", "1").row("1993-01-28T14:30:00Z", "1", "1", "1", "1", "1").
		row("1993-01-29T14:30:00Z", "43.96875", "43.96875", "43.75", "43.9375", "1003200").
		dividend("1992-12-18T14:30:00Z", "0.2").dividend("1993-03-19T14:30:00Z", "0.213")
	got := fetch(t, serve(t, a.json()), spyQuery("", "", "2025-09-29T12:00:00Z"))
	wantBars(t, got, "1993-01-29 43.96875 43.96875 43.75 43.9375 1003200")
	wantDefects(t, got, "1993-01-27 2 rows from 1993-01-27 to 1993-01-28 are before the first trade on 1993-01-29: they belong to an earlier holder of the ticker")
	wantActions(t, got.Actions, "dividend 1993-03-19 0.213")
}

// Yahoo sometimes loses splits for a whole market: the event is there, but the prices before it are not restated.
func TestSplitListedButNotApplied(t *testing.T) {
	t.Parallel()
	a := spy().row("2025-09-23T13:30:00Z", "600", "604", "598", "600", "10").
		row("2025-09-24T13:30:00Z", "150.5", "152", "149", "151", "44").
		row("2025-09-25T13:30:00Z", "75.25", "76", "75", "75.5", "90").
		split("2025-09-24T13:30:00Z", "4", "1").split("2025-09-25T13:30:00Z", "2", "1")
	got := fetch(t, serve(t, a.json()), spyQuery("", "", "2025-09-29T12:00:00Z"))
	wantBars(t, got, "2025-09-23 600 604 598 600 10\n2025-09-24 150.5 152 149 151 44\n2025-09-25 75.25 76 75 75.5 90")
	wantActions(t, got.Actions, "split 2025-09-24 4:1", "split 2025-09-25 2:1")
	wantActions(t, got.Splits)
	if len(got.Defects) != 2 || !strings.Contains(got.Defects[0].Reason, "the prices before it are not adjusted for it") {
		t.Errorf("defects %v", got.Defects)
	}
}

func TestSplitListedTwiceIsUndoneOnce(t *testing.T) {
	t.Parallel()
	a := spy().row("2025-09-23T13:30:00Z", "150", "151", "149.5", "150", "40").
		row("2025-09-24T13:30:00Z", "150.5", "152", "149", "151", "44").
		split("2025-09-24T13:30:00Z", "4.0", "1.0").split("2025-09-24T14:30:00Z", "8", "2")
	got := fetch(t, serve(t, a.json()), spyQuery("", "", "2025-09-29T12:00:00Z"))
	wantBars(t, got, "2025-09-23 600 604 598 600 10\n2025-09-24 150.5 152 149 151 44")
	wantDefects(t, got, "2025-09-24 listed twice; applied once")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	a := spy().row("2025-09-23T13:30:00Z", "150", "151", "149.5", "150", "40").
		dividend("2025-09-22T13:30:00Z", "1.8310000896453857").dividend("2025-09-23T13:30:00Z", "null").
		split("2025-09-24T13:30:00Z", "1.5", "1")
	a.capitalGains = append(a.capitalGains, `"1758634200":{"amount":0.25}`) // 2025-09-23; the date is only in the key
	got := fetch(t, serve(t, a.json()), spyQuery("2025-09-22", "2025-09-23", "2025-09-29T12:00:00Z"))
	wantActions(t, got.Splits, "split 2025-09-24 3:2")
	// 1.831 and 0.25 are per share of today; a share of that day has become 1.5.
	wantActions(t, got.Actions, "dividend 2025-09-22 2.7465", "capital_gain 2025-09-23 0.375")
	wantDefects(t, got, "2025-09-23 no amount")

	a.split("2025-09-25T13:30:00Z", "4", "0")
	_, err := serve(t, a.json()).Fetch(t.Context(), spyQuery("", "", "2025-09-29T12:00:00Z"))
	if etf.KindOf(err) != etf.KindCorrupt || !strings.Contains(err.Error(), "use another source") || !strings.Contains(err.Error(), `chart.result[0].events.splits["1758807000"]`) {
		t.Errorf("a split without a ratio: error %v", err)
	}
}

func TestRepeatedAndUnknownSessionsAreKept(t *testing.T) {
	t.Parallel()
	a := spy().row("2025-09-20T13:30:00Z", "1", "1", "1", "1", "1"). // a Saturday
										row("2025-09-23T13:30:00Z", "2", "2", "2", "2", "2").row("2025-09-23T13:30:00Z", "3", "3", "3", "3", "3").
										row("2025-09-22T13:30:00Z", "4", "4", "4", "0", "4").row("2025-09-24T13:30:00Z", "5", "5", "5", "5", "5")
	got := fetch(t, serve(t, a.json()), spyQuery("", "", "2025-09-29T12:00:00Z"))
	wantBars(t, got, "2025-09-20 1 1 1 1 1\n2025-09-23 2 2 2 2 2\n2025-09-23 3 3 3 3 3\n2025-09-22 4 4 4 0 4\n2025-09-24 5 5 5 5 5")
}

func TestUnreadableCells(t *testing.T) {
	t.Parallel()
	a := spy().row("2025-09-22T13:30:00Z", `"abc"`, "662", "659", "661.5", "1").
		row("2025-09-23T13:30:00Z", "660", "[1]", "659", "661.5", "-1").
		row("2025-09-24T13:30:00Z", `"660.5"`, "6.62e2", "659", "661.5", "1.2117e8").
		row("2025-09-25T13:30:00Z", "660", "662", "659", "661.5", "1")
	a.stamp[3] = "12.5"
	got := fetch(t, serve(t, a.json()), spyQuery("", "", "2025-09-29T12:00:00Z"))
	wantBars(t, got, "2025-09-24 660.5 662 659 661.5 121170000")
	wantDefects(t, got, " the timestamp is not valid", "2025-09-22 not a number: open", "2025-09-23 not a number: high, volume")
	for _, d := range got.Defects {
		if d.NoPrice {
			t.Errorf("NoPrice is set for a row that can't be read: %+v", d)
		}
	}
}

func TestEmptyResponses(t *testing.T) {
	t.Parallel()
	dead := spy()
	dead.meta["instrumentType"], dead.meta["firstTradeDate"] = "ECNQUOTE", nil
	for name, body := range map[string]string{"nothing in range": spy().json(), "dead ticker": dead.json()} {
		got := fetch(t, serve(t, body), spyQuery("2025-09-20", "", "2025-09-29T12:00:00Z"))
		if len(got.Bars)+len(got.Actions)+len(got.Defects) != 0 || len(got.Raw) == 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestColumnsOfDifferentLength(t *testing.T) {
	t.Parallel()
	short := spy().row("2025-09-22T13:30:00Z", priced, priced, priced, priced, "1").row("2025-09-23T13:30:00Z", priced, priced, priced, priced, "1")
	short.low = short.low[:1]
	closeOnly := strings.NewReplacer(`"open":[100.5]`, `"was_open":[100.5]`).Replace(spy().row("2025-09-22T13:30:00Z", priced, priced, priced, priced, "1").json())
	noPrices := strings.NewReplacer(`"open":`, `"a":`, `"high":`, `"b":`, `"low":`, `"c":`, `"close":`, `"d":`).Replace(spy().row("2025-09-22T13:30:00Z", priced, priced, priced, priced, "1").json())
	for _, c := range []struct{ name, body, path string }{
		{"short column", short.json(), "chart.result[0].indicators.quote[0].low"},
		{"no open", closeOnly, "chart.result[0].indicators.quote[0].open"},
		{"an object instead of timestamps", strings.Replace(short.json(), `"timestamp":[`, `"timestamp":{"a":[`, 1), ""},
		{"a string instead of timestamps", `{"chart":{"result":[{"meta":{"symbol":"SPY"},"timestamp":"now"}]}}`, "timestamp"},
		{"no result", `{"chart":{"result":[],"error":null}}`, "chart.result"},
		{"another object", `{"quoteResponse":{}}`, "chart.result"},
		{"an array", `[1,2]`, "body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := serve(t, c.body).Fetch(t.Context(), spyQuery("", "", "2025-09-29T12:00:00Z"))
			if etf.KindOf(err) != etf.KindCorrupt || !strings.Contains(err.Error(), c.path) {
				t.Errorf("%v, want corrupt at %q", err, c.path)
			}
			if string(a.Raw) != c.body {
				t.Error("the response's body was not kept")
			}
		})
	}
	// Rows without any price column are rows without prices.
	got := fetch(t, serve(t, noPrices), spyQuery("", "", "2025-09-29T12:00:00Z"))
	wantDefects(t, got, "2025-09-22 no price")
}

func TestResponsesAboutSomethingElse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key   string
		value any
		kind  etf.Kind
		text  string
	}{
		{"symbol", "SPYG", etf.KindCorrupt, "meta.symbol"},
		{"symbol", nil, etf.KindCorrupt, "meta.symbol"},
		{"currency", "GBp", etf.KindInvalid, "GBp"},
		{"instrumentType", "INDEX", etf.KindInvalid, "INDEX"},
		{"instrumentType", "EQUITY", etf.KindInvalid, "EQUITY"},
		{"exchangeTimezoneName", "Europe/London", etf.KindInvalid, "Europe/London"},
		{"exchangeTimezoneName", "", etf.KindCorrupt, "exchangeTimezoneName"},
		{"dataGranularity", "1mo", etf.KindCorrupt, "dataGranularity"},
	} {
		a := spy().row("2025-09-22T13:30:00Z", priced, priced, priced, priced, "1")
		a.meta[c.key] = c.value
		_, err := serve(t, a.json()).Fetch(t.Context(), spyQuery("", "", "2025-09-29T12:00:00Z"))
		if etf.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s=%v: error %v, want %s naming %s", c.key, c.value, err, c.kind, c.text)
		}
	}
}

func TestKoreanInstruments(t *testing.T) {
	t.Parallel()
	for kind, ok := range map[string]bool{"ETF": true, "EQUITY": true, "MUTUALFUND": true, "": true, "INDEX": false, "CURRENCY": false} {
		a := kodex().row("2025-09-25T00:00:00Z", "47105", "47330", "46950", "47215", "3000000")
		a.meta["instrumentType"] = kind
		_, err := serve(t, a.json()).Fetch(t.Context(), query("069500", etf.XKRX, "KRW", "", "", "2025-09-29T12:00:00Z"))
		if (err == nil) != ok {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var seen *http.Request
	s := serveWith(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		_, _ = w.Write([]byte(kodex().json()))
	})
	for _, c := range []struct{ from, period1 string }{
		{"", "0"},
		{"1969-05-01", "0"},
		{"2025-09-22", "1758380400"}, // 2025-09-21 00:00 KST
	} {
		got := fetch(t, s, query("069500", etf.XKRX, "KRW", c.from, "2025-09-26", "2025-09-29T12:00:00Z"))
		u, err := url.Parse(got.Request)
		if err != nil {
			t.Fatal(err)
		}
		v := u.Query()
		if u.Path != "/v8/finance/chart/069500.KS" || v.Get("period1") != c.period1 || v.Get("period2") != "9999999999" ||
			v.Get("interval") != "1d" || v.Get("events") != "div,splits,capitalGains" || v.Has("range") || v.Has("crumb") {
			t.Errorf("from %q: request %s", c.from, got.Request)
		}
		if seen.URL.RawQuery != u.RawQuery {
			t.Errorf("requested %s, recorded %s", seen.URL.RawQuery, u.RawQuery)
		}
		if !strings.HasPrefix(seen.UserAgent(), "Mozilla/5.0") {
			t.Errorf("user agent %q", seen.UserAgent())
		}
		if got.MediaType != "application/json" || !json.Valid(got.Raw) {
			t.Errorf("media type %q, %d bytes", got.MediaType, len(got.Raw))
		}
	}
}

func TestTicker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		symbol etf.Symbol
		ref    string
		x      etf.Exchange
		want   string
	}{
		{"SPY", "", etf.XNYS, "SPY"},
		{"069500", "", etf.XKRX, "069500.KS"},
		{"0000J0", "", etf.XKRX, "0000J0.KS"},
		{"069500", "069500.KQ", etf.XKRX, "069500.KQ"},
		{"BRK.B", "", etf.XNYS, "BRK-B"},
		{"GSPC", "^GSPC", etf.XNYS, "^GSPC"},
		{"SPY", "../v1/test", etf.XNYS, ""},
		{"SPY", "SPY?x=1", etf.XNYS, ""},
		{"SPY", "..", etf.XNYS, ""},
		{"SPY", " SPY", etf.XNYS, ""},
		{"", "", etf.XNYS, ""},
	} {
		got, err := Ticker(etf.Query{Symbol: c.symbol, Ref: c.ref, Exchange: c.x})
		if got != c.want || (err == nil) != (c.want != "") || (err != nil && etf.KindOf(err) != etf.KindInvalid) {
			t.Errorf("Ticker(%q, %q, %s) = %q, %v; want %q", c.symbol, c.ref, c.x, got, err, c.want)
		}
	}
}

func TestBadQueriesMakeNoRequest(t *testing.T) {
	t.Parallel()
	requests := 0
	s := serveWith(t, func(http.ResponseWriter, *http.Request) { requests++ })
	good := spyQuery("2025-09-22", "2025-09-26", "2025-09-29T12:00:00Z")
	noAsOf, backwards, elsewhere, badRef := good, good, good, good
	noAsOf.AsOf = etf.Query{}.AsOf
	backwards.Window.To = etf.MustSession("2025-09-01")
	elsewhere.Exchange = "XPAR"
	badRef.Ref = "a b"
	for name, q := range map[string]etf.Query{"no as-of time": noAsOf, "backwards": backwards, "unknown exchange": elsewhere, "bad ref": badRef} {
		if _, err := s.Fetch(t.Context(), q); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	if requests != 0 {
		t.Errorf("%d requests", requests)
	}
	if s.Name() != "yahoo" {
		t.Errorf("name %q", s.Name())
	}
}
