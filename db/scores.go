package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// scoringReach is how many days before a change bars are read: the longest horizon after the longest gap before a held origin,
// 42 sessions, with a fortnight of holidays.
const scoringReach = 90

// mostOrigins is how many origins one statement names.
const mostOrigins = 200

// Unscored returns what has changed since the ETF's scores were complete, or everything if there are none or everything is asked
// for: see activities.Scores.
func (s *Store) Unscored(ctx context.Context, symbol etf.Symbol, q etf.UnscoredQuery) (etf.Unscored, error) {
	head, err := named(ctx, s.q, string(symbol), s.q.GetETFToScore)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Unscored{}, unknownSymbol(symbol)
	}
	what := "reading what to score of " + string(symbol)
	if err != nil {
		return etf.Unscored{}, translate(err, what)
	}
	u := etf.Unscored{
		Symbol: symbol, Number: head.ID, Exchange: etf.Exchange(head.Exchange), Basis: etf.Basis(head.Basis),
		Version: etf.DataVersion{Number: head.DataVersion, Writer: head.DataVersionWriter}, Last: etf.Session(head.LastSession),
	}
	switch mark, err := s.q.GetScoring(ctx, head.ID); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return etf.Unscored{}, translate(err, what)
	default:
		u.Mark = scoringMark(mark)
	}
	r := scoringReader{Store: s, ctx: ctx, u: &u, everything: q.Everything || u.Mark.Writer == "", added: q.Added}
	for _, origin := range q.Origins {
		u.Appended = append(u.Appended, etf.ForecastPlace{Origin: origin})
	}
	return u, translate(r.read(q.Models), what)
}

// scoringMark converts a mark. One whose lists can't be read stands for no horizons: everything is looked at again, and it is replaced.
func scoringMark(r sqlcgen.GetScoringRow) etf.ScoringMark {
	m := etf.ScoringMark{DataVersion: r.DataVersion, Writer: r.Writer, Last: etf.Session(r.LastSession), Sessions: int(r.Sessions)}
	unreadable := json.Unmarshal([]byte(r.Chains), &m.Chains) != nil
	for text := range strings.SplitSeq(r.Horizons, ",") {
		h, err := strconv.Atoi(text)
		unreadable = unreadable || err != nil
		m.Horizons = append(m.Horizons, h)
	}
	if unreadable {
		m.Horizons, m.Chains = nil, nil
	}
	return m
}

// scoringReader fills in u.
type scoringReader struct {
	*Store
	ctx        context.Context
	u          *etf.Unscored
	everything bool
	added      etf.AddedBars
}

func (r *scoringReader) read(models []string) error {
	if err := r.forecasts(models); err != nil {
		return err
	}
	if len(r.u.Appended) == 0 && (r.everything || r.u.Version.Number == r.u.Mark.DataVersion) {
		return nil
	}
	splits, err := r.q.ListSplitStates(r.ctx, r.u.Number)
	if err != nil {
		return err
	}
	for _, a := range splits {
		split := etf.StatedAction{
			Action: etf.Action{Kind: etf.ActionKind(a.Kind), Ex: etf.Session(a.Ex), Numerator: a.Numerator, Denominator: a.Denominator},
			Status: etf.ActionStatus(a.Status), DataVersion: a.DataVersion,
		}
		if a.SupersededBy != openVersion {
			split.SupersededBy = a.SupersededBy
		}
		r.u.Splits = append(r.u.Splits, split)
	}
	from := lastSession
	for _, f := range r.u.Appended {
		from = min(from, f.Origin)
	}
	for _, a := range r.u.Splits {
		if a.DataVersion > r.u.Mark.DataVersion || a.SupersededBy > r.u.Mark.DataVersion {
			from = min(from, a.Ex)
		}
	}
	if r.everything || r.u.Version.Number == r.u.Mark.DataVersion {
		return r.bars(from.AddDays(-scoringReach), true)
	}
	return r.changedBars(from)
}

