package file

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// MaxBytes is the size up to which a file is read. maxRows bounds what is made of it.
const MaxBytes = 64 << 20

const mediaType = "text/csv"

// Options configure a Source.
type Options struct {
	// Dir is the folder references are relative to. Empty makes a source that refuses every query with the remedy,
	// so that a process that never uses files needs no folder.
	Dir string
}

// Source reads CSV files. It is safe for use by several goroutines, and keeps nothing between queries.
type Source struct{ dir string }

var _ source.Source = (*Source)(nil)

// New returns a source of the files in o.Dir. The folder may appear later; one that is there and is not a folder is
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

// Fetch reads the file once, whole, and answers with its rows in q.Window up to the last session closed at q.AsOf.
// Raw is the whole file. Defects are those of rows in the window; one without a readable date counts as lying where
// the rows around it do. Errors are those of source.Source; KindCorrupt ones name file and line.
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
	ref, err := source.ParseRef(q.Ref, "basis", "currency", "layout", "columns")
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
	body, err := s.read(name)
	if err != nil {
		return etf.Response{}, err
	}
	request := "file:" + q.Ref
	if q.Ref == "" {
		request += name
	}
	t, err := parse(filepath.ToSlash(name), body, opt)
	if err != nil {
		return etf.Response{Request: request, Raw: body, MediaType: mediaType}, err // what was refused, as evidence
	}
	ans := t.answer(window)
	ans.Request, ans.Raw, ans.MediaType = request, body, mediaType
	return ans, nil
}

// read returns the file's bytes. os.Root keeps it in the folder whatever links there are.
func (s *Source) read(name string) ([]byte, error) {
	if s.dir == "" {
		return nil, etf.Invalid("ref", "no folder of price files is set", "start with --file-dir or ETFCAST_FILE_DIR")
	}
	if !filepath.IsLocal(name) {
		return nil, etf.Invalid("ref", fmt.Sprintf("%.80q leaves the folder of price files", name), "give a path inside the folder, relative to it")
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, &etf.Error{Kind: etf.KindUnavailable, Field: "dir", Message: "folder of price files can't be opened", Err: err, Remedy: "check --file-dir or ETFCAST_FILE_DIR"}
	}
	defer func() { _ = root.Close() }()
	// Looked at before it is opened: opening a pipe would wait for its writer.
	info, err := root.Stat(name)
	if err != nil {
		return nil, s.refusal(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, etf.Invalid("ref", fmt.Sprintf("%s is not a regular file", name), "name a CSV file")
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, s.refusal(name, err)
	}
	defer func() { _ = f.Close() }() // only read from
	if info.Size() > MaxBytes {
		return nil, tooLarge(name)
	}
	body := make([]byte, 0, info.Size()+512)
	for len(body) <= MaxBytes {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := f.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, etf.Wrapf(etf.KindUnavailable, err, "reading %s", name)
		}
	}
	return nil, tooLarge(name)
}

func tooLarge(name string) error {
	return etf.Invalid("ref", fmt.Sprintf("%s is larger than %d MiB", name, MaxBytes>>20), "split the file by years or keep only daily prices in it")
}

func (s *Source) refusal(name string, err error) error {
	e := &etf.Error{Kind: etf.KindUnavailable, Field: name, Message: "price file can't be opened", Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Kind, e.Message, e.Remedy = etf.KindNotFound, "there is no such price file", "put it into "+s.dir+" or correct the ETF's reference"
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Remedy = etf.KindDenied, "let the worker's user read it"
	case strings.Contains(err.Error(), "escapes"): // os.Root has no error value for it
		e.Kind, e.Message, e.Remedy = etf.KindInvalid, "price file lies outside the folder", "replace the symbolic link by the file"
	}
	return e
}
