package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// A source needs a folder under source/, a line in the table in etf/source.go, and a line in sources.go that creates it.
// This test says which is missing.
func TestSourcesAreComplete(t *testing.T) {
	made, err := new(sourceSettings).open(slog.New(slog.DiscardHandler), environment{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range made {
		names = append(names, s.Name())
	}
	if want := etf.SourceNames(); !slices.Equal(names, want) {
		t.Errorf("cmd/etfcast/sources.go creates %q, the table in etf/source.go has %q", names, want)
	}
	entries, err := os.ReadDir(filepath.Join("..", "..", "source"))
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "web" { // what adapters share
			folders = append(folders, e.Name())
		}
	}
	want := slices.Sorted(slices.Values(etf.SourceNames()))
	if slices.Sort(folders); !slices.Equal(folders, want) {
		t.Errorf("source/ has the folders %q, the table in etf/source.go has %q", folders, want)
	}
}
