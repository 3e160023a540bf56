package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/catalogue"
	"github.com/etfcast/etfcast/quality"
)

// MaxEntryAge is how many sessions ago the origin of an entry may be.
const MaxEntryAge = 400

// entryRange is how far the prices of an entry may be from the newest close: more is a mistake in the unit, or meant to spoil sums.
const entryRange = 100

// maxEntryProblems is how many problems with one request are listed.
const maxEntryProblems = 50

// reservedModels are names of models that this program has or may get, measured by a backtest or run every day.
var reservedModels = catalogue.Reserved()

// EntryRequest enters forecasts under the name of an entrant, as the user wrote it.
type EntryRequest struct {
	Model   string
	Late    bool // store and score also what comes after its deadline
	Entries []NewEntry
	// Inline means that the request is its only entry: the fields of its problems don't begin with "entries[0].".
	Inline bool
}

// NewEntry is a forecast of one ETF from one origin.
type NewEntry struct {
	Symbol string
	Origin string // a session that has closed, YYYY-MM-DD
	Points []EntryPoint
}

// EntryPoint is the forecast at one horizon. Prices are in the ETF's currency, in its shares at the origin.
type EntryPoint struct {
	Horizon int      // in sessions after the origin, 1 to etf.MaxHorizon
	Target  string   // the session that Horizon leads to; "" = not said
	Mean    *float64 // nil = the median
	// Quantiles are by level ("0.05"): all of etf.QuantileLevels, and at every point or none both of etf.TailLevels.
	Quantiles map[string]float64
}

// Entered is an entry with what follows from the calendar.
type Entered struct {
	etf.Forecast
	Exchange etf.Exchange
	Deadline time.Time    // the open of the first session after the origin
	Standing etf.Standing // etf.Late if it was issued at the deadline or after it, else etf.OfRecord
}

// EntryReceipt says what became of a request.
type EntryReceipt struct {
	Model   string
	Entries []Entered // in the order of the request
	// Checkpoint is one of the ledger that covers the entries; nil if they could not be anchored yet. NotAnchored says why.
	Checkpoint  *etf.Checkpoint
	NotAnchored string
}

// CheckEntries checks a request and returns the entries as they would be appended, without places in chains. Its error joins
// everything that is wrong with them; each is KindInvalid.
func (s *Service) CheckEntries(ctx context.Context, r EntryRequest) ([]Entered, error) {
	c := entryCheck{service: s, request: r, now: s.now().UTC().Truncate(time.Microsecond)}
	c.model()
	switch n := len(r.Entries); {
	case n == 0:
		c.refuse("entries", "there are no entries", "give at least one")
	case n > etf.MaxEntries:
		c.refuse("entries", fmt.Sprintf("%d entries are too many", n), fmt.Sprintf("send at most %d at once", etf.MaxEntries))
		return nil, c.problem()
	}
	if err := c.readETFs(ctx); err != nil {
		return nil, err
	}
	entered := make([]Entered, 0, len(r.Entries))
	for i, e := range r.Entries {
		x, err := c.entry(ctx, i, e)
		if err != nil {
			return nil, err
		}
		entered = append(entered, x)
	}
	return entered, c.problem()
}

