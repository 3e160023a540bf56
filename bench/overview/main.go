// Command overview measures, on a real MySQL server, how fast GET /v1/overview responds for many ETFs: in a process that has just
// started, while nothing changes, and after changes. Progress goes to standard error, one line of JSON to standard output.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etfcast/etfcast/api"
	"github.com/etfcast/etfcast/bench/database"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-overview:", err)
		os.Exit(1)
	}
}

type figures struct {
	ETFs          int     `json:"etfs"`
	Bars          int     `json:"bars"` // of each
	Bytes         int     `json:"bytes"`
	GzipBytes     int     `json:"gzip_bytes"`
	ColdMs        float64 `json:"cold_ms"`           // the first request to a new process, the median
	ChangedMs     float64 `json:"changed_ms"`        // the first request after one ETF has changed, the median
	ChangedManyMs float64 `json:"changed_many_ms"`   // after 50 have
	SameMs        float64 `json:"same_ms"`           // when nothing has changed, one client, the median
	Requests      float64 `json:"requests_a_second"` // the same, 32 clients, gzip
	P50Ms         float64 `json:"p50_ms"`
	P99Ms         float64 `json:"p99_ms"`
	NotModified   float64 `json:"not_modified_a_second"` // the same with If-None-Match
	WatchMs       float64 `json:"watch_ms"`              // a look at the deadlines, the median
	ServerVersion string  `json:"server"`
}

const clients = 32

type bench struct {
	ctx   context.Context
	store *db.Store
	cal   *calendar.Calendar
	days  []etf.Session
	now   time.Time
}

func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench-overview", flag.ContinueOnError)
	n := flags.Int("n", 2000, "number of ETFs")
	bars := flags.Int("bars", 60, "bars of each")
	window := flags.Duration("for", 5*time.Second, "how long many clients send requests")
	if err := flags.Parse(args); err != nil {
		return err
	}
	place, err := database.New(ctx, env(database.Variable))
	if err != nil {
		return err
	}
	defer place.Drop()
	if err := db.Migrate(ctx, place.DSN, db.MigrateOptions{Variable: database.Variable}); err != nil {
		return err
	}
	store, err := db.Open(place.DSN, db.Options{Variable: database.Variable})
	if err != nil {
		return err
	}
	defer store.Close()
	about, err := store.Capabilities(ctx)
	if err != nil {
		return err
	}
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		return err
	}
	b := &bench{ctx: ctx, store: store, cal: cal, now: time.Now()}
	newest, err := cal.LastClosed(b.now)
	if err != nil {
		return err
	}
	b.days = cal.Sessions(etf.Window{From: newest.AddDays(-2 * *bars), To: newest})
	b.days = b.days[len(b.days)-*bars:]
	f := figures{ETFs: *n, Bars: *bars, ServerVersion: about.Server + " " + about.Version}
	start := time.Now()
	if err := b.seed(*n); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%s: %d ETFs with %d bars in %.0f s\n", f.ServerVersion, *n, *bars, time.Since(start).Seconds())

	var cold []float64
	for range 7 {
		server, err := b.serve()
		if err != nil {
			return err
		}
		took, _, err := get(ctx, server.URL, false, "")
		server.Close()
		if err != nil {
			return err
		}
		cold = append(cold, took)
	}
	f.ColdMs = median(cold)
	server, err := b.serve()
	if err != nil {
		return err
	}
	defer server.Close()
	_, plain, err := get(ctx, server.URL, false, "")
	if err != nil {
		return err
	}
	_, packed, err := get(ctx, server.URL, true, "")
	if err != nil {
		return err
	}
	f.Bytes, f.GzipBytes = plain.bytes, packed.bytes
	var same, changed, many, looks []float64
	for i := range 20 {
		took, _, err := get(ctx, server.URL, true, "")
		if err != nil {
			return err
		}
		same = append(same, took)
		if i >= 7 {
			continue
		}
		for _, c := range []struct {
			etfs int
			to   *[]float64
		}{{1, &changed}, {50, &many}} {
			for k := range c.etfs {
				if err := b.forecast(symbol((i*50 + k) % *n)); err != nil {
					return err
				}
			}
			took, _, err := get(ctx, server.URL, true, "")
			if err != nil {
				return err
			}
			*c.to = append(*c.to, took)
		}
	}
	f.SameMs, f.ChangedMs, f.ChangedManyMs = median(same), median(changed), median(many)
	if f.Requests, f.P50Ms, f.P99Ms, err = load(ctx, server.URL, "", *window); err != nil {
		return err
	}
	_, latest, err := get(ctx, server.URL, true, "")
	if err != nil {
		return err
	}
	if f.NotModified, _, _, err = load(ctx, server.URL, latest.etag, *window); err != nil {
		return err
	}
	svc := b.service()
	for range 5 {
		start := time.Now()
		if _, err := svc.WatchDeadlines(ctx); err != nil {
			return err
		}
		looks = append(looks, time.Since(start).Seconds()*1e3)
	}
	f.WatchMs = median(looks)
	return json.NewEncoder(stdout).Encode(f)
}

