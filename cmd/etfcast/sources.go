package main

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/alphavantage"
	"github.com/etfcast/etfcast/source/eodhd"
	"github.com/etfcast/etfcast/source/file"
	"github.com/etfcast/etfcast/source/krx"
	"github.com/etfcast/etfcast/source/naver"
	"github.com/etfcast/etfcast/source/simulated"
	"github.com/etfcast/etfcast/source/tiingo"
	"github.com/etfcast/etfcast/source/yahoo"
)

// sourceSettings configure the sources of prices.
type sourceSettings struct {
	fileDir         string
	yahooURLs       []string
	tiingoURL       string
	alphavantageURL string
	eodhdURL        string
	naverURLs       []string
	krxURL          string
	simFaults       string
}

func (s *sourceSettings) addFlags(flags *pflag.FlagSet) {
	declare := settings{flags}
	declare.StringVar(&s.fileDir, "file-dir", "", "`folder` of CSV files for source file")
	declare.StringSliceVar(&s.yahooURLs, "yahoo-base-url", nil, "base URLs for source yahoo, in order of preference (default: the two public hosts)")
	declare.StringVar(&s.tiingoURL, "tiingo-base-url", "", "base URL for source tiingo (default: the public host)")
	declare.StringVar(&s.alphavantageURL, "alphavantage-base-url", "", "base URL for source alphavantage (default: the public host)")
	declare.StringVar(&s.eodhdURL, "eodhd-base-url", "", "base URL for source eodhd (default: the public host)")
	declare.StringSliceVar(&s.naverURLs, "naver-base-url", nil, "base URLs for source naver: of the JSON endpoint, and of the older one if it is another (default: the public hosts)")
	declare.StringVar(&s.krxURL, "krx-base-url", "", "base URL for source krx (default: the public host)")
	declare.StringVar(&s.simFaults, "sim-faults", "", "`faults` that source simulated injects for every ETF, for example rate_limit:2,bad_tick")
}

// open creates the sources. None of them connects or reads its key yet.
func (s *sourceSettings) open(log *slog.Logger, env environment) ([]activities.Source, error) {
	market, err := simulated.New(simulated.Options{Faults: s.simFaults})
	if err != nil {
		return nil, usageError{err}
	}
	files, err := file.New(file.Options{Dir: s.fileDir}) // without a folder, each Fetch fails with the remedy
	if err != nil {
		return nil, usageError{err}
	}
	if len(s.naverURLs) > 2 {
		return nil, usageError{etf.Invalid("naver-base-url", fmt.Sprintf("%d addresses", len(s.naverURLs)), "name at most two: of the JSON endpoint, and of the older one")}
	}
	naverURLs := append(slices.Clone(s.naverURLs), "", "")
	key := func(name string) func() (string, error) { return env.credential(etf.Source(name).Key) }
	return []activities.Source{
		yahoo.New(yahoo.Options{BaseURLs: s.yahooURLs, Log: log}),
		tiingo.New(tiingo.Options{BaseURL: s.tiingoURL, Key: key(tiingo.Name)}),
		alphavantage.New(alphavantage.Options{BaseURL: s.alphavantageURL, Key: key(alphavantage.Name)}),
		eodhd.New(eodhd.Options{BaseURL: s.eodhdURL, Key: key(eodhd.Name)}),
		naver.New(naver.Options{BaseURL: naverURLs[0], ChartURL: naverURLs[1], Log: log}),
		krx.New(krx.Options{BaseURL: s.krxURL, Key: key(krx.Name), Log: log}),
		files, market,
	}, nil
}