// Enter checks a request and appends its entries to the chains of their model, all or none, and anchors them in the ledger. If only
// anchoring fails, the entries stand. KindInvalid for what CheckEntries refuses; KindConflict for an ETF and origin that the
// model has entered before, and for the name of a model of this installation.
func (s *Service) Enter(ctx context.Context, r EntryRequest) (EntryReceipt, error) {
	entered, err := s.CheckEntries(ctx, r)
	if err != nil {
		return EntryReceipt{}, err
	}
	list := make([]etf.Forecast, len(entered))
	deadlines := make(map[entryPlace]time.Time, len(entered))
	for i, e := range entered {
		list[i] = e.Forecast
		deadlines[entryPlace{e.Symbol, e.Origin}] = e.Deadline
	}
	stored, err := s.store.AppendEntries(ctx, list, func(f *etf.Forecast) error {
		// Checking may have taken a while: what counts is when the entry is stored.
		f.IssuedAt = s.now().UTC().Truncate(time.Microsecond)
		f.AsOf = f.IssuedAt
		f.ID = forecast.ID(*f)
		f.Run = etf.RunID(etf.EntryRun + f.ID)
		if until := deadlines[entryPlace{f.Symbol, f.Origin}]; !r.Late && standing(f.IssuedAt, until) == etf.Late {
			return tooLate("origin", *f, until, lateRemedy)
		}
		return nil
	})
	if err != nil {
		return EntryReceipt{}, r.fields(err)
	}
	receipt := EntryReceipt{Model: r.Model, Entries: entered}
	var symbols []etf.Symbol
	for i, f := range stored {
		receipt.Entries[i] = Entered{f, entered[i].Exchange, entered[i].Deadline, standing(f.IssuedAt, entered[i].Deadline)}
		symbols = append(symbols, f.ETF())
	}
	receipt.Checkpoint, receipt.NotAnchored = s.anchor(ctx, etf.SortedSymbols(symbols))
	return receipt, nil
}

const lateRemedy = `send it with "late": true (--late): it is scored and marked late`

func tooLate(field string, f etf.Forecast, deadline time.Time, remedy string) *etf.Error {
	return etf.Invalid(field, fmt.Sprintf("the deadline for %s from %s was %s, the open of its first target", f.Symbol, f.Origin, instantText(deadline)), remedy)
}

// anchor anchors the chains of the ETFs.
func (s *Service) anchor(ctx context.Context, symbols []etf.Symbol) (*etf.Checkpoint, string) {
	const next = "the next daily run anchors it"
	if s.anchors == nil || s.note == nil {
		return nil, "this process does not anchor; " + next
	}
	a, err := s.anchors.Anchor(ctx, etf.AnchorScope{Symbols: symbols}, s.note)
	if etf.KindOf(err) == etf.KindCorrupt {
		return nil, "the ledger is not as it was written, and nothing is anchored until its owner has put that right (`etfcast ledger verify`)"
	}
	if err != nil {
		return nil, fmt.Sprintf("the ledger is not available (%s); %s", etf.KindOf(err), next)
	}
	return &a.Checkpoint, ""
}

func standing(issued, deadline time.Time) etf.Standing {
	if issued.Before(deadline) {
		return etf.OfRecord
	}
	return etf.Late
}

// fields returns the first problems in err with the fields as the request has them, and how many more there are.
func (r EntryRequest) fields(err error) error {
	problems := etf.Errors(err)
	if len(problems) == 0 {
		return err
	}
	var list []error
	for _, e := range problems[:min(len(problems), maxEntryProblems)] {
		c := *e
		if r.Inline {
			c.Field = strings.TrimPrefix(e.Field, "entries[0].")
		}
		list = append(list, &c)
	}
	if more := len(problems) - maxEntryProblems; more > 0 {
		list = append(list, &etf.Error{Kind: problems[0].Kind, Field: "entries",
			Message: fmt.Sprintf("%d more problems were found", more), Remedy: "correct those named; the rest is named then"})
	}
	return errors.Join(list...)
}

// entryCheck checks one request.
type entryCheck struct {
	service  *Service
	request  EntryRequest
	now      time.Time
	etfs     map[etf.Symbol]etf.ETF
	origins  map[entryPlace]int        // where each is first entered
	series   map[entryPlace]pastCloses // of the ETF up to the origin
	problems []error
}

// entryPlace is what a model enters once.
type entryPlace struct {
	symbol etf.Symbol
	origin etf.Session
}

func (c *entryCheck) refuse(field, message, remedy string) {
	c.problems = append(c.problems, etf.Invalid(field, message, remedy))
}

func (c *entryCheck) problem() error {
	return c.request.fields(errors.Join(c.problems...))
}

