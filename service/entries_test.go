package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// arena is a Store of ETFs with a flat history at 100, and of entries.
type arena struct {
	*record
	bars     map[etf.Symbol]etf.ETF
	appended []etf.Forecast
	refuse   error  // of AppendEntries
	before   func() // called before it appends
	history  error
	read     int // histories
}

func newArena() *arena {
	s := &arena{record: newRecord(), bars: map[etf.Symbol]etf.ETF{}}
	for symbol, x := range map[etf.Symbol]etf.Exchange{"SPY": etf.XNYS, "QQQ": etf.XNYS, "069500": etf.XKRX, "NEW": etf.XNYS, "OLD": etf.XNYS} {
		s.bars[symbol] = etf.ETF{Symbol: symbol, Exchange: x, Bars: 300, Retired: symbol == "OLD"}
	}
	s.bars["NEW"] = etf.ETF{Symbol: "NEW", Exchange: etf.XNYS}
	return s
}

func (s *arena) ETF(_ context.Context, symbol etf.Symbol) (etf.ETF, error) {
	e, ok := s.bars[symbol]
	if !ok {
		return e, etf.NotFound("", "no row", "")
	}
	return e, s.fail["ETF"]
}

func (s *arena) History(_ context.Context, symbol etf.Symbol, to etf.Session, limit int) (etf.History, error) {
	s.read++
	h := etf.History{}
	for i := range 4 { // closes of 100, 102, 100, 102: each changes by 2
		h.Bars = append(h.Bars, etf.StoredBar{Bar: etf.Bar{Session: to.AddDays(i - 3), Close: etf.Price(100e8 + int64(i%2)*2e8)}, Basis: etf.AsTraded})
	}
	return h, s.history
}

func (s *arena) AppendEntries(_ context.Context, list []etf.Forecast, complete func(*etf.Forecast) error) ([]etf.Forecast, error) {
	if s.refuse != nil {
		return nil, s.refuse
	}
	if s.before != nil {
		s.before()
	}
	for i := range list {
		list[i].DataVersion.Number = 7
		if err := complete(&list[i]); err != nil {
			return nil, etf.WithField(err, fmt.Sprintf("entries[%d].%s", i, etf.Errors(err)[0].Field))
		}
		list[i].Chain = int64(i + 1)
	}
	s.appended = append(s.appended, list...)
	return list, nil
}

func (s *arena) Entries(_ context.Context, model string, symbol etf.Symbol, after etf.EntryPosition, limit int) ([]etf.Forecast, error) {
	var list []etf.Forecast
	for _, f := range s.appended {
		if f.Model == model && (symbol == "" || f.Symbol == symbol) && f.Chain > after.Chain && len(list) < limit {
			list = append(list, f)
		}
	}
	return list, nil
}

// anchors is an Anchorer.
type anchors struct {
	scopes []etf.AnchorScope
	err    error
}

func (l *anchors) Anchor(_ context.Context, scope etf.AnchorScope, note etf.CheckpointNote) (etf.Anchored, error) {
	l.scopes = append(l.scopes, scope)
	text, signed, err := note("test", 9, [32]byte{})
	return etf.Anchored{Leaves: 1, Checkpoint: etf.Checkpoint{Size: 9, Note: text, Signed: signed}}, errors.Join(err, l.err)
}

func unsignedNote(instance string, size int64, _ [32]byte) (string, bool, error) {
	return fmt.Sprintf("%s\n%d\n", instance, size), false, nil
}

// levels returns quantiles at all levels, 1 apart around the median.
func levels(median float64) map[string]float64 {
	q := map[string]float64{}
	for i, level := range etf.QuantileLevels {
		q[strconv.FormatFloat(level, 'f', -1, 64)] = median + float64(i-3)
	}
	return q
}

// with returns quantiles with some changed, or removed (0).
func with(median float64, changes map[string]float64) map[string]float64 {
	q := levels(median)
	for level, v := range changes {
		if q[level] = v; v == 0 {
			delete(q, level)
		}
	}
	return q
}

func entryFor(symbol, origin string, points ...EntryPoint) NewEntry {
	if points == nil {
		points = []EntryPoint{{Horizon: 1, Quantiles: levels(100)}}
	}
	return NewEntry{Symbol: symbol, Origin: origin, Points: points}
}

func points(p EntryPoint) []EntryPoint { return []EntryPoint{p} }

