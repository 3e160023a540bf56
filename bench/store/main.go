// Command store measures how fast Persist stores new and unchanged rows on a real MySQL server, compared with LOAD DATA
// LOCAL of the same rows into an empty table with the same columns and primary key. It uses the store as a fetch does
// (SaveFetch, SaveFindings, Persist). Progress goes to standard error, one line of JSON to standard output.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/bench/database"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-store:", err)
		os.Exit(1)
	}
}

type figures struct {
	Rows          float64 `json:"rows_per_s"`           // Persist of new rows, staging included
	Unchanged     float64 `json:"unchanged_rows_per_s"` // Persist of the same rows again
	LoadData      float64 `json:"load_data_rows_per_s"`
	Ratio         float64 `json:"ratio"` // Rows / LoadData
	N             int     `json:"rows"`
	Batch         int     `json:"rows_per_transaction"`
	ServerVersion string  `json:"server"`
}

func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench-store", flag.ContinueOnError)
	flags.SetOutput(stderr)
	n := flags.Int("rows", 250_000, "number of rows")
	batch := flags.Int("batch", 5_000, "rows per transaction")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *batch < 1 || *n < *batch || *n%*batch != 0 {
		return fmt.Errorf("-rows %d is not a positive multiple of -batch %d", *n, *batch)
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
	if !about.LocalInfile {
		return fmt.Errorf("the server refuses LOAD DATA LOCAL; start it with --local-infile=1")
	}
	fmt.Fprintf(stderr, "%s %s: %d rows in transactions of %d\n", about.Server, about.Version, *n, *batch)
	series := makeSeries(*n / *batch, *batch)
	for _, s := range series {
		if _, _, err := store.CreateETF(ctx, etf.ETF{Symbol: s.symbol, Exchange: etf.XNYS, Currency: "USD",
			Sources: []etf.SourceRef{{Name: "simulated", Ref: string(s.symbol)}}}); err != nil {
			return err
		}
	}
	f := figures{N: *n, Batch: *batch, ServerVersion: about.Server + " " + about.Version}
	before, err := loadData(ctx, place.Admin, series, *n)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "LOAD DATA LOCAL:    %8.0f rows/s\n", before)
	if f.Rows, err = persistAll(ctx, store, series, *n, true, stderr); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "Persist, all new:   %8.0f rows/s\n", f.Rows)
	if f.Unchanged, err = persistAll(ctx, store, series, *n, false, stderr); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "Persist, unchanged: %8.0f rows/s\n", f.Unchanged)
	// The baseline is measured before and after, so that changes in the machine's load affect both figures.
	after, err := loadData(ctx, place.Admin, series, *n)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "LOAD DATA LOCAL:    %8.0f rows/s\n", after)
	f.LoadData = (before + after) / 2
	f.Ratio = f.Rows / f.LoadData
	return json.NewEncoder(stdout).Encode(f)
}

// series is one ETF's history: the rows of one transaction.
type series struct {
	symbol etf.Symbol
	bars   []etf.Bar
}

// makeSeries returns histories of consecutive days; whether they are trading days does not matter here.
func makeSeries(etfs, rows int) []series {
	list := make([]series, etfs)
	first := etf.MustSession("2000-01-03")
	for i := range list {
		bars := make([]etf.Bar, rows)
		for j := range bars {
			base := etf.Price(100_00000000 + int64((i*31+j*17)%9973)*1_230000)
			bars[j] = etf.Bar{
				Session: first.AddDays(j), Open: base, High: base + 1_50000000, Low: base - 75000000,
				Close: base + 12345678, AdjClose: base - 1_00000001, Volume: etf.Shares(int64(1_000_000 + i + j)),
			}
		}
		list[i] = series{symbol: etf.Symbol(fmt.Sprintf("BENCH%04d", i)), bars: bars}
	}
	return list
}

// persistAll stores every series as a fetch does, checks that all rows were new (fresh) or unchanged, and returns rows
// per second.
func persistAll(ctx context.Context, store *db.Store, list []series, n int, fresh bool, stderr io.Writer) (float64, error) {
	start := time.Now()
	var saving, judging time.Duration
	for _, s := range list {
		id := newID()
		now := time.Now()
		lap := now
		if err := store.SaveFetch(ctx, etf.Fetch{
			ID: id, Symbol: s.symbol, Source: "simulated", Basis: etf.AsTraded, Rows: len(s.bars), FetchedAt: now,
			Window: etf.Window{From: s.bars[0].Session, To: s.bars[len(s.bars)-1].Session},
		}, etf.Response{Bars: s.bars}); err != nil {
			return 0, err
		}
		saving += time.Since(lap)
		lap = time.Now()
		if _, err := store.SaveFindings(ctx, etf.Judgement{Fetch: id, Verdicts: make([]etf.Verdict, len(s.bars))}); err != nil {
			return 0, err
		}
		judging += time.Since(lap)
		p, err := store.Persist(ctx, id)
		if err != nil {
			return 0, err
		}
		if want := len(s.bars); (fresh && p.New != want) || (!fresh && p.Unchanged != want) {
			return 0, fmt.Errorf("%s: Persist returned %+v for %d rows", s.symbol, p, want)
		}
	}
	took := time.Since(start)
	fmt.Fprintf(stderr, "  staging %.1f s, verdicts %.1f s, persisting %.1f s\n",
		saving.Seconds(), judging.Seconds(), (took - saving - judging).Seconds())
	return float64(n) / took.Seconds(), nil
}

// loadData measures the baseline: one LOAD DATA LOCAL from memory, in one transaction.
func loadData(ctx context.Context, admin *sql.DB, list []series, n int) (float64, error) {
	for _, statement := range []string{"DROP TABLE IF EXISTS baseline", "CREATE TABLE baseline LIKE bars"} {
		if _, err := admin.ExecContext(ctx, statement); err != nil {
			return 0, err
		}
	}
	var lines bytes.Buffer
	fetch := newID()
	for i, s := range list {
		for _, b := range s.bars {
			fmt.Fprintf(&lines, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\tas_traded\tsimulated\t%s\t0\t1\t2025-01-02 03:04:05.000000\n",
				i+1, b.Session, b.Open, b.High, b.Low, b.Close, b.AdjClose, b.Volume, fetch)
		}
	}
	mysql.RegisterReaderHandler("bench-store", func() io.Reader { return &lines })
	defer mysql.DeregisterReaderHandler("bench-store")
	start := time.Now()
	result, err := admin.ExecContext(ctx, "LOAD DATA LOCAL INFILE 'Reader::bench-store' INTO TABLE baseline CHARACTER SET ascii")
	if err != nil {
		return 0, err
	}
	took := time.Since(start)
	loaded, err := result.RowsAffected()
	if err != nil {
		return 0, err
	}
	if loaded != int64(n) {
		return 0, fmt.Errorf("LOAD DATA LOCAL loaded %d of %d rows", loaded, n)
	}
	return float64(n) / took.Seconds(), nil
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