// changedBars reads the bars around those that have changed, and around from.
func (r *scoringReader) changedBars(from etf.Session) error {
	if r.added.Version == r.u.Version.Number && r.added.Version == r.u.Mark.DataVersion+1 && r.u.Basis == etf.AsTraded && from == lastSession {
		// The ordinary day. If the bars are not all after the newest one that was known, their number says so.
		if err := r.bars(r.u.Mark.Last+1, false); err != nil || len(r.u.Changed) == r.added.Bars {
			return err
		}
	}
	versions, err := r.q.ListVersionsToScore(r.ctx, sqlcgen.ListVersionsToScoreParams{EtfID: r.u.Number, After: r.u.Mark.DataVersion})
	if err != nil {
		return err
	}
	// An ordinary fetch changes only bars of its window; then those outside it need not be read to know that.
	var fetches []string
	for _, v := range versions {
		if v.Cause == causeFetch {
			fetches = append(fetches, v.CauseID)
		}
	}
	if len(fetches) > 0 && len(fetches) == len(versions) {
		if done, err := r.changedByFetches(from, fetches); done || err != nil {
			return err
		}
	}
	span := sqlcgen.ListBarsWrittenParams{EtfID: r.u.Number, First: r.u.Mark.DataVersion + 1, Last: etf.NewestVersion}
	written, err := r.q.ListBarsWritten(r.ctx, span)
	if err != nil {
		return err
	}
	touched, err := r.q.ListRevisionsTouched(r.ctx, sqlcgen.ListRevisionsTouchedParams(span))
	if err != nil {
		return err
	}
	for _, b := range written {
		from = min(from, etf.Session(b.Session))
	}
	for _, b := range touched {
		from = min(from, etf.Session(b.Session))
	}
	return r.bars(from.AddDays(-scoringReach), true)
}

// changedByFetches is changedBars if the fetches say where the changes are; otherwise done is false.
func (r *scoringReader) changedByFetches(from etf.Session, ids []string) (done bool, err error) {
	fetches, err := r.q.ListFetchesToScore(r.ctx, ids)
	if err != nil {
		return false, err
	}
	rows, revised := 0, 0
	first := lastSession
	for _, f := range fetches {
		if f.WindowFrom == 0 || f.RowsQuarantined > 0 || f.ActionsNew > 0 {
			return false, nil
		}
		first = min(first, etf.Session(f.WindowFrom))
		rows += int(f.RowsNew + f.RowsRevised)
		revised += int(f.RowsRevised)
	}
	if r.u.Basis != etf.AsTraded || revised > 0 || from < lastSession {
		first = min(first, from).AddDays(-scoringReach)
	} // else only the targets' closes are needed
	if err := r.bars(first, r.u.Basis != etf.AsTraded || revised > 0); err != nil {
		return false, err
	}
	return len(r.u.Changed) == rows, nil
}

// bars reads the states of bars, and finds those that are newer than the mark.
func (r *scoringReader) bars(from etf.Session, revisions bool) error {
	from = max(from, firstDate)
	list, err := r.barStates(r.ctx, r.u.Number, from, revisions)
	if err != nil {
		return err
	}
	r.u.Bars, r.u.BarsFrom, r.u.Changed = list, from, nil
	if r.u.Mark.Writer == "" {
		return nil
	}
	for _, b := range list {
		n := len(r.u.Changed)
		if (b.DataVersion > r.u.Mark.DataVersion || b.SupersededBy > r.u.Mark.DataVersion) && (n == 0 || r.u.Changed[n-1] != b.Session) {
			r.u.Changed = append(r.u.Changed, b.Session)
		}
	}
	return nil
}

// BarStates returns the states of an ETF's bars from a session on, ascending by session and data version. number is the ETF's in
// the database (etf.Unscored).
func (s *Store) BarStates(ctx context.Context, number uint32, from etf.Session) ([]etf.BarState, error) {
	list, err := s.barStates(ctx, number, max(from, firstDate), true)
	return list, translate(err, "reading the states of bars")
}

