package main

import (
	"fmt"
	"io"
	"strings"

	data "github.com/etfcast/etfcast/rebuild"
	"github.com/etfcast/etfcast/source/alphavantage"
	"github.com/etfcast/etfcast/source/eodhd"
	"github.com/etfcast/etfcast/source/file"
	"github.com/etfcast/etfcast/source/krx"
	"github.com/etfcast/etfcast/source/naver"
	"github.com/etfcast/etfcast/source/simulated"
	"github.com/etfcast/etfcast/source/tiingo"
	"github.com/etfcast/etfcast/source/yahoo"
)

// parsers are those of the sources' stored responses. shared returns a body that fetches share, by its hash.
func parsers(shared func(hash string) ([]byte, error)) map[string]data.Parse {
	return map[string]data.Parse{
		yahoo.Name: yahoo.ParseStored, tiingo.Name: tiingo.ParseStored, alphavantage.Name: alphavantage.ParseStored, eodhd.Name: eodhd.ParseStored,
		naver.Name: naver.ParseStored, krx.Name: krx.StoredParser(shared), file.Name: file.ParseStored, simulated.Name: simulated.ParseStored,
	}
}

// printData says what an ETF's data were made again from, and where they differ from what is recorded.
func printData(w io.Writer, r data.Result) error {
	_, err := fmt.Fprintf(w, "data made again: version %d, %d bars from %d responses with %d rows; every hash verified\n", r.Version, r.Bars, r.Fetches, r.Rows)
	if err == nil && r.Decided > 0 {
		_, err = fmt.Fprintf(w, "  as decided    %s\n", counted(r.Decided, "bar"))
	}
	if err == nil && r.Released > 0 {
		_, err = fmt.Fprintf(w, "  released      %s that the market's moves explain\n", counted(r.Released, "bar"))
	}
	for _, d := range r.Otherwise {
		if err == nil {
			_, err = fmt.Fprintf(w, "  as recorded   data version %d, perhaps judged by etfcast %s: %s would be %s by these rules, and is %s\n",
				d.Version, strings.Join(d.JudgedBy, " or "), d.What(), d.RebuiltText(), d.StoredText())
		}
	}
	for _, d := range r.Differences {
		if err == nil {
			_, err = fmt.Fprintf(w, "  differs       %s\n", d)
		}
	}
	return err
}
