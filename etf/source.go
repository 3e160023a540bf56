package etf

import (
	"slices"
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
	// Rate is the default limit of fetches per second, over all workers; 0 means no limit.
	Rate float64
	// Waits are the successive pauses before fetching again from a source whose response lacked the session. The number of
	// waits is in the histories of running workflows: changing it needs a version (docs/workflows.md).
	Waits []time.Duration
	// RefSuffixes are appended to an ETF's symbol to make its default reference, by exchange; "" is for every exchange not
	// listed.
	RefSuffixes map[Exchange]string
}

// sources is the only table of sources. A new source is a folder under source/, a line here, and a line in
// cmd/etfcast/sources.go that constructs it; a test names whatever is missing.
var sources = []SourceTraits{
	// Providers publish the close minutes to hours late. Yahoo publishes no limits: 2 per second is about a browser's pace.
	{Name: "yahoo", Rate: 2, Waits: []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, RefSuffixes: map[Exchange]string{XKRX: ".KS"}},
	// Waiting does not change a file.
	{Name: "file", RefSuffixes: map[Exchange]string{"": ".csv"}},
	// The simulated market fills in a missing session within seconds.
	{Name: "simulated", Waits: []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}},
}

// unknownSource stands in for a source that is not in the table: an ETF may be registered with a source that only a later
// release has.
var unknownSource = SourceTraits{Waits: sources[0].Waits}

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

// Source returns the traits of the named source; for an unknown name, those of a provider without a rate limit.
func Source(name string) SourceTraits {
	for _, s := range sources {
		if s.Name == name {
			return s
		}
	}
	s := unknownSource
	s.Name = name
	return s
}

// DefaultRef is the source's reference for an ETF that was registered without one.
func (s SourceTraits) DefaultRef(symbol Symbol, exchange Exchange) string {
	suffix, ok := s.RefSuffixes[exchange]
	if !ok {
		suffix = s.RefSuffixes[""]
	}
	return string(symbol) + suffix
}
