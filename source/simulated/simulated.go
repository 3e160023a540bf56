package simulated

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source"
)

// Name is the source's name.
const Name = "simulated"

// Inception is the default first session of an ETF.
var Inception = etf.NewSession(2015, time.January, 2)

// Options configure a Source. The zero value is a market without faults.
type Options struct {
	// Faults are switched on for every ETF; the syntax is in the package documentation.
	Faults string
	// Now is the clock for queries without AsOf; if it is nil, such queries are errors.
	Now func() time.Time
}

// Source is the simulated market. It is safe for concurrent use.
type Source struct {
	global faults
	now    func() time.Time

	markets map[etf.Exchange]func() *market
	paths   pathCache
	fetches fetchCounter
}

var _ source.Source = (*Source)(nil)

// New returns a simulated market. Errors are of KindInvalid with Field "faults".
func New(o Options) (*Source, error) {
	global, err := parseFaults("faults", o.Faults, nil)
	if err != nil {
		return nil, err
	}
	s := &Source{global: global, now: o.Now, markets: map[etf.Exchange]func() *market{}}
	for _, x := range etf.Exchanges() {
		s.markets[x] = sync.OnceValue(func() *market { return newMarket(x) })
	}
	return s, nil
}

// Name returns "simulated".
func (s *Source) Name() string { return Name }

// Fetch returns the bars and actions of the window up to the last session closed at q.AsOf, as traded. Its only side
// effect is counting fetches, for the faults that depend on the count. Errors are those of source.Source.
func (s *Source) Fetch(ctx context.Context, q etf.Query) (etf.Response, error) {
	if err := ctx.Err(); err != nil {
		return etf.Response{}, etf.Wrap(etf.KindUnavailable, err, "simulated fetch not started")
	}
	a, err := s.resolve(q)
	if err != nil {
		return etf.Response{}, err
	}
	if err := s.refuse(ctx, a); err != nil {
		return etf.Response{}, err
	}
	body := s.write(a)
	if f, ok := a.faults["truncated"]; ok && a.has(f) && s.fetches.first(a, "truncated", a.target, f.n) {
		body = body[:len(body)*3/5]
	}
	response, err := parse(a.request, body)
	if err != nil {
		return etf.Response{}, err
	}
	return response, nil
}

// ParseStored parses the stored body of a fetch, as Fetch did.
func ParseStored(_ etf.Query, f etf.Fetch, body []byte) (etf.Response, error) {
	return parse(f.Request, body)
}

// parse parses the response to a request, which begins with the source's name and the seed.
func parse(request string, body []byte) (etf.Response, error) {
	where, _, _ := strings.Cut(request, "?")
	response, err := parseBody(where, body)
	response.Request = request
	return response, err
}

// resolved is a parsed query with its market.
type resolved struct {
	symbol  etf.Symbol
	seed    string
	market  *market
	cal     *calendar.Calendar
	traits  traits
	faults  faults
	window  etf.Window
	closed  etf.Session // the last session closed at AsOf
	target  etf.Session // the last requested session
	request string
}

var seedForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (s *Source) resolve(q etf.Query) (resolved, error) {
	if !strings.HasPrefix(string(q.Symbol), "SIM") {
		return resolved{}, etf.NotFound("symbol", fmt.Sprintf("%.32q is not a simulated ETF", string(q.Symbol)), "use a symbol that begins with SIM, for example SIMUS1, or another source for a real ETF")
	}
	if _, err := etf.ParseSymbol(string(q.Symbol)); err != nil {
		return resolved{}, err
	}
	if q.AsOf.IsZero() && s.now != nil {
		q.AsOf = s.now()
	}
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return resolved{}, err
	}
	ref, err := source.ParseRef(q.Ref, "faults", "inception", "split")
	if err != nil {
		return resolved{}, err
	}
	a := resolved{symbol: q.Symbol, seed: ref.Name, cal: cal}
	if a.seed == "" {
		a.seed = string(q.Symbol)
	}
	if !seedForm.MatchString(a.seed) {
		return resolved{}, etf.Invalid("ref", fmt.Sprintf("%.40q is not a seed", a.seed), "use up to 64 letters, digits and . _ -, or leave it out to use the symbol")
	}
	if a.window, err = source.ClosedWindow(cal, q); err != nil {
		return resolved{}, err
	}
	if a.closed, err = cal.LastClosed(q.AsOf); err != nil {
		return resolved{}, err
	}
	inception := Inception
	if text, ok := ref.Options["inception"]; ok {
		if inception, err = etf.ParseSession(text); err != nil || inception < epoch || inception > horizon {
			return resolved{}, etf.Invalid("ref", fmt.Sprintf("inception %.20q is not a date from %s to %s", text, epoch, horizon), "write inception=YYYY-MM-DD")
		}
	}
	a.window.From = max(a.window.From, inception)
	a.window.To = min(a.window.To, horizon)
	a.target = a.window.To
	planned, err := parsePlannedSplit(ref.Options["split"])
	if err != nil {
		return resolved{}, err
	}
	if a.faults, err = parseFaults("ref", ref.Options["faults"], s.global); err != nil {
		return resolved{}, err
	}
	a.market = s.markets[q.Exchange]() // every exchange with a calendar has one
	a.traits = newTraits(a.market, a.seed, planned)
	a.request = fmt.Sprintf("simulated:%s?exchange=%s&from=%s&to=%s&closed=%s", a.seed, q.Exchange, a.window.From, a.window.To, a.closed)
	return a, nil
}

