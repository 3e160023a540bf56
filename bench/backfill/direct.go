package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/source/simulated"
)

// steps is the time that a window's steps take, added up over all windows.
type steps struct {
	fetch, save, staged, check, findings, persist atomic.Int64
}

func (s *steps) lap(to *atomic.Int64, start *time.Time) {
	now := time.Now()
	to.Add(int64(now.Sub(*start)))
	*start = now
}

// direct does what the activities Fetch, Validate and Persist do with each window, without Temporal, for profiles: several ETFs at once,
// each window by window.
func direct(ctx context.Context, store *db.Store, list []etf.ETF, windows []etf.Window, atOnce int, stderr io.Writer) (rows int, took time.Duration, err error) {
	source, err := simulated.New(simulated.Options{})
	if err != nil {
		return 0, 0, err
	}
	var spent steps
	var total atomic.Int64
	start := time.Now()
	work := make(chan etf.ETF)
	failed := make(chan error, atOnce)
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for e := range work {
				for _, w := range windows {
					n, err := window(ctx, store, source, e, w, &spent)
					if err != nil {
						failed <- fmt.Errorf("%s %s to %s: %w", e.Symbol, w.From, w.To, err)
						return
					}
					total.Add(int64(n))
				}
			}
		})
	}
	for _, e := range list {
		select {
		case work <- e:
		case err := <-failed:
			return 0, 0, err
		}
	}
	close(work)
	group.Wait()
	select {
	case err := <-failed:
		return 0, 0, err
	default:
	}
	took = time.Since(start)
	seconds := func(n *atomic.Int64) float64 { return time.Duration(n.Load()).Seconds() }
	fmt.Fprintf(stderr, "fetch %.2f s, save %.2f s, read %.2f s, check %.2f s, findings %.2f s, persist %.2f s\n", seconds(&spent.fetch), seconds(&spent.save),
		seconds(&spent.staged), seconds(&spent.check), seconds(&spent.findings), seconds(&spent.persist))
	return int(total.Load()), took, nil
}

// window stores one window of one ETF and returns how many rows were new.
func window(ctx context.Context, store *db.Store, source *simulated.Source, e etf.ETF, w etf.Window, spent *steps) (int, error) {
	start := time.Now()
	now := start
	r, err := source.Fetch(ctx, etf.Query{Symbol: e.Symbol, Ref: e.Sources[0].Ref, Exchange: e.Exchange, Currency: e.Currency, Window: w, AsOf: now})
	if err != nil {
		return 0, err
	}
	spent.lap(&spent.fetch, &start)
	hash := sha256.Sum256(r.Raw)
	id := newID()
	if err := store.SaveFetch(ctx, etf.Fetch{ID: id, Symbol: e.Symbol, Source: simulated.Name, Window: w, Request: r.Request, MediaType: r.MediaType,
		Hash: hex.EncodeToString(hash[:]), Basis: r.Basis, Rows: len(r.Bars), FetchedAt: now}, r); err != nil {
		return 0, err
	}
	spent.lap(&spent.save, &start)
	staged, err := store.Staged(ctx, id)
	if err != nil {
		return 0, err
	}
	spent.lap(&spent.staged, &start)
	report, err := quality.Check(quality.InputOf(staged, e.Exchange, w.To, false))
	if err != nil {
		return 0, err
	}
	j := etf.Judgement{Fetch: id, Findings: report.Findings, Verdicts: report.Verdicts}
	for i := range j.Findings {
		j.Findings[i].Fetch, j.Findings[i].FoundAt = id, now
	}
	found, err := quality.WithRows(j, staged.Bars)
	if err != nil {
		return 0, err
	}
	for i, f := range found {
		j.Findings[i].ID = quality.FindingID(f)
	}
	spent.lap(&spent.check, &start)
	if _, err := store.SaveFindings(ctx, j); err != nil {
		return 0, err
	}
	spent.lap(&spent.findings, &start)
	p, err := store.Persist(ctx, id)
	spent.lap(&spent.persist, &start)
	return p.New, err
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
