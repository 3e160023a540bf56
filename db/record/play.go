package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

const (
	// history is how many sessions most ETFs have before the first run: enough for every model, but a small archive.
	history = 160
	// young is too few for prophet, which needs half a year.
	young = 70
)

// market is one exchange and the sessions to run, the newest last.
type market struct {
	exchange etf.Exchange
	cal      *calendar.Calendar
	runs     [4]etf.Session
	now      time.Time
}

func newMarket(x etf.Exchange, now time.Time) (market, error) {
	m := market{exchange: x, now: now}
	var err error
	if m.cal, err = calendar.For(x); err != nil {
		return m, err
	}
	last, err := m.cal.LastClosed(now)
	if err != nil {
		return m, err
	}
	for i := range m.runs {
		if m.runs[i], err = m.cal.Nth(last, i+1-len(m.runs)); err != nil {
			return m, err
		}
	}
	return m, nil
}

// before returns the session n sessions before the first one run.
func (m market) before(n int) (etf.Session, error) { return m.cal.Nth(m.runs[0], -n) }

// play does what operators of a new installation do.
func play(ctx context.Context, p *program) error {
	now := time.Now()
	us, err := newMarket(etf.XNYS, now)
	if err != nil {
		return err
	}
	kr, err := newMarket(etf.XKRX, now)
	if err != nil {
		return err
	}
	if err := writePrices(p, us, kr, false); err != nil {
		return err
	}
	last := us.runs[len(us.runs)-1]
	// The source publishes provisional prices for the session before the last, and corrects them once the fault is off.
	provisional := "revised:1000@" + us.runs[len(us.runs)-2].String()
	err = p.up(ctx, provisional, func() error {
		if err := register(ctx, p, us, kr); err != nil {
			return err
		}
		for i := range us.runs {
			for _, m := range []market{us, kr} {
				if _, err := p.call(ctx, "run", "daily", "--exchange", string(m.exchange), "--session", m.runs[i].String(), "--wait"); err != nil {
					return err
				}
			}
		}
		if err := decide(ctx, p, last); err != nil {
			return err
		}
		// Run a subset, to forecast from the accepted price.
		_, err := p.call(ctx, "run", "daily", "--exchange", string(us.exchange), "--session", last.String(), "--symbols", "SIMUSA,FILEUS", "--wait")
		return err
	})
	if err != nil {
		return err
	}
	if err := writePrices(p, us, kr, true); err != nil {
		return err
	}
	return p.up(ctx, "none", func() error {
		for _, m := range []market{us, kr} {
			if _, err := p.call(ctx, "run", "daily", "--exchange", string(m.exchange), "--session", m.runs[len(m.runs)-1].String(), "--rerun", "--wait"); err != nil {
				return err
			}
		}
		return cancel(ctx, p, us)
	})
}

// register registers the ETFs. A fault with a date, in a source reference, applies whenever that date is fetched.
func register(ctx context.Context, p *program, us, kr market) error {
	start, err := us.before(history)
	if err != nil {
		return err
	}
	startKR, err := kr.before(history)
	if err != nil {
		return err
	}
	late, err := us.before(young)
	if err != nil {
		return err
	}
	split, err := us.before(40)
	if err != nil {
		return err
	}
	var past [3]etf.Session
	for i := range past {
		if past[i], err = kr.before(30 + 5*i); err != nil {
			return err
		}
	}
	last := us.runs[len(us.runs)-1]
	for _, e := range []struct{ symbol, exchange, source string }{
		{"SIMUS1", "XNYS", fmt.Sprintf("simulated=SIMUS1?inception=%s&split=%s:4:1", start, split)},
		{"SIMUSA", "XNYS", fmt.Sprintf("simulated=SIMUSA?inception=%s&faults=bad_tick@%s", start, last)}, // accepted
		{"SIMUSR", "XNYS", fmt.Sprintf("simulated=SIMUSR?inception=%s&faults=bad_tick@%s", start, last)}, // rejected
		{"SIMUSY", "XNYS", fmt.Sprintf("simulated=SIMUSY?inception=%s", late)},
		{"FILEUS", "XNYS", "file=FILEUS.csv?basis=as_traded"},
		{"NOFILE", "XNYS", "file=NOFILE.csv"}, // fails every time
		{"SIMKR1", "XKRX", fmt.Sprintf("simulated=SIMKR1?inception=%s", startKR)},
		{"SIMKR2", "XKRX", fmt.Sprintf("simulated=SIMKR2?inception=%s&faults=bad_tick@%s,duplicate@%s,garbled@%s", startKR, past[0], past[1], past[2])},
		{"FILEKR", "XKRX", "file=FILEKR.csv"},
	} {
		if _, err := p.call(ctx, "etf", "add", e.symbol, "--exchange", e.exchange, "--source", e.source); err != nil {
			return err
		}
	}
	return nil
}

