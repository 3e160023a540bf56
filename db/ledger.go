package db

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

const (
	// How many ETFs' heads, and how many single rows, are looked up with one statement. Dolt's time for a UNION grows with the square of its
	// length.
	etfsPerLookup = 40
	rowsPerLookup = 10
	// hashesPerRow limits the size of a row of ledger_hashes to 128 KiB.
	hashesPerRow = 1 << 12
)

// Anchor appends a leaf for each chain of the scope (the zero scope: of every ETF) whose head is not anchored yet: see
// activities.Ledger. The first anchoring of a database also makes its instance. KindCorrupt if the stored log does not lead to
// its newest checkpoint: nothing is appended to a log that has been changed.
func (s *Store) Anchor(ctx context.Context, scope etf.AnchorScope, note etf.CheckpointNote) (etf.Anchored, error) {
	etfs, err := s.etfsOf(ctx, scope)
	if err != nil {
		return etf.Anchored{}, err
	}
	before, err := s.anchored.refresh(ctx, s.db)
	if err != nil {
		return etf.Anchored{}, translate(err, "reading the leaves of the ledger")
	}
	heads, err := s.movedHeads(ctx, etfs, before.positions)
	if err != nil {
		return etf.Anchored{}, translate(err, "reading the heads of chains")
	}
	var done etf.Anchored
	err = s.transaction(ctx, "anchoring the heads of chains", func(q *writing, tx *sql.Tx) error {
		// Others may have anchored since the heads were read: only what is newer than the log is appended.
		since, size, err := leavesFrom(ctx, tx, before.size)
		if err != nil {
			return err
		}
		moved := slices.DeleteFunc(slices.Clone(heads), func(h ledger.Leaf) bool { return h.Position <= since[chainOf(h)] })
		newest, err := q.GetCheckpoint(ctx)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		done = etf.Anchored{Leaves: len(moved), Checkpoint: checkpointOf(newest)}
		if len(moved) == 0 {
			return nil
		}
		if done.Checkpoint, err = s.appendLeaves(ctx, q.Queries, tx, size, newest, moved, note); err != nil {
			return err
		}
		q.about = etf.Event{Exchange: scope.Exchange}
		q.emit(etf.EventAnchored, "", map[string]any{"size": done.Checkpoint.Size, "root": done.Checkpoint.Root})
		return nil
	})
	if err != nil {
		return etf.Anchored{}, err
	}
	return done, nil
}

// appendLeaves appends leaves to the log, whose size and newest checkpoint are given, and returns its new one.
func (s *Store) appendLeaves(ctx context.Context, q *sqlcgen.Queries, tx *sql.Tx, size int64, newest sqlcgen.LedgerCheckpoint, moved []ledger.Leaf, note etf.CheckpointNote) (etf.Checkpoint, error) {
	now := s.now()
	var leaves []ledger.Leaf
	var instance string
	if size == 0 {
		instance = newWriter()
		leaves = append(leaves, ledger.Genesis(instance))
	} else {
		genesis, err := q.GetLeaf(ctx, 0)
		if err != nil {
			return etf.Checkpoint{}, err
		}
		instance = genesis.Hash
	}
	if now.Before(newest.MadeAt) {
		now = newest.MadeAt
	}
	log, err := ledger.ContinueAt(size, storedHashes{ctx, tx})
	if err != nil {
		return etf.Checkpoint{}, err
	}
	if size < newest.Size {
		if _, grown, err := leavesFrom(ctx, tx, size); err != nil || grown >= newest.Size {
			return etf.Checkpoint{}, cmp.Or(err, errLost) // others have appended since the leaves were read
		}
	}
	if size != newest.Size || size > 0 && log.Root().String() != newest.Root {
		return etf.Checkpoint{}, &etf.Error{Kind: etf.KindCorrupt, Field: "ledger", Err: etf.ErrAltered,
			Message: fmt.Sprintf("the log of %d leaves is not the one of its newest checkpoint, of %d", size, newest.Size), Remedy: compareWithBackup}
	}
	leaves = append(leaves, moved...)
	hashes, err := insertLeaves(ctx, tx, log, leaves, now)
	if err != nil {
		return etf.Checkpoint{}, err
	}
	if err := insertHashes(ctx, tx, tlog.StoredHashCount(size), hashes); err != nil {
		return etf.Checkpoint{}, err
	}
	text, signed, err := note(instance, log.Size(), log.Root())
	if err != nil {
		return etf.Checkpoint{}, err
	}
	row := sqlcgen.LedgerCheckpoint{Size: log.Size(), Root: log.Root().String(), Note: text, IsSigned: signed, MadeAt: now}
	return checkpointOf(row), q.InsertCheckpoint(ctx, sqlcgen.InsertCheckpointParams(row))
}

