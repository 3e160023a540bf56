package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// pieceSize is the size of a piece of a stored part or result: a statement with one stays far below max_allowed_packet.
const pieceSize = 1 << 20

// resultSymbol is where the pieces of a backtest's result are: no ETF has an empty symbol.
const resultSymbol = ""

// StartBacktest records that a backtest is asked for, or finds it: one that is running or completed stays as it is (started is false), one
// that has ended otherwise is running again, with the parts that are there already.
func (s *Store) StartBacktest(ctx context.Context, r etf.BacktestRequest) (run etf.BacktestRun, started bool, err error) {
	options, err := json.Marshal(r.Options)
	if err != nil {
		return run, false, etf.Wrap(etf.KindInternal, err, "encoding a backtest's options")
	}
	id, now := r.ID(), s.now()
	err = s.transaction(ctx, "recording backtest "+id, func(q *writing, _ *sql.Tx) error {
		old, err := q.LockBacktest(ctx, id)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			err = q.InsertBacktest(ctx, sqlcgen.InsertBacktestParams{
				ID: id, BaseID: r.BaseID(), Attempt: int32(max(r.Attempt, 1)), Exchange: string(r.Exchange), WholeExchange: len(r.Symbols) == 0,
				Symbols: joinSymbols(r.Symbols), AsOf: instant(r.AsOf), Options: string(options), StartedAt: now,
			})
			if duplicate(err) {
				return errLost // a repeat at the same time
			}
		case err == nil && (old.Status == string(etf.RunRunning) || old.Status == string(etf.RunCompleted)):
			run, started = domainBacktest(old), false
			return nil
		case err == nil:
			if err = q.StartBacktestAgain(ctx, sqlcgen.StartBacktestAgainParams{StartedAt: now, ID: id}); err == nil {
				err = q.DeleteUnmeasuredBacktestParts(ctx, id)
			}
			if err == nil {
				err = q.DeleteBacktestResult(ctx, id)
			}
			if err == nil {
				_, err = countBacktest(ctx, q, id) // of one that was cancelled nothing is left
			}
		}
		if err != nil {
			return err
		}
		row, err := q.GetBacktest(ctx, id)
		run, started = domainBacktest(row), true
		q.about = etf.Event{Exchange: r.Exchange}
		q.emit(etf.EventBacktestStarted, id, map[string]any{"status": etf.RunRunning})
		return err
	})
	return run, started, err
}

// lockBacktest locks a running backtest. KindNotFound for an unknown ID, and for one that is not running: what an activity of a
// cancelled one still has to say is not wanted.
func lockBacktest(ctx context.Context, q *writing, id string) (etf.BacktestRun, error) {
	row, err := q.LockBacktest(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.BacktestRun{}, unknownBacktest(id)
	}
	if err != nil {
		return etf.BacktestRun{}, err
	}
	run := domainBacktest(row)
	if run.Status != etf.RunRunning {
		return run, etf.NotFound("id", fmt.Sprintf("backtest %s is not running: it is %s", id, run.Status), "start it again")
	}
	q.about = etf.Event{Exchange: run.Exchange}
	return run, nil
}

// PlanBacktest stores which ETFs the backtest measures, at which data versions, and returns its counts. A repeat changes nothing: the
// first plan stands.
func (s *Store) PlanBacktest(ctx context.Context, id string, etfs []etf.BacktestRunETF) (counts etf.BacktestCounts, err error) {
	err = s.transaction(ctx, "planning backtest "+id, func(q *writing, tx *sql.Tx) error {
		if _, err := lockBacktest(ctx, q, id); err != nil {
			return err
		}
		planned, err := q.CountBacktestETFs(ctx, id)
		if err != nil {
			return err
		}
		if planned == 0 {
			ins := inserter{ctx: ctx, tx: tx, into: "INSERT INTO backtest_etfs (backtest_id, symbol, exchange, data_version)"}
			for _, e := range etfs {
				ins.row(id, string(e.Symbol), string(e.Exchange), e.DataVersion)
			}
			if err := ins.done(); err != nil {
				return err
			}
		}
		counts, err = countBacktest(ctx, q, id)
		return err
	})
	return counts, err
}

