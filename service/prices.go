package service

import (
	"errors"
	"fmt"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// lastDay stands for "no end" in a window: the last date etf.ParseSession accepts.
var lastDay = etf.NewSession(2200, time.December, 31)

// ParseWindow reads an inclusive window of sessions; an empty from or to leaves that end open. The Field of an error is
// "from" or "to".
func ParseWindow(from, to string) (etf.Window, error) {
	w := etf.Window{To: lastDay}
	var errs []error
	read := func(field, text string, into *etf.Session) {
		if text == "" {
			return
		}
		v, err := etf.ParseSession(text)
		if err != nil {
			errs = append(errs, etf.WithField(err, field))
			return
		}
		*into = v
	}
	read("from", from, &w.From)
	read("to", to, &w.To)
	if len(errs) == 0 && w.From > w.To {
		errs = append(errs, etf.Invalid("from", fmt.Sprintf("%s is after %s", w.From, w.To), "swap from and to; both are inclusive"))
	}
	return w, errors.Join(errs...)
}