func (s *Store) barStates(ctx context.Context, number uint32, from etf.Session, revisions bool) ([]etf.BarState, error) {
	// Current bars first: see believed.sql. One that is superseded in between appears twice, and the version has changed.
	current, err := s.q.ListBarStates(ctx, sqlcgen.ListBarStatesParams{EtfID: number, FromSession: column.Session(from)})
	if err != nil {
		return nil, err
	}
	list := make([]etf.BarState, 0, len(current))
	for _, b := range current {
		list = append(list, etf.BarState{
			Session: etf.Session(b.Session), Close: etf.Price(b.Close), NoTrade: b.NoTrade.Bool && b.Close > 0,
			Believed: b.Quarantined == column.Believed, DataVersion: b.DataVersion,
		})
	}
	if !revisions {
		return list, nil
	}
	superseded, err := s.q.ListRevisionStates(ctx, sqlcgen.ListRevisionStatesParams{EtfID: number, FromSession: column.Session(from)})
	if err != nil || len(superseded) == 0 {
		return list, err
	}
	for _, b := range superseded {
		list = append(list, etf.BarState{
			Session: etf.Session(b.Session), Close: etf.Price(b.Close), NoTrade: b.NoTrade.Bool && b.Close > 0,
			Believed: b.Quarantined == column.Believed, DataVersion: b.DataVersion, SupersededBy: b.SupersededBy,
		})
	}
	slices.SortFunc(list, func(a, b etf.BarState) int {
		if a.Session != b.Session {
			return int(a.Session - b.Session)
		}
		return int(a.DataVersion - b.DataVersion)
	})
	return list, nil
}

// forecasts finds the models and the forecasts that have been appended since the mark.
func (r *scoringReader) forecasts(models []string) error {
	entrants, err := r.q.ListEntrantModels(r.ctx)
	if err != nil {
		return err
	}
	all := slices.Concat(models, entrants)
	if r.everything {
		stored, err := r.modelsOf(r.ctx, r.u.Number)
		if err != nil {
			return err
		}
		all = append(all, stored...)
	}
	for model := range r.u.Mark.Chains {
		all = append(all, model)
	}
	slices.Sort(all)
	r.u.Models = slices.Compact(all)
	if len(r.u.Models) == 0 {
		return nil
	}
	// This program's forecasts become due with a bar, and those issued later are asked for by their origin. Those of others may come
	// at any time.
	since := entrants
	if r.everything {
		since = r.u.Models
	}
	if len(since) == 0 {
		return nil
	}
	var query strings.Builder
	query.WriteString("SELECT model, origin, chain FROM forecasts WHERE etf_id = ? AND (")
	args := []any{r.u.Number}
	for i, model := range since {
		if i > 0 {
			query.WriteString(" OR ")
		}
		after := r.u.Mark.Chains[model]
		if r.everything {
			after = 0
		}
		query.WriteString("model = ? AND chain > ?")
		args = append(args, model, after)
	}
	query.WriteString(") ORDER BY etf_id, model, chain")
	var f etf.ForecastPlace
	var origin column.Session
	return r.eachRow(r.ctx, query.String(), args, func() {
		f.Origin = etf.Session(origin)
		r.u.Appended = append(r.u.Appended, f)
	}, &f.Model, &origin, &f.Chain)
}

// ScoringInput returns the forecasts from the origins of the models that u names, with their parts at the horizons, and their
// scores: see activities.Scores.
func (s *Store) ScoringInput(ctx context.Context, u etf.Unscored, origins []etf.Session, horizons []int) (etf.ScoringInput, error) {
	var in etf.ScoringInput
	if len(u.Models) == 0 {
		return in, nil
	}
	sorted := slices.Sorted(slices.Values(origins))
	at := make([]uint16, len(horizons))
	for i, h := range horizons {
		at[i] = uint16(h)
	}
	for part := range slices.Chunk(slices.Compact(sorted), mostOrigins) {
		if err := s.addScoringInput(ctx, &in, u, columns(part), at); err != nil {
			return etf.ScoringInput{}, translate(err, "reading forecasts and scores of "+string(u.Symbol))
		}
	}
	return in, nil
}

