package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/file"
)

// listing is an ETF to register and the session to run it for; zero = the last closed one.
type listing struct {
	etf     etf.ETF
	session etf.Session
	rows    int // rows in its file; 0 = unknown
}

func simulatedListings() []listing {
	var out []listing
	add := func(x etf.Exchange, symbols ...etf.Symbol) {
		for _, s := range symbols {
			out = append(out, listing{etf: etf.ETF{Symbol: s, Exchange: x, Currency: x.DefaultCurrency(),
				Sources: []etf.SourceRef{{Name: "simulated", Ref: string(s)}}}})
		}
	}
	add(etf.XNYS, "SIMUS1", "SIMUS2", "SIMUS3")
	add(etf.XKRX, "SIMKR1", "SIMKR2")
	return out
}

// fileListings returns a listing for every CSV file in dir. It counts the rows itself, line by line, instead of relying
// on the code under test; only the last session comes from that code.
func fileListings(ctx context.Context, dir string, exchange etf.Exchange) ([]listing, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	if len(paths) == 0 {
		return nil, fmt.Errorf("no CSV file in %s", dir)
	}
	src, err := file.New(file.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	out := make([]listing, 0, len(paths))
	for _, path := range paths {
		name := filepath.Base(path)
		symbol, err := etf.ParseSymbol(strings.ToUpper(strings.TrimSuffix(name, filepath.Ext(name))))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		rows, err := countRows(path)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		response, err := src.Fetch(ctx, etf.Query{Symbol: symbol, Ref: name, Exchange: exchange, Currency: exchange.DefaultCurrency(),
			Window: etf.Window{To: etf.SessionOf(now)}, AsOf: now})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		l := listing{rows: rows, etf: etf.ETF{Symbol: symbol, Exchange: exchange, Currency: exchange.DefaultCurrency(),
			Sources: []etf.SourceRef{{Name: "file", Ref: name}}}}
		for _, b := range response.Bars {
			l.session = max(l.session, b.Session)
		}
		out = append(out, l)
	}
	return out, nil
}

// countRows counts the lines that begin with a date: all other lines of a price file are headers.
func countRows(path string) (int, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	rows := 0
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := strings.TrimPrefix(lines.Text(), `"`)
		if len(text) > 4 && (strings.HasPrefix(text, "19") || strings.HasPrefix(text, "20")) {
			rows++
		}
	}
	return rows, lines.Err()
}
