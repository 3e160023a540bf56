package db

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

const (
	// lookups is how many rows are looked up with one statement.
	lookups = 100
	// hashesPerRow limits the size of a row of ledger_hashes to 128 KiB.
	hashesPerRow = 1 << 12

	verifyLedger = "run `etfcast ledger verify`, and compare the database with a backup"
)

// head is the newest forecast of a chain.
type head struct {
	ledger.Leaf
	etfID uint32
}

// Anchor appends a leaf for each chain of the scope (the zero scope: of every ETF) whose head is not anchored yet: see
// activities.Ledger. The first anchoring of a database also makes its instance. KindCorrupt if the stored log does not lead to
// its newest checkpoint: nothing is appended to a log that has been changed.
func (s *Store) Anchor(ctx context.Context, scope etf.AnchorScope, note etf.CheckpointNote) (etf.Anchored, error) {
	heads, err := s.headsOf(ctx, scope)
	if err != nil {
		return etf.Anchored{}, err
	}
	var done etf.Anchored
	err = s.transaction(ctx, "anchoring the heads of chains", func(q *sqlcgen.Queries, tx *sql.Tx) error {
		// Others may have anchored since the heads were read: only what is newer than the log is appended.
		moved, err := notAnchored(ctx, tx, heads)
		if err != nil {
			return err
		}
		newest, err := q.GetCheckpoint(ctx)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		done = etf.Anchored{Leaves: len(moved), Checkpoint: checkpointOf(newest)}
		if len(moved) == 0 {
			return nil
		}
		done.Checkpoint, err = s.appendLeaves(ctx, q, tx, newest, moved, note)
		return err
	})
	if err != nil {
		return etf.Anchored{}, err
	}
	return done, nil
}

