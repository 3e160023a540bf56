package etf

import (
	"errors"
	"fmt"
	"time"
)

// Kind classifies an error by what a caller can do about it. Adapters translate their errors into one of these kinds;
// the activities translate kinds into Temporal application errors, the API into problem documents.
type Kind string

// The kinds. Retrying helps for KindUnavailable (soon), KindRateLimited (after RetryAfter) and KindConflict (a
// lost race: at once, from the start); never for the others.
const (
	KindInvalid     Kind = "invalid"      // the request is wrong: field and remedy say how
	KindNotFound    Kind = "not_found"    // no such thing, and a retry won't change that
	KindConflict    Kind = "conflict"     // somebody else wrote first, or the data differ from what is stored
	KindUnavailable Kind = "unavailable"  // down, slow, truncated, restarting
	KindRateLimited Kind = "rate_limited" // too many requests; RetryAfter says when to retry
	KindDenied      Kind = "denied"       // key missing or wrong, plan too small, challenge page
	KindCorrupt     Kind = "corrupt"      // a response or stored data that can't be parsed; the message says where
	KindInternal    Kind = "internal"     // a bug in etfcast
)

// Error is an error with a kind. Field names the input at fault ("session", "body.symbols[2]", "SPY.csv:17");
// Remedy says what to do. Both may be empty.
type Error struct {
	Kind       Kind
	Field      string
	Message    string
	Remedy     string
	RetryAfter time.Duration // KindRateLimited: how long the server asked us to wait; 0 if it did not say
	// Until is when a daily quota that is used up is renewed (KindRateLimited); zero if the error is not about one. With Field "ref", it is a quota
	// that other references are not subject to, such as that of symbols that were not asked for before.
	Until time.Time
	Err   error // the cause, if any
}

// Error returns "field: message: cause; remedy".
func (e *Error) Error() string {
	s := e.Message
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Detail describes the error without its cause, which may name hosts, users and SQL statements: "field: message", or
// "message (remedy)" if there is no field.
func (e *Error) Detail() string {
	switch {
	case e.Field != "":
		return e.Field + ": " + e.Message
	case e.Remedy != "":
		return e.Message + " (" + e.Remedy + ")"
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrAltered is the cause of a KindCorrupt error if what is stored no longer matches the hash it was stored with.
var ErrAltered = errors.New("its content does not match its hash")

// Invalid returns a KindInvalid error.
func Invalid(field, message, remedy string) *Error {
	return &Error{Kind: KindInvalid, Field: field, Message: message, Remedy: remedy}
}

// NotFound returns a KindNotFound error.
func NotFound(field, message, remedy string) *Error {
	return &Error{Kind: KindNotFound, Field: field, Message: message, Remedy: remedy}
}

// Wrap gives err a kind and a phrase; nil stays nil.
func Wrap(kind Kind, err error, message string) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Message: message, Err: err}
}

// Wrapf is Wrap with a format.
func Wrapf(kind Kind, err error, format string, args ...any) error {
	return Wrap(kind, err, fmt.Sprintf(format, args...))
}

// KindOf returns the kind of the outermost *Error in err's chain, or KindInternal if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// WithoutRemedy returns the text of an error without its remedy: for those who did not make the request, or as the reason of another error.
func WithoutRemedy(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	bare := *e
	bare.Remedy = ""
	return bare.Error()
}

// WithField returns a copy of the outermost *Error in err's chain with another Field, or err itself if there is none.
func WithField(err error, field string) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	c := *e
	c.Field = field
	return &c
}

// Errors returns the outermost *Error of each error joined in err, in order; just one if nothing was joined, and none if
// err contains no *Error.
func Errors(err error) []*Error {
	switch e := err.(type) { //nolint:errorlint // walks the tree itself
	case nil:
		return nil
	case *Error:
		return []*Error{e}
	case interface{ Unwrap() []error }:
		var all []*Error
		for _, one := range e.Unwrap() {
			all = append(all, Errors(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		return Errors(e.Unwrap())
	}
	return nil
}
