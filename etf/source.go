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

// SourceTraits are what the pipeline has to know of a source before it asks it anything.
type SourceTraits struct {
	Name string
	// Rate is how many fetches a second the source gets by default, from all workers together; 0 means as many as come.
	Rate float64
	// Waits are the pauses before a source that responded without the session asked for is asked again, one after
	// another. The number of waits is in the histories of running workflows: changing it needs a version (docs/workflows.md).
	Waits []time.Duration
	// RefSuffixes follow an ETF's symbol in what the source calls it where nothing else is said, by exchange; "" is for all
	// exchanges that are not named.
	RefSuffixes map[Exchange]string
}

// sources is the one table of sources. A new one is a folder under source/, a line here, and its line in
// cmd/etfcast/sources.go, which makes it; a test names what is missing.
var sources = []SourceTraits{
	// Providers publish the close minutes to hours late. Yahoo's limits are not published: 2 a second is a browser's tempo.
	{Name: "yahoo", Rate: 2, Waits: []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, RefSuffixes: map[Exchange]string{XKRX: ".KS"}},
	// A file does not change by waiting.
	{Name: "file", RefSuffixes: map[Exchange]string{"": ".csv"}},
	// The simulated market fills in a missing session within seconds.
	{Name: "simulated", Waits: []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}},
}

// unknownSource is taken for a source that is not in the table: an ETF may be registered with one that a later release
// brings.
var unknownSource = SourceTraits{Waits: sources[0].Waits}

// Sources lists the sources there are, in the order they are shown. The caller must not change what it is given.
func Sources() []SourceTraits { return slices.Clone(sources) }

// SourceNames lists the names of Sources.
func SourceNames() []string {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.Name
	}
	return names
}

// Source returns the traits of the source; of a provider without a limit where the name is not in the table.
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

// DefaultRef is what the source calls an ETF where nothing else is said.
func (s SourceTraits) DefaultRef(symbol Symbol, exchange Exchange) string {
	suffix, ok := s.RefSuffixes[exchange]
	if !ok {
		suffix = s.RefSuffixes[""]
	}
	return string(symbol) + suffix
}
