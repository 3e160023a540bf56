package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// result is the last line printed.
type result struct {
	ETFs           int            `json:"etfs"`
	Bars           int            `json:"bars"`
	Quarantined    int            `json:"quarantined"`
	Forecasts      map[string]int `json:"forecasts"` // by model
	RunsCompleted  int            `json:"runs_completed"`
	Scores         int            `json:"scores"` // on the scoreboard, late ones included
	SecondsToReady float64        `json:"seconds_to_ready"`
	SecondsTotal   float64        `json:"seconds_total"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := smoke(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
}

func smoke(ctx context.Context) error {
	binary := flag.String("etfcast", "bin/etfcast", "the binary under test")
	prices := flag.String("prices", "", "folder of CSV files to use instead of simulated ETFs")
	exchange := flag.String("exchange", string(etf.XNYS), "exchange of the files in -prices")
	limit := flag.Duration("timeout", 10*time.Minute, "give up after this long")
	flag.Parse()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()

	market, err := etf.ParseExchange(*exchange)
	if err != nil {
		return err
	}
	listings := simulatedListings()
	if *prices != "" {
		if listings, err = fileListings(ctx, *prices, market); err != nil {
			return err
		}
	}

	began := time.Now()
	server, err := startServer(ctx, *binary, *prices)
	if err != nil {
		return err
	}
	defer func() { _ = server.stop() }()
	ready := time.Since(began)
	fmt.Fprintf(os.Stderr, "ready after %.1f s at %s\n", ready.Seconds(), server.base)

	res, err := exercise(ctx, server, listings)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, server.tail())
	}
	if err := server.stop(); err != nil {
		return err
	}
	res.SecondsToReady = round(ready.Seconds())
	res.SecondsTotal = round(time.Since(began).Seconds())
	return json.NewEncoder(os.Stdout).Encode(res)
}

func round(s float64) float64 { return float64(int(s*100+.5)) / 100 }