// insertLeaves stores leaves at the end of the log and returns the hashes that they add.
func insertLeaves(ctx context.Context, tx *sql.Tx, log *ledger.Builder, leaves []ledger.Leaf, now time.Time) ([]byte, error) {
	// The writer makes rows of different transactions differ, so that Dolt sees that two have taken the same number.
	writer := newWriter()
	var hashes []byte
	ins := inserter{ctx: ctx, tx: tx, into: "INSERT INTO ledger_leaves (number, symbol, model, position, hash, writer, anchored_at)"}
	for _, l := range leaves {
		ins.row(log.Size(), string(l.Symbol), l.Model, l.Position, l.Hash, writer, now)
		for _, h := range log.Append(l) {
			hashes = append(hashes, h[:]...)
		}
	}
	return hashes, ins.done()
}

func insertHashes(ctx context.Context, tx *sql.Tx, first int64, hashes []byte) error {
	ins := inserter{ctx: ctx, tx: tx, into: "INSERT INTO ledger_hashes (first_hash, hash_count, hashes)"}
	for part := range slices.Chunk(hashes, hashesPerRow*tlog.HashSize) {
		count := int64(len(part) / tlog.HashSize)
		ins.row(first, count, part)
		first += count
	}
	return ins.done()
}

func checkpointOf(r sqlcgen.LedgerCheckpoint) etf.Checkpoint {
	return etf.Checkpoint{Size: r.Size, Root: r.Root, Note: r.Note, Signed: r.IsSigned, At: r.MadeAt}
}

// etfsOf returns the ETFs of the scope by their numbers.
func (s *Store) etfsOf(ctx context.Context, scope etf.AnchorScope) (map[uint32]etf.Symbol, error) {
	ids := map[uint32]etf.Symbol{}
	if len(scope.Symbols) == 0 {
		var id uint32
		var symbol etf.Symbol
		query, args := "SELECT id, symbol FROM etfs", []any{}
		if scope.Exchange != "" {
			query, args = query+" WHERE exchange = ?", append(args, string(scope.Exchange))
		}
		err := s.eachRow(ctx, query, args, func() { ids[id] = symbol }, &id, &symbol)
		return ids, translate(err, "listing the ETFs to anchor")
	}
	for part := range slices.Chunk(scope.Symbols, 1000) {
		names := make([]string, len(part))
		for i, symbol := range part {
			names[i] = string(symbol)
		}
		found, err := etfsNamed(ctx, s.q, names)
		if err != nil {
			return nil, translate(err, "listing the ETFs to anchor")
		}
		for _, symbol := range part {
			r, ok := found[string(symbol)]
			if !ok {
				return nil, unknownSymbol(symbol)
			}
			ids[r.ID] = etf.Symbol(r.Symbol)
		}
	}
	return ids, nil
}

// chain identifies a chain of forecasts.
type chain struct {
	symbol etf.Symbol
	model  string
}

func chainOf(l ledger.Leaf) chain { return chain{l.Symbol, l.Model} }

// anchoredHeads is up to which position each chain is anchored, when the log had a certain size. A log only grows, so a store that has
// read it once only reads what is new.
type anchoredHeads struct {
	mu        sync.Mutex
	size      int64  // leaves
	writer    string // of the last of them
	positions map[chain]int64
}

// anchoredAt is a copy of anchoredHeads.
type anchoredAt struct {
	size      int64
	positions map[chain]int64
}