func parsePlannedSplit(text string) (plannedSplit, error) {
	if text == "" {
		return plannedSplit{}, nil
	}
	invalid := etf.Invalid("ref", fmt.Sprintf("%.40q is not a split", text), "write split=2025-06-02:4:1 for 4 new shares per old one; the numbers are from 1 to 1000 and differ")
	f := strings.Split(text, ":")
	if len(f) != 3 {
		return plannedSplit{}, invalid
	}
	s, err := etf.ParseSession(f[0])
	num, err1 := strconv.ParseInt(f[1], 10, 64)
	den, err2 := strconv.ParseInt(f[2], 10, 64)
	if err != nil || err1 != nil || err2 != nil || s < epoch || s > horizon || min(num, den) < 1 || max(num, den) > 1000 || num == den {
		return plannedSplit{}, invalid
	}
	return plannedSplit{day: weekday(s), num: num, den: den}, nil
}

// has reports whether a fault of the whole fetch is on.
func (a resolved) has(f fault) bool { return f.appliesTo(a.traits.seed, a.target, true) }

// refuse applies the faults that delay or prevent a response.
func (s *Source) refuse(ctx context.Context, a resolved) error {
	if f, ok := a.faults["slow"]; ok && a.has(f) && s.fetches.first(a, "slow", a.target, f.n) {
		t := time.NewTimer(f.wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return etf.Wrap(etf.KindUnavailable, ctx.Err(), "the simulated response was slow")
		}
	}
	if f, ok := a.faults["rate_limit"]; ok && a.has(f) && s.fetches.first(a, "rate_limit", a.target, f.n) {
		return &etf.Error{Kind: etf.KindRateLimited, Field: a.request, Message: "the simulated provider responded with 429", Remedy: "retry after the time it asks for", RetryAfter: f.wait}
	}
	if f, ok := a.faults["server_error"]; ok && a.has(f) && s.fetches.first(a, "server_error", a.target, f.n) {
		return &etf.Error{Kind: etf.KindUnavailable, Field: a.request, Message: "the simulated provider responded with 503", Remedy: "retry"}
	}
	return nil
}

// write returns the body: the market's bars and actions, with the faults that change them.
func (s *Source) write(a resolved) []byte {
	sessions := a.cal.Sessions(a.window)
	body := make([]byte, 0, 128+64*len(sessions))
	body = fmt.Appendf(body, "%s%s,%s,%s,%s\n", bodyHeader, a.seed, a.market.exchange, a.market.currency, etf.AsTraded)
	lines := 0
	var previous etf.Bar
	row := func(b etf.Bar) {
		body = appendBar(body, b)
		lines++
	}
	s.paths.walk(a, sessions, func(b etf.Bar, actions []etf.Action) {
		for _, act := range actions {
			if f, ok := a.faults["unsplit"]; ok && act.Kind == etf.Split && f.appliesTo(a.traits.seed, act.Ex, true) && a.later(act.Ex, f.n) < f.n {
				continue
			}
			body = appendAction(body, act)
			lines++
		}
		last := b.Session == a.closed
		if f, ok := a.faults["false_split"]; ok && f.appliesTo(a.traits.seed, b.Session, last) {
			body = appendAction(body, etf.Action{Kind: etf.Split, Ex: b.Session, Numerator: 4, Denominator: 1})
			lines++
		}
		if s.withheld(a, b.Session) {
			return
		}
		if f, ok := a.faults["revised"]; ok && f.appliesTo(a.traits.seed, b.Session, true) && a.later(b.Session, f.n) < f.n {
			b = a.market.provisional(b)
		}
		clean := b
		b = a.alter(b, previous)
		previous = clean
		b.Session = a.dated(b.Session)
		if f, ok := a.faults["garbled"]; ok && f.appliesTo(a.traits.seed, clean.Session, last) {
			body = fmt.Appendf(body, "bar,%s,%s,#VALUE!,%s,%s,0\n", b.Session, b.Open, b.Low, b.Close)
			lines++
			return
		}
		row(b)
		if f, ok := a.faults["duplicate"]; ok && f.appliesTo(a.traits.seed, clean.Session, last) {
			row(b)
		}
	})
	return fmt.Appendf(body, "end,%d\n", lines)
}

// withheld reports whether a session's row is not sent yet.
func (s *Source) withheld(a resolved, at etf.Session) bool {
	if f, ok := a.faults["late"]; ok && f.appliesTo(a.traits.seed, at, true) && a.later(at, f.n) < f.n {
		return true
	}
	f, ok := a.faults["missing"]
	return ok && f.appliesTo(a.traits.seed, at, at == a.target) && s.fetches.first(a, "missing", at, f.n)
}

// later returns how many sessions after s have closed; it may return n if there are at least n.
func (a resolved) later(s etf.Session, n int) int {
	if a.closed-s > etf.Session(2*n+30) { // no exchange has closed for a month in this century
		return n
	}
	return a.cal.Count(etf.Window{From: s + 1, To: a.closed})
}

// provisional returns the bar as first published: the close one tick off, and a tenth of the volume not yet reported.
func (m *market) provisional(b etf.Bar) etf.Bar {
	b.Close += m.price(1)
	b.High = max(b.High, b.Close)
	b.Volume = etf.Shares(int64(b.Volume) / 10_000 * 9 / 10)
	return b
}