// appendLeaves appends leaves to the log, whose newest checkpoint is given, and returns its new one.
func (s *Store) appendLeaves(ctx context.Context, q *sqlcgen.Queries, tx *sql.Tx, newest sqlcgen.LedgerCheckpoint, moved []head, note etf.CheckpointNote) (etf.Checkpoint, error) {
	last, err := q.GetLastLeaf(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return etf.Checkpoint{}, err
	}
	size, now := int64(0), s.now()
	var leaves []ledger.Leaf
	var instance string
	if errors.Is(err, sql.ErrNoRows) {
		instance = newWriter()
		leaves = append(leaves, ledger.Genesis(instance))
	} else {
		size = last.Number + 1
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
	if size != newest.Size || size > 0 && log.Root().String() != newest.Root {
		return etf.Checkpoint{}, &etf.Error{Kind: etf.KindCorrupt, Field: "ledger", Err: etf.ErrAltered,
			Message: fmt.Sprintf("the log of %d leaves is not the one of its newest checkpoint, of %d", size, newest.Size), Remedy: verifyLedger}
	}
	for _, h := range moved {
		leaves = append(leaves, h.Leaf)
	}
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

// headsOf returns the heads of all chains of the scope, ascending by symbol and model.
func (s *Store) headsOf(ctx context.Context, scope etf.AnchorScope) ([]head, error) {
	ids := map[uint32]etf.Symbol{}
	if len(scope.Symbols) > 0 {
		for part := range slices.Chunk(scope.Symbols, 10*lookups) {
			names := make([]string, len(part))
			for i, symbol := range part {
				names[i] = string(symbol)
			}
			rows, err := s.q.ListETFsBySymbol(ctx, names)
			if err != nil {
				return nil, translate(err, "listing the ETFs to anchor")
			}
			found := map[string]bool{}
			for _, r := range rows {
				found[r.Symbol] = true
				ids[r.ID] = etf.Symbol(r.Symbol)
			}
			for _, symbol := range part {
				if !found[string(symbol)] {
					return nil, unknownSymbol(symbol)
				}
			}
		}
	} else {
		var id uint32
		var symbol etf.Symbol
		query, args := "SELECT id, symbol FROM etfs", []any{}
		if scope.Exchange != "" {
			query, args = query+" WHERE exchange = ?", append(args, string(scope.Exchange))
		}
		if err := s.eachRow(ctx, query, args, func() { ids[id] = symbol }, &id, &symbol); err != nil {
			return nil, translate(err, "listing the ETFs to anchor")
		}
	}
	var heads []head
	below := make([]head, 0, len(ids)) // the model is the one below which the next chain's head is looked for
	for id, symbol := range ids {
		below = append(below, head{Leaf: ledger.Leaf{Symbol: symbol, Model: "~"}, etfID: id}) // "~" comes after every model's name
	}
	byChain := func(a, b head) int { return cmp.Or(cmp.Compare(a.Symbol, b.Symbol), cmp.Compare(a.Model, b.Model)) }
	slices.SortFunc(below, byChain) // neighbours are looked up together
	for len(below) > 0 {
		var found []head
		for part := range slices.Chunk(below, lookups) {
			list, err := s.lastBelow(ctx, part, ids)
			if err != nil {
				return nil, translate(err, "reading the heads of chains")
			}
			found = append(found, list...)
		}
		heads = append(heads, found...)
		below = found
	}
	slices.SortFunc(heads, byChain)
	return heads, nil
}

// lastBelow returns, for each of the ETFs, the head of its last chain whose model comes before the given one. Each is one backward
// step in the primary key, whatever the number of forecasts; one statement for many saves the round trips.
func (s *Store) lastBelow(ctx context.Context, etfs []head, symbols map[uint32]etf.Symbol) ([]head, error) {
	var found []head
	var h head
	args := make([]any, 0, 2*len(etfs))
	for _, e := range etfs {
		args = append(args, e.etfID, e.Model)
	}
	query := union(len(etfs), `SELECT etf_id, model, chain, hash FROM forecasts WHERE etf_id = ? AND model < ? ORDER BY etf_id DESC, model DESC, chain DESC LIMIT 1`)
	err := s.eachRow(ctx, query, args, func() {
		h.Symbol = symbols[h.etfID]
		found = append(found, h)
	}, &h.etfID, &h.Model, &h.Position, &h.Hash)
	return found, err
}

// union is n times a query that returns at most one row.
func union(n int, query string) string {
	if n == 1 {
		return query // Dolt refuses one SELECT in parentheses with a LIMIT
	}
	return "(" + query + ")" + strings.Repeat(" UNION ALL ("+query+")", n-1)
}

// notAnchored returns the heads that are newer than the last leaf of their chain.
func notAnchored(ctx context.Context, tx *sql.Tx, heads []head) ([]head, error) {
	type chain struct{ symbol, model string }
	anchored := map[chain]int64{}
	for part := range slices.Chunk(heads, lookups) {
		args := make([]any, 0, 2*len(part))
		for _, h := range part {
			args = append(args, string(h.Symbol), h.Model)
		}
		query := union(len(part), `SELECT symbol, model, position FROM ledger_leaves WHERE symbol = ? AND model = ? ORDER BY symbol DESC, model DESC, position DESC LIMIT 1`)
		var c chain
		var position int64
		if err := eachRowOf(ctx, tx, query, args, func() { anchored[c] = position }, &c.symbol, &c.model, &position); err != nil {
			return nil, err
		}
	}
	var moved []head
	for _, h := range heads {
		if h.Position > anchored[chain{string(h.Symbol), h.Model}] {
			moved = append(moved, h)
		}
	}
	return moved, nil
}

// storedHashes reads the hashes of the log's tree (tlog.HashReader).
type storedHashes struct {
	ctx context.Context
	q   queryer
}

// ReadHashes implements tlog.HashReader. KindCorrupt if one is missing.
func (r storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := map[int64]tlog.Hash{}
	for part := range slices.Chunk(indexes, lookups) {
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
			return nil, &etf.Error{Kind: etf.KindCorrupt, Field: "ledger", Message: fmt.Sprintf("hash %d of the log is missing", index), Remedy: verifyLedger}
		}
		hashes[i] = h
	}
	return hashes, nil
}

// noCheckpoint is the error of every question about an empty ledger.
func noCheckpoint() error {
	return etf.NotFound("ledger", "the ledger is empty", "it begins with the next daily run: `etfcast run daily EXCHANGE`")
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
		return ledger.Proof{}, etf.NotFound("forecast", fmt.Sprintf("forecast %s is not anchored yet", forecast),
			"ask again after the next daily run of its exchange, which anchors it")
	}
	if err != nil {
		return ledger.Proof{}, translate(err, "reading the leaf of a forecast")
	}
	p := ledger.Proof{Version: ledger.ProofVersion, Forecast: forecast, Number: leaf.Number, Checkpoint: newest.Note,
		Leaf: ledger.Leaf{Symbol: f.Symbol, Model: f.Model, Position: leaf.Position, Hash: leaf.Hash}}
	if p.Links, err = s.links(ctx, f, leaf.Position); err != nil {
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
			Err: errors.New(withoutRemedy(err)), Remedy: verifyLedger}
	}
	return p, nil
}

// links returns the texts of the forecast and of those that follow it in its chain, up to a position.
func (s *Store) links(ctx context.Context, f etf.Forecast, to int64) ([]string, error) {
	const page = 200
	id, err := s.idOf(ctx, f.Symbol)
	if err != nil {
		return nil, err
	}
	var texts []string
	for after := f.Chain - 1; after < to; {
		rows, err := s.q.ListForecastsAfter(ctx, sqlcgen.ListForecastsAfterParams{EtfID: id, Model: f.Model, Chain: after, Limit: int32(min(page, to-after))})
		if err != nil {
			return nil, translate(err, "reading the chain of "+string(f.Symbol))
		}
		list, err := verified(s.withParts(ctx, f.Symbol, rows))
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, &etf.Error{Kind: etf.KindCorrupt, Field: "chain",
				Message: fmt.Sprintf("the chain of %s and %s ends at position %d, before its anchored position %d", f.Symbol, f.Model, after, to), Remedy: verifyLedger}
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