// countBacktest counts the ETFs and parts of a backtest, and stores the counts with it.
func countBacktest(ctx context.Context, q *writing, id string) (etf.BacktestCounts, error) {
	etfs, err := q.CountBacktestETFs(ctx, id)
	if err != nil {
		return etf.BacktestCounts{}, err
	}
	parts, err := q.CountBacktestParts(ctx, id)
	if err != nil {
		return etf.BacktestCounts{}, err
	}
	c := etf.BacktestCounts{ETFs: int(etfs), Measured: int(parts.Measured), Failed: int(parts.Done - parts.Measured), Origins: int(parts.Origins)}
	return c, q.SetBacktestCounts(ctx, sqlcgen.SetBacktestCountsParams{
		Etfs: int32(c.ETFs), Measured: int32(c.Measured), Failed: int32(c.Failed), Origins: int32(c.Origins), ID: id,
	})
}

// PendingBacktestETFs returns up to limit planned ETFs without a part, after the given symbol, ascending.
func (s *Store) PendingBacktestETFs(ctx context.Context, id string, after etf.Symbol, limit int) ([]etf.BacktestRunETF, error) {
	rows, err := s.q.ListPendingBacktestETFs(ctx, sqlcgen.ListPendingBacktestETFsParams{BacktestID: id, After: string(after), Limit: int32(min(limit, math.MaxInt32))})
	if err != nil {
		return nil, translate(err, "listing what is left of backtest "+id)
	}
	list := make([]etf.BacktestRunETF, len(rows))
	for i, r := range rows {
		list[i] = etf.BacktestRunETF{Symbol: etf.Symbol(r.Symbol), Exchange: etf.Exchange(r.Exchange), DataVersion: r.DataVersion}
	}
	return list, nil
}

// BacktestETF returns an ETF of a backtest with what came of it. KindNotFound if it is not one of its ETFs.
func (s *Store) BacktestETF(ctx context.Context, id string, symbol etf.Symbol) (etf.BacktestRunETF, error) {
	row, err := s.q.GetBacktestETF(ctx, sqlcgen.GetBacktestETFParams{BacktestID: id, Symbol: string(symbol)})
	if errors.Is(err, sql.ErrNoRows) {
		return etf.BacktestRunETF{}, etf.NotFound("symbol", fmt.Sprintf("%s is not among the ETFs of backtest %s", symbol, id), "start the backtest again")
	}
	if err != nil {
		return etf.BacktestRunETF{}, translate(err, "reading an ETF of backtest "+id)
	}
	e := etf.BacktestRunETF{Symbol: symbol, Exchange: etf.Exchange(row.Exchange), DataVersion: row.DataVersion}
	part, err := s.q.GetBacktestPart(ctx, sqlcgen.GetBacktestPartParams{BacktestID: id, Symbol: string(symbol)})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return e, nil
	case err == nil:
		e.Done, e.Origins, e.Error = true, int(part.Origins), part.Error
	}
	return e, translate(err, "reading an ETF of backtest "+id)
}

// BacktestETFs returns up to limit ETFs of a backtest with what came of them, after the given symbol, ascending.
func (s *Store) BacktestETFs(ctx context.Context, id string, after etf.Symbol, limit int) ([]etf.BacktestRunETF, error) {
	rows, err := s.q.ListBacktestETFs(ctx, sqlcgen.ListBacktestETFsParams{BacktestID: id, After: string(after), Limit: int32(min(limit, math.MaxInt32))})
	if err != nil {
		return nil, translate(err, "listing the ETFs of backtest "+id)
	}
	list := make([]etf.BacktestRunETF, len(rows))
	for i, r := range rows {
		list[i] = etf.BacktestRunETF{
			Symbol: etf.Symbol(r.Symbol), Exchange: etf.Exchange(r.Exchange), DataVersion: r.DataVersion,
			Done: r.Origins.Valid, Origins: int(r.Origins.Int32), Error: r.Error.String,
		}
	}
	return list, nil
}

// SaveBacktestPart stores what an ETF gave and returns the backtest's counts. A repeat changes nothing: the first part stands.
func (s *Store) SaveBacktestPart(ctx context.Context, id string, p etf.BacktestPart) (counts etf.BacktestCounts, err error) {
	var packed []byte
	if p.Error == "" {
		if packed, err = compress(p.Body); err != nil {
			return counts, etf.Wrap(etf.KindInternal, err, "compressing a part of a backtest")
		}
	}
	what := fmt.Sprintf("storing the part of %s of backtest %s", p.Symbol, id)
	err = s.transaction(ctx, what, func(q *writing, tx *sql.Tx) error {
		if _, err := lockBacktest(ctx, q, id); err != nil {
			return err
		}
		err := q.InsertBacktestPart(ctx, sqlcgen.InsertBacktestPartParams{
			BacktestID: id, Symbol: string(p.Symbol), Origins: int32(p.Origins), Error: p.Error, CodeVersion: p.CodeVersion,
			Size: int32(len(p.Body)), MeasuredAt: s.now(),
		})
		if duplicate(err) {
			counts, err = countBacktest(ctx, q, id)
			return err
		}
		if err != nil {
			return err
		}
		// None are there, unless somebody removed the part by hand.
		if _, err := q.DeleteBacktestPieces(ctx, sqlcgen.DeleteBacktestPiecesParams{BacktestID: id, Symbol: string(p.Symbol)}); err != nil {
			return err
		}
		if err := addPieces(ctx, tx, id, string(p.Symbol), packed); err != nil {
			return err
		}
		counts, err = countBacktest(ctx, q, id)
		q.about.Symbol = p.Symbol
		q.emit(etf.EventBacktestProgress, id, map[string]any{"counts": counts, "error": etf.Clip(p.Error, maxEventText)})
		return err
	})
	return counts, err
}

