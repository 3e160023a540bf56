package db

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// knownBefore is how many stored bars a fetch is checked against before its first session, and at most within its span.
const knownBefore = 60

// maxBody is the largest compressed response that is kept: below MEDIUMBLOB's 16 MiB and MariaDB's packet size.
const maxBody = 12 << 20

// SaveFetch stores a fetch and its response: see activities.Fetches. f.Hash, f.Basis and f.Rows are stored as given.
func (s *Store) SaveFetch(ctx context.Context, f etf.Fetch, r etf.Response) error {
	return s.saveFetch(ctx, f, r, sql.NullTime{})
}

func (s *Store) saveFetch(ctx context.Context, f etf.Fetch, r etf.Response, judged sql.NullTime) error {
	if f.Rows != len(r.Bars) {
		return etf.Invalid("rows", fmt.Sprintf("the fetch says %d rows, but the response has %d", f.Rows, len(r.Bars)), "count the response's bars")
	}
	for i, b := range r.Bars {
		if b.Session.IsZero() {
			return etf.Invalid(fmt.Sprintf("bars[%d].session", i), "the bar names no session", "report such a row as a defect")
		}
	}
	if r.Ordinals != nil && len(r.Ordinals) != len(r.Bars) {
		return etf.Invalid("ordinals", fmt.Sprintf("%d ordinals for %d bars", len(r.Ordinals), len(r.Bars)), "give one for each bar, or none")
	}
	params, err := fetchParams(f, r)
	if err != nil {
		return etf.Wrap(etf.KindInternal, err, "encoding a fetch")
	}
	params.JudgedAt = judged
	body, err := compress(r.Raw)
	if err != nil {
		return etf.Wrap(etf.KindInternal, err, "compressing a response")
	}
	if len(body) > maxBody {
		return etf.Invalid("body", fmt.Sprintf("the compressed response has %d bytes; the limit is %d", len(body), maxBody), "request a shorter window")
	}
	if err := s.keepShared(ctx, r.Shared); err != nil {
		return err
	}
	return s.transaction(ctx, "saving fetch "+f.ID, func(q *writing, tx *sql.Tx) error {
		n, err := q.InsertFetch(ctx, params)
		if n == 0 && err == nil {
			row, named := named(ctx, q.Queries, params.Symbol, q.GetETF) // it has been renamed, if it is there at all
			if named == nil {
				params.Symbol = row.Symbol
				n, err = q.InsertFetch(ctx, params)
			} else if !errors.Is(named, sql.ErrNoRows) {
				return named
			}
		}
		switch {
		case duplicate(err):
			return nil // stored already
		case err != nil:
			return err
		case n == 0:
			return unknownSymbol(f.Symbol)
		}
		if err := q.fetched(ctx, f); err != nil {
			return err
		}
		if err := q.InsertETFFetch(ctx, sqlcgen.InsertETFFetchParams{FetchedAt: params.FetchedAt, FetchID: f.ID, Symbol: params.Symbol}); err != nil {
			return err
		}
		if err := s.stageBars(ctx, tx, f.ID, r); err != nil {
			return err
		}
		if len(r.Raw) == 0 {
			return nil
		}
		if err := needShared(ctx, tx, f.ID, r.Shared, s.now()); err != nil {
			return err
		}
		return q.InsertFetchBody(ctx, sqlcgen.InsertFetchBodyParams{
			FetchID: f.ID, Encoding: "gzip", Size: int32(len(r.Raw)), StoredAt: s.now(), Body: body,
		})
	})
}

func fetchParams(f etf.Fetch, r etf.Response) (sqlcgen.InsertFetchParams, error) {
	actions, err := encodeStatements(statements{Actions: r.Actions, Covers: r.Covers, NAVs: r.NAVs, DataAt: r.DataAt})
	if err != nil {
		return sqlcgen.InsertFetchParams{}, err
	}
	undone, err := encodeList(r.Splits)
	if err != nil {
		return sqlcgen.InsertFetchParams{}, err
	}
	defects, err := encodeList(r.Defects)
	if err != nil {
		return sqlcgen.InsertFetchParams{}, err
	}
	return sqlcgen.InsertFetchParams{
		ID: f.ID, Symbol: string(f.Symbol), Source: f.Source,
		WindowFrom: column.Session(f.Window.From), WindowTo: column.Session(f.Window.To),
		Request: f.Request, MediaType: f.MediaType, RawHash: f.Hash, Basis: string(f.Basis), RowCount: int32(f.Rows),
		FetchedAt: instant(f.FetchedAt), RunID: string(f.Run), Actions: actions, UndoneSplits: undone, Defects: defects,
	}, nil
}

