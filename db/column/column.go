package column

import (
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Price is a DECIMAL(20,8) NOT NULL column.
type Price etf.Price

// Scan reads decimal text; NULL is an error.
func (p *Price) Scan(src any) error {
	text, err := decimalText(src)
	if err != nil {
		return err
	}
	v, err := etf.ParsePrice(text)
	*p = Price(v)
	return err
}

// Value writes decimal text.
func (p Price) Value() (driver.Value, error) { return etf.Price(p).String(), nil }

// OptionalPrice is a DECIMAL(20,8) NULL column; NULL and 0 both mean that there is none.
type OptionalPrice etf.Price

// Scan reads decimal text or NULL.
func (p *OptionalPrice) Scan(src any) error {
	if src == nil {
		*p = 0
		return nil
	}
	return (*Price)(p).Scan(src)
}

// Value writes decimal text, NULL for 0.
func (p OptionalPrice) Value() (driver.Value, error) {
	if p == 0 {
		return nil, nil
	}
	return Price(p).Value()
}

// Volume is a DECIMAL(24,4) NULL column; NULL is etf.VolumeUnknown.
type Volume etf.Volume

// Scan reads decimal text or NULL.
func (v *Volume) Scan(src any) error {
	if src == nil {
		*v = Volume(etf.VolumeUnknown)
		return nil
	}
	text, err := decimalText(src)
	if err != nil {
		return err
	}
	w, err := etf.ParseVolume(text)
	*v = Volume(w)
	return err
}

// Value writes decimal text, NULL for an unknown volume.
func (v Volume) Value() (driver.Value, error) {
	if !etf.Volume(v).Known() {
		return nil, nil
	}
	return etf.Volume(v).String(), nil
}

// Session is a DATE column; the zero Session is NULL, which a NOT NULL column therefore refuses.
type Session etf.Session

// Scan reads the driver's time (midnight UTC), its text "2006-01-02", or NULL.
func (s *Session) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*s = 0
	case time.Time:
		*s = Session(etf.SessionOf(v))
	case []byte:
		return s.parse(string(v))
	case string:
		return s.parse(v)
	default:
		return fmt.Errorf("the driver returned a DATE column as %T", src)
	}
	return nil
}

func (s *Session) parse(text string) error {
	v, err := etf.ParseSession(text)
	*s = Session(v)
	return err
}

// Value writes "2006-01-02", NULL for no session.
func (s Session) Value() (driver.Value, error) {
	if s == 0 {
		return nil, nil
	}
	return etf.Session(s).String(), nil
}

func decimalText(src any) (string, error) {
	switch v := src.(type) {
	case []byte:
		return string(v), nil
	case string:
		return v, nil
	default:
		// A float may have been rounded already: refuse it.
		return "", fmt.Errorf("the driver returned a DECIMAL column as %T", src)
	}
}
