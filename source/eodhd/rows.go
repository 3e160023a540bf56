package eodhd

import (
	"fmt"
	"strings"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/web"
)

// readRows reads a list of rows. A warning anywhere means that the plan covers less than was asked for, and that the rest was left out.
func readRows(body []byte, ticker string, cal *calendar.Calendar, window etf.Window, response *etf.Response) error {
	root, err := web.Decode(provider, body)
	if err != nil {
		return err
	}
	if err := warned(root, ticker); err != nil {
		return err
	}
	list, err := root.List()
	if err != nil {
		return err
	}
	for _, v := range list {
		if err := warned(v, ticker); err != nil {
			return err
		}
	}
	rows := web.NewRows(provider, cal, window)
	for _, v := range list {
		row := web.Row{Where: v.Place, Show: func() string { return v.Show(etf.MaxDefectText) }}
		dated, err := v.Field("date")
		if err != nil {
			return err
		}
		if row.Date, err = dated.Text(); err != nil {
			return err
		}
		for _, f := range []struct {
			name string
			to   *string
		}{{"open", &row.Open}, {"high", &row.High}, {"low", &row.Low}, {"close", &row.Close}, {"adjusted_close", &row.AdjClose}, {"volume", &row.Volume}} {
			cell, err := v.Field(f.name)
			if err != nil {
				return err
			}
			if *f.to, err = cell.Number(); err != nil {
				return err
			}
		}
		rows.Add(row)
	}
	return rows.Into(response)
}

func warned(v *web.Value, ticker string) error {
	members, err := v.Members()
	if err != nil {
		return nil //nolint:nilerr // a list, or a row that is not one: whoever reads it says so
	}
	for _, m := range members {
		if strings.EqualFold(m.Name(), "warning") || strings.EqualFold(m.Name(), "warnings") {
			words := m.Show(200)
			if text, err := m.Text(); err == nil {
				words = text
			}
			return &etf.Error{Kind: etf.KindDenied, Field: m.Place(), Remedy: planRemedy,
				Message: fmt.Sprintf("EODHD left out what the plan of this key does not cover of %s: %s", ticker, etf.Clip(words, 160))}
		}
	}
	return nil
}
