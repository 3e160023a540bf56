package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// saveProposals stores the actions that findings propose, and puts them down for Persist to state, in place of those of an earlier judgement.
func saveProposals(ctx context.Context, q *sqlcgen.Queries, fetch sqlcgen.GetFetchRow, found []quality.FindingWithRows) error {
	list := quality.Proposals(found)
	for _, p := range list {
		a := p.Action
		if err := q.InsertProposal(ctx, sqlcgen.InsertProposalParams{
			FindingID: p.Finding, Kind: string(a.Kind), Ex: column.Session(a.Ex), Amount: column.OptionalPrice(a.Amount),
			Numerator: a.Numerator, Denominator: a.Denominator,
		}); err != nil {
			return err
		}
	}
	s, err := decodeStatements(fetch.Fetch.Actions)
	if err != nil || len(list)+len(s.Proposals) == 0 {
		return err
	}
	s.Proposals = list
	text, err := encodeStatements(s)
	if err != nil {
		return err
	}
	return q.SetFetchStatements(ctx, sqlcgen.SetFetchStatementsParams{ID: fetch.Fetch.ID, Actions: text})
}

func proposedAction(p sqlcgen.FindingProposal) etf.Action {
	return etf.Action{Kind: etf.ActionKind(p.Kind), Ex: etf.Session(p.Ex), Amount: etf.Price(p.Amount), Numerator: p.Numerator, Denominator: p.Denominator}
}

// plan decides what becomes of the fetch's statements, from the bars and statements stored before it. It is the plan that the
// rows were judged with (quality.Check), unless somebody has decided on an action since.
func (p *persisting) plan(ctx context.Context, first, last etf.Session) (changes []etf.StatedAction, err error) {
	st, err := decodeStatements(p.row.Actions)
	if err != nil || len(st.Actions)+len(st.Covers)+len(st.Proposals) == 0 {
		return nil, err
	}
	rows, err := p.q.ListCurrentActions(ctx, sqlcgen.ListCurrentActionsParams{EtfID: p.old.id, SupersededBy: openVersion})
	if err != nil {
		return nil, err
	}
	p.stated = domainActions(rows, p.row.Symbol)
	ids, _, err := identity(ctx, p.q.Queries, p.old.id, p.row.Symbol)
	if err != nil {
		return nil, err
	}
	in := quality.PlanInput{
		Symbol: etf.Symbol(p.row.Symbol), IDsAs: ids, Source: p.row.Source, Basis: etf.Basis(p.row.Basis), Actions: st.Actions, Covers: st.Covers, Stated: p.stated,
		Window: etf.Window{From: etf.Session(p.row.WindowFrom), To: etf.Session(p.row.WindowTo)},
	}
	if !in.Idle(first, last) {
		if err := p.planPrices(ctx, &in); err != nil {
			return nil, err
		}
		changes = quality.PlanActions(in).Changes
	}
	changes, err = quality.Propose(ids, st.Proposals, p.stated, changes, func(span etf.Window) ([]etf.Bar, error) { return p.barsOf(ctx, span) })
	for i := range changes {
		changes[i].Fetch = p.fetch
	}
	return changes, err
}

// barsOf returns the staged rows and the stored bars of a span, in any state.
func (p *persisting) barsOf(ctx context.Context, span etf.Window) ([]etf.Bar, error) {
	staged, err := p.q.ListStagedBars(ctx, p.fetch)
	if err != nil {
		return nil, err
	}
	bars := slices.DeleteFunc(stagedBars(staged), func(b etf.Bar) bool { return !span.Contains(b.Session) })
	stored, err := p.q.ListBars(ctx, sqlcgen.ListBarsParams{
		EtfID: p.old.id, FromSession: column.Session(span.From), ToSession: column.Session(span.To), Limit: math.MaxInt32,
	})
	for _, b := range stored {
		bars = append(bars, storedBar(b).Bar)
	}
	return bars, err
}

// planPrices adds what a plan that may change something needs: the staged rows, the bars in use and the order of sources.
func (p *persisting) planPrices(ctx context.Context, in *quality.PlanInput) error {
	fetch, err := p.q.GetFetch(ctx, p.fetch)
	if err != nil {
		return err
	}
	staged, err := p.q.ListStagedBars(ctx, p.fetch)
	if err != nil {
		return err
	}
	in.Bars = stagedBars(staged)
	p.rows = in.Bars
	if in.Known, err = known(ctx, p.q.Queries, fetch, in.Bars); err != nil {
		return err
	}
	after, err := following(ctx, p.q.Queries, fetch, in.Bars)
	if err != nil {
		return err
	}
	in.Known = append(in.Known, after...)
	if in.Second, err = secondOpinion(ctx, p.q.Queries, p.fetch); err != nil {
		return err
	}
	preferences, err := p.q.ListPreferences(ctx, sqlcgen.ListPreferencesParams{EtfID: p.old.id})
	if err != nil {
		return err
	}
	in.Sources, _, err = preferred(preferences)
	return err
}

