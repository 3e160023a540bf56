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
	// Rate is the default limit of fetches per second, over all workers; 0 means no limit.
	Rate float64
	// Waits are the successive pauses before fetching again from a source whose response lacked the session. The number of
	// waits is in the histories of running workflows: changing it needs a version (docs/workflows.md).
	Waits []time.Duration
	// CheapHistory means that fetching an ETF's whole history costs no more than fetching its last sessions: a series that the
	// source has restated is replaced at once.
	CheapHistory bool
	// DefaultRef makes the reference of an ETF that is registered without one.
	DefaultRef func(Symbol, Exchange) string
}

// sources is the only table of sources. A new source is a folder under source/, a line here, and a line in
// cmd/etfcast/sources.go that constructs it; a test names whatever is missing.
var sources = []SourceTraits{
	// Yahoo publishes no limits: 2 per second is about a browser's pace. It marks the Korea Exchange with a suffix and
	// writes classes of shares with a hyphen.
	{Name: "yahoo", About: "Yahoo Finance, over the internet", Refers: "Yahoo's ticker, such as SPY or 069500.KS", Rate: 2, Waits: providerWaits, DefaultRef: func(s Symbol, x Exchange) string {
		if x == XKRX {
			return string(s) + ".KS"
		}
		return strings.ReplaceAll(string(s), ".", "-")
	}},
	// Waiting does not change a complete file. One that looks half-written is waited for all the same (workflows).
	{Name: "file", About: "CSV files from the server's folder", Refers: "a file's name, such as SPY.csv", CheapHistory: true, DefaultRef: func(s Symbol, _ Exchange) string { return string(s) + ".csv" }},
	// The simulated market fills in a missing session within seconds.
	{Name: "simulated", About: "a simulated market, to try things out", Refers: "any name; each has prices of its own", CheapHistory: true, Waits: []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}, DefaultRef: symbolItself},
}

// providerWaits are for providers on the internet, which publish the close minutes to hours late.
var providerWaits = []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}

func symbolItself(s Symbol, _ Exchange) string { return string(s) }

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