func (a *anchoredHeads) refresh(ctx context.Context, q queryer) (anchoredAt, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		positions, size, writer := maps.Clone(a.positions), a.size, a.writer
		if positions == nil {
			positions = map[chain]int64{}
		}
		same := size == 0
		var c chain
		var number, position int64
		var by string
		// The last leaf is read again: another writer means that this is another log, of a database restored meanwhile.
		err := eachRowOf(ctx, q, "SELECT number, symbol, model, position, writer FROM ledger_leaves WHERE number >= ? ORDER BY number", []any{max(0, size-1)}, func() {
			same = same || number == size-1 && by == writer
			positions[c], a.size, a.writer = max(positions[c], position), number+1, by
		}, &number, &c.symbol, &c.model, &position, &by)
		if err != nil {
			a.size, a.writer = size, writer
			return anchoredAt{}, err
		}
		if same {
			a.positions = positions
			return anchoredAt{size: a.size, positions: positions}, nil
		}
		a.size, a.writer, a.positions = 0, "", nil
	}
}

// leavesFrom returns the positions anchored by the leaves from a number on, and the size of the log.
func leavesFrom(ctx context.Context, q queryer, number int64) (map[chain]int64, int64, error) {
	since, size := map[chain]int64{}, number
	var c chain
	var position int64
	err := eachRowOf(ctx, q, "SELECT number + 1, symbol, model, position FROM ledger_leaves WHERE number >= ? ORDER BY number", []any{number}, func() {
		since[c] = position
	}, &size, &c.symbol, &c.model, &position)
	return since, size, err
}

// movedHeads returns the heads of the ETFs' chains that are newer than the anchored positions, ascending by symbol, model and position. Of a
// chain whose forecasts have carried several symbols, they are the last forecasts with each.
func (s *Store) movedHeads(ctx context.Context, etfs map[uint32]etf.Symbol, anchored map[chain]int64) ([]ledger.Leaf, error) {
	several, err := allNames(ctx, s.q, etfs)
	if err != nil {
		return nil, err
	}
	var moved []ledger.Leaf
	if len(several) > 0 {
		etfs = maps.Clone(etfs)
		for id, n := range several {
			if _, ok := etfs[id]; !ok {
				continue // of another exchange
			}
			delete(etfs, id)
			list, err := s.headsOf(ctx, id, n, anchored)
			if err != nil {
				return nil, err
			}
			moved = append(moved, list...)
		}
	}
	models := map[etf.Symbol][]string{}
	for c := range anchored {
		models[c.symbol] = append(models[c.symbol], c.model)
	}
	var known, unknown []uint32
	for id, symbol := range etfs {
		if len(models[symbol]) > 0 {
			slices.Sort(models[symbol])
			known = append(known, id)
		} else {
			unknown = append(unknown, id)
		}
	}
	heads := map[chain]ledger.Leaf{}
	for part := range slices.Chunk(slices.Sorted(slices.Values(known)), etfsPerLookup) {
		if err := s.newerThan(ctx, part, etfs, models, anchored, heads); err != nil {
			return nil, err
		}
	}
	if err := s.allHeads(ctx, unknown, etfs, heads); err != nil {
		return nil, err
	}
	return slices.SortedFunc(slices.Values(slices.AppendSeq(moved, maps.Values(heads))), func(a, b ledger.Leaf) int {
		return cmp.Or(cmp.Compare(a.Symbol, b.Symbol), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Position, b.Position))
	}), nil
}

// headsOf returns, of the ETF's chains, the last forecasts with each symbol that they have carried, if they are newer than the anchored
// positions.
func (s *Store) headsOf(ctx context.Context, id uint32, carried *names, anchored map[chain]int64) ([]ledger.Leaf, error) {
	models, err := s.modelsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	var heads []ledger.Leaf
	for _, model := range models {
		ends := []int64{math.MaxInt64}
		for _, m := range carried.marks[model] {
			ends = append(ends, m.from)
		}
		for _, before := range ends {
			rows, err := s.q.ListForecastsBefore(ctx, sqlcgen.ListForecastsBeforeParams{EtfID: id, Model: model, Chain: before, Limit: 1})
			if err != nil {
				return nil, err
			}
			for _, r := range rows {
				h := ledger.Leaf{Symbol: carried.at(model, r.Chain).symbol, Model: model, Position: r.Chain, Hash: r.Hash}
				if h.Position > anchored[chainOf(h)] {
					heads = append(heads, h)
				}
			}
		}
	}
	return heads, nil
}