func (c *entryCheck) model() {
	const remedy = "name it yourself: a lower-case letter, then up to 31 of a-z 0-9 _ -, for example naive"
	switch name := c.request.Model; {
	case name == "":
		c.refuse("model", "the model has no name", remedy)
	case !modelForm.MatchString(name):
		c.refuse("model", fmt.Sprintf("%q is not a name for a model", etf.Clip(name, etf.MaxQuoted)), remedy)
	case slices.Contains(reservedModels, name) || slices.ContainsFunc(c.service.models, func(m Model) bool { return m.Name == name }):
		c.refuse("model", name+" is a name of etfcast's own models", "enter forecasts under another name")
	}
}

func (c *entryCheck) readETFs(ctx context.Context) error {
	var symbols []etf.Symbol
	for _, e := range c.request.Entries {
		if symbol, err := etf.ParseSymbol(e.Symbol); err == nil {
			symbols = append(symbols, symbol)
		}
	}
	var err error
	c.etfs, err = c.service.registered(ctx, etf.SortedSymbols(symbols))
	c.origins, c.series = map[entryPlace]int{}, map[entryPlace]pastCloses{}
	return err
}

// entry checks one entry. Its error is not one of the entry.
func (c *entryCheck) entry(ctx context.Context, i int, e NewEntry) (Entered, error) {
	field := func(name string) string { return fmt.Sprintf("entries[%d].%s", i, name) }
	x := Entered{Forecast: etf.Forecast{
		Model: c.request.Model, CodeVersion: etf.EntryVersion, AsOf: c.now, IssuedAt: c.now, Basis: etf.SplitAdjusted,
		Diagnostics: map[string]string{"status": "entered"},
	}}
	var err error
	if x.Params, err = forecast.CanonicalJSON(map[string]string{"entrant": c.request.Model}); err != nil {
		return x, err
	}
	x.ParamsHash = forecast.ParamsHash(x.Params)
	var cal *calendar.Calendar
	if x.Symbol, err = etf.ParseSymbol(e.Symbol); err != nil {
		c.problems = append(c.problems, etf.WithField(err, field("symbol")))
	} else if known, ok := c.etfs[x.Symbol]; !ok {
		u := unknownSymbol(field("symbol"), x.Symbol)
		c.refuse(u.Field, u.Message, u.Remedy)
	} else if x.Symbol = known.Symbol; known.Retired { // it may have been named by a former symbol
		c.refuse(field("symbol"), fmt.Sprintf("%s is retired: no prices come to score it with", x.Symbol), "leave it out")
	} else if cal, err = calendar.For(known.Exchange); err != nil {
		return x, err
	} else {
		x.Exchange = known.Exchange
	}
	if x.Origin, err = etf.ParseSession(e.Origin); err != nil {
		c.problems = append(c.problems, etf.WithField(err, field("origin")))
	}
	placed := x.Exchange != "" && err == nil && c.origin(i, &x, cal)
	var past pastCloses
	if placed {
		if past, err = c.past(ctx, c.etfs[x.Symbol], cal, x.Origin); err != nil {
			return x, err
		}
		x.Scale, x.Basis = past.scale, cmp.Or(past.basis, x.Basis)
	} else {
		cal = nil
	}
	c.points(&x, e, cal, past, field)
	return x, nil
}