func (s *Store) addScoringInput(ctx context.Context, in *etf.ScoringInput, u etf.Unscored, origins []column.Session, horizons []uint16) error {
	rows, err := s.q.ListForecastsToScore(ctx, sqlcgen.ListForecastsToScoreParams{EtfID: u.Number, Models: u.Models, Origins: origins})
	if err != nil || len(rows) == 0 {
		return err
	}
	first := len(in.Forecasts)
	at := make(map[string]int, len(rows))
	tails := map[string]string{}
	var ids []string
	for _, r := range rows {
		i, ok := at[r.ID]
		if !ok {
			i = len(in.Forecasts)
			at[r.ID], ids = i, append(ids, r.ID)
			in.Forecasts = append(in.Forecasts, etf.Forecast{
				ID: r.ID, Symbol: u.Symbol, Model: r.Model, Origin: etf.Session(r.Origin), DataVersion: etf.DataVersion{Number: r.DataVersion},
				IssuedAt: r.IssuedAt, Chain: r.Chain, Scale: etf.Scale{Absolute: r.ScaleAbsolute.Float64, Squared: r.ScaleSquared.Float64},
			})
		}
		if r.Mark.String == markHeld {
			in.Forecasts[i].Held = int(r.Skipped.Int32)
		}
		if r.Tails.Valid {
			tails[r.ID] = r.Tails.String
		}
	}
	points, err := s.q.ListPointsToScore(ctx, sqlcgen.ListPointsToScoreParams{Forecasts: ids, Horizons: horizons})
	if err != nil {
		return err
	}
	for _, p := range points {
		f := &in.Forecasts[at[p.ForecastID]]
		f.Points = append(f.Points, etf.ForecastPoint{
			Horizon: int(p.Horizon), Target: etf.Session(p.Target), Mean: p.Mean,
			Quantiles: [7]float64{p.Q05, p.Q10, p.Q25, p.Q50, p.Q75, p.Q90, p.Q95},
		})
	}
	kept := in.Forecasts[:first]
	for _, f := range in.Forecasts[first:] {
		if text, ok := tails[f.ID]; ok {
			if f.Tails, err = s.tailsOf(ctx, f, text); etf.KindOf(err) == etf.KindCorrupt && err != nil {
				in.Corrupt = append(in.Corrupt, err)
				continue
			} else if err != nil {
				return err
			}
		}
		kept = append(kept, f)
	}
	in.Forecasts = kept
	if u.OnlyNew {
		return nil
	}
	scores, err := s.q.ListScoresOfOrigins(ctx, sqlcgen.ListScoresOfOriginsParams{EtfID: u.Number, Models: u.Models, Horizons: horizons, Origins: origins})
	in.Scores = append(in.Scores, newestScores(scores, u.Symbol, u.Exchange)...)
	return err
}

// tailsOf returns the tails at f's points from those of all of its points.
func (s *Store) tailsOf(ctx context.Context, f etf.Forecast, text string) ([][2]float64, error) {
	all, err := decodeTails(f.ID, text)
	if err != nil {
		return nil, err
	}
	position := func(horizon uint16) int { return int(horizon) - 1 }
	if len(all) != etf.MaxHorizon {
		horizons, err := s.q.ListForecastHorizons(ctx, f.ID)
		if err != nil {
			return nil, err
		}
		position = func(horizon uint16) int { return slices.Index(horizons, horizon) }
	}
	list := make([][2]float64, len(f.Points))
	for i, p := range f.Points {
		k := position(uint16(p.Horizon))
		if k < 0 || k >= len(all) {
			return nil, &etf.Error{Kind: etf.KindCorrupt, Field: "tails",
				Message: fmt.Sprintf("the tails of forecast %s are %d pairs, and none is for horizon %d", f.ID, len(all), p.Horizon), Remedy: compareWithBackup}
		}
		list[i] = all[k]
	}
	return list, nil
}

// newestScores returns the newest version of each score; rows are ascending by version.
func newestScores(rows []sqlcgen.Score, symbol etf.Symbol, exchange etf.Exchange) []etf.Score {
	var list []etf.Score
	for i, r := range rows {
		if i+1 < len(rows) && rows[i+1].ForecastID == r.ForecastID && rows[i+1].Horizon == r.Horizon {
			continue
		}
		list = append(list, domainScore(r, symbol, exchange))
	}
	return list
}

