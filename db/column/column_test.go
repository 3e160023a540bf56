package column

import (
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

func TestRoundTrip(t *testing.T) {
	for _, p := range []etf.Price{0, 1, -1, 66182000732, 9223372036854775807, -9223372036854775807} {
		v, err := Price(p).Value()
		if err != nil {
			t.Fatal(err)
		}
		var back Price
		if err := back.Scan([]byte(v.(string))); err != nil || etf.Price(back) != p {
			t.Errorf("%d became %v and %d, %v", p, v, back, err)
		}
	}
	for _, s := range []etf.Session{etf.MustSession("1990-01-02"), etf.MustSession("2200-12-31"), etf.MustSession("1969-12-31")} {
		v, err := Session(s).Value()
		if err != nil {
			t.Fatal(err)
		}
		var text, instant Session
		if err := text.Scan(v); err != nil || etf.Session(text) != s {
			t.Errorf("%s became %v, %v", s, text, err)
		}
		if err := instant.Scan(s.Time()); err != nil || etf.Session(instant) != s {
			t.Errorf("%s became %v, %v", s, instant, err)
		}
	}
}

// TestNull checks that NULL is the zero session, no adjusted close and an unknown volume, and that a price is never NULL.
func TestNull(t *testing.T) {
	session, adjusted, volume, price := Session(1), OptionalPrice(1), Volume(1), Price(1)
	if err := session.Scan(nil); err != nil || session != 0 {
		t.Error(session, err)
	}
	if err := adjusted.Scan(nil); err != nil || adjusted != 0 {
		t.Error(adjusted, err)
	}
	if err := volume.Scan(nil); err != nil || etf.Volume(volume) != etf.VolumeUnknown {
		t.Error(volume, err)
	}
	if err := price.Scan(nil); err == nil {
		t.Error("NULL was read as a price")
	}
	for _, null := range []func() (any, error){
		func() (any, error) { return Session(0).Value() },
		func() (any, error) { return OptionalPrice(0).Value() },
		func() (any, error) { return Volume(etf.VolumeUnknown).Value() },
	} {
		if v, err := null(); v != nil || err != nil {
			t.Error(v, err)
		}
	}
	if v, err := Price(0).Value(); v != "0" || err != nil {
		t.Error("a price of zero is written as", v, err)
	}
}

// TestRefusals checks that floats, which may have been rounded, numbers as dates and malformed texts are refused.
func TestRefusals(t *testing.T) {
	var p Price
	var v Volume
	var s Session
	for i, err := range []error{p.Scan(1.5), p.Scan(int64(1)), p.Scan("x"), v.Scan(2.5), v.Scan("-1"), s.Scan(int64(20000)), s.Scan("2025-02-30"), s.Scan("")} {
		if err == nil {
			t.Errorf("value %d was not refused", i)
		}
	}
	if err := s.Scan(time.Date(2025, 3, 9, 0, 0, 0, 0, time.UTC)); err != nil || etf.Session(s).String() != "2025-03-09" {
		t.Error(s, err)
	}
}
