package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/bench/database"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/simulated"
)

// prepareDatabase migrates the embedded database, or a new one on the MySQL server, and makes it that of this process
// and its children. It returns the processes to measure and what to call the database.
func prepareDatabase(ctx context.Context, server bool) (pids processes, about string, drop func(), err error) {
	if pids.stack, err = stackPID(); err != nil {
		return pids, "", nil, err
	}
	if !server {
		dsn := os.Getenv(db.DSNVariable)
		cfg, err := mysql.ParseDSN(dsn)
		if err != nil || dsn == "" {
			return pids, "", nil, etf.Invalid(db.DSNVariable, "the variable is not set to a DSN", "run `make bench-daily`, which starts the embedded stack")
		}
		err = db.Migrate(ctx, os.Getenv(db.AdminDSNVariable), db.MigrateOptions{GrantUsers: []string{cfg.User}, Log: slog.New(slog.DiscardHandler)})
		return pids, "embedded", func() {}, err
	}
	place, err := database.New(ctx, os.Getenv(database.Variable))
	if err != nil {
		return pids, "", nil, err
	}
	defer func() {
		if err != nil {
			place.Drop()
		}
	}()
	user, dsn, err := place.NewUser(ctx)
	if err != nil {
		return pids, "", nil, err
	}
	for variable, value := range map[string]string{db.DSNVariable: dsn, db.AdminDSNVariable: place.DSN} {
		if err = os.Setenv(variable, value); err != nil {
			return pids, "", nil, err
		}
	}
	if err = db.Migrate(ctx, place.DSN, db.MigrateOptions{GrantUsers: []string{user}, Log: slog.New(slog.DiscardHandler)}); err != nil {
		return pids, "", nil, err
	}
	store, err := db.Open(dsn, db.Options{})
	if err != nil {
		return pids, "", nil, err
	}
	defer store.Close()
	capabilities, err := store.Capabilities(ctx)
	if err != nil {
		return pids, "", nil, err
	}
	about = capabilities.Server + " " + capabilities.Version
	var unknown error
	if pids.database, unknown = place.ServerPID(); unknown != nil {
		fmt.Fprintln(os.Stderr, "the server's CPU time is not measured:", unknown)
		pids.database = 0
	}
	return pids, about, place.Drop, nil
}

// seed registers n simulated ETFs and bulk-loads years of bars for each, up to the session before the measured one. It is
// not measured.
func seed(ctx context.Context, cal *calendar.Calendar, session etf.Session, n, years int) ([]etf.Symbol, error) {
	store, err := db.Open(os.Getenv(db.DSNVariable), db.Options{})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	market, err := simulated.New(simulated.Options{})
	if err != nil {
		return nil, err
	}
	before, err := cal.Previous(session)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	symbols := make([]etf.Symbol, n)
	for i := range symbols {
		symbol := etf.Symbol(fmt.Sprintf("SIMB%04d", i+1))
		symbols[i] = symbol
		if _, _, err := store.CreateETF(ctx, etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD",
			Sources: []etf.SourceRef{{Name: simulated.Name, Ref: string(symbol)}}}); err != nil {
			return nil, err
		}
		response, err := market.Fetch(ctx, etf.Query{Symbol: symbol, Ref: string(symbol), Exchange: etf.XNYS, Currency: "USD",
			Window: etf.Window{From: before.AddDays(-years * 365), To: before}, AsOf: time.Now()})
		if err != nil {
			return nil, err
		}
		if _, err := store.SeedBars(ctx, symbol, simulated.Name, response.Basis, response.Bars); err != nil {
			return nil, err
		}
		if (i+1)%100 == 0 || i+1 == n {
			fmt.Fprintf(os.Stderr, "seeded %d of %d ETFs, %d bars each, %.0f s\n", i+1, n, len(response.Bars), time.Since(began).Seconds())
		}
	}
	return symbols, nil
}
