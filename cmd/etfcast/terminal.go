package main

import (
	"io"
	"os"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/etfcast/etfcast/etf"
)

// safeWriter passes text on through etf.Escape: whatever a provider, a file or an old row of the database holds, it can't act on
// the terminal that shows it. It is safe for concurrent use.
type safeWriter struct {
	to     io.Writer
	screen screen

	mu   sync.Mutex
	tail []byte // the beginning of a character whose rest has not been written yet
}

func newSafeWriter(to io.Writer) *safeWriter { return &safeWriter{to: to} }

func (w *safeWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append(w.tail, p...)
	end := len(text)
	for i := max(0, end-utf8.UTFMax+1); i < end; i++ {
		if utf8.RuneStart(text[i]) && !utf8.FullRune(text[i:]) {
			end = i
		}
	}
	if _, err := io.WriteString(w.to, etf.Escape(string(text[:end]))); err != nil {
		return 0, err
	}
	w.tail = append(w.tail[:0], text[end:]...)
	return len(p), nil
}

// unwrap returns what a safeWriter writes to, and any other writer itself.
func unwrap(w io.Writer) io.Writer {
	if safe, ok := w.(*safeWriter); ok {
		return safe.to
	}
	return w
}

// isTerminal reports whether w writes to a terminal, which can show a progress bar and has a width.
func isTerminal(w io.Writer) bool {
	f, ok := unwrap(w).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// dataWriter returns the writer for files written to standard output: byte for byte, except on a terminal.
func dataWriter(w io.Writer) io.Writer {
	if isTerminal(w) {
		return w
	}
	return unwrap(w)
}
