package alphavantage

import (
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/web"
)

const series = "Time Series (Daily)"

// zones are the names of New York's time zone that Alpha Vantage has used.
var zones = []string{"US/Eastern", "America/New_York"}

// readJSON reads an object of rows by date.
func readJSON(root *web.Value, symbol string, rows *web.Rows) error {
	if members, err := root.Members(); err != nil {
		return err
	} else if len(members) == 0 {
		return &etf.Error{Kind: etf.KindUnavailable, Message: provider + " sent an empty object"}
	}
	meta, err := root.Field("Meta Data")
	if err != nil {
		return err
	}
	for _, checked := range []struct {
		name string
		fits func(string) bool
	}{
		{"2. Symbol", func(s string) bool { return strings.EqualFold(s, symbol) }},
		{"5. Time Zone", func(s string) bool { return slices.Contains(zones, s) }},
	} {
		v, err := meta.Field(checked.name)
		if err != nil {
			return err
		}
		text, err := v.Text()
		if err != nil {
			return err
		}
		if !checked.fits(text) {
			return web.Corrupt(v.Place(), "%s sent %s for %s, whose listing in New York was asked for", provider, etf.Clip(text, 40), symbol)
		}
	}
	days, err := root.Field(series)
	if err != nil {
		return err
	}
	list, err := days.Members()
	if err != nil {
		return err
	}
	for _, v := range list {
		row := web.Row{Where: v.Place, Show: func() string { return v.Name() + " " + v.Show(etf.MaxDefectText) }, Date: v.Name()}
		for _, f := range []struct {
			name string
			to   *string
		}{{"1. open", &row.Open}, {"2. high", &row.High}, {"3. low", &row.Low}, {"4. close", &row.Close}, {"5. volume", &row.Volume}} {
			cell, err := v.Field(f.name)
			if err != nil {
				return err
			}
			if cell.IsNull() {
				continue
			}
			if *f.to, err = cell.Text(); err != nil {
				return err
			}
			*f.to = number(*f.to)
		}
		rows.Add(row)
	}
	return nil
}

// readCSV reads the same with datatype=csv.
func readCSV(body []byte, rows *web.Rows) error {
	table, err := web.ReadCSV(provider, body, "timestamp", "open", "high", "low", "close", "volume")
	if err != nil {
		return err
	}
	for _, r := range table.Rows {
		rows.Add(web.Row{Where: func() string { return r.Place("timestamp") }, Show: func() string { return r.Show(etf.MaxDefectText) }, Date: r.Cell("timestamp"),
			Open: number(r.Cell("open")), High: number(r.Cell("high")), Low: number(r.Cell("low")), Close: number(r.Cell("close")), Volume: number(r.Cell("volume"))})
	}
	return nil
}

// number is the text of a number, "" for what stands for none.
func number(text string) string {
	switch text = strings.TrimSpace(text); strings.ToLower(text) {
	case "null", "none", "nan", "-", ".":
		return ""
	}
	return text
}
