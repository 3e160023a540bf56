package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed series are what the generator writes.
func TestCommittedSeriesAreGenerated(t *testing.T) {
	dir := t.TempDir()
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		got, err := os.ReadFile(filepath.Join(dir, s.name+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("../../../forecast/prophet/testdata", s.name+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s.csv is not what the generator writes; run make prophet-golden", s.name)
		}
	}
}