// statements is what a response states besides prices, as the column fetches.actions keeps it until the fetch is persisted.
type statements struct {
	Actions []etf.Action     `json:"actions,omitempty"`
	Covers  []etf.ActionKind `json:"covers,omitempty"`
	NAVs    []etf.NAV        `json:"navs,omitempty"`
	DataAt  time.Time        `json:"data_at,omitzero"`
	// Proposals are the actions that the fetch's own findings propose, once it has been judged.
	Proposals []quality.Proposal `json:"proposals,omitempty"`
}

func encodeStatements(s statements) (string, error) {
	if len(s.Actions)+len(s.Covers)+len(s.NAVs)+len(s.Proposals) == 0 && s.DataAt.IsZero() {
		return "", nil
	}
	b, err := json.Marshal(s)
	return string(b), err
}

// decodeStatements also reads the list of actions that release 0.1.0 wrote.
func decodeStatements(text string) (s statements, err error) {
	switch {
	case text == "":
	case text[0] == '[':
		err = json.Unmarshal([]byte(text), &s.Actions)
	default:
		err = json.Unmarshal([]byte(text), &s)
	}
	return s, err
}

// encodeList encodes a list as JSON, and an empty one as "": most responses have neither actions nor defects.
func encodeList[T any](list []T) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	b, err := json.Marshal(list)
	return string(b), err
}

func decodeList[T any](text string) ([]T, error) {
	if text == "" {
		return nil, nil
	}
	var list []T
	err := json.Unmarshal([]byte(text), &list)
	return list, err
}

// Staged returns what a fetch staged and the stored data it is checked against: see activities.Fetches.
func (s *Store) Staged(ctx context.Context, fetch string) (etf.Staged, error) {
	row, err := s.q.GetFetch(ctx, fetch)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Staged{}, unknownFetch(fetch)
	}
	if err != nil {
		return etf.Staged{}, translate(err, "reading fetch "+fetch)
	}
	if row.Fetch.PersistedAt.Valid {
		return etf.Staged{}, persistedAlready(fetch)
	}
	st := etf.Staged{Fetch: domainFetch(row.Fetch, row.Symbol), Initial: row.Bars == 0, First: etf.Session(row.FirstSession),
		Grounds: groundsToJudge(row)}
	stated, err := decodeStatements(row.Fetch.Actions)
	st.Actions, st.Covers, st.NAVs, st.DataAt = stated.Actions, stated.Covers, stated.NAVs, stated.DataAt
	if err == nil {
		st.Defects, err = decodeList[etf.Defect](row.Fetch.Defects)
	}
	if err != nil {
		return etf.Staged{}, etf.Wrapf(etf.KindInternal, err, "decoding fetch %s", fetch)
	}
	staged, err := s.q.ListStagedBars(ctx, fetch)
	if err != nil {
		return etf.Staged{}, translate(err, "reading the staged bars of "+fetch)
	}
	if len(staged) != int(row.Fetch.RowCount) {
		again, err := s.q.GetFetch(ctx, fetch)
		if err == nil && !again.Fetch.PersistedAt.Valid {
			return etf.Staged{}, discarded(fetch)
		}
		return etf.Staged{}, persistedAlready(fetch) // persisted between the two statements
	}
	st.Bars = stagedBars(staged)
	if n := len(staged); n > 0 && int(staged[n-1].Ordinal) != n-1 {
		st.Ordinals = make([]int, n)
		for i, row := range staged {
			st.Ordinals[i] = int(row.Ordinal)
		}
	}
	if st.Known, err = known(ctx, s.q, row, st.Bars); err != nil {
		return etf.Staged{}, translate(err, "reading the bars known to fetch "+fetch)
	}
	if st.Second, err = secondOpinion(ctx, s.q, fetch); err != nil {
		return etf.Staged{}, translate(err, "reading what a second source says about fetch "+fetch)
	}
	if st.Following, err = following(ctx, s.q, row, st.Bars); err != nil {
		return etf.Staged{}, translate(err, "reading the bars that follow fetch "+fetch)
	}
	if st.Parked, err = parked(ctx, s.q, row, st.Bars, st.Known, st.Following); err != nil {
		return etf.Staged{}, translate(err, "reading the bars that follow fetch "+fetch)
	}
	preferences, err := s.q.ListPreferences(ctx, sqlcgen.ListPreferencesParams{EtfID: row.Fetch.EtfID})
	if err == nil {
		st.Sources, st.Listed, err = preferred(preferences)
	}
	if err != nil {
		return etf.Staged{}, translate(err, "reading whose numbers count for fetch "+fetch)
	}
	if st.IDsAs, st.Delisted, err = identity(ctx, s.q, row.Fetch.EtfID, row.Symbol); err != nil {
		return etf.Staged{}, translate(err, "reading the names of the ETF of fetch "+fetch)
	}
	if !st.Initial {
		if st.Held, err = s.held(ctx, row, st.Bars); err != nil {
			return etf.Staged{}, translate(err, "reading the held bars known to fetch "+fetch)
		}
	}
	actions, err := s.q.ListCurrentActions(ctx, sqlcgen.ListCurrentActionsParams{EtfID: row.Fetch.EtfID, SupersededBy: openVersion})
	if err != nil {
		return etf.Staged{}, translate(err, "reading the actions known to fetch "+fetch)
	}
	if len(actions) > 0 {
		st.Stated = domainActions(actions, row.Symbol)
	}
	for _, a := range quality.InForce(st.Stated) {
		if a.Kind == etf.Split {
			st.Splits = append(st.Splits, a)
		}
	}
	return st, nil
}

