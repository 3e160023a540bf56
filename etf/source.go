package etf

import (
	"slices"
	"strings"
	"time"
)

// SourceRef says where an ETF's prices come from: the adapter's name and what the adapter calls the ETF (a
// ticker, a file name, a seed). The order in ETF.Sources is the order of preference.
type SourceRef struct {
	Name string `json:"name"`
	Ref  string `json:"ref"`
}

// SourceTraits is what the pipeline needs to know about a source before it fetches from it.
type SourceTraits struct {
	Name string
	// About says what the source is, and Refers what a reference to it names, for people to read.
	About, Refers string
	// Basis is that of the prices it delivers; BasisUnknown if the reference or the response says it (files).
	Basis Basis
	// Restated means that the source rewrites its history, after a split or a distribution: rows from two days don't belong together, so
	// its history is only ever taken over whole.
	Restated bool
	// Exchanges are those it has ETFs of; nil = all.
	Exchanges []Exchange
	// Depth is how far back its history reaches: the newest Rows, and what is not older than Days calendar days. Zero means no limit.
	Depth SourceDepth
	// Unlimited is the option of a reference that says that Depth does not hold, because the plan of the key has more; "" if there is none.
	Unlimited string
	// Window is the most calendar days that one response may span; 0 means no limit. DayResponses means that one response has every
	// ETF of one session, and Window is 1.
	Window       int
	DayResponses bool
	// Rate is the default limit of fetches per second, over all workers; 0 means no limit.
	Rate float64
	// Quota is the default limit of requests per day, over all workers; 0 means no limit. The day begins at midnight in the time zone
	// QuotaZone (IANA; "" = UTC).
	Quota     int
	QuotaZone string
	// Key is the credential that it needs; zero if it needs none.
	Key SourceKey
	// Local means that it is on the server itself: its circuit breaker never opens, because asking it costs nothing.
	Local bool
	// Cost says what it costs, and Pitfalls what to know before relying on it, for people to read.
	Cost, Pitfalls string
	// Waits are the successive pauses before fetching again from a source whose response lacked the session. The number of
	// waits is in the histories of running workflows: changing it needs a version (docs/workflows.md).
	Waits []time.Duration
	// CheapHistory means that fetching an ETF's whole history costs no more than fetching its last sessions: a series that the
	// source has restated is replaced at once.
	CheapHistory bool
	// DefaultRef makes the reference of an ETF that is registered without one.
	DefaultRef func(Symbol, Exchange) string
}

// Has reports whether the source has ETFs of the exchange.
func (t SourceTraits) Has(x Exchange) bool {
	return t.Exchanges == nil || slices.Contains(t.Exchanges, x)
}

// Completes reports whether the source, at that place among an ETF's sources (0 = the first), fills in sessions of its series: what a source
// restates completes no other's.
func (t SourceTraits) Completes(place int) bool { return place == 0 || !t.Restated }

// DepthOf is how far back the history of a reference reaches.
func (t SourceTraits) DepthOf(ref string) SourceDepth {
	if _, options, has := strings.Cut(ref, "?"); has && t.Unlimited != "" && slices.Contains(strings.Split(options, "&"), t.Unlimited) {
		return SourceDepth{}
	}
	return t.Depth
}

// SourceDepth limits a source's history. Zero fields don't.
type SourceDepth struct {
	Rows int // the newest rows
	Days int // calendar days before today
}

// SourceKey is a source's credential, which is given by reference: a flag that names a file, or an environment variable with the key itself.
type SourceKey struct {
	// Variable is the environment variable with the key, such as ETFCAST_TIINGO_KEY; Variable+"_FILE" names a file that has it, and
	// Variable+"_EXPIRES" the day on which it expires (YYYY-MM-DD), both optional.
	Variable string
	// From says where people get one.
	From string
}

// IsZero reports whether no credential is needed.
func (k SourceKey) IsZero() bool { return k == SourceKey{} }

// QuotaDay returns the day that a request at the instant counts for, and when the next one begins.
func (t SourceTraits) QuotaDay(at time.Time) (day Session, ends time.Time) {
	zone, err := time.LoadLocation(t.QuotaZone)
	if err != nil {
		zone = time.UTC
	}
	local := at.In(zone)
	y, m, d := local.Date()
	return SessionOf(local), time.Date(y, m, d+1, 0, 0, 0, 0, zone)
}