// newerThan adds the heads of some ETFs' chains, with one statement that reads only what is not anchored: of the anchored chains, the
// positions that follow, and whatever there is of other models.
func (s *Store) newerThan(ctx context.Context, ids []uint32, etfs map[uint32]etf.Symbol, models map[etf.Symbol][]string, anchored map[chain]int64, heads map[chain]ledger.Leaf) error {
	var ranges []string
	var args []any
	add := func(condition string, values ...any) {
		ranges, args = append(ranges, "(etf_id = ? AND "+condition+")"), append(args, values...)
	}
	for _, id := range ids {
		symbol := etfs[id]
		list := models[symbol]
		add("model < ?", id, list[0])
		for i, model := range list {
			add("model = ? AND chain > ?", id, model, anchored[chain{symbol, model}])
			if i+1 < len(list) {
				add("model > ? AND model < ?", id, model, list[i+1])
			} else {
				add("model > ?", id, model)
			}
		}
	}
	return s.eachHead(ctx, "SELECT etf_id, model, chain, hash FROM forecasts WHERE "+strings.Join(ranges, " OR "), args, etfs, func(h ledger.Leaf, _ uint32) {
		if h.Position > heads[chainOf(h)].Position {
			heads[chainOf(h)] = h
		}
	})
}

// allHeads adds the heads of all chains of some ETFs. Each is one backward step in the primary key, whatever the number of forecasts:
// from the ETF's last chain to the one before it.
func (s *Store) allHeads(ctx context.Context, ids []uint32, etfs map[uint32]etf.Symbol, heads map[chain]ledger.Leaf) error {
	type place struct {
		id    uint32
		below string
	}
	var places []place
	for _, id := range slices.Sorted(slices.Values(ids)) {
		places = append(places, place{id, "~"}) // which comes after every model's name
	}
	for len(places) > 0 {
		var next []place
		for part := range slices.Chunk(places, rowsPerLookup) {
			var args []any
			for _, p := range part {
				args = append(args, p.id, p.below)
			}
			query := union(len(part), `SELECT etf_id, model, chain, hash FROM forecasts WHERE etf_id = ? AND model < ? ORDER BY etf_id DESC, model DESC, chain DESC LIMIT 1`)
			if err := s.eachHead(ctx, query, args, etfs, func(h ledger.Leaf, id uint32) {
				heads[chainOf(h)] = h
				next = append(next, place{id, h.Model})
			}); err != nil {
				return err
			}
		}
		places = next
	}
	return nil
}

func (s *Store) eachHead(ctx context.Context, query string, args []any, etfs map[uint32]etf.Symbol, do func(h ledger.Leaf, id uint32)) error {
	var h ledger.Leaf
	var id uint32
	return s.eachRow(ctx, query, args, func() {
		h.Symbol = etfs[id]
		do(h, id)
	}, &id, &h.Model, &h.Position, &h.Hash)
}

// union is n times a query that returns at most one row.
func union(n int, query string) string {
	if n == 1 {
		return query // Dolt refuses one SELECT in parentheses with a LIMIT
	}
	return "(" + query + ")" + strings.Repeat(" UNION ALL ("+query+")", n-1)
}

// storedHashes reads the hashes of the log's tree (tlog.HashReader).
type storedHashes struct {
	ctx context.Context
	q   queryer
}