func TestEnter(t *testing.T) {
	t.Parallel()
	store, ledger := newArena(), &anchors{}
	s := New(Deps{Store: store, Now: atNow, Anchors: ledger, CheckpointNote: unsignedNote})
	mean := 101.5
	tails := map[string]float64{"0.025": 90, "0.975": 110}
	receipt, err := s.Enter(t.Context(), EntryRequest{Model: "naive", Entries: []NewEntry{
		{Symbol: "SPY", Origin: "2025-09-26", Points: []EntryPoint{ // in descending order
			{Horizon: 21, Quantiles: with(100, tails), Target: "2025-10-27"}, {Horizon: 1, Quantiles: with(100, tails), Mean: &mean},
		}},
		entryFor("069500", "2025-09-26"), entryFor("NEW", "2025-09-26"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := receipt.Entries[0]
	want := etf.Forecast{
		ID: got.ID, Symbol: "SPY", Model: "naive", Origin: friday, DataVersion: etf.DataVersion{Number: 7}, Basis: etf.SplitAdjusted,
		Params: `{"entrant":"naive"}`, ParamsHash: forecast.ParamsHash(`{"entrant":"naive"}`), CodeVersion: "entry", Run: etf.RunID("entry:" + got.ID),
		Diagnostics: map[string]string{"status": "entered", "mean": "the median, at horizon 21"}, AsOf: now, IssuedAt: now, Chain: 1,
		Points: []etf.ForecastPoint{
			// The sessions of New York: Monday, and 21 sessions on, no holiday being among them.
			{Horizon: 1, Target: etf.MustSession("2025-09-29"), Mean: 101.5, Quantiles: [7]float64{97, 98, 99, 100, 101, 102, 103}},
			{Horizon: 21, Target: etf.MustSession("2025-10-27"), Mean: 100, Quantiles: [7]float64{97, 98, 99, 100, 101, 102, 103}},
		},
		Tails: [][2]float64{{90, 110}, {90, 110}}, Scale: etf.Scale{Absolute: 2, Squared: 4}, // of the arena's history
	}
	if !reflect.DeepEqual(got.Forecast, want) {
		t.Errorf("entry\n%+v, want\n%+v", got.Forecast, want)
	}
	if got.ID != forecast.ID(got.Forecast) || len(got.ID) != 32 {
		t.Errorf("ID %q", got.ID)
	}
	for i, deadline := range []string{"2025-09-29T13:30:00Z", "2025-09-29T00:00:00Z", "2025-09-29T13:30:00Z"} { // 9:30 in New York, 9:00 in Seoul
		if e := receipt.Entries[i]; instantText(e.Deadline) != deadline || e.Standing != etf.OfRecord {
			t.Errorf("entry %d: deadline %s, standing %s, want %s and record", i, e.Deadline, e.Standing, deadline)
		}
	}
	if new := receipt.Entries[2]; new.Scale != (etf.Scale{}) || new.Basis != etf.SplitAdjusted || new.Tails != nil {
		t.Errorf("of an ETF without bars: %+v", new)
	}
	if store.read != 2 {
		t.Errorf("%d histories were read, want 2", store.read)
	}
	if receipt.Checkpoint == nil || receipt.Checkpoint.Size != 9 || receipt.NotAnchored != "" || !reflect.DeepEqual(ledger.scopes, []etf.AnchorScope{{Symbols: []etf.Symbol{"069500", "NEW", "SPY"}}}) {
		t.Errorf("anchored %+v (%q) for %+v", receipt.Checkpoint, receipt.NotAnchored, ledger.scopes)
	}

	page, next, err := s.Entries(t.Context(), EntryQuery{Model: "naive", Limit: 2})
	if err != nil || len(page) != 2 || !reflect.DeepEqual(page[0], receipt.Entries[0]) || next != (etf.EntryPosition{Symbol: "069500", Chain: 2}) {
		t.Errorf("page %+v, next %+v, %v", page, next, err)
	}
	page, next, err = s.Entries(t.Context(), EntryQuery{Model: "naive", After: next, Limit: 2})
	if err != nil || len(page) != 1 || next != (etf.EntryPosition{}) {
		t.Errorf("last page %+v, next %+v, %v", page, next, err)
	}
	_, _, err = s.Entries(t.Context(), EntryQuery{Model: "A", Symbol: "spy"})
	if fields := fieldsOf(err); !slices.Equal(fields, []string{"model", "symbol", "limit"}) {
		t.Errorf("bad query: %v", err)
	}
}

func fieldsOf(err error) []string {
	var fields []string
	for _, e := range etf.Errors(err) {
		fields = append(fields, e.Field)
	}
	return fields
}

// An entry stands even if it can't be anchored at once.
func TestEnterWithoutAnchor(t *testing.T) {
	t.Parallel()
	away := etf.Wrap(etf.KindUnavailable, errors.New("dial tcp 10.0.0.7: refused"), "anchoring")
	for what, d := range map[string]Deps{
		"no ledger": {CheckpointNote: unsignedNote}, "no note": {Anchors: &anchors{}}, "away": {Anchors: &anchors{err: away}, CheckpointNote: unsignedNote},
	} {
		store := newArena()
		d.Store, d.Now = store, atNow
		receipt, err := New(d).Enter(t.Context(), EntryRequest{Model: "naive", Entries: []NewEntry{entryFor("SPY", "2025-09-26")}})
		if err != nil || len(store.appended) != 1 || receipt.Checkpoint != nil || !strings.Contains(receipt.NotAnchored, "the next daily run anchors it") || strings.Contains(receipt.NotAnchored, "10.0.0.7") {
			t.Errorf("%s: %+v, %v", what, receipt, err)
		}
	}
}

// If the log has been changed, no run anchors the entry either.
func TestEnterIntoAChangedLog(t *testing.T) {
	t.Parallel()
	changed := &etf.Error{Kind: etf.KindCorrupt, Err: etf.ErrAltered, Message: "the log of 5 leaves is not the one of its newest checkpoint, of 6"}
	store := newArena()
	receipt, err := New(Deps{Store: store, Now: atNow, Anchors: &anchors{err: changed}, CheckpointNote: unsignedNote}).Enter(t.Context(),
		EntryRequest{Model: "naive", Entries: []NewEntry{entryFor("SPY", "2025-09-26")}})
	if err != nil || len(store.appended) != 1 || receipt.Checkpoint != nil || !strings.Contains(receipt.NotAnchored, "`etfcast ledger verify`") || strings.Contains(receipt.NotAnchored, "next daily run") {
		t.Errorf("%+v, %v", receipt, err)
	}
}

func TestEnterDeadline(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, symbol, origin, now string
		late                      bool
		want                      etf.Standing // "" = refused, with Field origin
		remedy                    string
	}{
		{"right after the close in New York", "SPY", "2025-09-26", "2025-09-26T20:00:00Z", false, etf.OfRecord, ""},
		{"before the close", "SPY", "2025-09-26", "2025-09-26T19:59:59Z", false, "", "send it after 2025-09-26T20:00:00Z"},
		{"before the close, late", "SPY", "2025-09-26", "2025-09-26T19:59:59Z", true, "", "send it after"},
		{"the last moment", "SPY", "2025-09-26", "2025-09-29T13:29:59.999999Z", false, etf.OfRecord, ""},
		{"at the open", "SPY", "2025-09-26", "2025-09-29T13:30:00Z", false, "", `"late": true (--late)`},
		{"at the open, late", "SPY", "2025-09-26", "2025-09-29T13:30:00Z", true, etf.Late, ""},
		{"late allowed, but in time", "SPY", "2025-09-26", "2025-09-29T13:29:59Z", true, etf.OfRecord, ""},
		{"a newer session is open for entries", "SPY", "2025-09-25", "2025-09-27T12:00:00Z", false, "", "forecast from 2025-09-26, until 2025-09-29T13:30:00Z, or"},
		{"Seoul, before the open", "069500", "2025-09-26", "2025-09-28T23:59:59Z", false, etf.OfRecord, ""},
		{"Seoul, at the open", "069500", "2025-09-26", "2025-09-29T00:00:00Z", false, "", `"late": true`},
		{"over the winter time's begin", "SPY", "2025-10-31", "2025-11-03T14:29:59Z", false, etf.OfRecord, ""}, // 9:30 is 14:30 UTC from then on
		{"over the winter time's begin, at the open", "SPY", "2025-10-31", "2025-11-03T14:30:00Z", false, "", `"late": true`},
		{"an early close", "SPY", "2025-11-28", "2025-11-28T18:00:00Z", false, etf.OfRecord, ""}, // 13:00 in New York
		{"Seoul opens late on the day of the university entrance examination", "069500", "2025-11-12", "2025-11-13T00:59:59Z", false, etf.OfRecord, ""},
		{"not a session", "SPY", "2025-09-27", "2025-09-27T12:00:00Z", false, "", ""},
		{"the future", "SPY", "2025-10-01", "2025-09-27T12:00:00Z", true, "", "send it after"},
		{"too old", "SPY", "2023-09-26", "2025-09-27T12:00:00Z", true, "", "forecast from the newest session, 2025-09-26"},
		{"400 sessions ago", "SPY", "2024-02-22", "2025-09-27T12:00:00Z", true, etf.Late, ""},
		{"401 sessions ago", "SPY", "2024-02-21", "2025-09-27T12:00:00Z", true, "", "forecast from the newest"},
	} {
		at, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		s := New(Deps{Store: newArena(), Now: func() time.Time { return at }})
		entered, err := s.CheckEntries(t.Context(), EntryRequest{Model: "naive", Late: c.late, Entries: []NewEntry{entryFor(c.symbol, c.origin)}})
		if c.want == "" {
			all := etf.Errors(err)
			if len(all) != 1 || all[0].Field != "entries[0].origin" || all[0].Kind != etf.KindInvalid || !strings.Contains(all[0].Remedy, c.remedy) {
				t.Errorf("%s: %v, want a refusal of the origin with %q", c.name, err, c.remedy)
			}
			continue
		}
		if err != nil || entered[0].Standing != c.want {
			t.Errorf("%s: standing %+v, want %s: %v", c.name, entered, c.want, err)
		}
	}
}

func TestEnterBadInput(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 33)
	at := func(p EntryPoint) []NewEntry {
		return []NewEntry{{Symbol: "SPY", Origin: "2025-09-26", Points: points(p)}}
	}
	mean := func(v float64) EntryPoint { return EntryPoint{Horizon: 1, Mean: &v, Quantiles: levels(100)} }
	const q = "entries[0].points[0].quantiles"
	for _, c := range []struct {
		name    string
		request EntryRequest
		fields  []string
		says    string
	}{
		{"no model", EntryRequest{Entries: []NewEntry{entryFor("SPY", "2025-09-26")}}, []string{"model"}, "no name"},
		{"capital letters", EntryRequest{Model: "Naive", Entries: []NewEntry{entryFor("SPY", "2025-09-26")}}, []string{"model"}, `"Naive" is not a name`},
		{"a long name", EntryRequest{Model: long, Entries: []NewEntry{entryFor("SPY", "2025-09-26")}}, []string{"model"}, "is not a name"},
		{"the benchmark", EntryRequest{Model: "drift", Entries: []NewEntry{entryFor("SPY", "2025-09-26")}}, []string{"model"}, "etfcast's own"},
		{"a model that runs here", EntryRequest{Model: "running", Entries: []NewEntry{entryFor("SPY", "2025-09-26")}}, []string{"model"}, "etfcast's own"},
		{"no entries", EntryRequest{Model: "naive"}, []string{"entries"}, "no entries"},
		{"too many", EntryRequest{Model: "naive", Entries: make([]NewEntry, 1001)}, []string{"entries"}, "1001 entries are too many"},
		{"no symbol, no origin", EntryRequest{Model: "naive", Entries: []NewEntry{entryFor("", "")}}, []string{"entries[0].symbol", "entries[0].origin"}, "not a symbol"},
		{"unknown and retired", EntryRequest{Model: "naive", Entries: []NewEntry{entryFor("VTI", "2025-09-26"), entryFor("OLD", "2025-09-26")}},
			[]string{"entries[0].symbol", "entries[1].symbol"}, "VTI is not registered"},
		{"not a date", EntryRequest{Model: "naive", Entries: []NewEntry{entryFor("SPY", "26.9.2025")}}, []string{"entries[0].origin"}, "not a date"},
		{"twice in the request", EntryRequest{Model: "naive", Entries: []NewEntry{entryFor("SPY", "2025-09-26"), entryFor("QQQ", "2025-09-26"), entryFor("SPY", "2025-09-26")}},
			[]string{"entries[2].origin"}, "entries[0] is of SPY from 2025-09-26 too"},
		{"no points", EntryRequest{Model: "naive", Entries: []NewEntry{{Symbol: "SPY", Origin: "2025-09-26"}}}, []string{"entries[0].points"}, "no points"},
		{"horizon 0", EntryRequest{Model: "naive", Entries: at(EntryPoint{Quantiles: levels(100)})}, []string{"entries[0].points[0].horizon"}, "horizon 0 is out of range"},
		{"horizon 22", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 22, Quantiles: levels(100)})}, []string{"entries[0].points[0].horizon"}, "use 1 to 21"},
		{"a horizon twice", EntryRequest{Model: "naive", Entries: []NewEntry{entryFor("SPY", "2025-09-26", EntryPoint{Horizon: 5, Quantiles: levels(100)}, EntryPoint{Horizon: 5, Quantiles: levels(101)})}},
			[]string{"entries[0].points[1].horizon"}, "points[0] is at horizon 5 too"},
		{"another target", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Target: "2025-09-30", Quantiles: levels(100)})},
			[]string{"entries[0].points[0].target"}, "2025-09-30 is not 1 session of XNYS after 2025-09-26"},
		{"a target that is no date", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Target: "soon", Quantiles: levels(100)})}, []string{"entries[0].points[0].target"}, "not a date"},
		{"no quantiles", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1})}, []string{q}, "the levels 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95 of SPY from 2025-09-26 at horizon 1 are missing"},
		{"a missing level", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"0.75": 0})})}, []string{q}, "the level 0.75 of"},
		{"an unknown level", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"0.2": 98.5})})}, []string{q + ".0.2"}, "no such level"},
		{"a level that is no number", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"median": 100})})}, []string{q + ".median"}, "no such level"},
		{"a level twice", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{".050": 97})})}, []string{q + ".0.05"}, "the level 0.05 is given twice"},
		{"crossed", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"0.9": 100.5})})},
			[]string{q + ".0.9"}, "the quantiles of SPY from 2025-09-26 at horizon 1 cross: 100.5 at 0.9 is below 101 at 0.75"},
		{"crossed by a tail", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"0.025": 97.5, "0.975": 110})})}, []string{q + ".0.05"}, "97 at 0.05 is below 97.5 at 0.025"},
		{"NaN", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"0.5": math.NaN()})})}, []string{q + ".0.5"}, "the quantile 0.5 of SPY from 2025-09-26 at horizon 1 is NaN"},
		{"infinite", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"0.95": math.Inf(1)})})}, []string{q + ".0.95"}, "is +Inf"},
		{"negative", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"0.05": -1})})}, []string{q + ".0.05"}, "is -1, not a positive"},
		{"another unit", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"0.95": 10_201})})}, []string{q + ".0.95"}, "more than 100 times away from the last close, 102"},
		{"a mean that is none", EntryRequest{Model: "naive", Entries: at(mean(math.NaN()))}, []string{"entries[0].points[0].mean"}, "the mean of SPY"},
		{"one tail", EntryRequest{Model: "naive", Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"0.025": 96})})}, []string{q}, "the level 0.975 of"},
		{"tails at one of two points", EntryRequest{Model: "naive", Entries: []NewEntry{entryFor("SPY", "2025-09-26",
			EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"0.025": 90, "0.975": 110})}, EntryPoint{Horizon: 2, Quantiles: levels(100)})}},
			[]string{"entries[0].points"}, "1 of 2 points"},
		{"inline", EntryRequest{Model: "naive", Inline: true, Entries: at(EntryPoint{Horizon: 1, Quantiles: with(100, map[string]float64{"0.75": 0})})}, []string{"points[0].quantiles"}, ""},
		{"everything at once", EntryRequest{Model: "DRIFT", Entries: []NewEntry{
			{Symbol: "spy", Origin: "2025-09-25", Points: points(EntryPoint{Horizon: 30, Quantiles: map[string]float64{"1": 1}})}, entryFor("QQQ", "2025-09-28"),
		}}, []string{"model", "entries[0].symbol", "entries[0].points[0].horizon", q + ".1", q, "entries[1].origin"}, ""},
	} {
		store, ledger := newArena(), &anchors{}
		s := New(Deps{Store: store, Now: atNow, Models: []Model{{Name: "running"}}, Anchors: ledger, CheckpointNote: unsignedNote})
		_, err := s.Enter(t.Context(), c.request)
		if got := fieldsOf(err); !slices.Equal(got, c.fields) {
			t.Errorf("%s: fields %q, want %q: %v", c.name, got, c.fields, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q is not in %v", c.name, c.says, err)
		}
		for _, e := range etf.Errors(err) {
			if e.Kind != etf.KindInvalid || e.Remedy == "" || e.Message == "" {
				t.Errorf("%s: %+v", c.name, e)
			}
		}
		if len(store.appended) > 0 || len(ledger.scopes) > 0 {
			t.Errorf("%s: something was stored", c.name)
		}
	}
}