// storeStates writes the new states of statements; stated are the current ones.
func storeStates(ctx context.Context, q *sqlcgen.Queries, tx *sql.Tx, stated, changes []etf.StatedAction, to series, key string) error {
	ins := inserter{ctx: ctx, tx: tx, into: `INSERT INTO actions (etf_id, id, data_version, kind, ex, terms, amount, numerator, denominator, record_date, pay_date,
		announced, source, status, decided_by, why, evidence, fetch_id, finding_id, replaces, request_key, known_from, known_to, superseded_by)`}
	for _, c := range changes {
		if slices.ContainsFunc(stated, func(a etf.StatedAction) bool { return a.ID == c.ID }) {
			n, err := q.SupersedeAction(ctx, sqlcgen.SupersedeActionParams{
				EtfID: to.id, ID: c.ID, SupersededBy: to.version.Number, KnownTo: to.knownFrom, Current: openVersion,
			})
			if err != nil {
				return err
			}
			if n != 1 {
				return errLost
			}
		}
		ins.row(to.id, c.ID, to.version.Number, string(c.Kind), column.Session(c.Ex), c.Terms(), column.OptionalPrice(c.Amount), c.Numerator, c.Denominator,
			column.Session(c.Record), column.Session(c.Pay), column.Session(c.Announced), c.Source, string(c.Status), c.By, etf.Clip(c.Why, maxWhy),
			etf.Clip(c.Evidence, maxActionEvidence), c.Fetch, c.Finding, c.Replaces, key, to.knownFrom, openEnd, openVersion)
	}
	return ins.done()
}

// The widths of actions.why and actions.evidence.
const (
	maxWhy            = 2000
	maxActionEvidence = 1000
)

// frees reports whether changes of statements may let quarantined bars fit: a split counts or no longer counts, or one that the
// prices contradicted has gone.
func frees(stated, changes []etf.StatedAction) bool {
	for _, c := range changes {
		i := slices.IndexFunc(stated, func(a etf.StatedAction) bool { return a.ID == c.ID })
		known := i >= 0
		if c.Kind == etf.Split && (c.Status == etf.Accepted || known && c.Status != stated[i].Status) {
			return true
		}
	}
	return false
}

// free releases the quarantined bars that fit now that other splits are in force (quality.Freed), and settles the findings that
// kept them out. stated are the statements before the changes. It returns the sessions of the bars it released. Bars that this
// transaction has quarantined itself stay so: they were judged with these splits.
//
// With late, a split was decided on after they were judged, so that they are released too.
func (s *Store) free(ctx context.Context, q *writing, x etf.Exchange, to series, stated, changes []etf.StatedAction, late bool, by string) ([]etf.Session, error) {
	rows, err := q.ListQuarantinedBars(ctx, to.id)
	if err != nil {
		return nil, err
	}
	var quarantined []etf.StoredBar
	var sessions []etf.Session
	own := map[etf.Session]bool{} // written by this transaction
	for _, r := range rows {
		own[etf.Session(r.Session)] = r.DataVersion == to.version.Number
		if late || r.DataVersion != to.version.Number {
			quarantined, sessions = append(quarantined, storedBar(r)), append(sessions, etf.Session(r.Session))
		}
	}
	cases, err := casesOn(ctx, q.Queries, to.id, sessions)
	if err != nil {
		return nil, err
	}
	candidates := quality.FreeCandidates(quarantined, cases)
	var freed []etf.Session
	if len(candidates) > 0 {
		list, err := q.ListSeries(ctx, to.id)
		if err != nil {
			return nil, err
		}
		if freed, err = quality.Freed(x, seriesBars(list, to.basis), candidates, quality.InForce(quality.WithChanges(stated, changes)), actionsOf(changes)); err != nil {
			return nil, err
		}
		if err := release(ctx, q.Queries, to, freed, own); err != nil {
			return nil, err
		}
	}
	return freed, s.settleFreed(ctx, q, to, freed, cases, changes, by)
}

func actionsOf(stated []etf.StatedAction) []etf.Action {
	list := make([]etf.Action, len(stated))
	for i, s := range stated {
		list[i] = s.Action
	}
	return list
}