// preferred returns an ETF's sources in order and its listing date.
func preferred(rows []sqlcgen.ListPreferencesRow) (sources []etf.SourceRef, listed etf.Session, err error) {
	if len(rows) == 0 {
		return nil, 0, nil
	}
	newest := rows[0]
	listed = etf.Session(newest.Listed)
	if newest.Changed.Valid {
		err = json.Unmarshal([]byte(newest.Changed.String), &sources)
		return sources, listed, err
	}
	for _, r := range rows {
		if r.ListingNumber == newest.ListingNumber {
			sources = append(sources, etf.SourceRef{Name: r.Name, Ref: r.Ref})
		}
	}
	return sources, listed, nil
}

// known reads the newest good bars up to the last staged session, and separately those before the first one if the span
// holds too many to reach them; all of them if the whole history was fetched. Of their provenance, the basis, the source and
// the data version are filled in.
func known(ctx context.Context, q *sqlcgen.Queries, fetch sqlcgen.GetFetchRow, staged []etf.Bar) ([]etf.StoredBar, error) {
	if fetch.Bars == 0 || len(staged) == 0 {
		return nil, nil
	}
	if etf.Session(fetch.Fetch.WindowFrom).IsZero() {
		all, err := newestGood(ctx, q, fetch, lastSession, math.MaxInt32)
		return ascending(all), err
	}
	first, last := staged[0].Session, staged[0].Session
	for _, b := range staged {
		first, last = min(first, b.Session), max(last, b.Session)
	}
	limit := knownBefore + min(len(staged), knownBefore)
	newest, err := newestGood(ctx, q, fetch, last, limit)
	if err != nil {
		return nil, err
	}
	within := 0
	for within < len(newest) && newest[within].Session >= first {
		within++
	}
	before := newest[within:]
	within = min(within, knownBefore)
	if len(before) < knownBefore && len(newest) == limit {
		if before, err = newestGood(ctx, q, fetch, first-1, knownBefore); err != nil {
			return nil, err
		}
	}
	descending := append(newest[:within:within], before[:min(len(before), knownBefore)]...)
	return ascending(descending), nil
}

func newestGood(ctx context.Context, q *sqlcgen.Queries, fetch sqlcgen.GetFetchRow, to etf.Session, limit int) ([]etf.StoredBar, error) {
	rows, err := q.ListNewestGoodBars(ctx, sqlcgen.ListNewestGoodBarsParams{EtfID: fetch.Fetch.EtfID, ToSession: column.Session(to), Limit: int32(limit)})
	if err != nil {
		return nil, err
	}
	list := make([]etf.StoredBar, len(rows))
	for i, r := range rows {
		list[i] = neighbour(r, fetch)
	}
	return list, nil
}