// sources is the only table of sources. A new source is a folder under source/, a line here, and a line in
// cmd/etfcast/sources.go that constructs it; a test names whatever is missing.
var sources = []SourceTraits{
	// Yahoo publishes no limits: 2 per second is about a browser's pace. It marks other exchanges than those of the
	// US with a suffix and writes classes of shares with a hyphen.
	{Name: "yahoo", About: "Yahoo Finance, over the internet", Refers: "Yahoo's ticker, such as SPY or 069500.KS", Basis: AsTraded, Rate: 2, Waits: providerWaits,
		Cost:     "nothing, and no key; not an official interface, and its terms do not allow redistribution",
		Pitfalls: "may refuse an address for minutes or change without notice; single days are missing for days; prices before a split are rewritten, which the source undoes",
		DefaultRef: func(s Symbol, x Exchange) string {
			if suffix := yahooSuffixes[x]; suffix != "" {
				return string(s) + suffix
			}
			return strings.ReplaceAll(string(s), ".", "-")
		}},
	// Each row of Tiingo has its own split and dividend. The limit by the hour is not in Rate: the first 50 fetches of an hour need no pace.
	{Name: "tiingo", About: "Tiingo, over the internet", Refers: "Tiingo's ticker, such as SPY or BRK-B", Basis: AsTraded, Exchanges: []Exchange{XNYS}, Rate: 1, Quota: 1000,
		QuotaZone: "America/New_York", Key: SourceKey{Variable: "ETFCAST_TIINGO_KEY", From: "https://www.tiingo.com/account/api/token"}, Waits: providerWaits,
		Cost:       "free with a key; paid plans raise the limits",
		Pitfalls:   "50 requests an hour and 500 symbols a month with a free key; the session is there about two hours after the close, and may be corrected until the evening",
		DefaultRef: func(s Symbol, _ Exchange) string { return strings.ReplaceAll(string(s), ".", "-") }},
	// Alpha Vantage does not publish when its day begins: its times are New York's.
	{Name: "alphavantage", About: "Alpha Vantage, over the internet", Refers: "Alpha Vantage's symbol, such as SPY", Basis: AsTraded, Exchanges: []Exchange{XNYS}, Depth: SourceDepth{Rows: 100},
		Rate: 0.5, Quota: 25, QuotaZone: "America/New_York", Key: SourceKey{Variable: "ETFCAST_ALPHAVANTAGE_KEY", From: "https://www.alphavantage.co/support/#api-key"}, Waits: providerWaits,
		Cost:       "free with a key; paid plans raise the limits",
		Pitfalls:   "only the last 100 sessions, so no history to begin with; states no splits and no dividends; 25 requests a day are 25 ETFs",
		DefaultRef: symbolItself},
	// The limits are those of a free key. EODHD has no prices of Tokyo.
	{Name: "eodhd", About: "EODHD, over the internet", Refers: "EODHD's ticker with its exchange, such as SPY.US or 069500.KO", Basis: AsTraded, Exchanges: []Exchange{XNYS, XKRX, XLON, XETR},
		Depth: SourceDepth{Days: 364}, Unlimited: "history=whole", Rate: 5, Quota: 20, Key: SourceKey{Variable: "ETFCAST_EODHD_KEY", From: "https://eodhd.com/register"}, Waits: providerWaits,
		Cost:       "free with a key for one year of history; the whole history from about 20 dollars a month",
		Pitfalls:   "states no splits and no dividends; whether its volumes are adjusted for splits is not documented; states no currency: of a listing in London, the reference has to (VUSA.LSE?currency=GBX)",
		DefaultRef: eodhdTicker},
	// Naver publishes no limits either. Its chart is rewritten after every split and distribution, and one request returns all of it.
	{Name: "naver", About: "Naver Finance, over the internet", Refers: "the exchange's code, such as 069500 or 0000J0", Basis: TotalAdjusted, Restated: true, Exchanges: []Exchange{XKRX}, Rate: 2,
		Cost: "nothing, and no key; not an official interface", Pitfalls: "prices are adjusted for splits and distributions and rewritten after each, so that they can't continue a series as traded; no corporate actions are stated",
		CheapHistory: true, Waits: providerWaits, DefaultRef: symbolItself},
	// One response has every ETF of a day and serves all their fetches, so that fetches are not what the exchange counts.
	{Name: "krx", About: "the Korea Exchange's Open API, over the internet", Refers: "the exchange's code, such as 069500 or 0000J0", Basis: AsTraded, Exchanges: []Exchange{XKRX}, Window: 1, DayResponses: true,
		Quota: 10_000, QuotaZone: "Asia/Seoul", Key: SourceKey{Variable: "ETFCAST_KRX_KEY", From: "openapi.krx.co.kr"},
		Cost: "nothing; the key is free, and the ETF service is approved by itself", Pitfalls: "no history of one ETF: every day is a request; figures are final at 08:00 the next day; no corporate actions are stated",
		Waits: providerWaits, DefaultRef: symbolItself},
	// Waiting does not change a complete file. One that looks half-written is waited for all the same (workflows).
	{Name: "file", About: "CSV files from the server's folder", Refers: "a file's name, such as SPY.csv", Basis: BasisUnknown, Local: true, CheapHistory: true,
		Cost: "nothing", Pitfalls: "a file says what whoever wrote it put there: state its basis if its header does not; it has to be kept up to date", DefaultRef: func(s Symbol, _ Exchange) string { return string(s) + ".csv" }},
	// The simulated market fills in a missing session within seconds.
	{Name: "simulated", About: "a simulated market, to try things out", Refers: "any name; each has prices of its own", Basis: AsTraded, CheapHistory: true,
		Cost: "nothing", Pitfalls: "none of it is real", Waits: []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}, DefaultRef: symbolItself},
}

