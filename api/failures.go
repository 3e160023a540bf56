package api

import (
	"github.com/etfcast/etfcast/etf"
)

// failures takes err apart into the errors of package etf it is made of, in order: one, or several that were joined.
// It is empty when there is none among them.
func failures(err error) []*etf.Error {
	switch e := err.(type) { //nolint:errorlint // walks the tree itself: the outermost etf.Error of each branch counts
	case nil:
		return nil
	case *etf.Error:
		return []*etf.Error{e}
	case interface{ Unwrap() []error }:
		var all []*etf.Error
		for _, one := range e.Unwrap() {
			all = append(all, failures(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		return failures(e.Unwrap())
	}
	return nil
}