// seriesBars converts the rows that ListSeries returns.
func seriesBars(list []sqlcgen.ListSeriesRow, basis string) []etf.StoredBar {
	bars := make([]etf.StoredBar, len(list))
	for i, r := range list {
		bars[i] = etf.StoredBar{Bar: etf.Bar{Session: etf.Session(r.Session), Close: etf.Price(r.Close), Volume: etf.VolumeUnknown}, Basis: etf.Basis(basis),
			Quarantined: r.Quarantined == column.Quarantined, Held: r.Quarantined == column.Held}
	}
	return bars
}

// release puts quarantined bars to use. Those that this transaction itself has written have nothing to archive.
func release(ctx context.Context, q *sqlcgen.Queries, to series, freed []etf.Session, own map[etf.Session]bool) error {
	if len(freed) == 0 {
		return nil
	}
	if earlier := slices.DeleteFunc(slices.Clone(freed), func(s etf.Session) bool { return own[s] }); len(earlier) > 0 {
		if _, err := q.ArchiveBars(ctx, sqlcgen.ArchiveBarsParams{
			EtfID: to.id, KnownTo: to.knownFrom, SupersededBy: to.version.Number, Sessions: columns(earlier),
		}); err != nil {
			return err
		}
	}
	n, err := q.ReleaseBars(ctx, sqlcgen.ReleaseBarsParams{
		EtfID: to.id, DataVersion: to.version.Number, KnownFrom: to.knownFrom, Sessions: columns(freed),
	})
	if err == nil && n != int64(len(freed)) {
		err = fmt.Errorf("%d bars released, but %d were counted", n, len(freed))
	}
	return err
}

// settleFreed decides the undecided findings about levels that name freed sessions or sessions near a changed split, or that
// propose it, if nothing they name is kept out any more.
func (s *Store) settleFreed(ctx context.Context, q *writing, to series, freed []etf.Session, cases quality.Cases, changes []etf.StatedAction, by string) error {
	var ids []string
	undecided := func(list []quality.Case) {
		for _, c := range list {
			if c.Decision == etf.Undecided && quality.AboutLevel(c.Rule) {
				ids = append(ids, c.Finding)
			}
		}
	}
	for _, session := range freed {
		undecided(cases[session])
	}
	near, err := casesOn(ctx, q.Queries, to.id, sessionsNear(changes))
	if err != nil {
		return err
	}
	for _, list := range near {
		undecided(list)
	}
	proposed, err := q.ListProposalsOfETF(ctx, to.id)
	if err != nil {
		return err
	}
	for _, r := range proposed {
		a := proposedAction(sqlcgen.FindingProposal{Kind: r.Kind, Ex: r.Ex, Amount: r.Amount, Numerator: r.Numerator, Denominator: r.Denominator})
		if quality.AboutLevel(r.Rule) && slices.ContainsFunc(changes, func(c etf.StatedAction) bool { return quality.SameAction(c.Action, a) }) {
			ids = append(ids, r.FindingID)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return nil
	}
	rows, err := rowsOf(ctx, q.Queries, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		f, err := finding(ctx, q.Queries, id)
		if err != nil {
			return err
		}
		if f.Decision != etf.Undecided || f.Severity != etf.SeverityError || len(rows[id]) == 0 {
			continue
		}
		list, err := q.ListBarsOfSessions(ctx, sqlcgen.ListBarsOfSessionsParams{EtfID: to.id, Sessions: columns(sessionsOf(rows[id]))})
		if err != nil {
			return err
		}
		stored := make([]etf.StoredBar, len(list))
		for i, b := range list {
			stored[i] = storedBar(b)
		}
		if d := quality.Outcome(rows[id], stored); d != etf.Undecided {
			if err := s.enter(ctx, q, id, etf.DecisionRecord{Decision: d, By: by, Why: whyFreed(changes), DataVersion: to.version.Number}); err != nil {
				return err
			}
		}
	}
	return nil
}

// sessionsNear returns the days around the ex-dates of changed splits.
func sessionsNear(changes []etf.StatedAction) []etf.Session {
	const days = 7
	var list []etf.Session
	for _, c := range changes {
		for s := c.Ex - days; c.Kind == etf.Split && s <= c.Ex+days; s++ {
			list = append(list, s)
		}
	}
	return list
}

// whyFreed says which changes of actions settle findings.
func whyFreed(changes []etf.StatedAction) string {
	text := ""
	for _, c := range changes {
		if c.Kind == etf.Split && c.Status != etf.Proposed {
			if text != "" {
				text += "; "
			}
			text += fmt.Sprintf("the split %s of %s stated by %s is %s (action %s)", c.Terms(), c.Ex, c.Source, c.Status, c.ID)
		}
	}
	return etf.Clip(text, maxWhy)
}

// DecideAction records a person's decision on a statement about a corporate action, or states what the person adds: see
// activities.Actions.
func (s *Store) DecideAction(ctx context.Context, d etf.ActionDecision) (etf.ActionDecided, error) {
	var result etf.ActionDecided
	var id uint32
	err := s.transaction(ctx, "deciding on action "+d.Action, func(q *writing, tx *sql.Tx) error {
		e, err := named(ctx, q.Queries, string(d.Symbol), q.GetETFToDecide)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownSymbol(d.Symbol)
		}
		if err != nil {
			return err
		}
		id = e.ID
		if d.Add != nil {
			ids, _, err := identity(ctx, q.Queries, e.ID, e.Symbol)
			if err != nil {
				return err
			}
			d.Action = etf.ActionID(ids, *d.Add, etf.SourcePerson)
		}
		q.concerns(e.Exchange, e.Symbol, "")
		result, err = s.decideAction(ctx, q, tx, e, d)
		return err
	})
	if err == nil && result.Action.Kind == etf.Split {
		result.Settled, err = s.q.ListSettledAt(ctx, sqlcgen.ListSettledAtParams{
			EtfID: id, DataVersion: result.Action.DataVersion, DecidedBy: d.By, Why: "%(action " + result.Action.ID + ")%", Limit: mostSettled,
		})
		err = translate(err, "listing the findings that action "+d.Action+" settles")
	}
	return result, err
}