func domainScore(r sqlcgen.Score, symbol etf.Symbol, exchange etf.Exchange) etf.Score {
	return etf.Score{
		Forecast: r.ForecastID, Symbol: symbol, Exchange: exchange, Model: r.Model, Origin: etf.Session(r.Origin), Horizon: int(r.Horizon),
		Standing: etf.Standing(r.Standing), Version: int(r.Version), Target: etf.Session(r.Target), Withdrawn: r.Withdrawn,
		Actual: r.Actual, DataVersion: r.DataVersion, ForecastVersion: r.ForecastDataVersion, ScoredAt: r.ScoredAt, Scale: etf.Scale{Absolute: r.ScaleAbsolute, Squared: r.ScaleSquared},
		Losses: etf.Losses{
			Error: r.Error, Absolute: r.AbsoluteError, Squared: r.SquaredError,
			Pinball:  [7]float64{r.Pin05, r.Pin10, r.Pin25, r.Pin50, r.Pin75, r.Pin90, r.Pin95},
			CRPS:     r.Crps,
			Inside50: r.Inside50, Inside80: r.Inside80, Inside90: r.Inside90,
			Winkler: [2]float64{r.Winkler80, r.Winkler90}, Width: [2]float64{r.Width80, r.Width90}, PIT: r.Pit,
			Tailed: r.Inside95.Valid, TailPinball: [2]float64{r.Pin025.Float64, r.Pin975.Float64}, Inside95: r.Inside95.Bool,
		},
	}
}

// Scores returns the scores of the filter's ETF that count, ascending by model, horizon, origin and forecast: the newest versions
// that are not withdrawn. KindInvalid without a symbol, KindNotFound for an unknown one.
func (s *Store) Scores(ctx context.Context, filter etf.ScoreFilter) ([]etf.Score, error) {
	if filter.Symbol == "" {
		return nil, etf.Invalid("symbol", "no ETF is named", "name one: sums over all ETFs are SessionLosses")
	}
	head, err := named(ctx, s.q, string(filter.Symbol), s.q.GetETF)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, unknownSymbol(filter.Symbol)
	}
	if err != nil {
		return nil, translate(err, "looking up "+string(filter.Symbol))
	}
	exchange := etf.Exchange(head.Exchange)
	if filter.Exchange != "" && filter.Exchange != exchange {
		return nil, nil
	}
	list, err := s.countingScores(ctx, s.q, head.ID, exchange, filter)
	return list, translate(err, "reading the scores of "+string(filter.Symbol))
}

