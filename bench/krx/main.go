// Command krx measures how long one session of all ETFs takes from the source krx through the chain: Fetch, Validate, Persist. A local server
// stands in for the exchange. It uses source, rules and store as the activities do, 16 ETFs at once, without Temporal. Progress goes to standard error,
// one line of JSON to standard output.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/bench/database"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/source/krx"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-krx:", err)
		os.Exit(1)
	}
}

type figures struct {
	ETFs     int     `json:"etfs"`
	Seconds  float64 `json:"seconds"`
	PerS     float64 `json:"etfs_per_s"`
	Calls    int64   `json:"calls"`          // to the exchange, of which one is of the new session
	NewDay   int64   `json:"new_day_calls"`  // of the new session
	Bodies   int     `json:"shared_bodies"`  // stored
	BodyMB   float64 `json:"shared_body_mb"` // of all of them, before compression
	Rows     int64   `json:"rows"`           // staged
	CPU      float64 `json:"cpu_s"`          // of this process, the stand-in for the exchange included: unlike seconds, hardly longer on a busy machine
	Database string  `json:"database"`
}

// cpu is the CPU time of this process.
func cpu() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// atOnce is how many ETFs are at work at once, as in a worker.
const atOnce = 16

func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench-krx", flag.ContinueOnError)
	flags.SetOutput(stderr)
	n := flags.Int("n", 900, "number of ETFs")
	stored := flags.Int("sessions", 100, "sessions that are stored of each")
	server := flags.Bool("mysql", false, "use the MySQL server of "+database.Variable+" instead of the embedded database")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *n < 1 || *n > 99_999 || *stored < activities.TrailingSessions+1 {
		return etf.Invalid("n", "1 to 99999 ETFs with 16 sessions at least are needed", "run, for example, `make bench-krx N=900`")
	}
	cal, err := calendar.For(etf.XKRX)
	if err != nil {
		return err
	}
	session, err := cal.Nth(etf.MustSession("2026-01-23"), 0)
	if err != nil {
		return err
	}
	first, err := cal.Nth(session, -*stored)
	if err != nil {
		return err
	}
	asOf := time.Date(2026, time.January, 23, 20, 0, 0, 0, cal.Location())
	m := newMarket(cal.Sessions(etf.Window{From: first, To: session}), *n)

	var calls, newDay atomic.Int64
	exchange := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		date := r.URL.Query().Get("basDd")
		if date == session.Time().Format("20060102") {
			newDay.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(m.body(date))
	}))
	defer exchange.Close()

	store, about, drop, err := open(ctx, *server, env)
	if err != nil {
		return err
	}
	defer drop()
	defer store.Close()
	began := time.Now()
	for i := range *n {
		e := etf.ETF{Symbol: m.code(i), Exchange: etf.XKRX, Currency: "KRW", Sources: []etf.SourceRef{{Name: krx.Name, Ref: string(m.code(i))}}}
		if _, _, err := store.CreateETF(ctx, e); err != nil {
			return err
		}
		if _, err := store.SeedBars(ctx, e.Symbol, krx.Name, etf.AsTraded, m.bars[i][:*stored]); err != nil {
			return err
		}
	}
	fmt.Fprintf(stderr, "seeded %d ETFs with %d sessions each in %.0f s\n", *n, *stored, time.Since(began).Seconds())

	source := krx.New(krx.Options{BaseURL: exchange.URL, Key: func() (string, error) { return "0123456789ABCDEF", nil }})
	var rows atomic.Int64
	bodies := &sizes{seen: map[string]int{}}
	began = time.Now()
	spent := cpu()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range *n {
		group.Go(func() error {
			u := update{store: store, source: source, cal: cal, symbol: m.code(i), session: session, asOf: asOf, bodies: bodies}
			staged, err := u.run(groupCtx)
			rows.Add(int64(staged))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	out := figures{
		ETFs: *n, Seconds: math.Round(took*100) / 100, PerS: math.Round(float64(*n)/took*10) / 10, Calls: calls.Load(), NewDay: newDay.Load(),
		Bodies: len(bodies.seen), Rows: rows.Load(), CPU: math.Round((cpu()-spent)*100) / 100, Database: about,
	}
	for _, b := range bodies.seen {
		out.BodyMB += float64(b) / 1e6
	}
	out.BodyMB = math.Round(out.BodyMB*100) / 100
	return json.NewEncoder(stdout).Encode(out)
}

// sizes are the sizes of the shared bodies by hash.
type sizes struct {
	mu   sync.Mutex
	seen map[string]int
}

// update is the update of one ETF.
type update struct {
	store   *db.Store
	source  *krx.Source
	cal     *calendar.Calendar
	symbol  etf.Symbol
	session etf.Session
	asOf    time.Time
	bodies  *sizes
}

// run does what Fetch, Validate and Persist do, and returns how many rows were staged.
func (u update) run(ctx context.Context) (rows int, err error) {
	if _, err := u.store.Stored(ctx, u.symbol); err != nil {
		return 0, err
	}
	from, err := u.cal.Nth(u.session, -activities.TrailingSessions)
	if err != nil {
		return 0, err
	}
	window := etf.Window{From: from, To: u.session}
	r, err := u.source.Fetch(ctx, etf.Query{Symbol: u.symbol, Ref: string(u.symbol), Exchange: etf.XKRX, Currency: "KRW", Window: window, AsOf: u.asOf})
	if err != nil {
		return 0, err
	}
	u.bodies.mu.Lock()
	for _, b := range r.Shared {
		u.bodies.seen[b.Hash] = len(b.Raw)
	}
	u.bodies.mu.Unlock()
	id, hash := sha256.Sum256([]byte(u.symbol)), sha256.Sum256(r.Raw)
	f := etf.Fetch{
		ID: hex.EncodeToString(id[:16]), Symbol: u.symbol, Source: krx.Name, Window: window, Request: r.Request, MediaType: r.MediaType,
		Hash: hex.EncodeToString(hash[:]), Basis: r.Basis, Rows: len(r.Bars), FetchedAt: u.asOf, Run: "daily:XKRX:2026-01-23",
	}
	if err := u.store.SaveFetch(ctx, f, r); err != nil {
		return 0, err
	}
	staged, err := u.store.Staged(ctx, f.ID)
	if err != nil {
		return 0, err
	}
	report, err := quality.Check(quality.InputOf(staged, etf.XKRX, u.session, false))
	if err != nil {
		return 0, err
	}
	judged := etf.Judgement{Fetch: f.ID, Findings: report.Findings, Verdicts: report.Verdicts}
	for i := range judged.Findings {
		judged.Findings[i].Fetch, judged.Findings[i].FoundAt = f.ID, u.asOf
	}
	found, err := quality.WithRows(judged, staged.Bars)
	if err != nil {
		return 0, err
	}
	for i, one := range found {
		judged.Findings[i].ID = quality.FindingID(one)
	}
	if _, err := u.store.SaveFindings(ctx, judged); err != nil {
		return 0, err
	}
	p, _, err := u.store.Replace(ctx, f.ID, etf.Replacement{})
	if err != nil {
		return 0, err
	}
	if p.New != 1 || p.Unchanged != activities.TrailingSessions {
		return 0, fmt.Errorf("%s: %d new and %d unchanged rows, not 1 and %d", u.symbol, p.New, p.Unchanged, activities.TrailingSessions)
	}
	return len(r.Bars), nil
}

// open returns a store on a new database.
func open(ctx context.Context, server bool, env func(string) string) (store *db.Store, about string, drop func(), err error) {
	dsn, admin, about := env(db.DSNVariable), env(db.AdminDSNVariable), "embedded"
	drop = func() {}
	grant := ""
	if server {
		place, err := database.New(ctx, env(database.Variable))
		if err != nil {
			return nil, "", nil, err
		}
		drop = place.Drop
		if grant, dsn, err = place.NewUser(ctx); err != nil {
			place.Drop()
			return nil, "", nil, err
		}
		admin = place.DSN
	} else if cfg, err := mysql.ParseDSN(dsn); err == nil {
		grant = cfg.User
	}
	if dsn == "" {
		return nil, "", nil, etf.Invalid(db.DSNVariable, "the variable is not set to a DSN", "run `make bench-krx`, which starts the embedded stack")
	}
	if err := db.Migrate(ctx, admin, db.MigrateOptions{GrantUsers: []string{grant}, Log: slog.New(slog.DiscardHandler)}); err != nil {
		drop()
		return nil, "", nil, err
	}
	store, err = db.Open(dsn, db.Options{})
	if err != nil {
		drop()
		return nil, "", nil, err
	}
	if server {
		c, err := store.Capabilities(ctx)
		if err != nil {
			drop()
			return nil, "", nil, err
		}
		about = c.Server + " " + c.Version
	}
	return store, about, drop, nil
}

// market has the prices of n ETFs, and the exchange's bodies of its days.
type market struct {
	sessions []etf.Session
	bars     [][]etf.Bar // by ETF
	bodies   map[string][]byte
}

func newMarket(sessions []etf.Session, n int) *market {
	m := &market{sessions: sessions, bars: make([][]etf.Bar, n), bodies: map[string][]byte{}}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range m.bars {
		price := 5_000 + random.Float64()*50_000
		for _, s := range sessions {
			open := math.Round(price)
			price *= math.Exp(random.NormFloat64() * .01)
			last := math.Round(price)
			high, low := math.Max(open, last)+math.Round(10*random.Float64()), math.Min(open, last)-math.Round(10*random.Float64())
			m.bars[i] = append(m.bars[i], etf.Bar{Session: s, Open: won(open), High: won(high), Low: won(low), Close: won(last), Volume: etf.Shares(1_000 + random.Int64N(1_000_000))})
		}
	}
	for at, s := range sessions[max(0, len(sessions)-activities.TrailingSessions-1):] {
		at += max(0, len(sessions)-activities.TrailingSessions-1)
		date := s.Time().Format("20060102")
		list := make([]map[string]string, n)
		for i := range m.bars {
			b := m.bars[i][at]
			list[i] = map[string]string{
				"BAS_DD": date, "ISU_CD": string(m.code(i)), "ISU_NM": fmt.Sprintf("시험 ETF %d", i), "TDD_CLSPRC": b.Close.String(), "CMPPREVDD_PRC": "10", "FLUC_RT": "0.10",
				"NAV": b.Close.String() + ".25", "TDD_OPNPRC": b.Open.String(), "TDD_HGPRC": b.High.String(), "TDD_LWPRC": b.Low.String(), "ACC_TRDVOL": b.Volume.String(),
				"ACC_TRDVAL": "2479398465", "MKTCAP": "771855750000", "INVSTASST_NETASST_TOTAMT": "772821298061", "LIST_SHRS": "18450000", "IDX_IND_NM": "코스피 200",
				"OBJ_STKPRC_IDX": "408.53", "CMPPREVDD_IDX": "1.43", "FLUC_RT_IDX": "0.35",
			}
		}
		body, err := json.Marshal(map[string]any{"OutBlock_1": list})
		if err != nil {
			panic(err) // maps of text can be marshalled
		}
		m.bodies[date] = body
	}
	return m
}

func (m *market) code(i int) etf.Symbol { return etf.Symbol(fmt.Sprintf("%06d", 100_000+i)) }

func (m *market) body(date string) []byte {
	if b, has := m.bodies[date]; has {
		return b
	}
	return []byte(`{"OutBlock_1":[]}`)
}

func won(x float64) etf.Price { return etf.Price(math.Round(x)) * etf.MustPrice("1") }
