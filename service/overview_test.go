package service

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// pricedETF is an ETF with believed closes of the sessions up to Friday, 2025-09-26, whose data came in time.
func pricedETF(symbol etf.Symbol, closes ...string) etf.ETFState {
	e := longStanding(symbol, etf.XNYS, "file",
		came("2025-09-22", "2025-09-22 22:00", "2025-09-22 22:00"), came("2025-09-23", "2025-09-23 22:00", "2025-09-23 22:00"),
		came("2025-09-24", "2025-09-24 22:00", "2025-09-24 22:00"), came("2025-09-25", "2025-09-25 22:00", "2025-09-25 22:00"),
		came("2025-09-26", "2025-09-26 22:00", "2025-09-26 22:05"))
	sessions := []string{"2025-09-22", "2025-09-23", "2025-09-24", "2025-09-25", "2025-09-26"}
	for i, text := range closes {
		session := etf.MustSession(sessions[len(sessions)-len(closes)+i])
		e.Closes = append(e.Closes, etf.KnownClose{Session: session, Close: etf.MustPrice(text), KnownFrom: session.Time().Add(22 * time.Hour)})
	}
	// Fetched after 20:00 in New York: final.
	e.Confirmed = etf.Confirmation{Exchange: etf.XNYS, Session: etf.MustSession("2025-09-26"), At: utc("2025-09-27 01:00")}
	e.DataVersion.Number = 7
	return e
}