func TestEnterManyProblems(t *testing.T) {
	t.Parallel()
	r := EntryRequest{Model: "naive"}
	for i := range 60 {
		r.Entries = append(r.Entries, entryFor(fmt.Sprintf("NONE%d", i), "2025-09-26"))
	}
	store := newArena()
	_, err := New(Deps{Store: store, Now: atNow}).Enter(t.Context(), r)
	if all := etf.Errors(err); err == nil || len(all) != 51 || all[50].Message != "10 more problems were found" {
		t.Errorf("%d problems: %v", len(etf.Errors(err)), err)
	}
}

// The clock is read once more when the entry is stored.
func TestEnterSlowStore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		late bool
		want etf.Standing // "" = refused
	}{{false, ""}, {true, etf.Late}} {
		at := time.Date(2025, 9, 29, 13, 29, 59, 0, time.UTC)
		store := newArena()
		store.before = func() { at = at.Add(time.Second) } // the deadline
		receipt, err := New(Deps{Store: store, Now: func() time.Time { return at }}).Enter(t.Context(), EntryRequest{Model: "naive", Late: c.late, Entries: []NewEntry{entryFor("SPY", "2025-09-26")}})
		switch {
		case c.want == "" && (!slices.Equal(fieldsOf(err), []string{"entries[0].origin"}) || len(store.appended) > 0):
			t.Errorf("%v, %d stored; want a refusal of the origin", err, len(store.appended))
		case c.want != "" && (err != nil || receipt.Entries[0].Standing != c.want || !receipt.Entries[0].IssuedAt.Equal(at)):
			t.Errorf("%+v, %v", receipt, err)
		}
	}
}