// origin checks the origin of an entry against calendar, clock and the rest of the request, and sets the deadline. It reports
// whether the target sessions are known.
func (c *entryCheck) origin(i int, x *Entered, cal *calendar.Calendar) bool {
	field := fmt.Sprintf("entries[%d].origin", i)
	at := entryPlace{x.Symbol, x.Origin}
	if first, twice := c.origins[at]; twice {
		c.refuse(field, fmt.Sprintf("entries[%d] is of %s from %s too", first, x.Symbol, x.Origin), "enter each ETF and origin once")
	} else {
		c.origins[at] = i
	}
	if err := cal.Check(x.Origin); err != nil {
		c.problems = append(c.problems, etf.WithField(err, field))
		return false
	}
	closes, err := cal.Close(x.Origin)
	if err == nil {
		x.Deadline, err = deadline(cal, x.Origin)
	}
	if err != nil {
		c.problems = append(c.problems, etf.WithField(err, field))
		return false
	}
	last, err := cal.LastClosed(c.now)
	if err != nil {
		c.problems = append(c.problems, etf.WithField(err, field))
		return false
	}
	x.Standing = standing(c.now, x.Deadline)
	switch {
	case closes.After(c.now):
		c.refuse(field, fmt.Sprintf("session %s of %s has not closed yet", x.Origin, x.Exchange), "send it after "+instantText(closes))
	case cal.Count(etf.Window{From: x.Origin + 1, To: last}) > MaxEntryAge:
		c.refuse(field, fmt.Sprintf("%s is more than %d sessions ago", x.Origin, MaxEntryAge), fmt.Sprintf("forecast from the newest session, %s", last))
	case x.Standing == etf.Late && !c.request.Late:
		remedy := lateRemedy
		if until, err := deadline(cal, last); err == nil && c.now.Before(until) {
			remedy = fmt.Sprintf("forecast from %s, until %s, or %s", last, instantText(until), remedy)
		}
		c.problems = append(c.problems, tooLate(field, x.Forecast, x.Deadline, remedy))
	}
	return true
}

// deadline is when the first session after the origin opens: what is issued before it is in time.
func deadline(cal *calendar.Calendar, origin etf.Session) (time.Time, error) {
	first, err := cal.Next(origin)
	if err != nil {
		return time.Time{}, err
	}
	return cal.Open(first)
}

func instantText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// pastCloses sums up the closes up to an origin, in the shares of then. It is zero without any.
type pastCloses struct {
	last  float64
	basis etf.Basis
	scale etf.Scale
}

func (c *entryCheck) past(ctx context.Context, e etf.ETF, cal *calendar.Calendar, origin etf.Session) (pastCloses, error) {
	at := entryPlace{e.Symbol, origin}
	if known, ok := c.series[at]; ok || e.Bars == 0 {
		return known, nil
	}
	h, err := c.service.store.History(ctx, e.Symbol, origin, etf.ScaleSessions+1)
	if etf.KindOf(err) == etf.KindNotFound {
		h, err = etf.History{}, nil
	}
	if err != nil || len(h.Bars) == 0 {
		return pastCloses{}, err
	}
	// Contradictions in what is stored are the daily run's to report, not a fault of the entry.
	bars, err := quality.Adjust(h.Bars, h.Splits, origin)
	if err != nil {
		return pastCloses{}, nil //nolint:nilerr // see above
	}
	series, err := forecast.NewSeries(cal, e.Symbol, e.Exchange, bars)
	if err != nil {
		return pastCloses{}, nil //nolint:nilerr // see above
	}
	p := pastCloses{last: series.Close[len(series.Close)-1], basis: h.Bars[0].Basis, scale: forecast.ScaleOf(series.Close)}
	if p.basis == etf.AsTraded {
		p.basis = etf.SplitAdjusted
	}
	c.series[at] = p
	return p, nil
}

