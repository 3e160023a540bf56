package main

import (
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/source/file"
	"github.com/etfcast/etfcast/source/simulated"
	"github.com/etfcast/etfcast/source/yahoo"
)

// sourceSettings configure the sources of prices.
type sourceSettings struct {
	fileDir   string
	yahooURLs []string
	simFaults string
}

func (s *sourceSettings) addFlags(flags *pflag.FlagSet) {
	declare := settings{flags}
	declare.StringVar(&s.fileDir, "file-dir", "", "`folder` of CSV files for source file")
	declare.StringSliceVar(&s.yahooURLs, "yahoo-base-url", nil, "base URLs for source yahoo, in order of preference (default: the two public hosts)")
	declare.StringVar(&s.simFaults, "sim-faults", "", "`faults` that source simulated injects for every ETF, for example rate_limit:2,bad_tick")
}

// open creates the sources. None of them connects yet.
func (s *sourceSettings) open(log *slog.Logger) ([]activities.Source, error) {
	market, err := simulated.New(simulated.Options{Faults: s.simFaults})
	if err != nil {
		return nil, usageError{err}
	}
	files, err := file.New(file.Options{Dir: s.fileDir}) // without a folder, each Fetch fails with the remedy
	if err != nil {
		return nil, usageError{err}
	}
	return []activities.Source{yahoo.New(yahoo.Options{BaseURLs: s.yahooURLs, Log: log}), files, market}, nil
}