func (s *Store) countingScores(ctx context.Context, q *sqlcgen.Queries, number uint32, exchange etf.Exchange, filter etf.ScoreFilter) ([]etf.Score, error) {
	origins := openWindow(filter.Origins)
	rows, err := q.ListScores(ctx, sqlcgen.ListScoresParams{
		EtfID: number, Model: filter.Model, Horizon: uint16(filter.Horizon),
		FromOrigin: column.Session(origins.From), ToOrigin: column.Session(origins.To),
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(newestScores(rows, filter.Symbol, exchange), func(s etf.Score) bool {
		return s.Withdrawn || filter.Standing != "" && s.Standing != filter.Standing
	}), nil
}

// openWindow replaces zero ends by dates that no session is beyond.
func openWindow(w etf.Window) etf.Window {
	if w.From.IsZero() {
		w.From = firstDate
	}
	if w.To.IsZero() {
		w.To = lastSession
	}
	return w
}

// SaveScores stores new versions of scores, their effect on the sums and the mark in one transaction: see activities.Scores.
func (s *Store) SaveScores(ctx context.Context, c etf.ScoreChanges) error {
	changes := sumChanges(c)
	shard, err := s.shards.take(ctx)
	if err != nil {
		return translate(err, "saving scores of "+string(c.Symbol))
	}
	defer s.shards.give(shard)
	return s.transaction(ctx, "saving scores of "+string(c.Symbol), func(q *writing, tx *sql.Tx) error {
		if err := advanceScoring(ctx, q.Queries, c); err != nil {
			return err
		}
		if err := insertScores(ctx, tx, c); err != nil {
			return err
		}
		if err := insertSums(ctx, tx, changes, shard); err != nil {
			return err
		}
		moved := inserter{ctx: ctx, tx: tx, into: "INSERT IGNORE INTO forecast_targets (forecast_id, horizon, target, moved_at)"}
		for _, m := range c.Moved {
			moved.row(m.Forecast, m.Horizon, column.Session(m.Target), instant(c.At))
		}
		return moved.done()
	})
}

// advanceScoring sets the ETF's mark, or returns KindConflict if it or the ETF's data are no longer those that were read: what was
// evaluated is out of date, and saving it again would not help.
func advanceScoring(ctx context.Context, q *sqlcgen.Queries, c etf.ScoreChanges) error {
	chains, err := json.Marshal(c.Mark.Chains)
	if err != nil {
		return etf.Wrap(etf.KindInternal, err, "encoding a mark")
	}
	horizons := make([]string, len(c.Mark.Horizons))
	for i, h := range c.Mark.Horizons {
		horizons[i] = strconv.Itoa(h)
	}
	writer, err := q.GetETFWriter(ctx, c.Number)
	if err != nil {
		return err
	}
	n := int64(0)
	mark := sqlcgen.InsertScoringParams{
		EtfID: c.Number, DataVersion: c.Version.Number, Writer: newWriter(), Horizons: strings.Join(horizons, ","),
		Chains: string(chains), LastSession: column.Session(c.Mark.Last), Sessions: int32(c.Mark.Sessions), ScoredAt: instant(c.At),
	}
	switch {
	case writer != c.Version.Writer:
	case c.Before == "":
		if err = q.InsertScoring(ctx, mark); err == nil {
			n = 1
		} else if duplicate(err) {
			err = nil
		}
	default:
		n, err = q.AdvanceScoring(ctx, sqlcgen.AdvanceScoringParams{
			EtfID: mark.EtfID, DataVersion: mark.DataVersion, Writer: mark.Writer, Horizons: mark.Horizons, Chains: mark.Chains,
			LastSession: mark.LastSession, Sessions: mark.Sessions, ScoredAt: mark.ScoredAt, Before: c.Before,
		})
	}
	if err == nil && n != 1 {
		return &etf.Error{Kind: etf.KindConflict, Field: "data_version", Message: fmt.Sprintf("the data or the scores of %s have changed since they were read", c.Symbol),
			Remedy: "read again what is unscored"}
	}
	return err
}

func insertScores(ctx context.Context, tx *sql.Tx, c etf.ScoreChanges) error {
	scores := inserter{ctx: ctx, tx: tx, into: "INSERT INTO scores (etf_id, model, horizon, origin, forecast_id, version, target, standing, withdrawn, " +
		"data_version, forecast_data_version, scored_at, actual, scale_absolute, scale_squared, error, absolute_error, squared_error, crps, " +
		"pin025, pin05, pin10, pin25, pin50, pin75, pin90, pin95, pin975, inside50, inside80, inside90, inside95, " +
		"winkler80, winkler90, width80, width90, pit)"}
	for _, x := range c.Scores {
		p := x.Pinball
		var low, high, inside any
		if x.Tailed {
			low, high, inside = double(x.TailPinball[0]), double(x.TailPinball[1]), x.Inside95
		}
		scores.row(c.Number, x.Model, x.Horizon, column.Session(x.Origin), x.Forecast, x.Version, column.Session(x.Target), string(x.Standing), x.Withdrawn,
			x.DataVersion, x.ForecastVersion, instant(x.ScoredAt), double(x.Actual), double(x.Scale.Absolute), double(x.Scale.Squared), double(x.Error), double(x.Absolute),
			double(x.Squared), double(x.CRPS),
			low, double(p[0]), double(p[1]), double(p[2]), double(p[3]), double(p[4]), double(p[5]), double(p[6]), high, x.Inside50, x.Inside80, x.Inside90, inside,
			double(x.Winkler[0]), double(x.Winkler[1]), double(x.Width[0]), double(x.Width[1]), double(x.PIT))
	}
	return scores.done()
}
