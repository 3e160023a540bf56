package db

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// settledBy is who decides on findings that a take-over or a listing date makes pointless.
const settledBy = "etfcast"

// mostSettled is how many settled findings Replace names: years of findings on one ETF.
const mostSettled = 100

// takeOver archives and deletes the stored bars that a whole history replaces (quality.PlanTakeOver), so that insertNew
// stores its rows in their place; c counts those as new. Numbers that a person has rejected stay quarantined, or come back so.
func (p *persisting) takeOver(ctx context.Context, c *sqlcgen.ClassifyStagedBarsRow) (quality.TakeOver, error) {
	rejected, err := p.q.ListRejectedStaged(ctx, sqlcgen.ListRejectedStagedParams{EtfID: p.old.id, FetchID: p.fetch})
	if err != nil {
		return quality.TakeOver{}, err
	}
	if len(rejected) > 0 {
		slices.Sort(rejected)
		rows := make([]rowVerdict, len(rejected))
		for i, ordinal := range rejected {
			rows[i] = rowVerdict{ordinal, etf.VerdictQuarantine}
		}
		if err := setVerdicts(ctx, p.q.Queries, p.fetch, rows); err != nil {
			return quality.TakeOver{}, err
		}
	}
	staged, err := p.q.ListStagedBars(ctx, p.fetch)
	if err != nil {
		return quality.TakeOver{}, err
	}
	verdicts := make([]etf.Verdict, len(staged))
	p.refused = map[etf.Session]bool{}
	for i, r := range staged {
		verdicts[i] = etf.Verdict(r.Verdict)
		if verdicts[i] == etf.VerdictQuarantine {
			p.refused[etf.Session(r.Session)] = true
		}
	}
	head, err := p.q.GetETF(ctx, p.row.Symbol)
	if err != nil {
		return quality.TakeOver{}, err
	}
	stored, err := p.storedBars(ctx, etf.Window{})
	if err != nil {
		return quality.TakeOver{}, err
	}
	plan := quality.PlanTakeOver(etf.Exchange(head.Exchange), stagedBars(staged), verdicts, stored)
	if err := p.remove(ctx, plan.Remove); err != nil {
		return quality.TakeOver{}, err
	}
	c.RowsNew += int64(plan.Replaced)
	return plan, nil
}

func (p *persisting) storedBars(ctx context.Context, window etf.Window) ([]etf.StoredBar, error) {
	rows, err := p.q.ListBars(ctx, listBarsParams(p.old.id, window, 0, math.MaxInt32))
	stored := make([]etf.StoredBar, len(rows))
	for i, r := range rows {
		stored[i] = storedBar(r)
	}
	return stored, err
}

// remove archives the bars of the sessions and deletes them.
func (p *persisting) remove(ctx context.Context, sessions []etf.Session) error {
	for batch := range slices.Chunk(columns(sessions), 1000) {
		archived, err := p.q.ArchiveBars(ctx, sqlcgen.ArchiveBarsParams{
			EtfID: p.old.id, KnownTo: p.to.knownFrom, SupersededBy: p.to.version.Number, Sessions: batch,
		})
		if err != nil {
			return err
		}
		deleted, err := p.q.DeleteBars(ctx, sqlcgen.DeleteBarsParams{EtfID: p.old.id, Sessions: batch})
		if err != nil {
			return err
		}
		if archived != int64(len(batch)) || deleted != archived {
			return fmt.Errorf("%d bars archived and %d deleted, but %d were to be", archived, deleted, len(batch))
		}
	}
	return nil
}

// summarise counts the ETF's bars anew.
func (p *persisting) summarise(ctx context.Context) error {
	sum, err := p.q.SummariseBars(ctx, p.old.id)
	if err != nil {
		return err
	}
	p.to.bars, p.to.quarantined = int(sum.Bars), int(sum.Quarantined)
	p.to.first, p.to.last = 0, 0
	if sum.Bars > 0 {
		p.to.first, p.to.last = etf.Session(sum.FirstSession), etf.Session(sum.LastSession)
	}
	return nil
}

// removeEarly takes out the bars before the ETF's listing, in a data version of their own, and settles the findings about
// them. It returns the fetch's row as it is afterwards.
func (s *Store) removeEarly(ctx context.Context, q *writing, fetch string, row sqlcgen.GetFetchToPersistRow, listed etf.Session) (sqlcgen.GetFetchToPersistRow, int, error) {
	p := persisting{q: q, fetch: fetch, row: row, old: seriesOf(row), to: seriesOf(row)}
	stored, err := p.storedBars(ctx, etf.Window{To: listed - 1})
	if err != nil || len(stored) == 0 {
		return row, 0, err
	}
	sessions := make([]etf.Session, len(stored))
	for i, b := range stored {
		sessions[i] = b.Session
	}
	p.to.version, p.to.knownFrom = p.old.next(s.now())
	if err := p.remove(ctx, sessions); err != nil {
		return row, 0, err
	}
	if err := p.summarise(ctx); err != nil {
		return row, 0, err
	}
	if err := advance(ctx, q.Queries, p.old, p.to, cause{causeListing, fetch}); err != nil {
		return row, 0, err
	}
	if err := p.settle(ctx, s, listed, fmt.Sprintf("the rows are from before the listing on %s", listed)); err != nil {
		return row, 0, err
	}
	row, err = q.GetFetchToPersist(ctx, fetch)
	return row, len(sessions), err
}

// settle decides on the error-level findings of earlier fetches that nobody has decided on and that keep nothing out any
// longer: no session that they name, all of them before the given one, has a quarantined bar or a row that this fetch
// quarantines.
func (p *persisting) settle(ctx context.Context, s *Store, before etf.Session, why string) error {
	rows, err := p.q.ListUndecidedRows(ctx, sqlcgen.ListUndecidedRowsParams{EtfID: p.old.id, FetchID: p.fetch})
	if err != nil || len(rows) == 0 {
		return err
	}
	stored, err := p.storedBars(ctx, etf.Window{})
	if err != nil {
		return err
	}
	quarantined := map[etf.Session]bool{}
	for _, b := range stored {
		if b.Quarantined {
			quarantined[b.Session] = true
		}
	}
	for len(rows) > 0 {
		n, open := 0, false
		for n < len(rows) && rows[n].FindingID == rows[0].FindingID {
			session := etf.Session(rows[n].Session)
			open = open || session >= before || quarantined[session] || p.refused[session]
			n++
		}
		if !open {
			if err := s.enter(ctx, p.q, rows[0].FindingID, etf.DecisionRecord{
				Decision: etf.Refetch, By: settledBy, Why: why, Key: p.fetch, DataVersion: p.to.version.Number,
			}); err != nil {
				return err
			}
		}
		rows = rows[n:]
	}
	return nil
}
