package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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
	ref, err := source.ParseRef(q.Ref, "basis", "currency", "layout", "columns", "last_line")
	if err != nil {
		return etf.Response{}, err
	}
	opt, err := parseOptions(ref.Options)
	if err != nil {
		return etf.Response{}, err
	}
	name := ref.Name
	if name == "" {
		name = string(q.Symbol) + ".csv"
	}
	body, unfinished, err := s.readSettled(ctx, name, opt.lastLine)
	if err != nil {
		return etf.Response{}, err
	}
	request := "file:" + q.Ref
	if q.Ref == "" {
		request += name
	}
	if unfinished != "" {
		return unfinishedFile(request, filepath.ToSlash(name), unfinished, body), nil
	}
	t, err := parse(filepath.ToSlash(name), body, opt)
	if errors.Is(err, errUnfinished) {
		return unfinishedFile(request, filepath.ToSlash(name), "the file has no complete header; export it again", body), nil
	}
	if err != nil {
		return etf.Response{Request: request, Raw: body, MediaType: mediaType}, err // what was rejected, as evidence
	}
	response := t.response(window)
	response.Request, response.Raw, response.MediaType = request, body, mediaType
	return response, nil
}

// unfinishedFile is the response of a file from which nothing can be used yet.
func unfinishedFile(request, name, reason string, body []byte) etf.Response {
	return etf.Response{
		Request: request, Raw: body, MediaType: mediaType, Unfinished: name + ": " + reason,
		Defects: []etf.Defect{{Where: name, Reason: reason, NoPrice: true, Unfinished: true}},
	}
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