// What the store refuses is reported with the fields of the request.
func TestEnterRefusedByStore(t *testing.T) {
	t.Parallel()
	store := newArena()
	s := New(Deps{Store: store, Now: atNow})
	twice := &etf.Error{Kind: etf.KindConflict, Field: "entries[0].origin", Message: "entered already", Remedy: "leave it out"}
	for _, c := range []struct {
		inline bool
		refuse error
		fields []string
		kind   etf.Kind
	}{
		{false, errors.Join(twice), []string{"entries[0].origin"}, etf.KindConflict},
		{true, errors.Join(twice), []string{"origin"}, etf.KindConflict},
		{true, storeAway, []string{""}, etf.KindUnavailable},
	} {
		store.refuse = c.refuse
		_, err := s.Enter(t.Context(), EntryRequest{Model: "naive", Inline: c.inline, Entries: []NewEntry{entryFor("SPY", "2025-09-26")}})
		if !slices.Equal(fieldsOf(err), c.fields) || etf.KindOf(err) != c.kind {
			t.Errorf("%v, want fields %q, kind %s", err, c.fields, c.kind)
		}
	}
	var many []error
	for range 60 {
		many = append(many, twice)
	}
	store.refuse = errors.Join(many...)
	if _, err := s.Enter(t.Context(), EntryRequest{Model: "naive", Entries: []NewEntry{entryFor("SPY", "2025-09-26")}}); etf.KindOf(err) != etf.KindConflict || len(etf.Errors(err)) != 51 {
		t.Errorf("60 entries entered before: %d problems of kind %s", len(etf.Errors(err)), etf.KindOf(err))
	}
	store.refuse, store.fail = nil, failures{"ETF": storeAway}
	if _, err := s.Enter(t.Context(), EntryRequest{Model: "naive", Entries: []NewEntry{entryFor("SPY", "2025-09-26")}}); etf.KindOf(err) != etf.KindUnavailable {
		t.Errorf("registry away: %v", err)
	}
	store.fail, store.history = nil, storeAway
	if _, err := s.Enter(t.Context(), EntryRequest{Model: "naive", Entries: []NewEntry{entryFor("SPY", "2025-09-26")}}); etf.KindOf(err) != etf.KindUnavailable {
		t.Errorf("history away: %v", err)
	}
}