// addPieces stores compressed JSON in pieces.
func addPieces(ctx context.Context, tx *sql.Tx, id, symbol string, packed []byte) error {
	ins := inserter{ctx: ctx, tx: tx, into: "INSERT INTO backtest_pieces (backtest_id, symbol, number, body)"}
	for n := 0; len(packed) > 0; n++ {
		piece := packed[:min(pieceSize, len(packed))]
		ins.row(id, symbol, n, piece)
		packed = packed[len(piece):]
	}
	return ins.done()
}

// pieces reads what addPieces stored. KindCorrupt if it is not whole.
func (s *Store) pieces(ctx context.Context, id, symbol string, size int) ([]byte, error) {
	rows, err := s.q.ListBacktestPieces(ctx, sqlcgen.ListBacktestPiecesParams{BacktestID: id, Symbol: symbol})
	if err != nil {
		return nil, translate(err, "reading backtest "+id)
	}
	var packed []byte
	for i, r := range rows {
		if int(r.Number) != i {
			break
		}
		packed = append(packed, r.Body...)
	}
	body, err := decompress(packed, size)
	if err != nil {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Err: err, Message: "backtest " + id + " is not as it was stored", Remedy: compareWithBackup}
	}
	return body, nil
}

// BacktestPart returns the part of an ETF. KindNotFound if there is none.
func (s *Store) BacktestPart(ctx context.Context, id string, symbol etf.Symbol) (etf.BacktestPart, error) {
	row, err := s.q.GetBacktestPart(ctx, sqlcgen.GetBacktestPartParams{BacktestID: id, Symbol: string(symbol)})
	if errors.Is(err, sql.ErrNoRows) {
		return etf.BacktestPart{}, etf.NotFound("symbol", fmt.Sprintf("backtest %s has no part of %s", id, symbol), "start the backtest again")
	}
	if err != nil {
		return etf.BacktestPart{}, translate(err, "reading a part of backtest "+id)
	}
	p := etf.BacktestPart{Symbol: symbol, Origins: int(row.Origins), Error: row.Error, CodeVersion: row.CodeVersion}
	if p.Error == "" {
		p.Body, err = s.pieces(ctx, id, string(symbol), int(row.Size))
	}
	return p, err
}

// SaveBacktestResult stores the result's JSON. A repeat replaces it.
func (s *Store) SaveBacktestResult(ctx context.Context, id string, body []byte, leak bool, codeVersion string) (hash string, err error) {
	packed, err := compress(body)
	if err != nil {
		return "", etf.Wrap(etf.KindInternal, err, "compressing the result of a backtest")
	}
	if len(body) > math.MaxInt32 {
		return "", etf.Invalid("symbols", fmt.Sprintf("the result of backtest %s has %d bytes", id, len(body)), "measure fewer ETFs or models at once")
	}
	hash = hashOf(body)
	return hash, s.transaction(ctx, "storing the result of backtest "+id, func(q *writing, tx *sql.Tx) error {
		if _, err := lockBacktest(ctx, q, id); err != nil {
			return err
		}
		if err := q.DeleteBacktestResult(ctx, id); err != nil {
			return err
		}
		if err := addPieces(ctx, tx, id, resultSymbol, packed); err != nil {
			return err
		}
		return q.SetBacktestResult(ctx, sqlcgen.SetBacktestResultParams{
			LeakSuspected: leak, ResultHash: hash, ResultSize: int32(len(body)), CodeVersion: etf.Clip(codeVersion, maxCodeVersion), ID: id,
		})
	})
}

// maxCodeVersion is the width of backtests.code_version.
const maxCodeVersion = 64

