package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// `etfcast gaps` lists what is missing, ends with exit code 3 as long as a source was not asked for some of it, and with 0 otherwise.
func TestGapsCommand(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	s, ctx := database.Store, t.Context()
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN}
	window := etf.Window{From: etf.MustSession("2024-01-02"), To: etf.MustSession("2024-01-31")}
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.CreateETF(ctx, etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Listed: window.From, Sources: []etf.SourceRef{{Name: "simulated", Ref: "SPY"}}}); err != nil {
		t.Fatal(err)
	}
	price, _ := etf.ParsePrice("100")
	hole := etf.MustSession("2024-01-10")
	var bars []etf.Bar
	for _, d := range cal.Sessions(window) {
		if d != hole {
			bars = append(bars, etf.Bar{Session: d, Open: price, High: price, Low: price, Close: price})
		}
	}
	if _, err := s.SeedBars(ctx, "SPY", "simulated", etf.AsTraded, bars); err != nil {
		t.Fatal(err)
	}
	args := []string{"gaps", "--exchange", "XNYS", "--to", window.To.String()}
	code, out, errs := etfcast(t, env, args...)
	if code != 3 || !strings.Contains(out, "SPY") || !strings.Contains(out, "2024-01-10") || !strings.Contains(out, "1 session in 1 gap") || !strings.Contains(errs, "`etfcast backfill start --exchange XNYS --from 2024-01-10 --to 2024-01-10`") {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}

	request := etf.BackfillRequest{Exchange: etf.XNYS, Window: window, Attempt: 1}
	b, _, err := s.StartBackfill(ctx, request, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PlanBackfill(ctx, b.ID, []etf.BackfillETF{{Symbol: "SPY", Status: etf.RunRunning, Sessions: 1}}); err != nil {
		t.Fatal(err)
	}
	asked := etf.BackfillWindow{Source: "simulated", Window: etf.Window{From: hole, To: hole}}
	if _, err := s.AdvanceBackfillETF(ctx, b.ID, "SPY", &asked, func(row etf.BackfillETF, _ []etf.BackfillWindow) etf.BackfillETF { return row }); err != nil {
		t.Fatal(err)
	}
	code, out, errs = etfcast(t, env, append(args, "--json")...)
	var gaps []etf.Gap
	if err := json.Unmarshal([]byte(out), &gaps); code != 0 || err != nil || len(gaps) != 1 || gaps[0].From != hole || gaps[0].Sessions != 1 || gaps[0].Asked.IsZero() || gaps[0].Place != etf.GapBetween {
		t.Errorf("%d, %v: %s\n%s", code, err, out, errs)
	}
	code, _, errs = etfcast(t, env, append(args, "--all")...)
	again := "`etfcast backfill start --exchange XNYS --from 2024-01-10 --to 2024-01-10 --again`"
	if code != 3 || !strings.Contains(errs, "give SPY another one (`etfcast etf sources SPY NAME...` sets the whole list), or ask again with "+again) {
		t.Errorf("all that is missing: %d, %s", code, errs)
	}
	named := strings.Fields(strings.Trim(again, "`"))[1:]
	if code, _, errs := etfcast(t, append(env, "TEMPORAL_ADDRESS=127.0.0.1:1"), named...); code != 4 { // no Temporal, but nothing wrong with the command
		t.Errorf("%v: %d, %s", named, code, errs)
	}

	// What the history of no source of the ETF goes back to is listed, and counts only with --all.
	if _, _, err := s.ChangeETF(ctx, etf.ETFEdit{Symbol: "SPY", Sources: []etf.SourceRef{{Name: "alphavantage", Ref: "SPY"}}, By: "Kim"}); err != nil {
		t.Fatal(err)
	}
	early := []string{"gaps", "--from", "2023-12-01", "--to", window.To.String()}
	listed := etf.Session(0)
	if _, _, err := s.ChangeETF(ctx, etf.ETFEdit{Symbol: "SPY", Listed: &listed, By: "Kim"}); err != nil {
		t.Fatal(err)
	}
	code, out, errs = etfcast(t, env, early...)
	if code != 0 || !strings.Contains(out, "no source has them") || !strings.Contains(out, "21 sessions in 2 gaps") { // 20 in December 2023, and the hole
		t.Errorf("beyond every source: %d\n%s\n%s", code, out, errs)
	}
	if code, _, errs := etfcast(t, env, append(early, "--all")...); code != 3 || !strings.Contains(errs, "etfcast etf sources SPY NAME") || strings.Contains(errs, "--again") { // there is nobody to ask
		t.Errorf("beyond every source, with --all: %d, %s", code, errs)
	}
	if code, _, errs := etfcast(t, env, "gaps", "--symbols", "NONE"); code == 0 || !strings.Contains(errs, "NONE") {
		t.Errorf("an unknown symbol: %d, %s", code, errs)
	}
}