// decide accepts one of the two prices that wait for a decision, and rejects the other. The texts contain awkward
// characters.
func decide(ctx context.Context, p *program, session etf.Session) error {
	for symbol, decision := range map[string]string{"SIMUSA": "accept", "SIMUSR": "reject"} {
		var findings []etf.Finding
		if err := p.read(ctx, &findings, "finding", "list", "--symbol", symbol); err != nil {
			return err
		}
		if len(findings) == 0 {
			return fmt.Errorf("no finding of %s on %s waits for a decision", symbol, session)
		}
		for _, f := range findings {
			if _, err := p.call(ctx, "finding", decision, f.ID, "--by", "O'Brien \\ 김영희", "--why", "as \"published\";\nseen twice"); err != nil {
				return err
			}
		}
	}
	return nil
}

// cancel starts a run that would take a minute and stops it.
func cancel(ctx context.Context, p *program, m market) error {
	last := m.runs[len(m.runs)-1]
	if _, err := p.call(ctx, "etf", "add", "SIMUSZ", "--exchange", string(m.exchange), "--source", "simulated=SIMUSZ?faults=slow:60s"); err != nil {
		return err
	}
	var r etf.Run
	if err := p.read(ctx, &r, "run", "daily", "--exchange", string(m.exchange), "--session", last.String(), "--symbols", "SIMUSZ"); err != nil {
		return err
	}
	if err := p.await(ctx, r.ID, func(r etf.Run) bool { return r.Counts.Due > 0 }); err != nil {
		return err
	}
	if _, err := p.call(ctx, "run", "cancel", string(r.ID)); err != nil {
		return err
	}
	return p.await(ctx, r.ID, func(r etf.Run) bool { return r.Status == etf.RunCancelled })
}

// await waits until a run satisfies wanted.
func (p *program) await(ctx context.Context, id etf.RunID, wanted func(etf.Run) bool) error {
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var r etf.Run
		if err := p.read(ctx, &r, "run", "show", string(id)); err != nil {
			return err
		}
		switch {
		case wanted(r):
			return nil
		case r.Status != etf.RunRunning:
			return fmt.Errorf("run %s ended with status %s: %s", id, r.Status, r.Error)
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waiting for run %s", id), ctx.Err())
		case <-tick.C:
		}
	}
}

// writePrices writes the price files, whose numbers are invented; if corrected, one close in each is different.
func writePrices(p *program, us, kr market, corrected bool) error {
	for _, f := range []struct {
		name   string
		m      market
		header string
		unit   int64 // of a price, in units of 10^-8
		digits int
		split  bool
	}{
		{"FILEUS.csv", us, "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits", 1e6, 2, true},
		{"FILEKR.csv", kr, "날짜,시가,고가,저가,종가,거래량", 5e8, 0, false},
	} {
		start, err := f.m.before(history)
		if err != nil {
			return err
		}
		random := rand.New(rand.NewPCG(7, uint64(len(f.name)+f.digits)))
		var text strings.Builder
		fmt.Fprintln(&text, f.header)
		sessions := f.m.cal.Sessions(etf.Window{From: start, To: f.m.runs[len(f.m.runs)-1]})
		price := int64(8000) // in units
		for i, s := range sessions {
			factor, dividend := "0", "0"
			if f.split && i == history-60 {
				price, factor = price/2, "2"
			}
			if f.split && i%63 == 20 {
				dividend = "0.25"
			}
			open := price + random.Int64N(41) - 20
			end := price + random.Int64N(121) - 59
			low, high := min(open, end)-random.Int64N(30), max(open, end)+random.Int64N(30)
			price = end
			if corrected && i == len(sessions)-3 {
				end, high = end+3, max(high, end+3)
			}
			text.WriteString(s.String())
			for _, v := range []int64{open, high, low, end} {
				fmt.Fprintf(&text, ",%.*f", f.digits, float64(v)*float64(f.unit)/1e8)
			}
			fmt.Fprintf(&text, ",%d", 10_000+random.IntN(50_000))
			if f.split {
				fmt.Fprintf(&text, ",%s,%s", dividend, factor)
			}
			text.WriteByte('\n')
		}
		if err := p.write(f.name, text.String()); err != nil {
			return err
		}
	}
	return nil
}
