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
		Meaning: "A row of the response can't be read or has no price. An error if it is the new session's only row and can't be read. A row without a price counts as a missing session, which the provider may fill in later.",
		Remedy:  "Correct the line named, or wait until the provider sends the row correctly, then run the session again.",
	}, checkUnreadable},
	{Rule{
		Name: ruleOrder, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "The rows are in neither ascending nor descending order of session. They are sorted and used.",
		Remedy:  "Nothing urgent; check whether the file was assembled from several parts.",
	}, checkOrder},
	{Rule{
		Name: ruleDuplicate, Severities: []etf.Severity{etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "A session appears more than once. The last row is kept. Info if the rows are the same, a warning if they differ.",
		Remedy:  "For a warning, compare the kept row with another source.",
	}, checkDuplicate},
	{Rule{
		Name: ruleCalendar, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "A row is dated on a day when the exchange was closed.",
		Remedy:  "Many such rows: the ETF is registered on the wrong exchange, or its dates are shifted by a time zone. A single row: reject it; accept it only if the calendar is wrong, and report that.",
	}, checkCalendar},
	{Rule{
		Name: ruleNoTrade, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "A session without a trade: open, high and low are 0 and the close is carried over, or the bar is flat with volume 0. A warning if the carried close differs from the previous close, an error if it differs by more than 10 %.",
		Remedy:  "For info, nothing: thinly traded funds have such days. Otherwise compare the close with another source: the exchange may have set a new base price, as it does after a split.",
	}, checkNoTrade},
	{Rule{
		Name: ruleNonPositive, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "A price is zero or negative.",
		Remedy:  "Reject the rows. Zeros are usually missing values; negative prices usually mean that columns are mixed up.",
	}, checkNonPositive},
	{Rule{
		Name: ruleOHLC, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "High is not the highest of the four prices, or low not the lowest, by more than one tick and more than 0.01 %.",
		Remedy:  "Compare with another source; accept the row if its close is right, otherwise reject it. If all rows are affected, columns are mixed up.",
	}, checkOHLC},
	{Rule{
		Name: ruleVolume, Severities: []etf.Severity{etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "A warning: prices moved in a session with volume 0. Info: some rows of the response have a volume and others have none.",
		Remedy:  "Nothing urgent: forecasts don't use volume.",
	}, checkVolume},
	{Rule{
		Name: ruleMissing, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "Trading sessions between the first session and the new one have no row, either in the response or among the stored rows in use.",
		Remedy:  "The new session: run it again later (`etfcast run daily --rerun`); the provider may be late. Earlier sessions: the next updates fetch the last 15 stored sessions again and fill what the provider has by then; an older gap stays, and forecasts work without it. If the rows before the gap belong to another fund with the same ticker, register the ETF under another symbol, from a file without those rows (`etfcast etf add`).",
	}, checkMissing},
	{Rule{
		Name: ruleShifted, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "Stored rows come back dated one session earlier or later.",
		Remedy:  "Don't accept the rows. Compare a few dates with another source: the provider has probably changed its time zone or timestamps, and then the source's adapter has to be changed too.",
	}, checkShifted},
	{Rule{
		Name: ruleRestated, Severities: []etf.Severity{etf.SeverityError, etf.SeverityInfo},
		Meaning: "The response restates all sessions already stored by one factor: the provider has re-adjusted its series. An error if older stored rows remain on the old level.",
		Remedy:  "Don't accept the rows: their level differs from that of the older rows. Register the ETF under another symbol (`etfcast etf add`); its first update fetches the whole history.",
	}, checkRestated},
	{Rule{
		Name: ruleRevised, Severities: []etf.Severity{etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "The response differs from what is stored for the same session. The new row is used; the old one is kept as a revision. A warning if the close changed by more than 2 %.",
		Remedy:  "For a warning, compare with another source.",
	}, checkRevised},
	{Rule{
		Name: ruleUnconfirmed, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "A split is stated that the prices don't show, and enough rows show that nothing happened. It is proposed and does not count.",
		Remedy:  "Find out whether there was a split. `etfcast action list --status proposed` shows the statement; then `etfcast action reject ACTION`, or `etfcast action accept ACTION` if the prices are adjusted for it already.",
	}, checkStated},
	{Rule{
		Name: ruleWithdrawn, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "A source no longer states an action, or now states other terms, but the action counts on: a person has accepted it, or the prices still show it.",
		Remedy:  "Compare with another source. `etfcast action cancel ACTION` if it did not happen; otherwise nothing.",
	}, nil},
	{Rule{
		Name: ruleSpike, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning},
		Meaning: "A close leaves the level of its neighbours and the next close is back on it: a bad tick. An error above 10 recent daily volatilities and 10 %; a warning below that, and for a row already in use.",
		Remedy:  "Compare with another source; reject a bad tick, accept a genuine move.",
	}, checkLevels},
	{Rule{
		Name: ruleSplit, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "The price level changes by a ratio typical of a split, but no split was stated; or a split was stated, but the prices don't show it. The finding names the rows that can't be compared with the others: new rows that follow stored ones; in a first response, the older rows, if the new level has lasted 20 sessions.",
		Remedy:  "Find out whether there was a split: accepting or rejecting rows does not make the two levels comparable. If there was one, correct the file, or wait until the provider states the split or corrects its prices. Then register the ETF under another symbol (`etfcast etf add`); its first update fetches the whole history.",
	}, nil},
	{Rule{
		Name: ruleUnit, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "The price level changes by a factor of 100 or 1000: probably another unit, such as pence instead of pounds.",
		Remedy:  "Reject rows in the wrong unit, and correct the file or choose another source. If the older rows are wrong, register the ETF under another symbol (`etfcast etf add`); its first update fetches the whole history.",
	}, nil},
	{Rule{
		Name: ruleJump, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning},
		Meaning: "A close is more than 7 recent daily volatilities away from the previous one. An error if the move exceeds 12 volatilities and 35 % and is not reversed.",
		Remedy:  "Look for news or a distribution on that day, or compare with another source. Accept a genuine move; reject a wrong price.",
	}, nil},
	{Rule{
		Name: ruleStale, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "A bar repeats the previous one although there was trading, or the close stays the same for longer than the ETF's history makes plausible.",
		Remedy:  "Compare with another source: the provider may be repeating an old price.",
	}, checkStale},
	{Rule{
		Name: ruleAdjusted, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "The provider's adjusted close does not match its own dividends and capital gains. Forecasts don't use the adjusted close.",
		Remedy:  "Don't use this source's adjusted close for total returns.",
	}, checkAdjusted},
}
