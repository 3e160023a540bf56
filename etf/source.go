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

// SourceTraits are what the pipeline has to know of a source before it asks it anything.
type SourceTraits struct {
	Name string
	// Rate is how many fetches a second the source gets by default, from all workers together; 0 means as many as come.
	Rate float64
	// Waits are the pauses before a source that responded without the session asked for is asked again, one after
	// another. The number of waits is in the histories of running workflows: changing it needs a version (docs/workflows.md).
	Waits []time.Duration
	// DefaultRef is what the source calls an ETF where nothing else is said.
	DefaultRef func(Symbol, Exchange) string
}

// sources is the one table of sources. A new one is a folder under source/, a line here, and its line in
// cmd/etfcast/sources.go, which makes it; a test names what is missing.
var sources = []SourceTraits{
	// Yahoo's limits are not published: 2 a second is a browser's tempo. It marks the Korea Exchange with a suffix, and
	// writes the classes of American shares with a hyphen.
	{Name: "yahoo", Rate: 2, Waits: providerWaits, DefaultRef: func(s Symbol, x Exchange) string {
		if x == XKRX {
			return string(s) + ".KS"
		}
		return strings.ReplaceAll(string(s), ".", "-")
	}},
	// A file does not change by waiting.
	{Name: "file", DefaultRef: func(s Symbol, _ Exchange) string { return string(s) + ".csv" }},
	// The simulated market fills in a missing session within seconds.
	{Name: "simulated", Waits: []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}, DefaultRef: symbolItself},
}

// providerWaits suit a provider on the internet: the close is published minutes to hours late.
var providerWaits = []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}

func symbolItself(s Symbol, _ Exchange) string { return string(s) }

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

// Source returns the traits of the source; those of a provider without a limit where the name is not in the table, since an
// ETF may be registered with a source that only a later release has.
func Source(name string) SourceTraits {
	for _, s := range sources {
		if s.Name == name {
			return s
		}
	}
	return SourceTraits{Name: name, Waits: providerWaits, DefaultRef: symbolItself}
}