func symbol(i int) etf.Symbol { return etf.Symbol(fmt.Sprintf("SIM%05d", i)) }

func (b *bench) service() *service.Service {
	return service.New(service.Deps{Store: b.store, Temporal: noTemporal{}, Models: []service.Model{{Name: "drift", MinSessions: 21}}})
}

// noTemporal stands for a server that no overview asks.
type noTemporal struct{ service.Temporal }

// serve starts the API of a process that has read nothing yet.
func (b *bench) serve() (*httptest.Server, error) {
	handler, err := api.New(api.Deps{Service: b.service(), Version: "bench"})
	if err != nil {
		return nil, err
	}
	return httptest.NewServer(handler), nil
}

// seed stores the ETFs, a few at once.
func (b *bench) seed(n int) error {
	todo, failed := make(chan int), make(chan error, 16)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range todo {
				if err := b.one(i); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	wg.Wait()
	close(failed)
	return <-failed
}

func (b *bench) one(i int) error {
	if _, _, err := b.store.CreateETF(b.ctx, etf.ETF{Symbol: symbol(i), Exchange: etf.XNYS, Currency: "USD",
		Sources: []etf.SourceRef{{Name: "simulated", Ref: string(symbol(i))}}}); err != nil {
		return err
	}
	var list []etf.Bar
	for k, day := range b.days {
		p := etf.Price(100e8 + int64((i+k)*37%1100)*1e6)
		list = append(list, etf.Bar{Session: day, Open: p, High: p, Low: p, Close: p, Volume: etf.Shares(1000)})
	}
	if _, err := b.store.SeedBars(b.ctx, symbol(i), "simulated", etf.AsTraded, list); err != nil {
		return err
	}
	return b.forecast(symbol(i))
}

// forecast appends a forecast from the newest session.
func (b *bench) forecast(of etf.Symbol) error {
	origin := b.days[len(b.days)-1]
	h, err := b.store.History(b.ctx, of, origin, 1)
	if err != nil {
		return err
	}
	var id [16]byte
	_, _ = rand.Read(id[:])
	f := etf.Forecast{ID: hex.EncodeToString(id[:]), Symbol: of, Model: "drift", Origin: origin, DataVersion: h.DataVersion, Basis: etf.SplitAdjusted,
		Params: "{}", ParamsHash: strings.Repeat("0", 64), Seed: uint64(id[0])<<8 | uint64(id[1]), CodeVersion: hex.EncodeToString(id[:4]), Run: etf.RunID("daily:XNYS:" + origin.String()), AsOf: h.AsOf, IssuedAt: time.Now()}
	for n := range etf.MaxHorizon {
		target, err := b.cal.Nth(origin, n+1)
		if err != nil {
			return err
		}
		p := etf.ForecastPoint{Horizon: n + 1, Target: target, Mean: 100.123456789}
		for i := range p.Quantiles {
			p.Quantiles[i] = 100 + float64(i-3)*math.Sqrt(float64(n+1))
		}
		f.Points = append(f.Points, p)
	}
	_, err = b.store.AppendForecasts(b.ctx, []etf.Forecast{f})
	return err
}

// response is what matters of a response.
type response struct {
	bytes int
	etag  string
}

// client keeps its connections.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}}

// get reads the overview once and returns how long that took, in milliseconds.
func get(ctx context.Context, url string, gzip bool, etag string) (ms float64, r response, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/overview", nil)
	if err != nil {
		return 0, r, err
	}
	if gzip {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	start := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return 0, r, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK && (etag == "" || resp.StatusCode != http.StatusNotModified) {
		err = fmt.Errorf("the overview: %s", resp.Status)
	}
	return time.Since(start).Seconds() * 1e3, response{int(n), resp.Header.Get("ETag")}, err
}

// load sends requests from many clients for a while.
func load(ctx context.Context, url, etag string, window time.Duration) (perSecond, p50, p99 float64, err error) {
	var mu sync.Mutex
	var all []float64
	var wg sync.WaitGroup
	start := time.Now()
	for range clients {
		wg.Go(func() {
			var mine []float64
			var failed error
			for time.Since(start) < window && failed == nil {
				var took float64
				took, _, failed = get(ctx, url, true, etag)
				mine = append(mine, took)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			if err == nil {
				err = failed
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	return float64(len(all)) / time.Since(start).Seconds(), all[len(all)/2], all[len(all)*99/100], err
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
