package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source"
)

// Name is the source's name.
const Name = "file"

const mediaType = "text/csv"

// Options configure a Source.
type Options struct {
	// Dir is the folder that references are relative to. If it is empty, every query fails with an error that says how
	// to set it, so a process that never uses files needs no folder.
	Dir string
}

// Source reads CSV files. It is safe for concurrent use and keeps no state between queries.
type Source struct{ dir string }

var _ source.Source = (*Source)(nil)

// New returns a source of the files in o.Dir, which need not exist yet. If it exists but is not a folder, New returns
// an error of KindInvalid with Field "dir".
func New(o Options) (*Source, error) {
	if o.Dir == "" {
		return &Source{}, nil
	}
	if info, err := os.Stat(o.Dir); err == nil && !info.IsDir() {
		return nil, etf.Invalid("dir", fmt.Sprintf("%s is not a folder", o.Dir), "name the folder that holds the CSV files")
	}
	return &Source{dir: o.Dir}, nil
}

// Name returns "file".
func (s *Source) Name() string { return Name }

// Fetch reads the whole file once and returns its rows in q.Window up to the last session that had closed at q.AsOf.
// Raw is the whole file. Defects are limited to rows in the window; a row without a readable date is placed by the rows
// around it. Errors are those of source.Source; those of KindCorrupt name file and line.
func (s *Source) Fetch(ctx context.Context, q etf.Query) (etf.Response, error) {
	if err := ctx.Err(); err != nil {
		return etf.Response{}, etf.Wrap(etf.KindUnavailable, err, "file not opened")
	}
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return etf.Response{}, err
	}
	window, err := source.ClosedWindow(cal, q)
	if err != nil {
		return etf.Response{}, err
	}
	name, opt, err := parseRef(q, cal)
	if err != nil {
		return etf.Response{}, err
	}
	body, modified, unfinished, err := s.readSettled(ctx, name, opt.lastLine)
	if err != nil {
		return etf.Response{}, err
	}
	request := requestPrefix + q.Ref
	if q.Ref == "" {
		request += name
	}
	response := etf.Response{Request: request, Raw: body, MediaType: mediaType, DataAt: modified}
	name = filepath.ToSlash(name)
	if unfinished != "" {
		return unfinishedFile(response, name, unfinished), nil
	}
	return read(response, name, opt, window)
}

// Parse reads the content of a price file that was last changed at modified; zero if that is not known. name is what messages call the
// file. Of q it uses Exchange, Window, AsOf and the options of Ref, which are those of Source.Fetch. Without an AsOf, rows of sessions
// that have not closed are returned too. Without an Exchange nothing is known of the calendar but weekends, AsOf is not used,
// and a file needs no open, high and low: its bars are flat.
func Parse(name string, raw []byte, modified time.Time, q etf.Query) (etf.Response, error) {
	if q.Exchange == "" {
		_, opt, err := parseRef(q, nil)
		if err != nil {
			return etf.Response{}, err
		}
		opt.closesOnly = true
		window := q.Window
		if window.To.IsZero() {
			window.To = etf.MustSession("2200-12-31") // the last date that is read
		}
		return read(etf.Response{Request: "file:" + name, Raw: raw, MediaType: mediaType, DataAt: modified}, name, opt, window)
	}
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return etf.Response{}, err
	}
	window := q.Window
	if !q.AsOf.IsZero() {
		if window, err = source.ClosedWindow(cal, q); err != nil {
			return etf.Response{}, err
		}
	} else if window.To.IsZero() {
		window.To = cal.Range().To
	}
	_, opt, err := parseRef(q, cal)
	if err != nil {
		return etf.Response{}, err
	}
	return read(etf.Response{Request: "file:" + name, Raw: raw, MediaType: mediaType, DataAt: modified}, name, opt, window)
}

// ParseStored parses the stored content of a file, as Fetch did. Of q it uses Exchange, Window and AsOf; the options are those of the
// fetch's request. The response's DataAt is not set: the content does not say it.
func ParseStored(q etf.Query, f etf.Fetch, body []byte) (etf.Response, error) {
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return etf.Response{}, err
	}
	window, err := source.ClosedWindow(cal, q)
	if err != nil {
		return etf.Response{}, err
	}
	ref, ok := strings.CutPrefix(f.Request, requestPrefix)
	if !ok {
		return etf.Response{}, etf.Invalid("request", fmt.Sprintf("%q is not a request to this source", etf.Clip(f.Request, etf.MaxQuoted)), "")
	}
	q.Ref = ref
	name, opt, err := parseRef(q, cal)
	if err != nil {
		return etf.Response{}, err
	}
	return read(etf.Response{Request: f.Request, Raw: body, MediaType: mediaType}, filepath.ToSlash(name), opt, window)
}

// requestPrefix begins Response.Request; the reference follows.
const requestPrefix = "file:"

// parseRef returns the name and the options of q's reference.
func parseRef(q etf.Query, cal *calendar.Calendar) (name string, opt options, err error) {
	ref, err := source.ParseRef(q.Ref, optionNames...)
	if err != nil {
		return "", options{}, err
	}
	if name = ref.Name; name == "" {
		name = string(q.Symbol) + ".csv"
	}
	opt, err = parseOptions(ref.Options)
	opt.market = market{calendar: cal, now: q.AsOf}
	return name, opt, err
}

// read fills in what response.Raw holds of the window. On an error, the response says what was rejected, as evidence.
func read(response etf.Response, name string, opt options, window etf.Window) (etf.Response, error) {
	t, err := parse(name, response.Raw, opt)
	if errors.Is(err, errUnfinished) {
		return unfinishedFile(response, name, "the file has no complete header; export it again"), nil
	}
	if err != nil {
		return response, err
	}
	return t.response(response, window), nil
}

// unfinishedFile is the response of a file from which nothing can be used yet.
func unfinishedFile(r etf.Response, name, reason string) etf.Response {
	r.Unfinished = name + ": " + reason
	r.Defects = []etf.Defect{{Where: name, Reason: reason, NoPrice: true, Unfinished: true}}
	return r
}

func tooLarge(name string) error {
	return etf.Invalid("ref", fmt.Sprintf("%s is larger than %d MiB", name, etf.MaxResponseBytes>>20), "split the file by year, or keep only daily prices in it")
}

func (s *Source) openError(name string, err error) error {
	e := &etf.Error{Kind: etf.KindUnavailable, Field: name, Message: "price file can't be opened", Err: cause(err)}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Kind, e.Message, e.Err = etf.KindNotFound, "price file not found", nil // the cause says no more
		e.Remedy = "put it in the folder of --file-dir, or correct the ETF's reference with `etfcast etf edit`"
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Remedy = etf.KindDenied, "give the worker's user permission to read it"
	case strings.Contains(err.Error(), "escapes"): // os.Root has no error value for it
		e.Kind, e.Message, e.Remedy = etf.KindInvalid, "price file lies outside the folder", "replace the symbolic link with the file itself"
	}
	return e
}

// cause drops the operation and path that package os puts in front of an error: the message names the file already,
// and os.Root's operations ("statat", "openat") mean nothing to a reader.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