// ReadHashes implements tlog.HashReader. KindCorrupt if one is missing.
func (r storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := map[int64]tlog.Hash{}
	for part := range slices.Chunk(indexes, rowsPerLookup) {
		args := make([]any, 0, 5*len(part))
		for _, i := range part {
			args = append(args, i, i, i)
		}
		// A row holds thousands of hashes; only the one asked for is sent, in hex, because Dolt takes what SUBSTRING returns for text.
		query := union(len(part), `SELECT CAST(? AS SIGNED), first_hash, hash_count, SUBSTRING(HEX(hashes), 64 * (? - first_hash) + 1, 64)
FROM ledger_hashes WHERE first_hash <= ? ORDER BY first_hash DESC LIMIT 1`)
		var index, first, count int64
		var text string
		if err := eachRowOf(r.ctx, r.q, query, args, func() {
			if hash, err := hex.DecodeString(text); err == nil && index < first+count && len(hash) == tlog.HashSize {
				found[index] = tlog.Hash(hash)
			}
		}, &index, &first, &count, &text); err != nil {
			return nil, err
		}
	}
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		h, ok := found[index]
		if !ok {
			return nil, &etf.Error{Kind: etf.KindCorrupt, Field: "ledger", Message: fmt.Sprintf("hash %d of the log is missing", index), Remedy: compareWithBackup}
		}
		hashes[i] = h
	}
	return hashes, nil
}

// noCheckpoint is the error of every question about an empty ledger.
func noCheckpoint() error {
	return etf.NotFound("ledger", "the ledger is empty", "it begins with the next daily run: `etfcast run daily --exchange XNYS`")
}

// Checkpoint returns the newest checkpoint; KindNotFound while the ledger is empty.
func (s *Store) Checkpoint(ctx context.Context) (etf.Checkpoint, error) {
	row, err := s.q.GetCheckpoint(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Checkpoint{}, noCheckpoint()
	}
	return checkpointOf(row), translate(err, "reading the newest checkpoint")
}

// CheckpointAt returns the checkpoint of the log when it had so many leaves; KindNotFound with Field "size" if there is none.
func (s *Store) CheckpointAt(ctx context.Context, size int64) (etf.Checkpoint, error) {
	row, err := s.q.GetCheckpointAt(ctx, size)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Checkpoint{}, etf.NotFound("size", fmt.Sprintf("there is no checkpoint of %d leaves", size), "`etfcast ledger show` prints the newest")
	}
	return checkpointOf(row), translate(err, "reading a checkpoint")
}

// LedgerConsistency returns the proof, in base64, that the log of `to` leaves begins with the first `from` of them (RFC 6962). `to` 0
// is the newest size. KindInvalid with Field "from" or "to" for sizes that the log doesn't have, KindNotFound while it is empty.
func (s *Store) LedgerConsistency(ctx context.Context, from, to int64) (hashes []string, err error) {
	newest, err := s.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	if to == 0 {
		to = newest.Size
	}
	switch {
	case to < 1 || to > newest.Size:
		return nil, etf.Invalid("to", fmt.Sprintf("the log has %d leaves, not %d", newest.Size, to), fmt.Sprintf("use 1 to %d", newest.Size))
	case from < 1 || from > to:
		return nil, etf.Invalid("from", fmt.Sprintf("%d is not a size up to %d", from, to), fmt.Sprintf("use 1 to %d", to))
	}
	proof, err := tlog.ProveTree(to, from, storedHashes{ctx, s.db})
	return ledger.FormatHashes(proof), translate(err, "reading the ledger's hashes")
}

// LedgerProof returns the proof that a forecast is part of the log of the newest checkpoint. KindNotFound with Field "id" if there is
// no such forecast, with Field "forecast" if it isn't anchored yet; KindCorrupt if what is stored proves nothing, because it has been changed.
func (s *Store) LedgerProof(ctx context.Context, forecast string) (ledger.Proof, error) {
	return s.LedgerProofSince(ctx, forecast, 0)
}