// points checks the points of an entry and adds them, ascending by horizon. Without a calendar, targets are not checked.
func (c *entryCheck) points(x *Entered, e NewEntry, cal *calendar.Calendar, past pastCloses, field func(string) string) {
	if len(e.Points) == 0 {
		c.refuse(field("points"), "there are no points", "give the quantiles at one horizon at least")
	}
	type point struct {
		etf.ForecastPoint
		tails  [2]float64
		tailed bool
	}
	var points []point
	at := map[int]int{} // where each horizon is first given
	var medians []string
	for k, p := range e.Points {
		name := func(rest string) string { return field(fmt.Sprintf("points[%d].%s", k, rest)) }
		of := fmt.Sprintf("%s from %s at horizon %d", etf.Clip(e.Symbol, etf.MaxQuoted), etf.Clip(e.Origin, etf.MaxQuoted), p.Horizon)
		valid := p.Horizon >= 1 && p.Horizon <= etf.MaxHorizon
		if first, twice := at[p.Horizon]; twice {
			c.refuse(name("horizon"), fmt.Sprintf("points[%d] is at horizon %d too", first, p.Horizon), "give each horizon once")
		}
		at[p.Horizon] = k
		to := point{ForecastPoint: etf.ForecastPoint{Horizon: p.Horizon}}
		if !valid {
			c.refuse(name("horizon"), fmt.Sprintf("horizon %d is out of range", p.Horizon), fmt.Sprintf("use 1 to %d sessions", etf.MaxHorizon))
		} else if cal != nil {
			c.target(&to.ForecastPoint, x.Origin, p.Target, cal, name("target"))
		}
		to.Quantiles, to.tails, to.tailed = c.quantiles(p.Quantiles, past, name, of)
		to.Mean = to.Quantiles[3]
		if p.Mean != nil {
			c.price(*p.Mean, past, name("mean"), "the mean of "+of)
			to.Mean = *p.Mean
		} else {
			medians = append(medians, strconv.Itoa(p.Horizon))
		}
		points = append(points, to)
	}
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.Horizon, b.Horizon) })
	tailed := 0
	for _, p := range points {
		x.Points = append(x.Points, p.ForecastPoint)
		if p.tailed {
			x.Tails = append(x.Tails, p.tails)
			tailed++
		}
	}
	if tailed > 0 && tailed < len(points) {
		c.refuse(field("points"), fmt.Sprintf("%d of %d points have the levels 0.025 and 0.975", tailed, len(points)), "give them at every point or at none")
	}
	if len(medians) > 0 {
		x.Diagnostics["mean"] = "the median, at horizon " + strings.Join(medians, ", ")
	}
}

// target sets the session of a point, which the user may have named.
func (c *entryCheck) target(p *etf.ForecastPoint, origin etf.Session, named string, cal *calendar.Calendar, field string) {
	target, err := cal.Nth(origin, p.Horizon)
	if err != nil {
		c.problems = append(c.problems, etf.WithField(err, field))
		return
	}
	p.Target = target
	if named == "" {
		return
	}
	said, err := etf.ParseSession(named)
	switch {
	case err != nil:
		c.problems = append(c.problems, etf.WithField(err, field))
	case said != target:
		c.refuse(field, fmt.Sprintf("%s is not %d %s of %s after %s", said, p.Horizon, plural(p.Horizon, "session", "sessions"), cal.Exchange(), origin), fmt.Sprintf("use %s, or leave it out", target))
	}
}

// entryLevels are the levels that a point may have, ascending: the tails first and last.
var entryLevels = append(append([]float64{etf.TailLevels[0]}, etf.QuantileLevels[:]...), etf.TailLevels[1])

func levelText(level float64) string { return strconv.FormatFloat(level, 'f', -1, 64) }

func levelsText(levels []float64) string {
	texts := make([]string, len(levels))
	for i, level := range levels {
		texts[i] = levelText(level)
	}
	return strings.Join(texts, ", ")
}