// A request that finds its backfill says what is still missing, and how to ask again: not while it runs, when --again would find it as well.
func TestFoundText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status  etf.RunStatus
		missing int
		want    string
	}{
		{etf.RunRunning, 3, "already exists: running"},
		{etf.RunCompleted, 0, "already exists: completed"},
		{etf.RunCompleted, 1, "already exists: completed; still missing: 1 session (`etfcast gaps` lists what is; --again asks the sources once more)"},
	} {
		if got := foundText(etf.Backfill{Status: c.status, Counts: etf.BackfillCounts{StillMissing: c.missing}}); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// What a backfill that has ended left missing is named with the command that lists it, and, if no source is left, with the one that adds a source.
func TestMissingText(t *testing.T) {
	t.Parallel()
	const lists = "`etfcast gaps --exchange XNYS --from 2005-01-03` lists what is still missing"
	for _, c := range []struct {
		status          etf.RunStatus
		missing, failed int
		want            string
	}{
		{etf.RunRunning, 3, 0, ""},
		{etf.RunCompleted, 0, 0, ""},
		{etf.RunCompleted, 3, 0, lists + ", for which no source is left to ask: give the ETF another one (`etfcast etf sources SYMBOL NAME...` sets the whole list)"},
		{etf.RunCompleted, 3, 1, lists},
		{etf.RunCancelled, 3, 0, lists},
	} {
		b := etf.Backfill{Status: c.status, Counts: etf.BackfillCounts{StillMissing: c.missing, ETFsFailed: c.failed}}
		b.Exchange, b.Window.From = etf.XNYS, etf.MustSession("2005-01-03")
		if got := missingText(b); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// The gaps that a source is left to ask for are asked for exchange by exchange, of the ETFs and up to the session that were asked about.
func TestGapsFound(t *testing.T) {
	t.Parallel()
	day := etf.MustSession
	gap := func(symbol etf.Symbol, x etf.Exchange, from, to string) etf.Gap {
		return etf.Gap{Symbol: symbol, Exchange: x, From: day(from), To: day(to)}
	}
	beyond, inVain := gap("SPY", etf.XNYS, "2010-01-04", "2010-01-05"), gap("SPY", etf.XNYS, "2011-01-03", "2011-01-03")
	beyond.Unreachable, inVain.Asked = true, time.Now()
	gaps := []etf.Gap{
		gap("069500", etf.XKRX, "2020-01-02", "2020-01-03"), gap("QQQ", etf.XNYS, "2020-02-03", "2020-02-04"),
		beyond, inVain, gap("SPY", etf.XNYS, "2015-01-05", "2015-01-05"), gap("SPY", etf.XNYS, "2019-01-07", "2019-01-07"),
	}
	const found = "sessions are missing: have the sources asked for them with "
	for _, c := range []struct {
		q    service.GapQuery
		gaps []etf.Gap
		want string
	}{
		{service.GapQuery{}, gaps, found + "`etfcast backfill start --exchange XNYS --from 2015-01-05` and `etfcast backfill start --exchange XKRX --from 2020-01-02`"},
		{service.GapQuery{To: "2020-06-30"}, gaps[:1], found + "`etfcast backfill start --exchange XKRX --from 2020-01-02 --to 2020-01-03`"},
		{service.GapQuery{Symbols: []string{"SPY", "QQQ"}, To: "2020-06-30"}, gaps[1:], found + "`etfcast backfill start --exchange XNYS --from 2015-01-05 --symbols QQQ,SPY --to 2020-02-04`"},
	} {
		if err := gapsFound(c.gaps, c.q); err == nil || !errors.Is(err, errGaps) || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if err := gapsFound([]etf.Gap{beyond, inVain}, service.GapQuery{}); err != nil {
		t.Errorf("there is no source left to ask: %v", err)
	}
}

// What no source has is asked for again exchange by exchange, but not what is from before the history of every source.
func TestMissingFound(t *testing.T) {
	t.Parallel()
	gap := func(symbol etf.Symbol, x etf.Exchange, from, to string) etf.Gap {
		return etf.Gap{Symbol: symbol, Exchange: x, From: etf.MustSession(from), To: etf.MustSession(to), Asked: time.Now()}
	}
	beyond := gap("SPY", etf.XNYS, "2010-01-04", "2010-01-05")
	beyond.Asked, beyond.Unreachable = time.Time{}, true
	spy, korean := gap("SPY", etf.XNYS, "2015-01-05", "2015-01-06"), gap("069500", etf.XKRX, "2020-01-02", "2020-01-03")
	const none = "sessions are missing that no source has: give "
	for _, c := range []struct {
		q    service.GapQuery
		gaps []etf.Gap
		want string
	}{
		{service.GapQuery{}, []etf.Gap{beyond}, none + "SPY another one (`etfcast etf sources SPY NAME...` sets the whole list)"},
		{service.GapQuery{}, []etf.Gap{korean, beyond, spy}, none + "the ETF another one (`etfcast etf sources SYMBOL NAME...` sets the whole list), or ask again with " +
			"`etfcast backfill start --exchange XNYS --from 2015-01-05 --again` and `etfcast backfill start --exchange XKRX --from 2020-01-02 --again`"},
		{service.GapQuery{Symbols: []string{"SPY"}, To: "2015-06-30"}, []etf.Gap{beyond, spy}, none + "SPY another one (`etfcast etf sources SPY NAME...` sets the whole list), or ask again with " +
			"`etfcast backfill start --exchange XNYS --from 2015-01-05 --symbols SPY --to 2015-01-06 --again`"},
	} {
		if err := missingFound(c.gaps, c.q); !errors.Is(err, errMissing) || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
