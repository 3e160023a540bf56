package file

import (
	"errors"
	"fmt"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// row is one parsed row.
type row struct {
	bar       etf.Bar
	actions   [3]etf.Action
	n         int // how many of actions are set
	priceless bool
}

var errDecimalComma = errors.New("a comma in a number, in a file separated by semicolons; write decimals with a point")

// errUnfinished is the reason why the last line of a file is not used if it has no line end: a number in it may be cut, and a
// cut number is still a number.
var errUnfinished = errors.New("the last line has no line end, so the file may be cut off; complete it (`echo >> FILE` ends the line), or put last_line=complete in the reference")

// unfinishedRow places a line that may be cut off by its date, which is whole if a delimiter follows it. To the rules it is a row without
// a price: there is nothing to decide, and the next version of the file has it.
func (t *table) unfinishedRow(fields []string) row {
	r := row{priceless: true}
	if at := t.columns.at[date]; at < len(fields)-1 {
		if s, err := parseDate(fields[at]); err == nil {
			r.bar.Session = s
		}
	}
	return r
}

var errNoPrice = errors.New("the row has no price")

// parseRow reads the fields of a row. On an error, the session is still set if it could be read.
func (t *table) parseRow(fields []string) (row, error) {
	var r row
	at := &t.columns.at
	var err error
	if r.bar.Session, err = parseDate(fields[at[date]]); err != nil {
		return row{}, err
	}
	r.bar.Volume = etf.VolumeUnknown
	empty := 0
	for want := open; want <= closing; want++ {
		if blank(fields[at[want]]) {
			empty++
		}
	}
	if empty == 4 {
		r.priceless = true
		return r, errNoPrice
	}
	prices := [...]*etf.Price{open: &r.bar.Open, high: &r.bar.High, low: &r.bar.Low, closing: &r.bar.Close, adjClose: &r.bar.AdjClose}
	for want := open; want <= adjClose; want++ {
		i := at[want]
		if i < 0 {
			continue
		}
		text := fields[i]
		if blank(text) {
			if want == adjClose {
				continue
			}
			r.priceless = true
			return r, fmt.Errorf("the row has no %s price", roleNames[want])
		}
		if *prices[want], err = t.price(text); err != nil {
			return r, fmt.Errorf("column %s: %w", roleNames[want], err)
		}
	}
	if i := at[volume]; i >= 0 && !blank(fields[i]) {
		if r.bar.Volume, err = t.volume(fields[i]); err != nil {
			return r, fmt.Errorf("column volume: %w", err)
		}
	}
	if err := t.parseActions(fields, &r); err != nil {
		return r, err
	}
	return r, nil
}

func (t *table) price(text string) (etf.Price, error) {
	if err := t.decimalComma(text); err != nil {
		return 0, err
	}
	return parsePrice(text)
}

func (t *table) volume(text string) (etf.Volume, error) {
	if err := t.decimalComma(text); err != nil {
		return 0, err
	}
	return parseVolume(text)
}

// decimalComma rejects commas in the numbers of a file separated by semicolons: 43,750 could be 43.75 there, and a
// wrong guess would be off by a factor of a thousand.
func (t *table) decimalComma(text string) error {
	if t.delimiter == ';' && strings.IndexByte(text, ',') >= 0 {
		return errDecimalComma
	}
	return nil
}

func (t *table) parseActions(fields []string, r *row) error {
	add := func(a etf.Action) {
		a.Ex = r.bar.Session
		r.actions[r.n] = a
		r.n++
	}
	if i := t.columns.at[split]; i >= 0 && !blank(fields[i]) {
		num, den, err := parseRatio(fields[i])
		if err != nil {
			return fmt.Errorf("column split: %w", err)
		}
		if num != 0 {
			add(etf.Action{Kind: etf.Split, Numerator: num, Denominator: den})
		}
	}
	for _, c := range [...]struct {
		role role
		kind etf.ActionKind
	}{{dividend, etf.Dividend}, {capitalGain, etf.CapitalGain}} {
		i := t.columns.at[c.role]
		if i < 0 || blank(fields[i]) {
			continue
		}
		amount, err := t.price(fields[i])
		if err != nil {
			return fmt.Errorf("column %s: %w", roleNames[c.role], err)
		}
		if amount < 0 {
			return fmt.Errorf("column %s: %s is negative", roleNames[c.role], amount)
		}
		if amount > 0 {
			add(etf.Action{Kind: c.kind, Amount: amount})
		}
	}
	return nil
}
