package holidays

import (
	"embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/etfcast/etfcast/etf"
)

// tables has one file for each country whose holidays are data, not rules: date,name by date and name, made by
// bench/prophet/country_holidays.py, under a line that names the source.
//
//go:embed tables/*.csv
var tables embed.FS

// tabled returns a country whose holidays are read from its table when they are first needed.
func tabled(code string, first, last int) country {
	byYear := sync.OnceValue(func() map[int][]Holiday {
		list, err := readTable(code)
		if err != nil {
			panic(fmt.Sprintf("table of the holidays of %s: %v", code, err)) // embedded, and every table is read in the tests
		}
		years := map[int][]Holiday{}
		for _, h := range list {
			year, _, _ := h.Date.Date()
			years[year] = append(years[year], h)
		}
		return years
	})
	return country{first: first, last: last, year: func(year int) []Holiday { return slices.Clone(byYear()[year]) }}
}

func readTable(code string) ([]Holiday, error) {
	body, err := tables.ReadFile("tables/" + code + ".csv")
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(strings.NewReader(string(body)))
	r.Comment, r.FieldsPerRecord = '#', 2
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	list := make([]Holiday, 0, len(rows))
	for _, row := range rows[1:] { // under the header
		date, err := etf.ParseSession(row[0])
		if err != nil {
			return nil, err
		}
		list = append(list, Holiday{Date: date, Name: row[1]})
	}
	return list, nil
}
