package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// A shared body that a fetch comes to need is marked as used, unless it was marked less than usedAnew ago: hundreds of fetches need the
// same one within seconds. Nothing used since sharedFor ago is pruned, so that a fetch that has found its bodies still has
// them when it is stored.
const (
	usedAnew  = 24 * time.Hour
	sharedFor = 48 * time.Hour
)

// keepShared stores the bodies that are not stored yet, and marks the others as used. Each is a transaction of its own: a body that no
// fetch comes to need is pruned some day.
func (s *Store) keepShared(ctx context.Context, list []etf.SharedBody) error {
	if len(list) == 0 {
		return nil
	}
	missing, err := s.missingShared(ctx, list)
	if err != nil || len(missing) == 0 {
		return err
	}
	// The first fetches of a session come at once and need the same bodies: one compresses and sends them, the others wait for it.
	select {
	case s.sharing <- struct{}{}:
		defer func() { <-s.sharing }()
	case <-ctx.Done():
		return translate(ctx.Err(), keepingShared)
	}
	if missing, err = s.missingShared(ctx, missing); err != nil {
		return err
	}
	for _, b := range missing {
		if err := s.insertShared(ctx, b, s.now()); err != nil {
			return err
		}
	}
	return nil
}

const keepingShared = "storing the bodies that fetches share"

// missingShared returns those bodies that are not stored, each once, and marks the others as used.
func (s *Store) missingShared(ctx context.Context, list []etf.SharedBody) (missing []etf.SharedBody, err error) {
	hashes := make([]string, len(list))
	for i, b := range list {
		hashes[i] = b.Hash
	}
	rows, err := s.q.ListSharedBodies(ctx, hashes)
	if err != nil {
		return nil, translate(err, keepingShared)
	}
	used := make(map[string]time.Time, len(rows))
	for _, r := range rows {
		used[r.Hash] = r.UsedAt
	}
	seen := make(map[string]bool, len(list))
	for _, b := range list {
		if seen[b.Hash] {
			continue
		}
		seen[b.Hash] = true
		now := s.now()
		at, stored := used[b.Hash]
		if stored && now.Sub(at) < usedAnew {
			continue
		}
		if stored {
			var n int64
			err := s.retry(ctx, keepingShared, func() (err error) {
				n, err = s.q.UseSharedBody(ctx, sqlcgen.UseSharedBodyParams{UsedAt: now, Hash: b.Hash})
				return err
			})
			if err != nil {
				return nil, err
			}
			if n > 0 {
				continue
			}
			// It has been pruned, or was marked by another fetch meanwhile: then it is there.
		}
		missing = append(missing, b)
	}
	return missing, nil
}

func (s *Store) insertShared(ctx context.Context, b etf.SharedBody, now time.Time) error {
	body, err := compress(b.Raw)
	if err != nil {
		return etf.Wrap(etf.KindInternal, err, "compressing a response")
	}
	if len(body) > maxBody {
		return etf.Invalid("body", fmt.Sprintf("the compressed response has %d bytes; the limit is %d", len(body), maxBody), "")
	}
	return s.retry(ctx, "storing a body that fetches share", func() error {
		err := s.q.InsertSharedBody(ctx, sqlcgen.InsertSharedBodyParams{Hash: b.Hash, Encoding: "gzip", Size: int32(len(b.Raw)), StoredAt: now, UsedAt: now, Body: body})
		if duplicate(err) {
			return nil // another fetch was faster
		}
		return err
	})
}

// needShared records which shared bodies a fetch needs.
func needShared(ctx context.Context, tx *sql.Tx, fetch string, list []etf.SharedBody, now time.Time) error {
	into := inserter{ctx: ctx, tx: tx, into: `INSERT INTO fetch_shared_bodies (hash, fetch_id, stored_at)`}
	seen := make(map[string]bool, len(list))
	for _, b := range list {
		if !seen[b.Hash] {
			seen[b.Hash] = true
			into.row(b.Hash, fetch, now)
		}
	}
	return into.done()
}

// SharedBody returns a body that fetches share, by its hash (etf.Manifest). KindNotFound if it is not stored, or has been pruned with
// the fetches that needed it.
func (s *Store) SharedBody(ctx context.Context, hash string) ([]byte, error) {
	row, err := s.q.GetSharedBody(ctx, hash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, etf.NotFound("fetch", fmt.Sprintf("no response with the SHA-256 %s is kept", hash), "")
	}
	if err != nil {
		return nil, translate(err, "reading the response with the SHA-256 "+hash)
	}
	raw, err := decompress(row.Body, int(row.Size))
	return raw, etf.Wrapf(etf.KindCorrupt, err, "unpacking the response with the SHA-256 %s", hash)
}

// pruneShared deletes what fetches whose bodies have been pruned needed, and the bodies that none needs any more.
func (s *Store) pruneShared(ctx context.Context, olderThan time.Time) (total int, err error) {
	const batch = 1000
	const what = "pruning responses that fetches share"
	for n := int64(batch); n == batch; {
		if err := s.retry(ctx, what, func() (err error) {
			n, err = s.q.PruneFetchSharedBodies(ctx, sqlcgen.PruneFetchSharedBodiesParams{StoredAt: instant(olderThan), Limit: batch})
			return err
		}); err != nil {
			return 0, err
		}
	}
	before := instant(olderThan)
	if latest := s.now().Add(-sharedFor); before.After(latest) {
		before = latest
	}
	for {
		hashes, err := s.q.ListUnusedSharedBodies(ctx, sqlcgen.ListUnusedSharedBodiesParams{UsedBefore: before, Limit: batch})
		if err != nil {
			return total, translate(err, what)
		}
		for _, hash := range hashes {
			var n int64
			if err := s.retry(ctx, what, func() (err error) {
				n, err = s.q.DeleteSharedBody(ctx, sqlcgen.DeleteSharedBodyParams{Hash: hash, UsedBefore: before})
				return err
			}); err != nil {
				return total, err
			}
			total += int(n)
		}
		if len(hashes) < batch {
			return total, nil
		}
	}
}