func TestEntryNotServed(t *testing.T) {
	t.Parallel()
	store := withForecasts()
	store.stored = append(store.stored, etf.Forecast{ID: unknownID, Symbol: "SPY", Model: "naive", CodeVersion: etf.EntryVersion, Run: "entry:x", Origin: friday})
	s := New(Deps{Store: store, Models: models, Now: atNow})
	_, err := s.LatestForecast(t.Context(), "SPY", "naive")
	if etf.KindOf(err) != etf.KindNotFound || fieldsOf(err)[0] != "model" || !strings.Contains(err.Error(), "GET /v1/forecasts/{id}") {
		t.Errorf("latest: %v", err)
	}
	store.fail = failures{"Confirmations": errors.New("an entry needs none")}
	if f, err := s.Forecast(t.Context(), unknownID); err != nil || !f.Entered() {
		t.Errorf("by ID: %+v, %v", f, err)
	}
	if _, _, err := s.ForecastFit(t.Context(), unknownID); etf.KindOf(err) != etf.KindNotFound || !strings.Contains(err.Error(), "entry of naive") {
		t.Errorf("fit: %v", err)
	}
}

const csvHead = "origin_date,horizon,target,target_end_date,location,output_type,output_type_id,value\n"

// csvRows are the rows of one horizon at all levels.
func csvRows(origin, symbol, horizon, target string, median float64) string {
	var b strings.Builder
	q := levels(median)
	for _, level := range slices.Sorted(maps.Keys(q)) {
		fmt.Fprintf(&b, "%s,%s,close,%s,%s,quantile,%s,%v\n", origin, horizon, target, symbol, level, q[level])
	}
	return b.String()
}