// BacktestWeights returns the combination's weights in the newest completed backtest of the whole exchange that is not suspected of a leak, and
// its ID. KindNotFound if there is none, KindCorrupt if its result can't be read.
func (s *Store) BacktestWeights(ctx context.Context, exchange etf.Exchange) (id string, weights []etf.BacktestWeights, err error) {
	id, err = s.q.GetNewestBacktestOf(ctx, string(exchange))
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, etf.NotFound("exchange", "there is no completed backtest of "+string(exchange), "`etfcast backtest start --exchange "+string(exchange)+"` makes one")
	}
	if err != nil {
		return "", nil, translate(err, "looking for a backtest of "+string(exchange))
	}
	body, err := s.BacktestResult(ctx, id)
	if err != nil {
		return id, nil, err
	}
	var result struct {
		Weights []etf.BacktestWeights `json:"weights"`
	}
	if err := json.Unmarshal(body, &result); err != nil {
		return id, nil, &etf.Error{Kind: etf.KindCorrupt, Err: err, Message: "the result of backtest " + id + " can't be read", Remedy: compareWithBackup}
	}
	return id, result.Weights, nil
}

// BacktestResult returns the result's JSON. KindNotFound if there is none (yet), KindCorrupt if it does not match its hash.
func (s *Store) BacktestResult(ctx context.Context, id string) ([]byte, error) {
	row, err := s.q.GetBacktest(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, unknownBacktest(id)
	}
	if err != nil {
		return nil, translate(err, "reading a backtest")
	}
	if row.ResultHash == "" {
		return nil, etf.NotFound("id", fmt.Sprintf("backtest %s has no result: it is %s", id, row.Status), "wait until it is completed; `etfcast backtest show "+id+"` shows how far it is")
	}
	body, err := s.pieces(ctx, id, resultSymbol, int(row.ResultSize))
	if err == nil && hashOf(body) != row.ResultHash {
		err = &etf.Error{Kind: etf.KindCorrupt, Err: etf.ErrAltered, Message: "the result of backtest " + id + " is not as it was stored", Remedy: compareWithBackup}
	}
	return body, err
}

// DropBacktestPart deletes the numbers of an ETF's part, which the result replaces or nobody wants any more.
func (s *Store) DropBacktestPart(ctx context.Context, id string, symbol etf.Symbol) error {
	if symbol == resultSymbol {
		return etf.Invalid("symbol", "the result is no part", "name an ETF")
	}
	return s.retry(ctx, "deleting a part of backtest "+id, func() error {
		_, err := s.q.DeleteBacktestPieces(ctx, sqlcgen.DeleteBacktestPiecesParams{BacktestID: id, Symbol: string(symbol)})
		return err
	})
}

// FinishBacktest records how a backtest ended. One that is cancelled keeps neither plan, parts nor result: started again, it begins anew.
// A repeat changes nothing.
func (s *Store) FinishBacktest(ctx context.Context, end etf.BacktestEnd) error {
	return s.transaction(ctx, "recording the end of backtest "+end.ID, func(q *writing, _ *sql.Tx) error {
		row, err := q.LockBacktest(ctx, end.ID)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownBacktest(end.ID)
		}
		if err != nil || row.Status != string(etf.RunRunning) {
			return err
		}
		if end.Status == etf.RunCancelled {
			if _, err := q.DeleteBacktestParts(ctx, end.ID); err != nil {
				return err
			}
			if _, err := q.DeleteBacktestETFs(ctx, end.ID); err != nil {
				return err
			}
			// The caller has deleted most of them one by one; left are those of a part or a result that was stored meanwhile.
			if err := q.DeleteAllBacktestPieces(ctx, end.ID); err != nil {
				return err
			}
			if err := q.SetBacktestResult(ctx, sqlcgen.SetBacktestResultParams{ID: end.ID}); err != nil {
				return err
			}
		}
		run := domainBacktest(row)
		if end.Status != etf.RunCancelled {
			// Where a lock does not make others wait (Dolt), two parts that are stored at the same time don't count each other.
			if run.Counts, err = countBacktest(ctx, q, end.ID); err != nil {
				return err
			}
		}
		q.about = etf.Event{Exchange: run.Exchange}
		q.emit(etf.EventBacktestEnded, end.ID, map[string]any{"status": end.Status, "counts": run.Counts, "error": etf.Clip(end.Error, maxEventText)})
		return q.FinishBacktest(ctx, sqlcgen.FinishBacktestParams{
			Status: string(end.Status), Error: end.Error, FinishedAt: sql.NullTime{Time: s.now(), Valid: true}, ID: end.ID,
		})
	})
}