func (s *Store) decideAction(ctx context.Context, q *writing, tx *sql.Tx, e sqlcgen.GetETFToDecideRow, d etf.ActionDecision) (result etf.ActionDecided, err error) {
	states, err := q.ListActionStates(ctx, d.Action)
	if err != nil {
		return result, err
	}
	for _, r := range states {
		if d.Key != "" && r.Action.RequestKey == d.Key {
			if etf.ActionStatus(r.Action.Status) != d.Status {
				return result, &etf.Error{Kind: etf.KindConflict, Field: "key", Message: fmt.Sprintf("the decision with key %q was %s", d.Key, r.Action.Status), Remedy: "use another key for another decision"}
			}
			result.Action = statedAction(r.Action, etf.Symbol(r.Symbol))
			result.Newest, err = newestUsable(ctx, q.Queries, e.ID)
			return result, err
		}
	}
	rows, err := q.ListCurrentActions(ctx, sqlcgen.ListCurrentActionsParams{EtfID: e.ID, SupersededBy: openVersion})
	if err != nil {
		return result, err
	}
	stored := domainActions(rows, e.Symbol)
	stated := stored
	if d.Add != nil && !slices.ContainsFunc(stored, func(a etf.StatedAction) bool { return a.ID == d.Action }) {
		stated = append(slices.Clip(stored), etf.StatedAction{
			ID: d.Action, Symbol: d.Symbol, Action: *d.Add, Source: etf.SourcePerson, Status: etf.Proposed, By: d.By,
		})
	}
	changes, err := quality.DecideAction(stated, quality.ActionRuling{ID: d.Action, Status: d.Status, By: d.By, Why: d.Why})
	if err != nil {
		return result, err
	}
	if len(changes) > 0 {
		if result.Freed, err = s.applyDecision(ctx, q, tx, e, d, stored, changes); err != nil {
			return result, err
		}
		if states, err = q.ListActionStates(ctx, d.Action); err != nil {
			return result, err
		}
	}
	newest := states[len(states)-1]
	result.Action = statedAction(newest.Action, etf.Symbol(newest.Symbol))
	result.Newest, err = newestUsable(ctx, q.Queries, e.ID)
	return result, err
}

