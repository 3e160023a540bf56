package db_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

var (
	tamperings = flag.Int("tamperings", 66, "how many changes TestTampering makes, one after another")
	tamperSeed = flag.Uint64("tamper-seed", 1, "what TestTampering draws the changes from")
)

// rowsOf are rows as they are stored.
type rowsOf struct {
	table   string
	columns []string
	rows    [][]any
}

func readRows(t testing.TB, admin *sql.DB, table, where string, args ...any) rowsOf {
	t.Helper()
	rows, err := admin.Query("SELECT * FROM "+table+" WHERE "+where, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	list := rowsOf{table: table}
	list.columns, _ = rows.Columns()
	for rows.Next() {
		values, into := make([]any, len(list.columns)), make([]any, len(list.columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		list.rows = append(list.rows, values)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return list
}

// tamperer changes stored rows as whoever owns the database can, and undoes it.
type tamperer struct {
	testing.TB
	admin *sql.DB
	r     *rand.Rand
	saved []rowsOf
	where []string
}

func (x *tamperer) exec(query string, args ...any) {
	x.Helper()
	if _, err := x.admin.Exec(query, args...); err != nil {
		x.Fatalf("%s: %v", query, err)
	}
}

// save keeps rows, to restore them.
func (x *tamperer) save(table, where string) rowsOf {
	x.Helper()
	list := readRows(x, x.admin, table, where)
	x.saved, x.where = append(x.saved, list), append(x.where, where)
	return list
}

func (x *tamperer) undo() {
	x.Helper()
	for i, list := range x.saved {
		x.exec("DELETE FROM " + list.table + " WHERE " + x.where[i])
	}
	for _, list := range x.saved {
		x.insert(list)
	}
	x.saved, x.where = nil, nil
}

func (x *tamperer) insert(list rowsOf) {
	x.Helper()
	for rows := range slices.Chunk(list.rows, 100) { // a statement is a commit
		marks := "(?" + strings.Repeat(", ?", len(list.columns)-1) + ")"
		x.exec("INSERT INTO "+list.table+" ("+strings.Join(list.columns, ", ")+") VALUES "+marks+strings.Repeat(", "+marks, len(rows)-1), slices.Concat(rows...)...)
	}
}

func (x *tamperer) pick(list rowsOf) map[string]any {
	x.Helper()
	if len(list.rows) == 0 {
		x.Fatalf("%s has no rows", list.table)
	}
	row := map[string]any{}
	for i, v := range list.rows[x.r.IntN(len(list.rows))] {
		if b, ok := v.([]byte); ok && list.columns[i] != "fit" && list.columns[i] != "hashes" {
			v = string(b)
		}
		row[list.columns[i]] = v
	}
	return row
}

func (x *tamperer) one(statements ...string) string { return statements[x.r.IntN(len(statements))] }

// flipped is text with one of its digits or letters changed.
func (x *tamperer) flipped(text string) string {
	b := []byte(text)
	for {
		i := x.r.IntN(len(b))
		if c := b[i]; c >= '0' && c <= '9' {
			b[i] = '0' + (c-'0'+1+byte(x.r.IntN(8)))%10
			return string(b)
		} else if c >= 'a' && c <= 'y' {
			b[i] = c + 1
			return string(b)
		}
	}
}

// The ways to tamper. Each changes what the kept checkpoint covers, of the forecast, and says what it did.
var tampers = map[string]func(x *tamperer, f map[string]any) string{
	"a value of a forecast": func(x *tamperer, f map[string]any) string {
		x.save("forecasts", fmt.Sprintf("id = '%s'", f["id"]))
		set := x.one("model = 'other'", "origin = origin + INTERVAL 1 DAY", "data_version = data_version + 1", "data_version_writer = 'x'", "basis = 'as_traded'",
			"params = CONCAT(params, ' ')", "params_hash = REVERSE(CONCAT('x', SUBSTRING(params_hash, 2)))", "seed = seed - 1", "code_version = 'v9'",
			"diagnostics = CONCAT(diagnostics, ' ')", "diagnostics = '{}'", "run_id = 'x'", "as_of = as_of - INTERVAL 1 MICROSECOND", "issued_at = issued_at - INTERVAL 1 HOUR",
			"chain = chain + 1000", "prev_hash = CONCAT('x', SUBSTRING(prev_hash, 2))", "hash = REVERSE(CONCAT('x', SUBSTRING(hash, 2)))")
		x.exec("UPDATE forecasts SET "+set+" WHERE id = ?", f["id"])
		return set
	},
	"a value of a point": func(x *tamperer, f map[string]any) string {
		p := x.pick(x.save("forecast_points", fmt.Sprintf("forecast_id = '%s'", f["id"])))
		set := x.one("mean = mean * 1.0000000001", "q05 = q05 + 1e-9", "q50 = -q50", "q95 = q95 * 2", "target = target + INTERVAL 1 DAY", "horizon = horizon + 100")
		x.exec("UPDATE forecast_points SET "+set+" WHERE forecast_id = ? AND horizon = ?", f["id"], p["horizon"])
		return set
	},
	"points": func(x *tamperer, f map[string]any) string {
		p := x.pick(x.save("forecast_points", fmt.Sprintf("forecast_id = '%s'", f["id"])))
		what := x.one("DELETE FROM forecast_points WHERE forecast_id = ? AND horizon = ?", "DELETE FROM forecast_points WHERE forecast_id = ? AND horizon >= ?",
			"INSERT INTO forecast_points SELECT forecast_id, horizon + 50, target, mean, q05, q10, q25, q50, q75, q90, q95 FROM forecast_points WHERE forecast_id = ? AND horizon = ?")
		x.exec(what, f["id"], p["horizon"])
		return what
	},
	"a component": func(x *tamperer, f map[string]any) string {
		c := x.pick(x.save("forecast_components", fmt.Sprintf("forecast_id = '%s'", f["id"])))
		switch x.r.IntN(4) {
		case 0:
			x.exec("DELETE FROM forecast_components WHERE forecast_id = ? AND component = ?", f["id"], c["component"])
			return "removed"
		case 1:
			x.exec("UPDATE forecast_components SET component = 'other' WHERE forecast_id = ? AND component = ?", f["id"], c["component"])
			return "renamed"
		case 2:
			x.exec("INSERT INTO forecast_components VALUES (?, 'more', '[0]')", f["id"])
			return "inserted"
		}
		x.exec("UPDATE forecast_components SET by_horizon = ? WHERE forecast_id = ? AND component = ?", x.flipped(c["by_horizon"].(string)), f["id"], c["component"])
		return "a digit"
	},
	"a fit": func(x *tamperer, f map[string]any) string {
		row := x.pick(x.save("forecast_fits", fmt.Sprintf("forecast_id = '%s'", f["id"])))
		set := x.one("encoding = 'zstd'", "size = size - 1", "size = size + 1", "hash = REVERSE(CONCAT('x', SUBSTRING(hash, 2)))", "", "removed")
		switch set {
		case "":
			// Other content, packed well.
			z, err := gzip.NewReader(bytes.NewReader(row["fit"].([]byte)))
			if err != nil {
				x.Fatal(err)
			}
			var fit, packed bytes.Buffer
			if _, err := fit.ReadFrom(z); err != nil {
				x.Fatal(err)
			}
			w := gzip.NewWriter(&packed)
			_, _ = w.Write([]byte(x.flipped(fit.String())))
			_ = w.Close()
			x.exec("UPDATE forecast_fits SET fit = ? WHERE forecast_id = ?", packed.Bytes(), f["id"])
		case "removed":
			x.exec("DELETE FROM forecast_fits WHERE forecast_id = ?", f["id"])
		default:
			x.exec("UPDATE forecast_fits SET "+set+" WHERE forecast_id = ?", f["id"])
		}
		return set
	},
	"a mark": func(x *tamperer, f map[string]any) string {
		where := fmt.Sprintf("forecast_id = '%s'", f["id"])
		held := x.save("forecast_marks", where)
		what := x.one("UPDATE forecast_marks SET skipped = skipped + 1 WHERE ", "UPDATE forecast_marks SET mark = 'retracted' WHERE ", "DELETE FROM forecast_marks WHERE ")
		if len(held.rows) == 0 {
			what = "INSERT INTO forecast_marks SELECT id, 'held', '', 1, issued_at FROM forecasts WHERE "
			where = fmt.Sprintf("id = '%s'", f["id"])
		}
		x.exec(what + where)
		return what
	},
	"tails and provenance": tailsAndProvenance,
	"a part stored beside": tailsAndProvenance, // of a forecast that has them
	"order": func(x *tamperer, f map[string]any) string {
		chain := fmt.Sprintf("etf_id = %v AND model = '%s'", f["etf_id"], f["model"])
		x.save("forecasts", chain)
		a := f["chain"].(int64)
		b := a%3 + 1 // the checkpoint covers positions 1 to 3
		x.exec("UPDATE forecasts SET chain = 1000 WHERE "+chain+" AND chain = ?", a)
		x.exec("UPDATE forecasts SET chain = ? WHERE "+chain+" AND chain = ?", a, b)
		x.exec("UPDATE forecasts SET chain = ? WHERE "+chain+" AND chain = 1000", b)
		return fmt.Sprintf("%d and %d", a, b)
	},
	"a forecast removed": func(x *tamperer, f map[string]any) string {
		x.removeFrom(f, f["chain"].(int64), f["chain"].(int64))
		return "with its parts"
	},
	"the end removed": func(x *tamperer, f map[string]any) string {
		x.removeFrom(f, f["chain"].(int64), 1<<40)
		return "and all that follows"
	},
	"a chain removed": func(x *tamperer, f map[string]any) string {
		x.removeFrom(f, 1, 1<<40)
		return ""
	},
	"rebuilt chain": func(x *tamperer, f map[string]any) string {
		x.rebuild(f)
		return "with valid hashes"
	},
	"rebuilt chain and log": func(x *tamperer, f map[string]any) string {
		x.rebuild(f)
		x.rebuildLog()
		return "with valid hashes, leaves, tree and checkpoints"
	},
	"a leaf": func(x *tamperer, f map[string]any) string {
		leaf := x.pick(x.save("ledger_leaves", "number < 9 AND number > 0"))
		set := x.one("symbol = 'OTHER'", "model = 'other'", "position = position + 1", "hash = REVERSE(CONCAT('x', SUBSTRING(hash, 2)))", "writer = 'x'", "anchored_at = anchored_at - INTERVAL 1 SECOND")
		x.exec("UPDATE ledger_leaves SET "+set+" WHERE number = ?", leaf["number"])
		return set
	},
	"the genesis": func(x *tamperer, f map[string]any) string {
		x.save("ledger_leaves", "number = 0")
		x.exec("UPDATE ledger_leaves SET hash = '00112233445566778899aabbccddeeff' WHERE number = 0")
		return ""
	},
	"leaves removed": func(x *tamperer, f map[string]any) string {
		x.save("ledger_leaves", "number >= 0")
		where := x.one("number = 0", "number = 3", "number >= 5", "number >= 0")
		x.exec("DELETE FROM ledger_leaves WHERE " + where)
		return where
	},
	"the log cut": func(x *tamperer, f map[string]any) string {
		for _, table := range []string{"ledger_leaves", "ledger_hashes", "ledger_checkpoints"} {
			x.save(table, "1 = 1")
			x.exec("DELETE FROM " + table)
		}
		return "to nothing"
	},
	"a leaf inserted": func(x *tamperer, f map[string]any) string {
		x.save("ledger_leaves", "number >= 0")
		x.exec("INSERT INTO ledger_leaves SELECT number + 1000, symbol, model, position, hash, writer, anchored_at FROM ledger_leaves WHERE number = 1")
		return ""
	},
	"hashes": func(x *tamperer, f map[string]any) string {
		row := x.pick(x.save("ledger_hashes", "1 = 1"))
		switch x.r.IntN(3) {
		case 0:
			hashes := slices.Clone(row["hashes"].([]byte))
			hashes[x.r.IntN(len(hashes))] ^= 1 << x.r.IntN(8)
			x.exec("UPDATE ledger_hashes SET hashes = ? WHERE first_hash = ?", hashes, row["first_hash"])
			return "a bit"
		case 1:
			x.exec("DELETE FROM ledger_hashes WHERE first_hash = ?", row["first_hash"])
			return "removed"
		}
		x.exec("UPDATE ledger_hashes SET hash_count = hash_count + 1 WHERE first_hash = ?", row["first_hash"])
		return "count"
	},
	"a checkpoint": func(x *tamperer, f map[string]any) string {
		c := x.pick(x.save("ledger_checkpoints", "1 = 1"))
		set, args := x.one("root = 'x'", "note = CONCAT(note, 'x')", "is_signed = 1 - is_signed", "size = size + 1", "made_at = made_at - INTERVAL 1 SECOND", "note = ?"), []any{}
		if strings.HasSuffix(set, "?") {
			args = append(args, x.flipped(c["note"].(string)))
		}
		x.exec("UPDATE ledger_checkpoints SET "+set+" WHERE size = ?", append(args, c["size"])...)
		return set
	},
	"a checkpoint removed": func(x *tamperer, f map[string]any) string {
		c := x.pick(x.save("ledger_checkpoints", "1 = 1"))
		x.exec("DELETE FROM ledger_checkpoints WHERE size = ?", c["size"])
		return ""
	},
	"rows of nothing": func(x *tamperer, f map[string]any) string {
		table := x.one("forecast_points", "forecast_components", "forecast_fits", "forecast_marks", "forecast_tails", "forecast_provenance", "forecast_raw")
		row := map[string]string{"forecast_points": "1, '2025-01-03', 1, 1, 1, 1, 1, 1, 1, 1", "forecast_components": "'trend', '[1]'", "forecast_fits": "'ab', 'gzip', 1, 'x'",
			"forecast_marks": "'held', '', 1, '2025-01-03'", "forecast_tails": "'[[1,2]]'", "forecast_provenance": "'ab', 1, 1, '', '', '', 0",
			"forecast_raw": "1, ''"}[table]
		x.save(table, "forecast_id = 'lost'")
		x.exec("INSERT INTO " + table + " VALUES ('lost', " + row + ")")
		return table
	},
}

// tailsAndProvenance changes or removes the forecast's tails or provenance or, if it has none, inserts some.
func tailsAndProvenance(x *tamperer, f map[string]any) string {
	table := x.one("forecast_tails", "forecast_provenance", "forecast_raw")
	where := fmt.Sprintf("forecast_id = '%s'", f["id"])
	if had := x.save(table, where); len(had.rows) > 0 {
		set := x.one("closes_hash = REVERSE(CONCAT('x', SUBSTRING(closes_hash, 2)))", "closes_hash = ''", "scale_absolute = scale_absolute * 1.0000000001", "scale_absolute = 0, scale_squared = 0",
			"scale_squared = -scale_squared", "go_version = 'go1.26.9'", "arch = CONCAT(arch, ' ')", "features = 'v3'", "modified = 1 - modified", "removed")
		if table == "forecast_tails" && set != "removed" {
			x.exec("UPDATE forecast_tails SET by_horizon = ? WHERE forecast_id = ?", x.flipped(x.pick(had)["by_horizon"].(string)), f["id"])
			return "a digit of tails"
		}
		if table == "forecast_raw" && set != "removed" {
			change := x.one("volatility = volatility * 1.0000000001", "volatility = 0", "volatility = -volatility", "by_horizon = REPLACE(by_horizon, '1', '2')",
				"by_horizon = IF(by_horizon = '', '[{}]', '')", "by_horizon = CONCAT(by_horizon, ' ')")
			x.exec("UPDATE forecast_raw SET " + change + " WHERE " + where)
			return change
		}
		if set != "removed" {
			x.exec("UPDATE " + table + " SET " + set + " WHERE " + where)
			return set
		}
		x.exec("DELETE FROM " + table + " WHERE " + where)
		return table + " removed"
	}
	what := map[string]string{"forecast_tails": "'[[1,2]]'", "forecast_raw": x.one("0, ''", "1, ''"), "forecast_provenance": x.one("'', 0, 0, '', '', '', 0", "'ab', 0, 0, '', '', '', 0", "'', 0, 0, 'go1', '', '', 1", "'', 1, 0, '', '', '', 0")}[table]
	x.exec("INSERT INTO "+table+" VALUES (?, "+what+")", f["id"])
	return table + " inserted: " + what
}

// removeFrom removes positions of the forecast's chain, with all parts.
func (x *tamperer) removeFrom(f map[string]any, from, to int64) {
	x.Helper()
	where := fmt.Sprintf("etf_id = %v AND model = '%s' AND chain BETWEEN %d AND %d", f["etf_id"], f["model"], from, to)
	list := x.save("forecasts", where)
	for _, row := range list.rows {
		for _, table := range []string{"forecast_points", "forecast_components", "forecast_fits", "forecast_marks", "forecast_tails", "forecast_provenance", "forecast_raw"} {
			of := fmt.Sprintf("forecast_id = '%s'", row[slices.Index(list.columns, "id")])
			x.save(table, of)
			x.exec("DELETE FROM " + table + " WHERE " + of)
		}
	}
	x.exec("DELETE FROM forecasts WHERE " + where)
}

// rebuild changes a forecast and gives it and all that follow it in its chain valid hashes.
func (x *tamperer) rebuild(f map[string]any) {
	x.Helper()
	where := fmt.Sprintf("etf_id = %v AND model = '%s'", f["etf_id"], f["model"])
	x.save("forecasts", where)
	x.exec("UPDATE forecasts SET seed = seed - 1 WHERE id = ?", f["id"])
	s := storeOf[x.TB.(*testing.T)]
	var symbol etf.Symbol
	if err := x.admin.QueryRow("SELECT symbol FROM etfs WHERE id = ?", f["etf_id"]).Scan(&symbol); err != nil {
		x.Fatal(err)
	}
	if err := s.Rehash(context.Background(), symbol, f["model"].(string), func(id, previous, hash string) {
		x.exec("UPDATE forecasts SET prev_hash = ?, hash = ? WHERE id = ?", previous, hash, id)
	}); err != nil {
		x.Fatal(err)
	}
	if err := s.VerifyChain(context.Background(), symbol, f["model"].(string)); err != nil {
		x.Fatalf("the rebuilt chain has wrong hashes: %v", err)
	}
}

// storeOf is the store of each test that tampers.
var storeOf = map[*testing.T]*db.Store{}

// rebuildLog makes the log anew from what is stored, as an owner who rewrites everything would.
func (x *tamperer) rebuildLog() {
	x.Helper()
	leaves, checkpoints := x.save("ledger_leaves", "1 = 1"), x.save("ledger_checkpoints", "1 = 1")
	x.save("ledger_hashes", "1 = 1")
	x.exec("DELETE FROM ledger_hashes")
	slices.SortFunc(leaves.rows, func(a, b []any) int { return int(a[0].(int64) - b[0].(int64)) })
	sizes := map[int64]bool{}
	for _, c := range checkpoints.rows {
		sizes[c[0].(int64)] = true
	}
	text := func(v any) string { return fmt.Sprintf("%s", v) }
	var tree ledger.Builder
	var hashes []byte
	for i, row := range leaves.rows {
		l := ledger.Leaf{Symbol: etf.Symbol(text(row[1])), Model: text(row[2]), Position: row[3].(int64), Hash: text(row[4])}
		if i > 0 {
			if err := x.admin.QueryRow("SELECT f.hash FROM forecasts f JOIN etfs e ON e.id = f.etf_id WHERE e.symbol = ? AND f.model = ? AND f.chain = ?",
				string(l.Symbol), l.Model, l.Position).Scan(&l.Hash); err != nil {
				x.Fatal(err)
			}
			x.exec("UPDATE ledger_leaves SET hash = ? WHERE number = ?", l.Hash, row[0])
		}
		for _, h := range tree.Append(l) {
			hashes = append(hashes, h[:]...)
		}
		if sizes[tree.Size()] {
			note, _, _ := unsigned(text(leaves.rows[0][4]), tree.Size(), tree.Root())
			x.exec("UPDATE ledger_checkpoints SET root = ?, note = ?, is_signed = 0 WHERE size = ?", tree.Root().String(), note, tree.Size())
		}
	}
	x.exec("INSERT INTO ledger_hashes VALUES (0, ?, ?)", len(hashes)/tlog.HashSize, hashes)
}

// fullForecast has everything that is stored beside points, except components and a fit.
func fullForecast(symbol etf.Symbol, v etf.DataVersion) etf.Forecast {
	f := forecastOf(symbol, "full", day(0), v)
	f.Seed, f.ClosesHash, f.Scale = seeds.Add(1), strings.Repeat("c", 64), etf.Scale{Absolute: 1.25, Squared: 2.5}
	f.Build = etf.Build{Go: "go1.26.8", Arch: "amd64", Features: "v1+fma", Modified: true}
	for _, p := range f.Points {
		f.Tails = append(f.Tails, [2]float64{p.Quantiles[0] - 1.5, p.Quantiles[6] + 1.5})
		f.Raw = append(f.Raw, etf.RawPoint{Quantiles: p.Quantiles, Tails: [2]float64{p.Quantiles[0] - 1, p.Quantiles[6] + 1}})
	}
	f.Volatility = .0125
	return f
}

// Whatever is changed in what a kept checkpoint covers, or in the log, verification against that checkpoint finds it; and it finds nothing before and after.
func TestTampering(t *testing.T) {
	d := dbtest.Open(t, dbtest.Embedded(t))
	ctx, s := t.Context(), d.Store
	storeOf[t] = s
	for range 3 { // three positions and leaves for each chain
		grow(t, s, 1, "TAMA", "TAMB")
		e := etfOf(t, s, "TAMA")
		held := forecastOf("TAMA", "held", day(0), e.DataVersion)
		held.Held, held.Seed = 2, seeds.Add(1)
		full := fullForecast("TAMA", e.DataVersion)
		for _, f := range []etf.Forecast{held, full} {
			if _, _, err := appendOne(ctx, s, f); err != nil {
				t.Fatal(err)
			}
		}
		anchor(t, s)
	}
	first, err := s.CheckpointAt(ctx, 7)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.Checkpoint(ctx)
	if err != nil || kept.Size != 19 { // the genesis and 3 leaves of each of 6 chains
		t.Fatal(kept, err)
	}
	second, err := s.CheckpointAt(ctx, 13)
	if err != nil {
		t.Fatal(err)
	}
	against, earlier := parsed(t, kept), []ledger.Checkpoint{*parsed(t, second), *parsed(t, first)}
	whole := func(name string, against *ledger.Checkpoint) {
		t.Helper()
		if r, err := s.VerifyLedger(ctx, db.VerifyOptions{Against: against}); err != nil || r.Broken != 0 {
			t.Fatalf("%s: %+v, %v", name, r.Problems, err)
		}
	}
	whole("before", against)
	whole("against an earlier one", parsed(t, first))
	if r, err := s.VerifyLedger(ctx, db.VerifyOptions{Against: against, Earlier: earlier}); err != nil || r.Broken != 0 || r.Against != 19 {
		t.Fatalf("against all: %+v, %v", r, err)
	}
	grow(t, s, 1, "TAMA", "TAMC")
	whole("with forecasts that are not anchored", against)
	anchor(t, s)
	whole("after further appends", against)

	x := &tamperer{TB: t, admin: d.Admin(t), r: rand.New(rand.NewPCG(*tamperSeed, 10))}
	forecasts := readRows(t, x.admin, "forecasts", "chain <= 3 AND etf_id IN (SELECT id FROM etfs WHERE symbol IN ('TAMA', 'TAMB'))")
	of := func(model string) rowsOf {
		list := forecasts
		list.rows = slices.DeleteFunc(slices.Clone(forecasts.rows), func(r []any) bool {
			return fmt.Sprintf("%s", r[slices.Index(forecasts.columns, "model")]) != model
		})
		return list
	}
	var names []string
	for name := range tampers {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := range *tamperings {
		name := names[i%len(names)]
		from := forecasts
		switch name {
		case "a fit", "a component":
			from = of("prophet")
		case "a part stored beside":
			from = of("full")
		}
		f := x.pick(from)
		what := tampers[name](x, f)
		o := db.VerifyOptions{Against: against}
		if name == "rebuilt chain and log" {
			// Only checkpoints between which it changed tell what was rewritten, and no single leaf.
			o.Earlier = earlier
			x.wantSuspect(s, o, f)
		}
		r, err := s.VerifyLedger(ctx, o)
		if name == "the genesis" || name == "leaves removed" {
			// With another genesis and no other trace of its instance, the log is another instance's.
			if err == nil && r.Broken == 0 {
				t.Errorf("%d %s: %s: not found", i, name, what)
			}
		} else if err != nil || r.Broken == 0 || len(r.Problems) == 0 {
			t.Errorf("%d %s: %s of %v at %v: not found; %v", i, name, what, f["model"], f["chain"], err)
		} else if p := r.Problems[0]; p.Message == "" || p.Symbol == "" && !slices.Contains([]string{"rows of nothing", "rebuilt chain and log", "the log cut", "leaves removed", "hashes", "a leaf", "the genesis"}, name) {
			t.Errorf("%d %s: %s: %+v names no position", i, name, what, p)
		}
		x.undo()
		if i%50 == 49 || i == *tamperings-1 {
			whole("all undone", against)
		}
	}
	t.Logf("%d tamperings of %d kinds, each found", *tamperings, len(names))
}

// wantSuspect requires that the verification names the position of the forecast among few, and with a single checkpoint only the leaves.
func (x *tamperer) wantSuspect(s *db.Store, o db.VerifyOptions, f map[string]any) {
	x.Helper()
	var symbol string
	if err := x.admin.QueryRow("SELECT symbol FROM etfs WHERE id = ?", f["etf_id"]).Scan(&symbol); err != nil {
		x.Fatal(err)
	}
	r, err := s.VerifyLedger(context.Background(), o)
	if want := fmt.Sprintf("%s %s %d", symbol, f["model"], f["chain"]); err != nil || r.Broken != 1 || !strings.Contains(r.Problems[0].Message, "; what was changed is among ") || !strings.Contains(r.Problems[0].Message+",", want+",") {
		x.Errorf("%+v, %v do not name %s", r.Problems, err, want)
	}
	r, err = s.VerifyLedger(context.Background(), db.VerifyOptions{Against: o.Against})
	if err != nil || r.Broken != 1 || !strings.Contains(r.Problems[0].Message, "one of leaves 1 to 18, and more checkpoints would tell which") {
		x.Errorf("%+v, %v", r.Problems, err)
	}
}

// What the pipeline's user can change without the right to is found. Dolt lets its INSERT ... ON DUPLICATE KEY UPDATE change rows of tables
// that it may only append to; REPLACE needs the right to delete everywhere.
func TestUpsertsAreFound(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		ctx, s := t.Context(), d.Store
		grow(t, s, 2, "UPS")
		full := fullForecast("UPS", etfOf(t, s, "UPS").DataVersion)
		full.Held = 1
		if _, _, err := appendOne(ctx, s, full); err != nil {
			t.Fatal(err)
		}
		a := anchor(t, s)
		against := parsed(t, a.Checkpoint)
		user, err := sql.Open("mysql", d.UserDSN)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = user.Close() })
		admin := d.Admin(t)
		x := &tamperer{TB: t, admin: admin, r: rand.New(rand.NewPCG(1, 1))}
		changed := 0
		for table, set := range map[string]string{
			"forecasts": "params = '7'", "forecast_points": "mean = 7", "forecast_components": "by_horizon = '[7]'", "forecast_fits": "size = 7",
			"forecast_tails": "by_horizon = '[[7,7]]'", "forecast_provenance": "scale_absolute = 7", "forecast_raw": "volatility = 7", "forecast_marks": "skipped = 7",
			"ledger_leaves": "hash = '7'", "ledger_hashes": "hashes = '7'", "ledger_checkpoints": "root = '7'",
		} {
			list := x.save(table, "1 = 1")
			row := list.rows[0]
			marks := "(?" + strings.Repeat(", ?", len(row)-1) + ")"
			for _, statement := range []string{
				"INSERT INTO " + table + " VALUES " + marks + " ON DUPLICATE KEY UPDATE " + set,
				"REPLACE INTO " + table + " VALUES " + marks,
			} {
				if _, err := user.Exec(statement, row...); err != nil {
					if !strings.Contains(err.Error(), "denied") {
						t.Errorf("%s: %v", statement, err)
					}
					continue
				}
				if strings.HasPrefix(statement, "REPLACE") {
					t.Errorf("%s is allowed", statement)
				}
				changed++
				if r, err := s.VerifyLedger(ctx, db.VerifyOptions{Against: against}); err != nil || r.Broken == 0 {
					t.Errorf("%s changed %s: not found; %v", statement, table, err)
				}
			}
			x.undo()
		}
		t.Logf("%d tables could be changed", changed)
		if r, err := s.VerifyLedger(t.Context(), db.VerifyOptions{Against: against}); err != nil || r.Broken != 0 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// A verification sees what is stored now, on whatever connections of a pool it runs: on Dolt, a statement that was prepared for nothing, or that
// failed, leaves its snapshot behind on the connection, so that a change after it would be missed once.
func TestVerificationIsCurrent(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		ctx, s, admin := t.Context(), d.Store, d.Admin(t)
		grow(t, s, 2, "CUR") // one ETF: the other readers have nothing to execute
		against := parsed(t, anchor(t, s).Checkpoint)
		verify := func(broken bool, what string) {
			t.Helper()
			for range 3 {
				if r, err := s.VerifyLedger(ctx, db.VerifyOptions{Against: against}); err != nil || r.Broken > 0 != broken {
					t.Fatalf("%s: %+v, %v", what, r.Problems, err)
				}
			}
		}
		// Ten of the pool's connections.
		for range 10 {
			s.FailOn(ctx, 10)
			for _, change := range [][2]string{
				{"UPDATE forecasts SET seed = seed - 1 WHERE chain = 1", "UPDATE forecasts SET seed = seed + 1 WHERE chain = 1"},
				{"UPDATE ledger_leaves SET position = position + 1 WHERE number = 1", "UPDATE ledger_leaves SET position = position - 1 WHERE number = 1"},
			} {
				for i, statement := range change {
					if _, err := admin.Exec(statement); err != nil {
						t.Fatal(err)
					}
					verify(i == 0, statement)
				}
			}
		}
	})
}