// Backtest returns one backtest; KindNotFound for an unknown ID.
func (s *Store) Backtest(ctx context.Context, id string) (etf.BacktestRun, error) {
	row, err := s.q.GetBacktest(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.BacktestRun{}, unknownBacktest(id)
	}
	if err != nil {
		return etf.BacktestRun{}, translate(err, "reading a backtest")
	}
	return domainBacktest(row), nil
}

// Backtests returns up to limit backtests after the given position, newest start first, and the position of the next page: zero after
// the last one.
func (s *Store) Backtests(ctx context.Context, filter etf.BacktestFilter, after etf.Cursor, limit int) (page []etf.BacktestRun, next etf.Cursor, err error) {
	rows, err := s.q.ListBacktests(ctx, sqlcgen.ListBacktestsParams{
		BeforeAt: startOf(after), BeforeID: after.ID, Exchange: string(filter.Exchange), Statuses: joinStatuses(filter.Statuses), Limit: int32(limit + 1),
	})
	if err != nil {
		return nil, next, translate(err, "listing backtests")
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		next = etf.Cursor{At: last.StartedAt, ID: last.ID}
	}
	page = make([]etf.BacktestRun, len(rows))
	for i, r := range rows {
		page[i] = domainBacktest(r)
	}
	return page, next, nil
}

// OpenBacktests returns up to limit of the backtests that are recorded as running, newest first.
func (s *Store) OpenBacktests(ctx context.Context, limit int) ([]etf.BacktestRun, error) {
	rows, err := s.q.ListOpenBacktests(ctx, int32(limit))
	if err != nil {
		return nil, translate(err, "listing the backtests that are running")
	}
	list := make([]etf.BacktestRun, len(rows))
	for i, r := range rows {
		list[i] = domainBacktest(r)
	}
	return list, nil
}

// CountBacktests returns how many backtests are recorded, by status.
func (s *Store) CountBacktests(ctx context.Context) (map[etf.BacktestStatus]int, error) {
	rows, err := s.q.CountBacktests(ctx)
	if err != nil {
		return nil, translate(err, "counting backtests")
	}
	by := make(map[etf.BacktestStatus]int, len(rows))
	for _, r := range rows {
		by[etf.BacktestStatus(r.Status)] = int(r.N)
	}
	return by, nil
}

// BacktestAttempts returns the highest attempt at the question whose first attempt has the ID; 0 if there is none.
func (s *Store) BacktestAttempts(ctx context.Context, base string) (int, error) {
	n, err := s.q.GetHighestBacktestAttempt(ctx, base)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return int(n), translate(err, "counting the attempts at a backtest")
}

func domainBacktest(r sqlcgen.Backtest) etf.BacktestRun {
	run := etf.BacktestRun{
		ID: r.ID,
		BacktestRequest: etf.BacktestRequest{
			Exchange: etf.Exchange(r.Exchange), AsOf: r.AsOf.UTC(), Attempt: int(r.Attempt),
		},
		Status: etf.BacktestStatus(r.Status), Error: r.Error, LeakSuspected: r.LeakSuspected, Hash: r.ResultHash, CodeVersion: r.CodeVersion,
		Counts:    etf.BacktestCounts{ETFs: int(r.Etfs), Measured: int(r.Measured), Failed: int(r.Failed), Origins: int(r.Origins)},
		StartedAt: r.StartedAt.UTC(), FinishedAt: utcOrZero(r.FinishedAt),
	}
	_ = json.Unmarshal([]byte(r.Options), &run.Options) // written by json.Marshal
	run.Symbols = splitSymbols(r.Symbols)
	return run
}

func utcOrZero(t sql.NullTime) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}

func unknownBacktest(id string) error {
	return etf.NotFound("id", fmt.Sprintf("there is no backtest %q", etf.Clip(id, etf.MaxQuoted)), "list the backtests: `etfcast backtest list`")
}

// NewestKnown returns when the newest data version of the ETFs became known, of every ETF of the exchange if no symbols are given; zero
// if nothing is stored for any. What is believed at that instant is what is believed now.
func (s *Store) NewestKnown(ctx context.Context, exchange etf.Exchange, symbols []etf.Symbol) (time.Time, error) {
	var at time.Time
	var err error
	if len(symbols) == 0 {
		at, err = s.q.GetNewestKnownOfExchange(ctx, string(exchange))
	} else {
		names := make([]string, len(symbols))
		for i, symbol := range symbols {
			names[i] = string(symbol)
		}
		at, err = s.q.GetNewestKnownOfSymbols(ctx, names)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return at.UTC(), translate(err, "reading when the newest data became known")
}
