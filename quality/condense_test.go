package quality

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

func repeated(sessions, n int) []etf.Bar {
	bars := make([]etf.Bar, n)
	for i := range bars {
		c := etf.Price(100e8 + int64(i%sessions)*1e6)
		bars[i] = etf.Bar{Session: etf.MustSession("2015-01-02").AddDays(i % sessions), Open: c, High: c, Low: c, Close: c, Volume: etf.Shares(1000)}
	}
	return bars
}

// What Condense keeps of random responses: all rows of a response that is not large; otherwise, in their order, the last
// row of each session and one of the others, which differs from it if any does.
func TestCondense(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sessions, rows, changed int }{
		{1, 1, 0}, {100, Plenty, 50}, {100, Plenty + 1, 0}, {2500, 100_000, 0}, {2500, 100_000, 500}, {20_000, 40_000, 40_000}, {40_000, 40_000, 3},
	} {
		bars := repeated(c.sessions, c.rows)
		random := rand.New(rand.NewPCG(1, uint64(c.rows+c.changed)))
		random.Shuffle(len(bars), func(i, j int) { bars[i], bars[j] = bars[j], bars[i] })
		for range c.changed {
			bars[random.IntN(len(bars))].Close++
		}
		kept, ordinals := Condense(bars)
		if c.rows <= Plenty || c.rows <= 2*c.sessions {
			if ordinals != nil || !slices.Equal(kept, bars) {
				t.Errorf("%+v: %d rows kept", c, len(kept))
			}
			continue
		}
		of := map[etf.Session][]int{}
		for i, b := range bars {
			of[b.Session] = append(of[b.Session], i)
		}
		got := map[etf.Session][]int{}
		for k, i := range ordinals {
			if kept[k] != bars[i] || k > 0 && ordinals[k-1] >= i {
				t.Fatalf("%+v: row %d of those kept is not row %d", c, k, i)
			}
			got[kept[k].Session] = append(got[kept[k].Session], i)
		}
		for session, rows := range of {
			last := bars[rows[len(rows)-1]]
			differs := slices.ContainsFunc(rows, func(i int) bool { return bars[i] != last })
			k := got[session]
			if len(k) != min(2, len(rows)) || bars[k[len(k)-1]] != last || k[len(k)-1] != rows[len(rows)-1] || (bars[k[0]] != last) != differs {
				t.Fatalf("%+v: of rows %v of %s, %v are kept", c, rows, session, k)
			}
		}
	}
}

// The rules say the same about a condensed response as about the whole, but for how many rows they have seen, and they
// number the rows as the source sent them.
func TestCondensedResponsesGetTheSameVerdicts(t *testing.T) {
	t.Parallel()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	var bars []etf.Bar
	for _, s := range cal.Sessions(etf.Window{From: etf.MustSession("2020-01-02"), To: etf.MustSession("2020-12-31")}) {
		c := etf.Price(100e8 + int64(s)%7*1e8)
		bars = append(bars, etf.Bar{Session: s, Open: c, High: c, Low: c, Close: c, Volume: etf.Shares(1000)})
	}
	bars = slices.Repeat(bars, 200)
	bars[3].Close *= 2 // a row that is not used
	bars[len(bars)-5].Low *= 2
	check := func(bars []etf.Bar, ordinals []int) (map[etf.Session]etf.Verdict, Report) {
		report, err := Check(Input{Symbol: "SPY", Exchange: etf.XNYS, Session: bars[len(bars)-1].Session,
			Initial: true, Bars: bars, Ordinals: ordinals, Basis: etf.AsTraded})
		if err != nil {
			t.Fatal(err)
		}
		verdicts := map[etf.Session]etf.Verdict{}
		for i, v := range report.Verdicts {
			if v != etf.VerdictDrop {
				verdicts[bars[i].Session] = v
			}
		}
		return verdicts, report
	}
	kept, ordinals := Condense(bars)
	whole, long := check(bars, nil)
	got, short := check(kept, ordinals)
	if len(kept) > 2*len(whole) || fmt.Sprint(got) != fmt.Sprint(whole) {
		t.Errorf("%d rows kept, with other verdicts", len(kept))
	}
	names := func(r Report) (list []string) {
		for _, f := range r.Findings {
			list = append(list, fmt.Sprint(f.Rule, f.Severity, f.Sessions))
		}
		return list
	}
	if !slices.Equal(names(long), names(short)) {
		t.Errorf("findings %v, want %v", names(short), names(long))
	}
	text := short.Findings[slices.IndexFunc(short.Findings, func(f etf.Finding) bool { return f.Rule == "duplicate_row" })].Evidence
	for _, want := range []string{
		fmt.Sprintf("%d more rows of the same sessions were not looked at", len(bars)-len(kept)),
		"row 4 (open", fmt.Sprintf("differs from row %d,", len(bars)-len(whole)+4),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the evidence %q lacks %q", text, want)
		}
	}
}