// LedgerProofSince is LedgerProof with the proof that the log has only grown since it had so many leaves. KindInvalid with Field "from"
// for a size that the log doesn't have.
func (s *Store) LedgerProofSince(ctx context.Context, forecast string, since int64) (ledger.Proof, error) {
	f, err := s.Forecast(ctx, forecast)
	if err != nil {
		return ledger.Proof{}, err
	}
	newest, err := s.Checkpoint(ctx)
	if err != nil {
		return ledger.Proof{}, err
	}
	leaf, err := s.q.GetLeafFrom(ctx, sqlcgen.GetLeafFromParams{Symbol: string(f.Symbol), Model: f.Model, Position: f.Chain})
	if errors.Is(err, sql.ErrNoRows) || err == nil && leaf.Number >= newest.Size {
		return ledger.Proof{}, notAnchored(forecast)
	}
	if err != nil {
		return ledger.Proof{}, translate(err, "reading the leaf of a forecast")
	}
	p := ledger.Proof{Version: ledger.ProofVersion, Forecast: forecast, Number: leaf.Number, Checkpoint: newest.Note,
		Leaf: ledger.Leaf{Symbol: f.Symbol, Model: f.Model, Position: leaf.Position, Hash: leaf.Hash}}
	id, ours, err := s.ownLeaf(ctx, f, leaf)
	if err == nil && !ours {
		err = notAnchored(forecast)
	}
	if err != nil {
		return ledger.Proof{}, err
	}
	if p.Links, err = s.links(ctx, id, f, leaf.Position); err != nil {
		return ledger.Proof{}, err
	}
	inclusion, err := tlog.ProveRecord(newest.Size, leaf.Number, storedHashes{ctx, s.db})
	if err != nil {
		return ledger.Proof{}, translate(err, "reading the ledger's hashes")
	}
	p.Inclusion = ledger.FormatHashes(inclusion)
	if since > 0 {
		hashes, err := s.LedgerConsistency(ctx, since, newest.Size)
		if err != nil {
			return ledger.Proof{}, err
		}
		p.Since = &ledger.Consistency{Size: since, Hashes: hashes}
	}
	if _, err := p.Verify(ledger.Options{}); err != nil {
		return ledger.Proof{}, &etf.Error{Kind: etf.KindCorrupt, Message: "the ledger does not prove forecast " + forecast,
			Err: errors.New(etf.WithoutRemedy(err)), Remedy: compareWithBackup}
	}
	return p, nil
}

func notAnchored(forecast string) error {
	return etf.NotFound("forecast", fmt.Sprintf("forecast %s is not anchored yet", forecast),
		"ask again after the next daily run of its exchange, which anchors it")
}

// ownLeaf returns the number of the forecast's ETF, and whether the leaf is of its own chain: it may be of one that another ETF has had
// under the same symbol since.
func (s *Store) ownLeaf(ctx context.Context, f etf.Forecast, leaf sqlcgen.GetLeafFromRow) (id uint32, ours bool, err error) {
	row, err := s.q.GetForecast(ctx, f.ID)
	if err != nil {
		return 0, false, translate(err, "looking up a forecast's ETF")
	}
	carried, err := namesOf(ctx, s.q, row.EtfID)
	if err != nil {
		return 0, false, translate(err, "reading which symbols forecasts carry")
	}
	if carried.at(f.Model, f.Chain) != carried.at(f.Model, leaf.Position) {
		return row.EtfID, false, nil
	}
	if former, err := s.q.ListETFsFormerly(ctx, []string{string(f.Symbol)}); err != nil || len(former) == 0 {
		return row.EtfID, true, translate(err, "looking for the ETFs of a symbol")
	}
	head, err := s.q.GetChainHead(ctx, sqlcgen.GetChainHeadParams{EtfID: row.EtfID, Model: f.Model})
	return row.EtfID, leaf.Position <= head.Chain, translate(err, "reading the head of a chain")
}

// links returns the texts of the forecast and of those that follow it in its chain, up to a position.
func (s *Store) links(ctx context.Context, id uint32, f etf.Forecast, to int64) ([]string, error) {
	const page = 200
	var texts []string
	for after := f.Chain - 1; after < to; {
		rows, err := s.q.ListForecastsAfter(ctx, sqlcgen.ListForecastsAfterParams{EtfID: id, Model: f.Model, Chain: after, Limit: int32(min(page, to-after))})
		if err != nil {
			return nil, translate(err, "reading the chain of "+string(f.Symbol))
		}
		list, err := verified(s.withParts(ctx, rows))
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, &etf.Error{Kind: etf.KindCorrupt, Field: "chain",
				Message: fmt.Sprintf("the chain of %s and %s ends at position %d, before its anchored position %d", f.Symbol, f.Model, after, to), Remedy: compareWithBackup}
		}
		for i := range list {
			text, err := ledger.AppendForecast(nil, &list[i])
			if err != nil {
				return nil, err
			}
			texts = append(texts, string(text))
		}
		after = list[len(list)-1].Chain
	}
	return texts, nil
}
