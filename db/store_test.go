package db_test

import (
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
)

// TestStore runs every test of the store on each kind of server, one database each, as the pipeline's user. Each test
// uses symbols of its own.
func TestStore(t *testing.T) {
	tests := []struct {
		name string
		run  func(*testing.T, dbtest.Database)
	}{
		{"registry", testRegistry},
		{"due pages", testDue},
		{"session settings", testSessionSettings},
		{"settings of the DSN", testSettled},
		{"text", testText},
		{"values that do not fit", testUnfit},
		{"rights", testRights},
		{"fetch and staged", testFetch},
		{"staging roads agree", testStagingRoads},
		{"known bars", testKnown},
		{"persist", testPersist},
		{"persist twice", testPersistTwice},
		{"unchanged changes nothing", testUnchanged},
		{"what is a revision", testRevision},
		{"refusals of persist", testPersistRefusals},
		{"quarantine", testQuarantine},
		{"disputed bar", testDisputed},
		{"rejected numbers", testRejected},
		{"two rules", testTwoRules},
		{"the same finding again", testTwins},
		{"decide before persist", testDecideEarly},
		{"findings", testFindings},
		{"actions", testActions},
		{"history", testHistory},
		{"bars pages", testBarsPages},
		{"forecasts", testForecasts},
		{"components and fits", testForecastParts},
		{"floats", testFloats},
		{"chain", testChain},
		{"one horizon of a component", testOneHorizon},
		{"models of an ETF", testForecastModels},
		{"runs", testRuns},
		{"counts", testCounts},
		{"prune", testPrune},
		{"one ETF, 16 writers", testWritersOfOne},
		{"many ETFs, 16 writers", testWritersOfMany},
		{"one fetch, 8 writers", testWritersOfOneFetch},
		{"one chain, 8 writers", testWritersOfOneChain},
	}
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) { test.run(t, d) })
		}
	})
}