// Settling says how long after the close of a session of an exchange a provider's row of it is final, and why so long.
type Settling struct {
	Exchange Exchange
	After    time.Duration
	Why      string
}

// settlings is the only table of these times: sources on the internet return no row of a session before. They are counted from the close of
// the day, early or late.
var settlings = []Settling{
	{XNYS, 15 * time.Minute, "the closing auction and late prints take minutes"},
	{XKRX, time.Hour, "quotes are 20 minutes behind, and after-hours trading at the close goes on until 16:30"},
	{XLON, 45 * time.Minute, "the closing auction follows the close, and quotes are 15 to 20 minutes behind"},
	{XETR, 45 * time.Minute, "the closing auction follows the close, and quotes are 15 to 20 minutes behind"},
	{XTKS, 45 * time.Minute, "quotes are 15 to 20 minutes behind"},
}

// Settlings lists the exchanges with their times. The caller must not modify it.
func Settlings() []Settling { return settlings }

// SettlesAfter returns how long after the close of a session a provider's row of it is final.
func SettlesAfter(x Exchange) time.Duration {
	for _, s := range settlings {
		if s.Exchange == x {
			return s.After
		}
	}
	return time.Hour
}

var yahooSuffixes = map[Exchange]string{XKRX: ".KS", XLON: ".L", XETR: ".DE", XTKS: ".T"}

// providerWaits are for providers on the internet, which publish the close minutes to hours late.
var providerWaits = []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}

// eodhdTicker appends EODHD's name of the exchange; it writes classes of shares with a hyphen. For any other exchange there is none, and the
// adapter says so.
func eodhdTicker(s Symbol, x Exchange) string {
	suffix := map[Exchange]string{XNYS: ".US", XKRX: ".KO", XLON: ".LSE", XETR: ".XETRA"}[x]
	return strings.ReplaceAll(string(s), ".", "-") + suffix
}

func symbolItself(s Symbol, _ Exchange) string { return string(s) }

// SeriesBasis returns the basis of the series of an ETF with these sources, if it matters: the one that the first source declares, if another
// declares a different one. That one can be compared with, but can't take the first one's place. Empty otherwise.
func SeriesBasis(sources []SourceRef) Basis {
	basis := declared(sources)
	if len(comparedOnly(sources, basis)) == 0 {
		return ""
	}
	return basis
}

// HasSource reports whether the source is among those.
func HasSource(sources []SourceRef, name string) bool {
	return slices.ContainsFunc(sources, func(ref SourceRef) bool { return ref.Name == name })
}

// comparedOnly names the sources that are on another basis than the series, each once; none if that is not known.
func comparedOnly(sources []SourceRef, series Basis) []string {
	var names []string
	for _, ref := range sources {
		if series != "" && OnOtherBasis(ref.Name, series) && !slices.Contains(names, ref.Name) {
			names = append(names, ref.Name)
		}
	}
	return names
}

// declared is the basis that the first source declares; empty if it says it with its responses.
func declared(sources []SourceRef) Basis {
	if len(sources) == 0 {
		return ""
	}
	if basis := Source(sources[0].Name).Basis; basis != BasisUnknown {
		return basis
	}
	return ""
}

// OnOtherBasis reports whether the source declares another basis.
func OnOtherBasis(source string, basis Basis) bool {
	declared := Source(source).Basis
	return declared != "" && declared != BasisUnknown && declared != basis
}

// Sources lists the sources in the order they are shown. The caller must not modify their slices and maps.
func Sources() []SourceTraits { return slices.Clone(sources) }

// SourceNames lists the names of Sources.
func SourceNames() []string {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.Name
	}
	return names
}

// Source returns the traits of the named source; for an unknown name, those of a provider without a rate limit: an ETF may
// be registered with a source that only a later release has.
func Source(name string) SourceTraits {
	for _, s := range sources {
		if s.Name == name {
			return s
		}
	}
	return SourceTraits{Name: name, Waits: providerWaits, DefaultRef: symbolItself}
}