// neighbour is a bar near a fetch's rows.
func neighbour(r sqlcgen.ListNewestGoodBarsRow, fetch sqlcgen.GetFetchRow) etf.StoredBar {
	return etf.StoredBar{
		Bar: numbers{
			Session: r.Session, Open: r.Open, High: r.High, Low: r.Low, Close: r.Close, AdjClose: r.AdjClose, Volume: r.Volume,
		}.bar(),
		Basis: etf.Basis(fetch.SeriesBasis), Source: r.Source, DataVersion: r.DataVersion,
	}
}

// hasBeside reports whether there can be stored bars beside a fetch's rows: not for a whole history.
func hasBeside(fetch sqlcgen.GetFetchRow, staged []etf.Bar) bool {
	return fetch.Bars > 0 && len(staged) > 0 && !etf.Session(fetch.Fetch.WindowFrom).IsZero()
}

// following reads the good bars after the last staged session; none for a whole history.
func following(ctx context.Context, q *sqlcgen.Queries, fetch sqlcgen.GetFetchRow, staged []etf.Bar) ([]etf.StoredBar, error) {
	if !hasBeside(fetch, staged) {
		return nil, nil
	}
	_, last := quality.Span(staged, etf.Session(fetch.Fetch.WindowTo))
	if last >= etf.Session(fetch.LastSession) {
		return nil, nil
	}
	rows, err := q.ListGoodBarsAfter(ctx, sqlcgen.ListGoodBarsAfterParams{EtfID: fetch.Fetch.EtfID, AfterSession: column.Session(last), Limit: quality.MostFollowing})
	if err != nil {
		return nil, err
	}
	var list []etf.StoredBar
	for _, r := range rows {
		list = append(list, neighbour(sqlcgen.ListNewestGoodBarsRow(r), fetch))
	}
	return list, nil
}

// parked reads the quarantined bars that etf.Staged.Parked names; known and after are the good ones on both sides of the staged rows.
func parked(ctx context.Context, q *sqlcgen.Queries, fetch sqlcgen.GetFetchRow, staged []etf.Bar, known, after []etf.StoredBar) (list []etf.StoredBar, err error) {
	if !hasBeside(fetch, staged) {
		return nil, nil
	}
	between := func(from, to etf.Session) error {
		first, err := q.FirstQuarantined(ctx, sqlcgen.FirstQuarantinedParams{EtfID: fetch.Fetch.EtfID, AfterSession: column.Session(from), BeforeSession: column.Session(to)})
		if err != nil || len(first) == 0 {
			return err
		}
		last, err := q.LastQuarantined(ctx, sqlcgen.LastQuarantinedParams{EtfID: fetch.Fetch.EtfID, AfterSession: column.Session(from), BeforeSession: column.Session(to)})
		for _, r := range first {
			list = append(list, neighbour(sqlcgen.ListNewestGoodBarsRow(r), fetch))
		}
		for _, r := range last {
			list = append(list, neighbour(sqlcgen.ListNewestGoodBarsRow(r), fetch))
		}
		return err
	}
	first, last := quality.Span(staged, etf.Session(fetch.Fetch.WindowTo))
	if used, ok := quality.LastBefore(known, first); ok && first-used > quality.ParkedGap {
		if err := between(used, first); err != nil {
			return nil, err
		}
	}
	if len(after) > 0 && after[0].Session-last > quality.ParkedGap {
		err = between(last, after[0].Session)
	}
	return list, err
}

