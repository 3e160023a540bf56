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

// Remedy returns what to do about a finding of the rule; "" for a rule that a former release had.
func Remedy(rule string) string {
	for _, r := range registry {
		if r.Name == rule {
			return r.Remedy
		}
	}
	return ""
}

type rule struct {
	Rule
	check func(*state)
}

// The order matters: later rules skip what an earlier rule has dropped or quarantined. A rule without a check
// function is reported by checkLevels.
var registry = []rule{
	{Rule{
		Name: ruleUnreadable, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "A row of the response can't be read or has no price. An error if it is the new session's only row and can't be read. A row without a price counts as a missing session, which the provider may fill in later. Info if only values beside the prices can't be read, such as the volume: the rows are used without them.",
		Remedy:  "Correct the line named, or wait until the provider sends the row correctly, then run the session again (`etfcast run daily --rerun`), which settles the finding. Or give the price yourself: `etfcast finding replace`.",
	}, checkUnreadable},
	{Rule{
		Name: ruleEarly, Severities: []etf.Severity{etf.SeverityInfo},
		Meaning: "Rows before the ETF's listing date belong to another security that had the symbol. They are not stored.",
		Remedy:  "Nothing, if the listing date is right. `etfcast etf edit SYMBOL --listed DATE` corrects it, and `etfcast etf refetch SYMBOL` then fetches the rows again.",
	}, checkEarly},
	{Rule{
		Name: ruleLate, Severities: []etf.Severity{etf.SeverityInfo},
		Meaning: "Rows after the ETF's delisting date belong to another security that has the symbol now, or repeat the last price. They are not stored.",
		Remedy:  "Nothing, if the delisting date is right. `etfcast etf edit SYMBOL --delisted DATE` corrects it, and the next daily run fetches the rows again.",
	}, checkLate},
	{Rule{
		Name: ruleFrequency, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "The rows are not daily: several a session, or one a week, a month or a longer time. All rows are named; if only a part of the response is so, the rows of that part.",
		Remedy:  "Don't accept the rows. Ask the source for daily rows, or correct the file; then fetch all of it again (`etfcast etf refetch SYMBOL`).",
	}, checkFrequency},
	{Rule{
		Name: ruleDates, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "The dates of the response are not those of the exchange: most rows on closed days, rows on Sundays in place of Fridays or on Saturdays in place of Mondays, or trading on many of its holidays. All rows are named; if only some weeks running are shifted, those.",
		Remedy:  "Don't accept the rows. If the dates are in another time zone, correct the file, then fetch all of it again (`etfcast etf refetch SYMBOL`). If the ETF trades on another exchange, register it there under another symbol (`etfcast etf add`) and retire this one (`etfcast etf retire SYMBOL`).",
	}, checkDates},
	{Rule{
		Name: ruleOrder, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "The rows are in neither ascending nor descending order of session. They are sorted and used.",
		Remedy:  "Nothing urgent; check whether the file was assembled from several parts: `etfcast finding show` has the evidence.",
	}, checkOrder},
	{Rule{
		Name: ruleDuplicate, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "A session appears more than once. Info if the rows are the same. A warning if they differ: the last one is kept, or another one that is plainly the finished bar, with far more volume or on the level of its neighbours. An error if they contradict each other by more than the fund moves in a day and nothing shows which one is right: neither is used.",
		Remedy:  "Compare with another source. For an error, `etfcast finding accept` uses the last row, `etfcast finding replace` uses the price you give, and `etfcast finding reject` leaves the session out.",
	}, checkDuplicate},
	{Rule{
		Name: ruleDifference, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning},
		Meaning: "A source's row differs from the bar that a more preferred source has for the session; the stored bar counts, and the source fills only sessions without one. An error, on those sessions, if the source can't continue the stored bars: all its closes differ by one factor, or are those of the sessions before or after, or most of them are another security's.",
		Remedy:  "Find out which source is right. `etfcast etf sources SYMBOL` shows their order and changes it, and `etfcast etf refetch SYMBOL` fetches the whole history in that order. A row kept out because of its level is replaced as soon as the preferred source has the session: run it again later (`etfcast run daily --rerun`).",
	}, checkPrecedence},
	{Rule{
		Name: ruleCalendar, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "A single row is dated on a day when the exchange was closed.",
		Remedy:  "Reject the row (`etfcast finding reject`). Only if the calendar is wrong, accept it (`etfcast finding accept`) and report the mistake.",
	}, checkCalendar},
	{Rule{
		Name: ruleUnfinished, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "A row of a session that had not closed when the source's data were last changed or asked for; or the newest row has a small part of the usual volume and range, or is flat with volume 0 although the ETF trades every day. The row is held: stored, but not believed until a later response has the finished row.",
		Remedy:  "Run the session again later (`etfcast run daily --rerun`) or wait for the next one: either fetches the row again. If the row is final, `etfcast finding accept` believes it.",
	}, checkUnfinished},
	{Rule{
		Name: ruleNoTrade, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "A session without a trade: open, high and low are 0 and the close is carried over, or the bar is flat with volume 0. A warning if the carried close differs from the previous close, an error if it differs by more than 10 %.",
		Remedy:  "For info, nothing: thinly traded funds have such days. Otherwise compare the close with another source. If it is wrong, give the right one (`etfcast finding replace`). If it is an error and right, as after a split, for which the exchange sets a new base price, use it (`etfcast finding accept`) and state the split (`etfcast action add SYMBOL`).",
	}, checkNoTrade},
	{Rule{
		Name: ruleMissingOpen, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "The oldest rows of the history have no open (it is 0), as if the source had none for that time. They are kept and used without it.",
		Remedy:  "Nothing urgent: forecasts use closes only. If another source has the opens, `etfcast finding replace` stores them.",
	}, checkMissingOpen},
	{Rule{
		Name: ruleNonPositive, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "A price is zero or negative, but in a session without a trade or in old rows without an open.",
		Remedy:  "Give the right prices (`etfcast finding replace`), or reject the rows (`etfcast finding reject`). Zeros are usually missing values; negative prices usually mean that columns are mixed up.",
	}, checkNonPositive},
	{Rule{
		Name: ruleOHLC, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "High is not the highest of the four prices, or low not the lowest, by more than one tick and more than 0.01 %.",
		Remedy:  "Compare with another source. `etfcast finding accept` uses the row if its close is right; otherwise give the right prices (`etfcast finding replace`), keep it out (`etfcast finding reject`), or fetch it again once the source has corrected it (`etfcast finding refetch`). If all rows are affected, columns are mixed up.",
	}, checkOHLC},
	{Rule{
		Name: ruleVolume, Severities: []etf.Severity{etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "A warning: prices moved in a session with volume 0, or the volume is hundreds of times the usual one, which is another unit. Info: the volume is a tiny part of the usual one, or some rows of the response have a volume and others have none.",
		Remedy:  "Nothing urgent: forecasts don't use volume. Compare with another source before you use it; `etfcast finding replace` corrects a row.",
	}, checkVolume},
	{Rule{
		Name: ruleMissing, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "Trading sessions between the first session and the new one have no row, either in the response or among the stored rows in use.",
		Remedy:  "The new session: run it again later (`etfcast run daily --rerun`); the provider may be late. Earlier sessions: the next updates fetch the last 15 stored sessions again and fill what the provider has by then; `etfcast etf refetch SYMBOL` fetches all of them; a gap that stays does no harm. If the rows before the gap belong to another fund with the same ticker, set the listing date (`etfcast etf edit SYMBOL --listed DATE`).",
	}, checkMissing},
	{Rule{
		Name: ruleShifted, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "Stored rows come back dated one session earlier or later.",
		Remedy:  "Compare a few dates with another source: the provider has probably changed its time zone or timestamps. Keep the rows out (`etfcast finding reject`), and once the source or the file is right again, run the session again (`etfcast run daily --rerun`), which settles the findings.",
	}, checkShifted},
	{Rule{
		Name: ruleRestated, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "The closes of stored sessions come back multiplied by one factor, or by one that steps at an ex-date: the source has restated its series. Info if its whole history replaces the stored one at once, as it does from a file and from the simulated market if distributions or a split explain the factor; a warning if stored bars go that it has no row for, or if nothing explains the factor. An error if older stored rows remain on the old level, if the closes are off by about the same but not by one factor (another currency or security), or if the whole history can't replace what is stored because it lacks much of it.",
		Remedy:  "Don't accept the rows: their level differs from that of the older rows. If the source is right, `etfcast etf refetch SYMBOL` (POST /v1/etfs/{symbol}/refetch) fetches the whole history, replaces the stored one in a single data version and settles the findings. If the source's history is cut, give it the whole one first; if the older rows belong to another security, set the listing date with `etfcast etf edit SYMBOL --listed DATE`.",
	}, checkRestated},
	{Rule{
		Name: ruleRevised, Severities: []etf.Severity{etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "The response differs from what is stored for the same session. The new row is used; the old one is kept as a revision. A warning if the close changed by more than 2 %.",
		Remedy:  "For a warning, compare with another source. If the new row is wrong, `etfcast finding retract` keeps it out, and `etfcast finding replace` corrects it.",
	}, checkRevised},
	{Rule{
		Name: ruleUnconfirmed, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "A split is stated that the prices don't show, and enough rows show that nothing happened. It is proposed and does not count.",
		Remedy:  "Find out whether there was a split. `etfcast action list --status proposed` shows the statement. If there was none, or if the prices before it are adjusted for it already, `etfcast action reject ACTION`: the prices stay as they are.",
	}, checkStated},
	{Rule{
		Name: ruleWithdrawn, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "A source no longer states an action, or now states other terms, but the action counts on: a person has accepted it, or the prices still show it.",
		Remedy:  "Compare with another source. If it did not happen, `etfcast action list --status accepted` shows it and `etfcast action cancel ACTION` takes it back; otherwise nothing.",
	}, nil},
	{Rule{
		Name: ruleRevisedVolume, Severities: []etf.Severity{etf.SeverityInfo},
		Meaning: "The response has other volumes than those stored, and the same prices. The new volumes are used; the old ones are kept as revisions.",
		Remedy:  "Nothing: forecasts don't use volume.",
	}, nil},
	{Rule{
		Name: ruleReused, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "Rows belong to another security with the same ticker: those before a gap of more than 20 sessions whose level, volatility or volume do not fit the rows after it. If the rows before the gap are in use already, the new rows are named.",
		Remedy:  "Find out when the ETF was listed and register it: `etfcast etf edit SYMBOL --listed DATE`. Rows before that date are left out, and a gap after it is only a gap.",
	}, checkReused},
	{Rule{
		Name: ruleSpike, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning},
		Meaning: "One to three closes leave the level of their neighbours and the next close is back on it: a bad tick. An error from 11 daily volatilities of the sessions around it; a warning below that, and for a row already in use.",
		Remedy:  "Compare with another source. `etfcast finding reject` keeps a bad tick out, `etfcast finding replace` gives the right price in its place, and `etfcast finding accept` uses a genuine move.",
	}, checkLevels},
	{Rule{
		Name: ruleSplit, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "The price level changes by the ratio of a split, but no split was stated; or a split was stated, but the prices don't show it. Each change of level is a finding of its own and proposes the split that would explain it. The finding names the rows that can't be compared with the others: new rows that follow stored ones; in a first response, the older rows, if the new level has lasted 20 sessions.",
		Remedy:  "Find out whether there was a split. `etfcast action list --status proposed` shows the one that would explain it: `etfcast action accept ACTION` adjusts the prices before it and releases the rows, and `etfcast action add SYMBOL` states another one. If there was none, `etfcast action reject ACTION`; once the source has the right prices, run the session again (`etfcast run daily --rerun`), or use the rows as they are (`etfcast finding accept`). A source that states the split later, or takes a wrong statement back, releases the rows too.",
	}, nil},
	{Rule{
		Name: ruleUnit, Severities: []etf.Severity{etf.SeverityError},
		Meaning: "The price level changes by a factor of 100 or 1000: probably another unit, such as pence instead of pounds.",
		Remedy:  "Keep rows in the wrong unit out (`etfcast finding reject`), correct the file or choose another source, and run the session again (`etfcast run daily --rerun`). If the older rows are wrong, correct them and fetch all of them again (`etfcast etf refetch SYMBOL`).",
	}, nil},
	{Rule{
		Name: ruleJump, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning},
		Meaning: "A close is more than 7 daily volatilities away from the previous one and the next closes stay there. A warning: such moves are rare, but genuine. An error if the market does not make such a move: the volume changes by the inverse ratio while the fund stays as calm as before, or the move exceeds 100 volatilities between calm days.",
		Remedy:  "Look for news or a distribution on that day, or compare with another source. For an error, `etfcast finding accept` uses a genuine move and `etfcast finding reject` keeps wrong prices out; for a warning, `etfcast finding retract` does. Once the source has the right prices, `etfcast etf refetch SYMBOL` fetches them.",
	}, nil},
	{Rule{
		Name: ruleHeld, Severities: []etf.Severity{etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "The newest close is more than 10 daily volatilities away from the previous one, and no corporate action, net asset value or other source explains it. The row is held: stored, but not believed until the next session's close, which decides: back at the old level, it was a bad tick (`price_spike`); still there, it is believed (info).",
		Remedy:  "Nothing urgent: the next session decides. To decide earlier, compare with another source: `etfcast finding accept` uses the close, `etfcast finding replace` gives the right one, and `etfcast finding reject` keeps it out until the source corrects it (`etfcast run daily --rerun`).",
	}, nil},
	{Rule{
		Name: rulePriceRange, Severities: []etf.Severity{etf.SeverityError, etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "The open, high or low is out of the range in which the ETF trades: far beyond the other prices of the session, in terms of the ranges and volatility of the sessions around it. A warning, because forecasts use closes only; an error beyond a factor of 3 or so, which no session makes. Info on days of very high volume, and in thinly traded funds that have several such sessions.",
		Remedy:  "Compare with another source. `etfcast finding accept` uses the row if its close is right: forecasts use closes only. `etfcast finding reject` keeps it out.",
	}, checkPriceRange},
	{Rule{
		Name: ruleSecond, Severities: []etf.Severity{etf.SeverityWarning, etf.SeverityInfo},
		Meaning: "The ETF's next source has another close for the session, by more than a tick or what one of them rounds off, and a tenth of a daily volatility. Adjusted series are compared by their moves. The preferred source's close counts, unless its own move is surprising too: then the row is held (`held_close`). Info if a distribution that nobody states would explain it.",
		Remedy:  "Compare both with the exchange's own figures: `etfcast finding show` has them. If the stored close is wrong, `etfcast finding replace` gives the right one. If the other source is often wrong, `etfcast etf sources SYMBOL` takes it out of the list.",
	}, checkSecond},
	{Rule{
		Name: ruleNAV, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "The close and the net asset value don't fit: the premium or discount is far outside its usual range, measured by the sessions around it and by the ETF's daily moves. If both had moved, the move would be real; as only one has, it may be a bad tick, or the net asset value is wrong. The row is used.",
		Remedy:  "`etfcast bars list SYMBOL --nav` shows both numbers. If the close is wrong, `etfcast finding retract` keeps it out and `etfcast finding replace` corrects it. If the net asset value is wrong or the fund did trade there, nothing: forecasts don't use it.",
	}, checkNAV},
	{Rule{
		Name: ruleStale, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "A bar repeats the previous one although there was trading, several bars repeat those of other dates, or the close stays the same for longer than the ETF's history and its tick make plausible.",
		Remedy:  "Compare with another source: the provider may be repeating an old price, which `etfcast finding retract` keeps out. After a halt it is right.",
	}, checkStale},
	{Rule{
		Name: ruleAdjusted, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "The provider's adjusted close does not match its own dividends and capital gains: it deducts another amount, deducts one twice, or deducts one that is not stated. Forecasts don't use the adjusted close.",
		Remedy:  "Don't use this source's adjusted close for total returns. If a distribution is missing or wrong, compare with the fund's announcement: `etfcast finding show` has the numbers.",
	}, checkAdjusted},
	{Rule{
		Name: ruleDistribution, Severities: []etf.Severity{etf.SeverityWarning},
		Meaning: "A dividend or capital gain can't be believed: it is not positive, larger than the price, too large for the price not to have fallen with it, in another unit or currency than the fund's usual ones, stated twice within days, or not on the basis of the prices before a split.",
		Remedy:  "Compare with the fund's announcement: `etfcast finding show` has the numbers. Forecasts use splits only.",
	}, checkDistributions},
}
