package db_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
	"github.com/etfcast/etfcast/ledger"
)

var ledgerETFs = flag.Int("ledger-etfs", 100, "chains of 1,000 forecasts that BenchmarkVerifyLedger verifies")

// BenchmarkVerifyLedger measures the verification of 100,000 forecasts of 21 points (100 ETFs, 1,000 origins each) and of the log over
// them, on MySQL (make bench-ledger).
func BenchmarkVerifyLedger(b *testing.B) {
	d := dbtest.Open(b, testenv.MySQL.Value(b))
	const origins = 1000
	etfs := *ledgerETFs
	seedChains(b, d, etfs, origins)
	a := anchor(b, d.Store)
	if a.Leaves != etfs {
		b.Fatal(a)
	}
	against := parsed(b, a.Checkpoint)
	for b.Loop() {
		r, err := d.Store.VerifyLedger(context.Background(), db.VerifyOptions{Against: against})
		if err != nil || r.Broken != 0 || r.Forecasts != int64(etfs*origins) {
			b.Fatalf("%+v, %v", r, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(etfs*origins), "µs/forecast")
}

// seedChains stores chains of forecasts as AppendForecasts would, in bulk.
func seedChains(b testing.TB, d dbtest.Database, etfs, origins int) {
	b.Helper()
	admin := d.Admin(b)
	forecasts := bulk{TB: b, admin: admin, into: "INSERT INTO forecasts (id, etf_id, model, origin, data_version, data_version_writer, basis, params, params_hash, seed, code_version, diagnostics, run_id, as_of, issued_at, chain, prev_hash, hash) VALUES "}
	points := bulk{TB: b, admin: admin, into: "INSERT INTO forecast_points (forecast_id, horizon, target, mean, q05, q10, q25, q50, q75, q90, q95) VALUES "}
	begin := time.Date(2020, 1, 1, 21, 0, 0, 0, time.UTC)
	for i := range etfs {
		symbol := etf.Symbol(fmt.Sprintf("SIM%03d", i))
		register(b, d.Store, symbol)
		var id uint32
		if err := admin.QueryRow("SELECT id FROM etfs WHERE symbol = ?", string(symbol)).Scan(&id); err != nil {
			b.Fatal(err)
		}
		previous := ""
		for k := range origins {
			origin := etf.SessionOf(begin.AddDate(0, 0, k))
			f := etf.Forecast{ID: fmt.Sprintf("%032x", (uint64(i*origins+k)+1)*0x9E3779B97F4A7C15), Symbol: symbol, Model: "drift", Origin: origin,
				DataVersion: etf.DataVersion{Number: int64(k + 1), Writer: strings.Repeat("a", 32)}, Basis: etf.SplitAdjusted, Params: `{"lambda":0.94}`,
				ParamsHash: strings.Repeat("b", 64), Seed: uint64(k), CodeVersion: "0.1.0+1a2b3c4d5e6f", Run: etf.RunID("daily:XNYS:" + origin.String()),
				Diagnostics: map[string]string{"status": "ok", "sigma": "0.0123456", "drift": "0.000123", "rows": "1000"},
				AsOf:        begin.AddDate(0, 0, k), IssuedAt: begin.AddDate(0, 0, k).Add(time.Minute), Chain: int64(k + 1), PrevHash: previous}
			for h := 1; h <= etf.MaxHorizon; h++ {
				p := etf.ForecastPoint{Horizon: h, Target: origin.AddDays(h), Mean: 100.1 + float64(i*k)/float64(h+2)}
				for q := range p.Quantiles {
					p.Quantiles[q] = p.Mean * (0.9 + float64(q)/31 + float64(k)/1e6)
				}
				f.Points = append(f.Points, p)
			}
			text, err := ledger.AppendForecast(nil, &f)
			if err != nil {
				b.Fatal(err)
			}
			f.Hash = ledger.LinkHash(previous, text)
			previous = f.Hash
			const instant = "2006-01-02 15:04:05.000000"
			forecasts.row(fmt.Sprintf(`('%s',%d,'drift','%s',%d,'%s','%s','%s','%s',%d,'%s','{"drift":"0.000123","rows":"1000","sigma":"0.0123456","status":"ok"}','%s','%s','%s',%d,'%s','%s')`,
				f.ID, id, origin, k+1, f.DataVersion.Writer, f.Basis, f.Params, f.ParamsHash, f.Seed, f.CodeVersion, f.Run, f.AsOf.Format(instant), f.IssuedAt.Format(instant), f.Chain, f.PrevHash, f.Hash))
			for _, p := range f.Points {
				text := fmt.Sprintf("('%s',%d,'%s',%s", f.ID, p.Horizon, p.Target, strconv.FormatFloat(p.Mean, 'e', -1, 64))
				for _, q := range p.Quantiles {
					text += "," + strconv.FormatFloat(q, 'e', -1, 64)
				}
				points.row(text + ")")
			}
		}
	}
	forecasts.flush()
	points.flush()
}

// bulk inserts rows given as SQL.
type bulk struct {
	testing.TB
	admin *sql.DB
	into  string
	rows  []string
}

func (x *bulk) row(values string) {
	if x.rows = append(x.rows, values); len(x.rows) == 2000 {
		x.flush()
	}
}

func (x *bulk) flush() {
	x.Helper()
	if len(x.rows) == 0 {
		return
	}
	if _, err := x.admin.Exec(x.into + strings.Join(x.rows, ",")); err != nil {
		x.Fatal(err)
	}
	x.rows = x.rows[:0]
}