func TestReadEntriesCSV(t *testing.T) {
	t.Parallel()
	mean := 100.5
	rows := csvRows("2025-09-26", "SPY", "1", "2025-09-29", 100) + csvRows("2025-09-26", "069500", "1", "NA", 300) +
		csvRows("2025-09-26", "SPY", "5", "", 101) + "2025-09-26,1,close,2025-09-29,SPY,mean,NA,100.5\n2025-09-26,5,close,,SPY,median,,101\n"
	want := EntryRequest{Model: "naive", Entries: []NewEntry{
		{Symbol: "SPY", Origin: "2025-09-26", Points: []EntryPoint{
			{Horizon: 1, Target: "2025-09-29", Mean: &mean, Quantiles: levels(100)}, {Horizon: 5, Quantiles: levels(101)},
		}},
		{Symbol: "069500", Origin: "2025-09-26", Points: []EntryPoint{{Horizon: 1, Quantiles: levels(300)}}},
	}}
	for what, text := range map[string]string{"plain": csvHead + rows, "with a byte order mark": "\ufeff" + csvHead + rows, "of Windows": strings.ReplaceAll(csvHead+rows, "\n", "\r\n")} {
		if got, err := ReadEntriesCSV([]byte(text), "naive"); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	// Columns in another order, with the model's name.
	moved := "model_id,value,output_type_id,output_type,location,target_end_date,target,horizon,origin_date\n" +
		"mine,99,0.5,quantile,SPY,2025-09-29,close,1,2025-09-26\n"
	if got, err := ReadEntriesCSV([]byte(moved), ""); err != nil || got.Model != "mine" || got.Entries[0].Points[0].Quantiles["0.5"] != 99 {
		t.Errorf("moved: %+v, %v", got, err)
	}
	// A median alone is the quantile 0.5.
	if got, err := ReadEntriesCSV([]byte(csvHead+"2025-09-26,1,close,,SPY,median,NA,99\n"), "m"); err != nil || got.Entries[0].Points[0].Quantiles["0.5"] != 99 {
		t.Errorf("a median: %+v, %v", got, err)
	}
	// The store's own checks name what a line says.
	nan := strings.Replace(csvHead+csvRows("2025-09-26", "SPY", "1", "", 100), ",97\n", ",NaN\n", 1)
	got, err := ReadEntriesCSV([]byte(nan), "naive")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Deps{Store: newArena(), Now: atNow}).CheckEntries(t.Context(), got); !slices.Equal(fieldsOf(err), []string{"entries[0].points[0].quantiles.0.05"}) {
		t.Errorf("NaN: %v", err)
	}
	for _, c := range []struct {
		name, text string
		fields     []string
	}{
		{"empty", "", []string{"body"}},
		{"columns", "origin_date,horizon,target,location,output_type,output_type_id,value,colour,value\n", []string{"line 1, colour", "line 1, value", "line 1, target_end_date"}},
		{"another target", csvHead + "2025-09-26,1,open,,SPY,quantile,0.5,99\n", []string{"line 2, target"}},
		{"a horizon in days", csvHead + "2025-09-26,1d,close,,SPY,quantile,0.5,99\n", []string{"line 2, horizon"}},
		{"a hexadecimal value", csvHead + "2025-09-26,1,close,,SPY,quantile,0.5,0x1p7\n", []string{"line 2, value"}},
		{"a value with an underscore", csvHead + "2025-09-26,1,close,,SPY,quantile,0.5,1_40\n", []string{"line 2, value"}},
		{"no value", csvHead + "2025-09-26,1,close,,SPY,quantile,0.5,NA\n", []string{"line 2, value"}},
		{"a type that is not scored", csvHead + "2025-09-26,1,close,,SPY,cdf,0.5,99\n", []string{"line 2, output_type"}},
		{"the ID of a mean", csvHead + "2025-09-26,1,close,,SPY,mean,0.5,99\n", []string{"line 2, output_type_id"}},
		{"a level twice", csvHead + "2025-09-26,1,close,,SPY,quantile,0.5,99\n2025-09-26,1,close,,SPY,quantile,0.5,99\n", []string{"line 3, output_type_id"}},
		{"a mean twice", csvHead + "2025-09-26,1,close,,SPY,mean,NA,99\n2025-09-26,1,close,,SPY,mean,NA,99\n", []string{"line 3, output_type_id"}},
		{"two targets", csvHead + "2025-09-26,1,close,2025-09-29,SPY,quantile,0.5,99\n2025-09-26,1,close,2025-09-30,SPY,quantile,0.9,99\n", []string{"line 3, target_end_date"}},
		{"a median that is no quantile", csvHead + "2025-09-26,1,close,,SPY,quantile,0.50,99\n2025-09-26,1,close,,SPY,median,NA,98\n", []string{"entries[0].points[0].quantiles.0.50"}},
		{"a field too few", csvHead + "2025-09-26,1,close,,SPY,quantile,0.5\n", []string{"line 2"}},
		{"a stray quote", csvHead + "2025-09-26,1,close,,S\"PY,quantile,0.5,99\n", []string{"line 2"}},
		{"several", csvHead + "2025-09-26,1,open,,SPY,cdf,0.5,99\n2025-09-26,x,close,,SPY,quantile,0.5,99\n", []string{"line 2, target", "line 2, output_type", "line 3, horizon"}},
	} {
		_, err := ReadEntriesCSV([]byte(c.text), "naive")
		if got := fieldsOf(err); !slices.Equal(got, c.fields) {
			t.Errorf("%s: fields %q, want %q: %v", c.name, got, c.fields, err)
		}
	}
	two := "model_id," + csvHead + "naive,2025-09-26,1,close,,SPY,quantile,0.5,99\nother,2025-09-26,1,close,,SPY,quantile,0.9,99\n"
	if _, err := ReadEntriesCSV([]byte(two), "naive"); !slices.Equal(fieldsOf(err), []string{"line 3, model_id"}) {
		t.Errorf("two models: %v", err)
	}
}

func FuzzReadEntriesCSV(f *testing.F) {
	f.Add(csvHead + csvRows("2025-09-26", "SPY", "1", "2025-09-29", 100))
	f.Add(csvHead + "2025-09-26,1,close,,SPY,median,NA,99\n2025-09-26,1,close,,SPY,quantile,.5,98\n")
	f.Add("\ufeffvalue,value\n")
	f.Add(csvHead + "2025-09-26,1,close,,SPY,quantile,0.5,1e999\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadEntriesCSV([]byte(text), "naive")
		if err == nil {
			_, err = New(Deps{Store: newArena(), Now: atNow}).CheckEntries(t.Context(), r)
		}
		for _, e := range etf.Errors(err) {
			if e.Kind != etf.KindInvalid || e.Field == "" || e.Message == "" || e.Remedy == "" {
				t.Errorf("%q: %+v", text, e)
			}
		}
		if err != nil && len(etf.Errors(err)) == 0 {
			t.Errorf("%q: %v", text, err)
		}
	})
}