func ascending(list []etf.StoredBar) []etf.StoredBar {
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

func domainFetch(f sqlcgen.Fetch, symbol string) etf.Fetch {
	return etf.Fetch{
		ID: f.ID, Symbol: etf.Symbol(symbol), Source: f.Source,
		Window:  etf.Window{From: etf.Session(f.WindowFrom), To: etf.Session(f.WindowTo)},
		Request: f.Request, MediaType: f.MediaType, Hash: f.RawHash, Basis: etf.Basis(f.Basis), Rows: int(f.RowCount),
		FetchedAt: f.FetchedAt, Run: etf.RunID(f.RunID),
	}
}

func unknownFetch(fetch string) error {
	return etf.NotFound("fetch", fmt.Sprintf("there is no fetch %s", fetch), "re-run the session (`etfcast run daily --rerun`)")
}

func persistedAlready(fetch string) error {
	return &etf.Error{Kind: etf.KindConflict, Field: "fetch", Message: fmt.Sprintf("fetch %s has been persisted already", fetch)}
}

func discarded(fetch string) error {
	return etf.NotFound("fetch", fmt.Sprintf("the staged rows of fetch %s have been discarded, because its run had ended", fetch),
		"re-run the session (`etfcast run daily --rerun`)")
}

// stagedFor is how long staged rows are kept whose run is recorded as running: it was terminated, or has waited for the
// database at every step.
const stagedFor = 14 * 24 * time.Hour

// DiscardStaged deletes the staged rows that no update will store: those of the given run, of runs recorded as ended, and
// of fetches older than two weeks. It returns how many fetches had any. Their records and responses stay.
func (s *Store) DiscardStaged(ctx context.Context, ended etf.RunID) (fetches int, err error) {
	const what = "discarding staged rows"
	list, err := s.q.ListStagedFetches(ctx)
	if err != nil {
		return 0, translate(err, what)
	}
	for _, f := range list {
		old := !f.FetchedAt.Valid || f.FetchedAt.Time.Before(s.now().Add(-stagedFor))
		over := f.RunID.String == string(ended) || f.Status.Valid && f.Status.String != string(etf.RunRunning)
		if !old && !over {
			continue
		}
		if err := s.retry(ctx, what, func() error { return s.q.DeleteStagedBars(ctx, f.FetchID) }); err != nil {
			return fetches, err
		}
		fetches++
	}
	return fetches, nil
}

// FetchBody returns the response of a fetch as received. KindNotFound if it has none or it has been pruned.
func (s *Store) FetchBody(ctx context.Context, fetch string) ([]byte, error) {
	row, err := s.q.GetFetchBody(ctx, fetch)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, etf.NotFound("fetch", fmt.Sprintf("no response is kept for fetch %s", fetch), "")
	}
	if err != nil {
		return nil, translate(err, "reading the response of fetch "+fetch)
	}
	raw, err := decompress(row.Body, int(row.Size))
	return raw, etf.Wrapf(etf.KindCorrupt, err, "unpacking the response of fetch %s", fetch)
}

// PruneFetches deletes responses stored before olderThan, a thousand per transaction, and returns how many. Of those that fetches share, it
// deletes the ones that no fetch with a response needs any more. The fetches' records stay.
func (s *Store) PruneFetches(ctx context.Context, olderThan time.Time) (int, error) {
	total, err := s.pruneOwn(ctx, olderThan)
	if err != nil {
		return total, err
	}
	shared, err := s.pruneShared(ctx, olderThan)
	return total + shared, err
}

func (s *Store) pruneOwn(ctx context.Context, olderThan time.Time) (int, error) {
	const batch = 1000
	total := 0
	for {
		var n int64
		err := s.retry(ctx, "pruning responses", func() (err error) {
			n, err = s.q.PruneFetchBodies(ctx, sqlcgen.PruneFetchBodiesParams{StoredAt: instant(olderThan), Limit: batch})
			return err
		})
		total += int(n)
		if err != nil || n < batch {
			return total, err
		}
	}
}

// gzipWriters are reused, because each holds most of a megabyte.
var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	return w
}}

func compress(raw []byte) ([]byte, error) {
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	var buf bytes.Buffer
	w.Reset(&buf)
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// decompress reverses compress. It never reads more than the expected size, and refuses any other size or trailing bytes.
func decompress(body []byte, size int) ([]byte, error) {
	in := bytes.NewReader(body) // an io.ByteReader, so gzip reads no more than it needs
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	raw, err := io.ReadAll(io.LimitReader(z, int64(size)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("only %d of %d bytes could be unpacked: %w", len(raw), size, err)
	case len(raw) != size:
		return nil, fmt.Errorf("it unpacks to %d bytes or more, not %d", len(raw), size)
	case in.Len() > 0:
		return nil, fmt.Errorf("%d bytes follow its end", in.Len())
	}
	return raw, nil
}
