package db

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// shardCount is how many transactions of one process can add to the same session's sums at once. Each uses a shard of its own, so
// that they never write the same row: a server without row locks would make one of them start again.
const shardCount = 16

// shards hands out the numbers of shards, the least free one first, so that few are in use.
type shards struct {
	mu    sync.Mutex
	taken [shardCount]bool
	freed chan struct{} // has a token if a shard may have become free
}

// take returns a free shard, and waits for one while all are taken.
func (s *shards) take(ctx context.Context) (int, error) {
	for {
		s.mu.Lock()
		if s.freed == nil {
			s.freed = make(chan struct{}, 1)
		}
		for i, taken := range s.taken {
			if !taken {
				s.taken[i] = true
				s.mu.Unlock()
				return i, nil
			}
		}
		s.mu.Unlock()
		select {
		case <-s.freed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (s *shards) give(shard int) {
	s.mu.Lock()
	s.taken[shard] = false
	s.mu.Unlock()
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// sumColumns are the columns of score_sums that are sums.
var sumColumns = [...]string{
	"n", "absolute", "squared", "crps", "pinball", "winkler80", "winkler90", "width80", "width90",
	"inside50", "inside80", "inside90", "tailed", "inside95",
	"pit0", "pit1", "pit2", "pit3", "pit4", "pit5", "pit6", "pit7", "pit8", "pit9",
	"paired", "paired_absolute", "paired_squared", "paired_crps", "against_absolute", "against_squared", "against_crps", "difference",
}

// scoreSums are the values of sumColumns: counts, and losses in billionths.
type scoreSums [len(sumColumns)]int64

const billion = 1e9

// sumsOf rounds each loss of one contribution to a billionth.
func sumsOf(l etf.SessionLosses) scoreSums {
	loss := func(v float64) int64 { return int64(math.Round(v * billion)) }
	s := scoreSums{
		int64(l.N), loss(l.Absolute), loss(l.Squared), loss(l.CRPS), loss(l.Pinball), loss(l.Winkler80), loss(l.Winkler90), loss(l.Width80), loss(l.Width90),
		int64(l.Inside50), int64(l.Inside80), int64(l.Inside90), int64(l.Tailed), int64(l.Inside95),
	}
	for i, n := range l.PIT {
		s[14+i] = int64(n)
	}
	copy(s[24:], []int64{
		int64(l.Paired), loss(l.PairedAbsolute), loss(l.PairedSquared), loss(l.PairedCRPS),
		loss(l.AgainstAbsolute), loss(l.AgainstSquared), loss(l.AgainstCRPS), loss(l.Difference),
	})
	return s
}

func (s scoreSums) losses(k sumKey) etf.SessionLosses {
	loss := func(v int64) float64 { return float64(v) / billion }
	l := etf.SessionLosses{
		Exchange: k.exchange, Model: k.model, Horizon: k.horizon, Standing: k.standing, Origin: k.origin,
		N: int(s[0]), Absolute: loss(s[1]), Squared: loss(s[2]), CRPS: loss(s[3]), Pinball: loss(s[4]), Winkler80: loss(s[5]), Winkler90: loss(s[6]),
		Width80: loss(s[7]), Width90: loss(s[8]), Inside50: int(s[9]), Inside80: int(s[10]), Inside90: int(s[11]), Tailed: int(s[12]), Inside95: int(s[13]),
		Paired: int(s[24]), PairedAbsolute: loss(s[25]), PairedSquared: loss(s[26]), PairedCRPS: loss(s[27]),
		AgainstAbsolute: loss(s[28]), AgainstSquared: loss(s[29]), AgainstCRPS: loss(s[30]), Difference: loss(s[31]),
	}
	for i := range l.PIT {
		l.PIT[i] = int(s[14+i])
	}
	return l
}

// sumKey is what one row of sums is about, apart from its shard.
type sumKey struct {
	exchange etf.Exchange
	model    string
	horizon  int
	standing etf.Standing
	origin   etf.Session
}

func keyOf(l etf.SessionLosses) sumKey {
	return sumKey{l.Exchange, l.Model, l.Horizon, l.Standing, l.Origin}
}

func (k sumKey) compare(o sumKey) int {
	return cmp.Or(cmp.Compare(k.exchange, o.exchange), cmp.Compare(k.model, o.model), cmp.Compare(k.horizon, o.horizon),
		cmp.Compare(k.standing, o.standing), cmp.Compare(k.origin, o.origin))
}

// sumChanges is what the changes add to the sums. What is removed and added again cancels out exactly.
func sumChanges(c etf.ScoreChanges) map[sumKey]scoreSums {
	changes := map[sumKey]scoreSums{}
	for sign, list := range map[int64][]etf.SessionLosses{-1: c.Remove, 1: c.Add} {
		addSums(changes, list, sign)
	}
	maps.DeleteFunc(changes, func(_ sumKey, s scoreSums) bool { return s == scoreSums{} })
	return changes
}

// addSums adds the contributions to the sums, or with the sign -1 takes them away.
func addSums(sums map[sumKey]scoreSums, list []etf.SessionLosses, sign int64) {
	for _, l := range list {
		k := keyOf(l)
		total := sums[k]
		for i, v := range sumsOf(l) {
			total[i] += sign * v
		}
		sums[k] = total
	}
}

// sumsInsert adds the values given to the stored ones.
var sumsInsert, sumsThen = func() (into, then string) {
	updates := make([]string, len(sumColumns))
	for i, c := range sumColumns {
		updates[i] = fmt.Sprintf("%[1]s = %[1]s + VALUES(%[1]s)", c)
	}
	return "INSERT INTO score_sums (exchange, model, horizon, standing, origin, shard, " + strings.Join(sumColumns[:], ", ") + ")",
		" ON DUPLICATE KEY UPDATE " + strings.Join(updates, ", ")
}()

func insertSums(ctx context.Context, tx *sql.Tx, changes map[sumKey]scoreSums, shard int) error {
	ins := inserter{ctx: ctx, tx: tx, into: sumsInsert, then: sumsThen}
	for _, k := range slices.SortedFunc(maps.Keys(changes), sumKey.compare) { // always in the same order: no deadlock
		values := []any{string(k.exchange), k.model, k.horizon, string(k.standing), column.Session(k.origin), shard}
		for _, v := range changes[k] {
			values = append(values, v)
		}
		ins.row(values...)
	}
	return ins.done()
}

// SessionLosses returns the sums of the filter's sessions, ascending by exchange, model, horizon, standing and origin. KindInvalid
// if the filter names an ETF: sums are over ETFs.
func (s *Store) SessionLosses(ctx context.Context, filter etf.ScoreFilter) ([]etf.SessionLosses, error) {
	if filter.Symbol != "" {
		return nil, etf.Invalid("symbol", "sums are over ETFs", "leave the ETF out, or read its scores")
	}
	var list []etf.SessionLosses
	err := eachSum(ctx, s.db, filter, func(k sumKey, v scoreSums) {
		if v[0] != 0 {
			list = append(list, v.losses(k))
		}
	})
	return list, translate(err, "reading the sums of scores")
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// eachSum calls do for each session's sums, all shards added up, in order.
func eachSum(ctx context.Context, db querier, filter etf.ScoreFilter, do func(sumKey, scoreSums)) error {
	origins := openWindow(filter.Origins)
	conditions := []string{"origin >= CAST(? AS DATE)", "origin <= CAST(? AS DATE)"}
	args := []any{column.Session(origins.From), column.Session(origins.To)}
	only := func(column string, given bool, value any) {
		if given {
			conditions, args = append(conditions, column+" = ?"), append(args, value)
		}
	}
	only("exchange", filter.Exchange != "", string(filter.Exchange))
	only("model", filter.Model != "", filter.Model)
	only("horizon", filter.Horizon != 0, filter.Horizon)
	only("standing", filter.Standing != "", string(filter.Standing))
	rows, err := db.QueryContext(ctx, "SELECT exchange, model, horizon, standing, origin, "+strings.Join(sumColumns[:], ", ")+
		" FROM score_sums WHERE "+strings.Join(conditions, " AND ")+" ORDER BY exchange, model, horizon, standing, origin, shard", args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var at, last sumKey
	var total scoreSums
	var origin column.Session
	into := []any{&at.exchange, &at.model, &at.horizon, &at.standing, &origin}
	var texts [len(sumColumns)]sql.RawBytes // scanning into integers takes three times as long
	for i := range texts {
		into = append(into, &texts[i])
	}
	begun := false
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		at.origin = etf.Session(origin)
		if begun && at != last {
			do(last, total)
			total = scoreSums{}
		}
		begun, last = true, at
		for i, text := range texts {
			v, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil {
				return err
			}
			total[i] += v
		}
	}
	if begun {
		do(last, total)
	}
	return rows.Err()
}

// CheckScoreSums computes the sums of all sessions from the scores, compares them with the stored ones, and returns up to limit
// sessions that differ. It reads every score, as of one instant, so it is for doctor. contributions is scoring.Contributions with
// the benchmark.
func (s *Store) CheckScoreSums(ctx context.Context, contributions func([]etf.Score) []etf.SessionLosses, limit int) (sessions int, found []etf.ScoreDifference, err error) {
	const what = "checking the sums of scores"
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return 0, nil, translate(err, what)
	}
	defer func() { _ = tx.Rollback() }()
	q := s.q.WithTx(tx)
	stored := map[sumKey]scoreSums{}
	if err := eachSum(ctx, tx, etf.ScoreFilter{}, func(k sumKey, v scoreSums) { stored[k] = v }); err != nil {
		return 0, nil, translate(err, what)
	}
	const page = 500
	computed := map[sumKey]scoreSums{}
	for after := ""; ; {
		etfs, err := q.ListETFs(ctx, sqlcgen.ListETFsParams{Symbol: after, Limit: page})
		if err != nil {
			return 0, nil, translate(err, what)
		}
		for _, e := range etfs {
			scores, err := s.countingScores(ctx, q, e.ID, etf.Exchange(e.Exchange), etf.ScoreFilter{Symbol: etf.Symbol(e.Symbol)})
			if err != nil {
				return 0, nil, translate(err, what)
			}
			addSums(computed, contributions(scores), 1)
		}
		if len(etfs) < page {
			break
		}
		after = etfs[len(etfs)-1].Symbol
	}
	for k := range stored {
		if _, ok := computed[k]; !ok {
			computed[k] = scoreSums{}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(computed), sumKey.compare) {
		have, want := stored[k], computed[k]
		if have == want {
			continue
		}
		i := 0
		for have[i] == want[i] {
			i++
		}
		if len(found) < limit {
			found = append(found, etf.ScoreDifference{
				Exchange: k.exchange, Model: k.model, Horizon: k.horizon, Standing: k.standing, Origin: k.origin,
				Column: sumColumns[i], Stored: have[i], Scores: want[i],
			})
		}
	}
	return len(computed), found, nil
}
