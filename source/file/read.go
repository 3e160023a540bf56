package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// pauses are the successive waits before a file that looks half-written is read again, three seconds in all. Whoever writes more slowly is
// waited for by the workflow.
var pauses = []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1500 * time.Millisecond}

// readSettled returns the file's bytes once it looks complete: its size, time and identity were the same before and after reading, it is not
// empty, and its last line has a line end. It reads again after each of pauses. A file whose last line still has no end is returned as it
// is, for the parser to leave that line out. Otherwise unfinished says what is wrong, with the remedy. lastLine: the last line needs no end.
func (s *Source) readSettled(ctx context.Context, name string, lastLine bool) (body []byte, modified time.Time, unfinished string, err error) {
	for attempt := 0; ; attempt++ {
		body, modified, changed, err := s.read(name)
		if err != nil {
			return nil, time.Time{}, "", err
		}
		cut := ""
		switch {
		case changed:
			cut = "the file was being written while it was read; write it under another name and rename it when it is complete"
		case len(bytes.TrimSpace(body)) == 0:
			cut = "the file is empty; export it again"
		}
		if cut == "" && (lastLine || ended(body)) || attempt == len(pauses) {
			return body, modified, cut, nil
		}
		select {
		case <-ctx.Done():
			return nil, time.Time{}, "", etf.Wrap(etf.KindUnavailable, ctx.Err(), "price file not read")
		case <-time.After(pauses[attempt]):
		}
	}
}

// ended reports whether nothing but white space follows the last line end.
func ended(body []byte) bool {
	if utf16(body) != notUTF16 {
		body = []byte(decode(body))
	}
	rest := body[bytes.LastIndexAny(body, "\r\n")+1:]
	return len(bytes.TrimSpace(rest)) == 0
}

// read returns the file's bytes, when they were last modified, and whether the file changed meanwhile. os.Root keeps it inside the folder whatever links it meets.
func (s *Source) read(name string) (body []byte, modified time.Time, changed bool, err error) {
	if s.dir == "" {
		return nil, time.Time{}, false, etf.Invalid("ref", "no folder of price files is configured", "set --file-dir or ETFCAST_FILE_DIR")
	}
	if !filepath.IsLocal(name) {
		return nil, time.Time{}, false, etf.Invalid("ref", fmt.Sprintf("%.80q leaves the folder of price files", name), "give a path relative to the folder and inside it")
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, time.Time{}, false, &etf.Error{Kind: etf.KindUnavailable, Field: "dir", Message: "folder of price files can't be opened", Err: err, Remedy: "check --file-dir or ETFCAST_FILE_DIR"}
	}
	defer func() { _ = root.Close() }()
	// Checked before opening: opening a pipe would block until it has a writer.
	info, err := root.Stat(name)
	if err != nil {
		return nil, time.Time{}, false, s.openError(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, time.Time{}, false, etf.Invalid("ref", fmt.Sprintf("%s is not a regular file", name), "name a CSV file")
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, time.Time{}, false, s.openError(name, err)
	}
	defer func() { _ = f.Close() }() // opened for reading only
	if info.Size() > etf.MaxResponseBytes {
		return nil, time.Time{}, false, tooLarge(name)
	}
	body = make([]byte, 0, info.Size()+512)
	for len(body) <= etf.MaxResponseBytes {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := f.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			after, err := root.Stat(name)
			return body, info.ModTime().UTC(), err != nil || !same(info, after) || int64(len(body)) != info.Size(), nil
		}
		if err != nil {
			return nil, time.Time{}, false, &etf.Error{Kind: etf.KindUnavailable, Field: name, Message: "price file can't be read", Err: cause(err)}
		}
	}
	return nil, time.Time{}, false, tooLarge(name)
}

// same reports whether nothing shows that the file was written or replaced between the two looks at it.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
