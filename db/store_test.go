package db_test

import (
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
)

// TestStore runs every test of the store on each kind of server, with one database per server, as the pipeline's user.
// Each test uses its own symbols.
func TestStore(t *testing.T) {
	tests := []struct {
		name string
		run  func(*testing.T, dbtest.Database)
	}{
		{"registry", testRegistry},
		{"due pages", testDue},
		{"changes of ETFs", testChanges},
		{"currency of stored bars", testCurrencyWithBars},
		{"retired ETFs", testRetiredNotDue},
		{"one ETF, 8 changes", testChangesAtOnce},
		{"session settings", testSessionSettings},
		{"half-open connections", testHalfOpen},
		{"settings in the DSN", testFixedVariables},
		{"text", testText},
		{"values that do not fit", testUnfit},
		{"rights", testRights},
		{"fetch and staged", testFetch},
		{"staging", testStaging},
		{"known bars", testKnown},
		{"verdicts", testVerdicts},
		{"discarded rows", testDiscard},
		{"persist", testPersist},
		{"persist twice", testPersistTwice},
		{"unchanged rows", testUnchanged},
		{"what is a revision", testRevision},
		{"refusals of persist", testPersistRefusals},
		{"every row dropped", testEveryRowDropped},
		{"take-over", testTakeOver},
		{"take-over of a series with holes", testTakeOverWithHoles},
		{"take-over and decisions", testTakeOverAndDecisions},
		{"listing date", testListing},
		{"bars before the listing", testEarlyBars},
		{"quarantine", testQuarantine},
		{"held row", testHeld},
		{"held bars", testHeldBars},
		{"volume of a held bar", testHeldVolume},
		{"findings that hold", testHeldFindings},
		{"release of a held bar", testReleaseHeld},
		{"forecasts of a held session", testHeldForecasts},
		{"confirmations", testConfirmations},
		{"rejected numbers", testRejected},
		{"two rules", testTwoRules},
		{"identity of findings", testIdentity},
		{"twin findings of 0.1", testTwinsOf01},
		{"decisions taken back", testUndo},
		{"a value for a missing row", testReplaceMissing},
		{"retracted bars", testRetract},
		{"superseded findings", testSuperseded},
		{"fetched again", testRefetchDecision},
		{"decide between judgement and persist", testDecideBetween},
		{"filters of findings", testFindingFilters},
		{"decide before persist", testDecideEarly},
		{"findings", testFindings},
		{"findings as of a version", testFindingsAt},
		{"undo of a decision before persist", testUndoEarly},
		{"a split accepted between judgement and persist", testSplitAcceptedBetween},
		{"an accepted split is rejected", testAcceptedSplitRejected},
		{"actions", testActions},
		{"a split stated a day early and corrected", testSplitCorrected},
		{"a split that did not happen", testSplitWithdrawn},
		{"a proposed split is accepted", testProposedSplit},
		{"decisions on actions", testActionDecisions},
		{"history", testHistory},
		{"pages of bars", testBarsPages},
		{"as of random instants", testAsOf},
		{"pages as of a version", testAsOfPages},
		{"histories as of a version", testHistoryAt},
		{"fetches behind bars", testBarFetches},
		{"versions", testVersions},
		{"NAV", testNAVs},
		{"forecasts", testForecasts},
		{"forecasts together", testForecastsTogether},
		{"issued_at", testIssuedAt},
		{"components and fits", testForecastParts},
		{"tails and provenance", testProvenance},
		{"floats", testFloats},
		{"chain", testChain},
		{"one horizon of a component", testOneHorizon},
		{"models of an ETF", testForecastModels},
		{"entries", testEntries},
		{"entries and retracted bars", testEntriesRetracted},
		{"one entry, 8 writers", testEntryWriters},
		{"lists of forecasts", testForecastHeads},
		{"lists of fetches", testETFFetches},
		{"runs", testRuns},
		{"runs of an ETF", testRunsOfETF},
		{"counts of a run", testRunCounts},
		{"backtests", testBacktests},
		{"backtest of one ETF, 8 workers", testBacktestWorkers},
		{"counts", testCounts},
		{"events", testEvents},
		{"events of many outcomes", testManyOutcomes},
		{"prune", testPrune},
		{"prune events", testPruneEvents},
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