func overviewOf(t *testing.T, s *Service, exchange string) *Overview {
	t.Helper()
	o, err := s.Overview(t.Context(), exchange)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func itemOf(t *testing.T, o *Overview, symbol etf.Symbol) *OverviewItem {
	t.Helper()
	for _, i := range o.Items {
		if i.ETF.Symbol == symbol {
			return i
		}
	}
	t.Fatalf("%s is not in the overview", symbol)
	return nil
}

func TestOverview(t *testing.T) {
	now := utc("2025-09-27 12:00")
	ok := pricedETF("OK", "100", "110")
	ok.Forecasts = []etf.ServedForecast{{ID: "f1", Model: "drift", Origin: etf.MustSession("2025-09-26"), Points: []etf.ForecastPoint{{Horizon: 1, Mean: 111}, {Horizon: 21, Mean: 120}}}}
	split := pricedETF("SPLIT", "100", "51") // 2:1 on the 26th: the price of half a share before is 50
	split.Splits = []etf.Action{{Kind: etf.Split, Ex: etf.MustSession("2025-09-26"), Numerator: 2, Denominator: 1}}
	split.Forecasts = []etf.ServedForecast{{ID: "f2", Model: "drift", Origin: etf.MustSession("2025-09-25"), Points: []etf.ForecastPoint{{Horizon: 1, Mean: 102}}}}
	soon := pricedETF("SOON", "100", "101") // its split is not in effect yet
	soon.Splits = []etf.Action{{Kind: etf.Split, Ex: etf.MustSession("2025-09-29"), Numerator: 2, Denominator: 1}}
	held := pricedETF("HELD", "100")
	held.NewestHeld, held.Waiting = true, 1
	quarantined := pricedETF("QUAR", "100")
	quarantined.NewestQuarantined, quarantined.Waiting, quarantined.Warnings, quarantined.Proposed = true, 2, 3, 1
	missing := pricedETF("MISS", "99", "100")
	missing.Closes = missing.Closes[:1] // of the 25th
	missing.Arrivals = missing.Arrivals[:4]
	provisional := pricedETF("PROV", "100", "101")
	provisional.Confirmed.At = utc("2025-09-26 22:00") // 18:00 in New York
	contrary := pricedETF("CONTRARY", "100", "51")
	contrary.Splits = []etf.Action{
		{Kind: etf.Split, Ex: etf.MustSession("2025-09-26"), Numerator: 2, Denominator: 1}, {Kind: etf.Split, Ex: etf.MustSession("2025-09-26"), Numerator: 3, Denominator: 1},
	}
	fresh := longStanding("FRESH", etf.XNYS, "file")
	fresh.Since = now
	retired := pricedETF("RETIRED", "1", "2")
	retired.Retired, retired.Waiting = true, 1
	b := newBoard(ok, split, soon, held, quarantined, missing, provisional, contrary, fresh, retired)
	b.run = &etf.Run{ID: "daily:XNYS:2025-09-26", Status: etf.RunCompleted, Counts: etf.RunCounts{Due: 9, Updated: 8, Failed: 1}}
	svc := watching(b, &now)
	o := overviewOf(t, svc, "")

	if n := len(o.Items); n != 9 || !slices.IsSortedFunc(o.Items, func(a, b *OverviewItem) int { return compare(a.ETF.Symbol, b.ETF.Symbol) }) {
		t.Errorf("%d items", n)
	}
	for symbol, want := range map[etf.Symbol]string{
		"OK": "[100 110] +0.1000 ok ok", "SPLIT": "[50 51] +0.0200 ok ok", "SOON": "[100 101] +0.0100 ok ok", "HELD": "[100] +0.0000 held ok",
		"QUAR": "[100] +0.0000 quarantined ok", "MISS": "[99] +0.0000 missing stale", "PROV": "[100 101] +0.0100 provisional ok",
		"CONTRARY": "[51] +0.0000 ok ok", "FRESH": "[] +0.0000 missing waiting",
	} {
		i := itemOf(t, o, symbol)
		change, _ := i.Change()
		if got := fmt.Sprintf("%v %+.4f %s %s", i.Closes, change, i.State, i.Freshness); got != want {
			t.Errorf("%s: %s, want %s", symbol, got, want)
		}
	}
	if f := itemOf(t, o, "OK").Forecasts; len(f) != 2 || f[0].Mean != 111 || f[1].Horizon != 21 {
		t.Errorf("forecasts %+v", f)
	}
	if f := itemOf(t, o, "SPLIT").Forecasts; len(f) != 1 || f[0].Mean != 51 {
		t.Errorf("the forecast from before the split: %+v", f)
	}
	if w := o.Waiting; w != (OverviewWaiting{Findings: 4, Warnings: 3, Actions: 1, Stale: 1, Failed: 2}) { // the fake has one run for both exchanges
		t.Errorf("waiting %+v", w)
	}
	x := o.Exchanges[0]
	if x.Exchange != etf.XNYS || x.Session.String() != "2025-09-26" || !x.ClosedAt.Equal(utc("2025-09-26 20:00")) || !x.DueAt.Equal(utc("2025-09-26 23:00")) ||
		x.NextSession.String() != "2025-09-29" || !x.NextOpen.Equal(utc("2025-09-29 13:30")) || !x.NextClose.Equal(utc("2025-09-29 20:00")) || x.OpenNow ||
		x.State != ExchangeLate || x.Late != 13*time.Hour || x.ETFs != 9 || x.Counted != 8 || x.Stored != 7 || x.Forecast != 7 || x.Stale != 1 {
		t.Errorf("exchange %+v", x)
	}
	if o.Exchanges[1].State != ExchangeRunning && o.Exchanges[1].State != ExchangeEmpty {
		t.Errorf("exchange %+v", o.Exchanges[1])
	}
	if part := overviewOf(t, svc, "XKRX"); len(part.Items) != 0 || len(part.Exchanges) != 1 || part.Waiting.Findings != 0 {
		t.Errorf("part %+v", part)
	}
	if _, err := svc.Overview(t.Context(), "XPAR"); err == nil {
		t.Error("an unknown exchange")
	}
	missing.Arrivals = pricedETF("MISS").Arrivals
	b.run.Status = etf.RunRunning
	b.put(missing)
	if x := overviewOf(t, svc, "XNYS").Exchanges[0]; x.State != ExchangeRunning || x.Stale != 0 {
		t.Errorf("exchange %+v", x)
	}
	b.run.Status = etf.RunCompleted
	b.put(missing)
	if x := overviewOf(t, svc, "XNYS").Exchanges[0]; x.State != ExchangeComplete {
		t.Errorf("exchange %+v", x)
	}
}

// Nothing is read again while there is no event; an event reads the ETF that it names, and the others keep their pointers.
func TestOverviewReadsWhatHasChanged(t *testing.T) {
	now := utc("2025-09-27 12:00")
	b := newBoard(pricedETF("AAA", "1", "2"), pricedETF("BBB", "1", "2"))
	svc := watching(b, &now)
	move := func(to time.Time) {
		b.mu.Lock()
		defer b.mu.Unlock()
		now = to
	}
	first := overviewOf(t, svc, "")
	if empty := overviewOf(t, svc, "XJPX"); len(first.Exchanges) != 2 || len(empty.Exchanges) != 1 || empty.Exchanges[0].Exchange != etf.XTKS || len(empty.Items) != 0 {
		t.Errorf("an exchange without ETFs, which all don't show: %+v", empty.Exchanges)
	}
	move(now.Add(time.Second))
	if again := overviewOf(t, svc, ""); again != first || b.reads["ETFStates"] != 1 {
		t.Errorf("the same overview: %v, after %d reads", again == first, b.reads["ETFStates"])
	}
	b.put(pricedETF("AAA", "1", "3"))
	second := overviewOf(t, svc, "")
	if q := b.asked[len(b.asked)-1]; len(b.asked) != 2 || !slices.Equal(q.Symbols, []etf.Symbol{"AAA"}) {
		t.Errorf("asked %+v", b.asked)
	}
	if second.Event <= first.Event || fmt.Sprint(itemOf(t, second, "AAA").Closes) != "[1 3]" || itemOf(t, second, "BBB") != itemOf(t, first, "BBB") {
		t.Errorf("the overview after the event: %+v", second)
	}
	// A lower number appears after a higher one: it was given first and committed last.
	b.mu.Lock()
	low := b.take()
	b.mu.Unlock()
	b.put(pricedETF("CCC", "1", "2"))
	overviewOf(t, svc, "")
	move(now.Add(5 * time.Second))
	overviewOf(t, svc, "")
	b.mu.Lock()
	b.states["BBB"] = pricedETF("BBB", "1", "4")
	b.emit(low, "BBB")
	b.mu.Unlock()
	if got := itemOf(t, overviewOf(t, svc, ""), "BBB"); fmt.Sprint(got.Closes) != "[1 4]" {
		t.Errorf("the event that committed late is not counted in: %v", got.Closes)
	}
	// The session of Monday closes at 20:00 UTC.
	move(utc("2025-09-29 19:59"))
	if x := overviewOf(t, svc, "").Exchanges[0]; x.Session.String() != "2025-09-26" || !x.OpenNow {
		t.Errorf("before the close: %+v", x)
	}
	move(utc("2025-09-29 20:00"))
	if x := overviewOf(t, svc, "").Exchanges[0]; x.Session.String() != "2025-09-29" || x.OpenNow || x.State != ExchangeWaiting {
		t.Errorf("after the close: %+v", x)
	}
	move(utc("2025-09-29 23:00"))
	if o := overviewOf(t, svc, ""); o.Waiting.Stale != 3 || itemOf(t, o, "AAA").Freshness != etf.FreshnessStale {
		t.Errorf("when it is due: %+v", o.Waiting)
	}
	b.mu.Lock()
	b.fail = failures{"EventMarks": storeAway}
	b.mu.Unlock()
	if _, err := svc.Overview(t.Context(), ""); etf.KindOf(err) != etf.KindUnavailable {
		t.Errorf("without a database: %v", err)
	}
}

// A change without an event is counted in when everything is read again, after a minute.
func TestOverviewSeesChangesWithoutEvents(t *testing.T) {
	var clock atomic.Int64
	clock.Store(utc("2025-09-27 12:00").UnixNano())
	b := newBoard(pricedETF("AAA", "1", "2"))
	read := make(chan struct{}, 10)
	b.duringRead = func() { read <- struct{}{} }
	svc := New(Deps{Store: b, Now: func() time.Time { return time.Unix(0, clock.Load()) }, Models: []Model{{Name: "drift", MinSessions: 21}}})
	overviewOf(t, svc, "")
	<-read
	b.mu.Lock()
	b.states["AAA"] = pricedETF("AAA", "1", "9")
	b.mu.Unlock()
	clock.Add(int64(61 * time.Second))
	overviewOf(t, svc, "") // begins to read everything in the background
	<-read
	for deadline := time.Now().Add(10 * time.Second); fmt.Sprint(itemOf(t, overviewOf(t, svc, ""), "AAA").Closes) != "[1 9]"; {
		if time.Now().After(deadline) {
			t.Fatal("the change is not seen")
		}
	}
}

// Whatever was committed before a request is in its response, however many write and read.
func TestOverviewUnderConcurrentWrites(t *testing.T) {
	now := utc("2025-09-27 12:00")
	b := newBoard()
	const etfs, writes = 5, 200
	committed := make([]atomic.Int64, etfs)
	for n := range etfs {
		b.states[symbolOf(n)] = pricedETF(symbolOf(n), "1")
	}
	svc := watching(b, &now)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for n := range etfs {
		wg.Go(func() {
			for v := range int64(writes) {
				e := pricedETF(symbolOf(n), "1")
				e.DataVersion.Number = v + 10
				b.put(e)
				committed[n].Store(v + 10)
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				var before [etfs]int64
				for n := range etfs {
					before[n] = committed[n].Load()
				}
				o, err := svc.Overview(t.Context(), "")
				if err != nil {
					t.Error(err)
					return
				}
				for n := range etfs {
					if got := o.Items[n].ETF.DataVersion.Number; got < before[n] {
						t.Errorf("%s: version %d, but %d was committed before", symbolOf(n), got, before[n])
						return
					}
				}
			}
		})
	}
	readers.Wait()
}

// Each horizon shows the model that is served there, once the gate has said so; an ETF without its newest forecast, and a damaged
// assessment, the benchmark's.
func TestOverviewOfServed(t *testing.T) {
	now := utc("2025-09-27 12:00")
	points := func(mean float64) []etf.ForecastPoint {
		return []etf.ForecastPoint{{Horizon: 1, Mean: mean}, {Horizon: 21, Mean: mean}}
	}
	friday, thursday := etf.MustSession("2025-09-26"), etf.MustSession("2025-09-25")
	both, behind := pricedETF("BOTH", "100", "110"), pricedETF("BEHIND", "100", "110")
	both.Forecasts = []etf.ServedForecast{{Model: "drift", Origin: friday, Points: points(1)}, {Model: "prophet", Origin: friday, Points: points(2)}}
	behind.Forecasts = []etf.ServedForecast{{Model: "drift", Origin: friday, Points: points(1)}, {Model: "prophet", Origin: thursday, Points: points(2)}}
	b := newBoard(both, behind)
	svc := New(Deps{Store: b, Now: b.clock(&now), Models: models})
	shown := func() string {
		t.Helper()
		var list []string
		o := overviewOf(t, svc, "")
		for _, symbol := range []etf.Symbol{"BOTH", "BEHIND"} {
			for _, f := range itemOf(t, o, symbol).Forecasts {
				list = append(list, fmt.Sprintf("%d %s %g", f.Horizon, f.Model, f.Mean))
			}
		}
		return fmt.Sprint(list)
	}
	const benchmark = "[1 drift 1 21 drift 1 1 drift 1 21 drift 1]"
	if got := shown(); got != benchmark {
		t.Errorf("without an assessment: %s", got)
	}
	b.mu.Lock()
	b.judged = judged(t) // prophet from horizon 5 on
	b.emit(b.take(), "") // the run's
	b.mu.Unlock()
	if got := shown(); got != "[1 drift 1 21 prophet 2 1 drift 1 21 drift 1]" {
		t.Errorf("after the verdict: %s", got)
	}
	if q := b.asked[len(b.asked)-1]; fmt.Sprint(q.Served[etf.XNYS], q.Served[etf.XKRX]) != "[drift prophet] [drift]" {
		t.Errorf("read: %v", q.Served)
	}
	b.mu.Lock()
	b.judged.Body = append([]byte(" "), b.judged.Body...)
	b.emit(b.take(), "")
	b.mu.Unlock()
	if got := shown(); got != benchmark {
		t.Errorf("with a damaged assessment: %s", got)
	}
}

func symbolOf(n int) etf.Symbol { return etf.Symbol(fmt.Sprintf("E%d", n)) }