// quantiles checks the quantiles of one point.
func (c *entryCheck) quantiles(given map[string]float64, past pastCloses, name func(string) string, of string) (q [7]float64, tails [2]float64, tailed bool) {
	values := make([]float64, len(entryLevels))
	texts := make([]string, len(entryLevels)) // as given
	sound := true
	for _, text := range slices.Sorted(maps.Keys(given)) {
		level, err := decimal(text)
		at := slices.Index(entryLevels, level)
		field := name("quantiles." + etf.Clip(text, etf.MaxQuoted))
		switch {
		case err != nil || at < 0:
			c.refuse(field, "there is no such level", "use "+levelsText(etf.QuantileLevels[:])+", and if you like "+levelsText(etf.TailLevels[:]))
		case texts[at] != "":
			c.refuse(field, fmt.Sprintf("the level %s is given twice", levelText(level)), "give it once")
		default:
			sound = c.price(given[text], past, field, fmt.Sprintf("the quantile %s of %s", levelText(level), of)) && sound
			values[at], texts[at] = given[text], text
		}
	}
	var missing []float64
	for i, level := range entryLevels {
		tail := i == 0 || i == len(entryLevels)-1
		if texts[i] == "" && (!tail || texts[0]+texts[len(texts)-1] != "") {
			missing = append(missing, level)
		}
	}
	if len(missing) > 0 {
		c.refuse(name("quantiles"), fmt.Sprintf("%s %s of %s %s missing", plural(len(missing), "the level", "the levels"), levelsText(missing), of, plural(len(missing), "is", "are")), "give a quantile at every level")
	}
	before := -1
	for i := range entryLevels {
		if texts[i] == "" {
			continue
		}
		if before >= 0 && sound && values[i] < values[before] {
			c.refuse(name("quantiles."+texts[i]), fmt.Sprintf("the quantiles of %s cross: %v at %s is below %v at %s", of,
				values[i], levelText(entryLevels[i]), values[before], levelText(entryLevels[before])), "give quantiles that don't decrease from level to level")
		}
		before = i
	}
	copy(q[:], values[1:len(values)-1])
	return q, [2]float64{values[0], values[len(values)-1]}, texts[0] != ""
}

// price checks that a value can be a price of the ETF.
func (c *entryCheck) price(v float64, past pastCloses, field, what string) bool {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0) || v <= 0:
		c.refuse(field, fmt.Sprintf("%s is %v, not a positive finite number", what, v), "give a price")
		return false
	case past.last > 0 && (v > past.last*entryRange || v < past.last/entryRange):
		c.refuse(field, fmt.Sprintf("%s is %v, more than %d times away from the last close, %v", what, v, entryRange, past.last), "give a price in the ETF's currency, per share as of the origin")
		return false
	}
	return true
}

// Entrants lists the names under which others enter forecasts, ascending.
func (s *Service) Entrants(ctx context.Context) ([]etf.Entrant, error) { return s.store.Entrants(ctx) }

// EntryQuery selects entries, as the user wrote it.
type EntryQuery struct {
	Model  string // required
	Symbol string // "" = all
	After  etf.EntryPosition
	Limit  int
}

// Entries returns a page of an entrant's entries, ascending by symbol and position in the chain, and the position of the next page:
// zero after the last. KindNotFound for an unknown entrant or symbol.
func (s *Service) Entries(ctx context.Context, q EntryQuery) (page []Entered, next etf.EntryPosition, err error) {
	var modelErr, symbolErr error
	if !modelForm.MatchString(q.Model) {
		modelErr = etf.Invalid("model", fmt.Sprintf("%q is not a name for a model", etf.Clip(q.Model, etf.MaxQuoted)), "name the entrant whose entries to list")
	}
	var symbol etf.Symbol
	if q.Symbol != "" {
		symbol, symbolErr = etf.ParseSymbol(q.Symbol)
	}
	if err := errors.Join(modelErr, symbolErr, checkLimit(q.Limit)); err != nil {
		return nil, next, err
	}
	list, err := s.store.Entries(ctx, q.Model, symbol, q.After, q.Limit+1)
	if err != nil {
		return nil, next, err
	}
	list, more := cut(list, q.Limit)
	var symbols []etf.Symbol
	for _, f := range list {
		symbols = append(symbols, f.ETF())
	}
	known, err := s.registered(ctx, etf.SortedSymbols(symbols))
	if err != nil {
		return nil, next, err
	}
	for _, f := range list {
		cal, err := calendar.For(known[f.ETF()].Exchange)
		if err != nil {
			return nil, next, err
		}
		until, err := deadline(cal, f.Origin)
		if err != nil {
			return nil, next, err
		}
		page = append(page, Entered{f, cal.Exchange(), until, standing(f.IssuedAt, until)})
		next = etf.EntryPosition{Symbol: f.ETF(), Chain: f.Chain}
	}
	if !more {
		next = etf.EntryPosition{}
	}
	return page, next, nil
}
