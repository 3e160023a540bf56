package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/archive"
	"github.com/etfcast/etfcast/etf"
)

// collect dumps the database and records what the program's commands print about it.
func collect(ctx context.Context, p *program, pool *sql.DB, release string) (archive.Archive, error) {
	a := archive.Archive{Facts: archive.Facts{Release: release, Rows: map[string]int{}}}
	f := &a.Facts
	var version struct {
		Version string `json:"version"`
	}
	var runs []etf.Run
	for _, command := range []struct {
		into any
		args []string
	}{
		{&version, []string{"version"}},
		{&f.ETFs, []string{"etf", "list"}},
		{&f.Findings, []string{"finding", "list", "--all", "--limit", "1000"}},
		{&runs, []string{"run", "list", "--limit", "1000"}},
	} {
		if err := p.read(ctx, command.into, command.args...); err != nil {
			return a, err
		}
	}
	f.CodeVersion = version.Version
	for _, r := range runs {
		var text json.RawMessage
		if err := p.read(ctx, &text, "run", "show", string(r.ID)); err != nil {
			return a, err
		}
		f.Runs = append(f.Runs, text)
	}
	if err := pool.QueryRowContext(ctx, "SELECT MAX(version_id) FROM schema_versions WHERE is_applied = 1").Scan(&f.Schema); err != nil {
		return a, fmt.Errorf("reading the schema version: %w", err)
	}
	tables, err := archive.Tables(ctx, pool)
	if err != nil {
		return a, err
	}
	for _, table := range tables {
		var rows int
		if err := pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&rows); err != nil {
			return a, fmt.Errorf("counting the rows of %s: %w", table, err)
		}
		f.Rows[table] = rows
	}
	if f.Prices, err = prices(ctx, pool); err != nil {
		return a, err
	}
	if f.Revised, err = revised(ctx, pool); err != nil {
		return a, err
	}
	if f.Chains, err = chains(ctx, pool); err != nil {
		return a, err
	}
	if f.Forecasts, err = texts(ctx, pool); err != nil {
		return a, err
	}
	var text bytes.Buffer
	err = archive.Dump(ctx, pool, &text)
	a.SQL = text.Bytes()
	return a, err
}

// each calls do with a scanner for every row of the query.
func each(ctx context.Context, pool *sql.DB, query string, do func(scan func(...any) error) error) error {
	rows, err := pool.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// prices summarises each ETF's bars. It adds closes here because not every server adds them exactly.
func prices(ctx context.Context, pool *sql.DB) (list []archive.Prices, err error) {
	var sums []etf.Price
	err = each(ctx, pool, "SELECT symbol, b.quarantined, b.close FROM bars b JOIN etfs e ON e.id = b.etf_id ORDER BY symbol", func(scan func(...any) error) error {
		var symbol etf.Symbol
		var quarantined int
		var closing string
		if err := scan(&symbol, &quarantined, &closing); err != nil {
			return err
		}
		price, err := etf.ParsePrice(closing)
		if n := len(list); n == 0 || list[n-1].Symbol != symbol {
			list, sums = append(list, archive.Prices{Symbol: symbol}), append(sums, 0)
		}
		last := &list[len(list)-1]
		last.Bars++
		last.Quarantined += quarantined
		sums[len(sums)-1] += price
		return err
	})
	for i := range list {
		list[i].CloseSum = sums[i].String()
	}
	return list, err
}

func revised(ctx context.Context, pool *sql.DB) (list []archive.Revised, err error) {
	err = each(ctx, pool, `SELECT symbol, all_bars.session, all_bars.close FROM (
SELECT etf_id, session, data_version, close FROM bar_revisions UNION ALL
SELECT b.etf_id, b.session, b.data_version, b.close FROM bars b JOIN bar_revisions r ON r.etf_id = b.etf_id AND r.session = b.session
) all_bars JOIN etfs e ON e.id = all_bars.etf_id GROUP BY symbol, all_bars.session, all_bars.data_version, all_bars.close ORDER BY symbol, all_bars.session, all_bars.data_version`, func(scan func(...any) error) error {
		var symbol, session, closing string
		if err := scan(&symbol, &session, &closing); err != nil {
			return err
		}
		on, err := etf.ParseSession(session)
		if err != nil {
			return err
		}
		if n := len(list); n == 0 || list[n-1].Symbol != etf.Symbol(symbol) || list[n-1].Session != on {
			list = append(list, archive.Revised{Symbol: etf.Symbol(symbol), Session: on})
		}
		price, err := etf.ParsePrice(closing)
		last := &list[len(list)-1]
		last.Closes = append(last.Closes, price.String())
		return err
	})
	return list, err
}

func chains(ctx context.Context, pool *sql.DB) (list []archive.Chain, err error) {
	err = each(ctx, pool, `SELECT symbol, model, chain, hash FROM forecasts f JOIN etfs e ON e.id = f.etf_id
WHERE chain = (SELECT MAX(chain) FROM forecasts g WHERE g.etf_id = f.etf_id AND g.model = f.model) ORDER BY symbol, model`, func(scan func(...any) error) error {
		var c archive.Chain
		err := scan(&c.Symbol, &c.Model, &c.Length, &c.Head)
		list = append(list, c)
		return err
	})
	return list, err
}

// texts returns the hashed text of the second forecast of each chain. The release's program printed only the hash, so the
// text is built here, and is right if it has the hash that the program stored.
func texts(ctx context.Context, pool *sql.DB) (list []archive.Text, err error) {
	var ids []string
	err = each(ctx, pool, "SELECT id FROM forecasts WHERE chain = 2 ORDER BY etf_id, model", func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	store, err := db.Open(os.Getenv(db.DSNVariable), db.Options{})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	for _, id := range ids {
		f, err := store.Forecast(ctx, id)
		if err != nil {
			return nil, err
		}
		t := archive.Text{ID: id, Hash: f.Hash, PrevHash: f.PrevHash}
		f.Hash = ""
		text, err := json.Marshal(f)
		if err != nil {
			return nil, err
		}
		t.JSON = string(text)
		if sum := sha256.Sum256([]byte(t.PrevHash + "\n" + t.JSON)); hex.EncodeToString(sum[:]) != t.Hash {
			return nil, fmt.Errorf("the text of forecast %s does not match its hash: record from the release's own code", id)
		}
		list = append(list, t)
	}
	return list, nil
}
