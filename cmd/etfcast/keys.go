package main

import (
	"errors"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// keyState says whether there is a source's key and when it expires.
func (e environment) keyState(key etf.SourceKey) service.KeyState {
	s := service.KeyState{Variable: key.Variable, From: key.From}
	if key.IsZero() {
		return s
	}
	text, err := e.credential(key)()
	switch s.Present = err == nil && text != ""; {
	case err != nil:
		s.Problem = keyProblem(err)
	case text == "":
		s.Problem = "there is no key"
	}
	if text, _ := e.lookup(key.Variable + "_EXPIRES"); text != "" {
		if s.Expires, err = etf.ParseSession(strings.TrimSpace(text)); err != nil {
			s.Problem = key.Variable + "_EXPIRES is not a date, YYYY-MM-DD"
		}
	}
	return s
}

func keyProblem(err error) string {
	var e *etf.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "the file with the key can't be read"
}

// keyWarning is what to say about a source's key that some ETF needs; both are empty if there is nothing to say.
func keyWarning(key service.KeyState, now time.Time) (text, remedy string) {
	if text = key.Warning(now); text == "" {
		return "", ""
	}
	remedy = "set " + key.Variable + ", or " + key.Variable + "_FILE to a file that has it"
	if key.Present {
		remedy = "get a new key, and set " + key.Variable + "_EXPIRES to its last day"
	}
	if key.From != "" {
		remedy += " (" + key.From + ")"
	}
	return text, remedy
}
