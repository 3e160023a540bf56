package quality

import "github.com/etfcast/etfcast/etf"

// Rule describes one rule. Name is stable: findings are stored under it.
type Rule struct {
	Name       string
	Severities []etf.Severity // that it may report, most severe first
	Meaning    string
	Remedy     string // what the operator does about a finding
}

// Rules lists the rules in the order in which they are applied and their findings reported.
func Rules() []Rule {
	out := make([]Rule, len(registry))
	for i, r := range registry {
		out[i] = r.Rule
	}
	return out
}

type rule struct {
	Rule
	check func(*state)
}

// The order matters: later rules skip what an earlier rule has dropped or quarantined. A rule without a check
// function is reported by checkLevels.
var registry = []rule{
	{Rule{
		Name: ruleUnreadable, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning},
		Meaning: "A row of the answer could not be read or has no price. An error when it is the only row of the new session and can't be read; a row without a price is a missing session, which the provider may fill in later.",
		Remedy:  "Correct the named line of the file, or wait for the provider's next answer, and run the session again.",
	}, checkUnreadable},
	{Rule{
		Name: ruleOrder, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "Rows come neither in ascending nor in descending order of session. They are sorted and used.",
		Remedy:  "Nothing at once; look whether the file was put together from parts.",
	}, checkOrder},
	{Rule{
		Name: ruleDuplicate, Severities: []etf.Severity{etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "A session appears more than once. The last row wins. Info when the rows are the same, a warning when they differ.",
		Remedy:  "For a warning compare the rows with another source; the kept one is the last.",
	}, checkDuplicate},
	{Rule{
		Name: ruleCalendar, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "A row is dated on a day the exchange was closed.",
		Remedy:  "Many such rows: the ETF is registered with the wrong exchange, or dates are shifted by a time zone. A single one: reject it; accept it only if the calendar is wrong, and report that.",
	}, checkCalendar},
	{Rule{
		Name: ruleNoTrade, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "A session without a trade: open, high and low 0 and the close carried over, or a flat bar with volume 0. A warning when a carried close is not the close before, an error when it is off by more than 10 %.",
		Remedy:  "Nothing for info: thin funds have such days. Otherwise compare the close with another source: the exchange may have set a new base price, as after a split.",
	}, checkNoTrade},
	{Rule{
		Name: ruleNonPositive, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "A price is zero or negative.",
		Remedy:  "Reject the rows. Zeros are usually missing values, negative prices a mixed-up column.",
	}, checkNonPositive},
	{Rule{
		Name: ruleOHLC, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "High is not the highest or low not the lowest of the four prices, by more than one tick and 0.01 %.",
		Remedy:  "Compare with another source; accept if the close is right, reject otherwise. All rows affected: columns are mixed up.",
	}, checkOHLC},
	{Rule{
		Name: ruleVolume, Severities: []etf.Severity{etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "A warning: prices moved within a session of volume 0. Info: rows of an answer with volumes have none.",
		Remedy:  "Nothing at once: forecasts don't use volume.",
	}, checkVolume},
	{Rule{
		Name: ruleMissing, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "Trading sessions between the first and the new session have no row, neither in the answer nor among the stored rows in use.",
		Remedy:  "The new session: run it again later (`etfcast run daily --rerun`), the provider may be late. Earlier ones: the next updates ask again for the 15 sessions before the last stored one and take in what the provider has by then; an older gap stays, and forecasts do without it. If the rows before the gap belong to another fund of the same ticker: register the ETF under another symbol, from a file without them (`etfcast etf add`).",
	}, checkMissing},
	{Rule{
		Name: ruleShifted, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "Stored rows come back under the date of the session before or after theirs.",
		Remedy:  "Don't accept the rows. Compare a few dates with another source; the provider has changed its time zone or stamps, and the source has to follow.",
	}, checkShifted},
	{Rule{
		Name: ruleRestated, Severities: []etf.Severity{etf.SeverityError, etf.SeverityInfo},
		Meaning: "The answer restates all sessions that are stored already by one factor: the provider has re-adjusted its series. An error when older stored rows stay on the old level.",
		Remedy:  "Don't accept the rows: they are on another level than the older ones. Register the ETF under another symbol (`etfcast etf add`): its first update fetches the whole history.",
	}, checkRestated},
	{Rule{
		Name: ruleRevised, Severities: []etf.Severity{etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "The answer differs from what is stored for the same session. The new row is used, the old one kept as a revision. A warning above 2 % of the close.",
		Remedy:  "For a warning compare with another source.",
	}, checkRevised},
	{Rule{
		Name: ruleSpike, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning},
		Meaning: "A close leaves the level of its neighbours and the next one is back: a bad tick. An error above 10 recent daily volatilities and 10 %; a warning below, and for a row in use already.",
		Remedy:  "Compare with another source; reject a bad tick, accept a day that really was like that.",
	}, checkLevels},
	{Rule{
		Name: ruleSplit, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "The level of prices changes by a ratio like that of a split that nobody stated, or a split was stated that the prices don't show. Named are the rows that can't be compared with the others: new ones after stored ones; in a first answer the older ones, if the new level has lasted 20 sessions.",
		Remedy:  "Find out whether there was a split: accepting or rejecting rows does not make the two levels comparable. If there was, correct the file, or wait until the provider states the split or corrects its prices. Then register the ETF under another symbol (`etfcast etf add`): its first update fetches the whole history.",
	}, nil},
	{Rule{
		Name: ruleUnit, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "The level of prices changes by a factor of 100 or 1000: another unit, such as pence for pounds.",
		Remedy:  "Reject rows in the wrong unit, and correct the file or choose another source. If the older rows are the wrong ones, register the ETF under another symbol (`etfcast etf add`): its first update fetches the whole history.",
	}, nil},
	{Rule{
		Name: ruleJump, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning},
		Meaning: "A close is more than 7 recent daily volatilities away from the one before. An error above 12 volatilities and 35 % without a return.",
		Remedy:  "Look for news or a distribution on that day, or compare with another source. Accept a move that happened; reject a wrong price.",
	}, nil},
	{Rule{
		Name: ruleStale, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "A bar repeats the one before although there was trade, or the close stays the same for longer than the ETF's own past makes plausible.",
		Remedy:  "Compare with another source: the provider may be repeating an old price.",
	}, checkStale},
	{Rule{
		Name: ruleAdjusted, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "The provider's adjusted close does not follow from its own dividends and capital gains. Forecasts don't use the adjusted close.",
		Remedy:  "Don't use this source's adjusted close for total returns.",
	}, checkAdjusted},
}
