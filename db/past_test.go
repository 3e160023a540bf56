package db_test

import (
	"testing"

	"github.com/etfcast/etfcast/db/archive"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/rebuild"
	"github.com/etfcast/etfcast/source/file"
	"github.com/etfcast/etfcast/source/simulated"
	"github.com/etfcast/etfcast/source/yahoo"
)

// TestReleasesAreRebuilt makes the data of the databases of earlier releases again from the responses in them.
func TestReleasesAreRebuilt(t *testing.T) {
	names, err := archive.Releases(releases)
	if err != nil || len(names) == 0 {
		t.Fatalf("no archive of a release in %s: %v", releases, err)
	}
	parsers := map[string]rebuild.Parse{file.Name: file.ParseStored, simulated.Name: simulated.ParseStored, yahoo.Name: yahoo.ParseStored}
	for _, name := range names {
		a, err := archive.Read(releases, name)
		if err != nil {
			t.Fatal(err)
		}
		s, ctx := upgraded(t, dbtest.Embedded(t), a).Store, t.Context()
		etfs, err := s.ETFs(ctx, "", "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range etfs {
			past, err := s.Past(ctx, e.Symbol)
			if err != nil {
				t.Fatal(err)
			}
			r, err := rebuild.Data(rebuild.Inputs{
				Past: past, Version: e.DataVersion.Number, Parsers: parsers,
				Body: func(id string) ([]byte, error) { return s.FetchBody(ctx, id) },
			})
			t.Log(name, e.Symbol, e.DataVersion.Number, r.Fetches, r.Rows, r.Bars, r.Decided, r.Differences, err)
		}
	}
	_ = etf.AsTraded
}