func (s *Store) applyDecision(ctx context.Context, q *writing, tx *sql.Tx, e sqlcgen.GetETFToDecideRow, d etf.ActionDecision, stored, changes []etf.StatedAction) (freed int, err error) {
	old := series{
		id: e.ID, basis: e.Basis, version: etf.DataVersion{Number: e.DataVersion, Writer: e.DataVersionWriter}, knownFrom: e.KnownFrom,
		bars: int(e.Bars), quarantined: int(e.Quarantined), first: etf.Session(e.FirstSession), last: etf.Session(e.LastSession),
	}
	to := old
	to.version, to.knownFrom = old.next(s.now())
	var others []etf.StatedAction // only the statement decided on gets the key
	for _, c := range changes {
		if c.ID != d.Action {
			others = append(others, c)
			continue
		}
		if d.Add != nil && !slices.ContainsFunc(stored, func(a etf.StatedAction) bool { return a.ID == c.ID }) {
			q.stated(c)
		} else {
			q.emit(etf.EventActionDecided, c.ID, map[string]any{"decision": c.Status, "by": d.By})
		}
		if err := storeStates(ctx, q.Queries, tx, stored, []etf.StatedAction{c}, to, d.Key); err != nil {
			return 0, err
		}
	}
	if err := storeStates(ctx, q.Queries, tx, stored, others, to, ""); err != nil {
		return 0, err
	}
	for _, c := range others {
		q.stated(c)
	}
	if frees(stored, changes) && old.quarantined > 0 {
		released, err := s.free(ctx, q, etf.Exchange(e.Exchange), to, stored, changes, false, d.By)
		if err != nil {
			return 0, err
		}
		freed = len(released)
		to.quarantined -= freed
	}
	parked, err := s.park(ctx, q, tx, etf.Exchange(e.Exchange), to, stored, changes, d.By)
	if err != nil {
		return 0, err
	}
	to.quarantined += parked
	return freed, advance(ctx, q.Queries, old, to, cause{causeAction, d.Action})
}

// newestUsable returns the session of the newest bar unless it is quarantined.
func newestUsable(ctx context.Context, q *sqlcgen.Queries, id uint32) (etf.Session, error) {
	b, err := q.GetNewestBar(ctx, id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && b.Quarantined == column.Quarantined {
		return 0, nil
	}
	return etf.Session(b.Session), err
}

// ActionStates returns every state of a statement, oldest first; KindNotFound for an unknown ID.
func (s *Store) ActionStates(ctx context.Context, id string) ([]etf.StatedAction, error) {
	rows, err := s.q.ListActionStates(ctx, id)
	if err != nil {
		return nil, translate(err, "reading an action")
	}
	if len(rows) == 0 {
		return nil, etf.NotFound("id", fmt.Sprintf("there is no action %q", etf.Clip(id, etf.MaxQuoted)), "list the actions: `etfcast action list`")
	}
	list := make([]etf.StatedAction, len(rows))
	for i, r := range rows {
		list[i] = statedAction(r.Action, etf.Symbol(r.Symbol))
	}
	return list, nil
}

// ActionDecided returns the state of a statement that the decision with the key led to; KindNotFound if there is none yet.
func (s *Store) ActionDecided(ctx context.Context, id, key string) (etf.StatedAction, error) {
	rows, err := s.q.ListActionStates(ctx, id)
	if err != nil {
		return etf.StatedAction{}, translate(err, "reading an action")
	}
	for _, r := range rows {
		if r.Action.RequestKey == key {
			return statedAction(r.Action, etf.Symbol(r.Symbol)), nil
		}
	}
	return etf.StatedAction{}, etf.NotFound("key", "no decision with this key has been applied", "")
}

// ActionsByEx returns up to limit current statements about all ETFs, by ex-date and ID, after the given position.
func (s *Store) ActionsByEx(ctx context.Context, f etf.ActionFilter, afterEx etf.Session, afterID string, limit int) ([]etf.StatedAction, error) {
	from, to := f.From, f.To
	if from.IsZero() {
		from = firstDate
	}
	if to.IsZero() {
		to = lastSession
	}
	if afterEx.IsZero() {
		afterEx = firstDate
	}
	rows, err := s.q.ListActionsByEx(ctx, sqlcgen.ListActionsByExParams{
		FromSession: column.Session(from), ToSession: column.Session(to), Current: openVersion, Status: string(f.Status),
		AfterEx: column.Session(afterEx), AfterID: afterID, Limit: int32(limit),
	})
	if err != nil {
		return nil, translate(err, "listing actions")
	}
	list := make([]etf.StatedAction, len(rows))
	for i, r := range rows {
		list[i] = statedAction(r.Action, etf.Symbol(r.Symbol))
	}
	return list, nil
}

func domainActions(rows []sqlcgen.Action, symbol string) []etf.StatedAction {
	list := make([]etf.StatedAction, len(rows))
	for i, r := range rows {
		list[i] = statedAction(r, etf.Symbol(symbol))
	}
	return list
}

func domainSplits(rows []sqlcgen.ListSplitsWithVersionRow) []etf.Action {
	var list []etf.Action
	for _, r := range rows {
		if r.Numerator.Valid {
			list = append(list, etf.Action{Kind: etf.Split, Ex: etf.Session(r.Ex), Numerator: r.Numerator.Int64, Denominator: r.Denominator.Int64})
		}
	}
	return list
}
