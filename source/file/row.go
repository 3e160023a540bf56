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
	nav       etf.NAV
	actions   [3]etf.Action
	n         int // how many of actions are set
	priceless bool
}

// errUnfinished is the reason why the last line of a file is not used if it has no line end: a number in it may be cut, and a
// cut number is still a number.
var errUnfinished = errors.New("the last line has no line end, so the file may be cut off; complete it (`echo >> FILE` ends the line), or put last_line=complete in the reference")

var errNoPrice = errors.New("the row has no price")

// cell returns the text of a role in a line, "" if the file has no such column.
func (t *table) cell(l *line, r role) string {
	if i := t.slot[r]; i >= 0 && i < len(l.cells) {
		return l.cells[i]
	}
	return ""
}

// parseRow reads the cells of a row. On an error, the session is still set if it could be read. A value beside the prices that
// can't be read is left out and noted, and never costs the row.
func (t *table) parseRow(l *line, st stamp) (row, error) {
	var r row
	var err error
	if r.bar.Session, err = t.dates.read(st, t.cell(l, date), t.location); err != nil {
		return row{}, fmt.Errorf("column date: %w", err)
	}
	r.bar.Volume = etf.VolumeUnknown
	prices := [...]*etf.Price{open: &r.bar.Open, high: &r.bar.High, low: &r.bar.Low, closing: &r.bar.Close}
	empty, missing := 0, ignored
	for want := open; want <= closing; want++ {
		text := t.cell(l, want)
		if blank(text) {
			if empty++; missing == ignored {
				missing = want
			}
			continue
		}
		if err != nil {
			continue
		}
		if *prices[want], err = t.price(text); err != nil {
			err = fmt.Errorf("column %s: %w", roleNames[want], err)
		}
	}
	switch {
	case empty == 4:
		r.priceless, err = true, errNoPrice
	case err != nil:
		return r, err
	case empty == 1 && missing == open && t.openless && r.bar.Session != t.newest:
		// An open of 0 is one that is missing.
	case empty > 0:
		r.priceless, err = true, fmt.Errorf("the row has no %s price", roleNames[missing])
	}
	t.parseBeside(l, &r)
	if err == nil {
		t.level = r.bar.Close
	}
	return r, err
}

// price reads a price. One with a single separator before three digits is not believed if it is a thousand times as much, or a
// thousandth, of the last close: there the separator means something else than in the rest of the file.
func (t *table) price(text string) (etf.Price, error) {
	p, err := t.decimal.price(text)
	if err != nil || p <= 0 || t.level <= 0 || len(text) < 5 {
		return p, err
	}
	ratio := p.Float() / t.level.Float()
	if ratio < 30 && ratio > 1./30 {
		return p, nil
	}
	if n, _ := lexNumber(text); n.evidence() < showsEitherComma {
		return p, nil
	}
	for _, other := range [...]float64{ratio * 1000, ratio / 1000} {
		if other > 1./3 && other < 3 {
			return 0, fmt.Errorf("%q would be %s, although the close before it is %s: its separator does not fit a file with %s", etf.Clip(text, 40), p, t.level, t.decimal)
		}
	}
	return p, nil
}

// parseBeside reads what stands beside the prices.
func (t *table) parseBeside(l *line, r *row) {
	beside := func(of role, read func(text string) error) {
		if text := t.cell(l, of); !blank(text) {
			if err := read(text); err != nil {
				t.side = append(t.side, sideDefect{of: of, line: l.number, session: r.bar.Session, text: text, why: err.Error()})
			}
		}
	}
	beside(adjClose, func(text string) (err error) {
		r.bar.AdjClose, err = t.decimal.price(text)
		return err
	})
	beside(volume, func(text string) error {
		v, err := t.parseVolume(text)
		if err == nil {
			r.bar.Volume = v
		}
		return err
	})
	r.nav = etf.NAV{Session: r.bar.Session, Shares: etf.VolumeUnknown}
	beside(nav, func(text string) error {
		p, err := t.decimal.price(text)
		if err == nil && p > 0 {
			r.nav.NAV = p
		}
		return err
	})
	beside(shares, func(text string) error {
		v, err := t.decimal.volume(text, 1)
		if err == nil && v > 0 {
			r.nav.Shares = v
		}
		return err
	})
	add := func(a etf.Action) {
		a.Ex = r.bar.Session
		r.actions[r.n] = a
		r.n++
	}
	beside(split, func(text string) error {
		num, den, err := parseRatio(strings.ReplaceAll(text, ",", "."))
		if err == nil && num != 0 {
			add(etf.Action{Kind: etf.Split, Numerator: num, Denominator: den})
		}
		return err
	})
	for _, c := range [...]struct {
		role role
		kind etf.ActionKind
	}{{dividend, etf.Dividend}, {capitalGain, etf.CapitalGain}} {
		beside(c.role, func(text string) error {
			amount, err := t.decimal.price(text)
			switch {
			case err != nil:
				return err
			case amount < 0:
				return fmt.Errorf("%s is negative", amount)
			case amount > 0:
				add(etf.Action{Kind: c.kind, Amount: amount})
			}
			return nil
		})
	}
}
