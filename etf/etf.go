package etf

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Symbol names an ETF: 1 to 32 of A-Z 0-9 . _ -, beginning with a letter or digit. KRX codes keep their
// leading zeros ("069500", "0000J0"): a symbol is text, never a number.
type Symbol string

var symbolForm = regexp.MustCompile(`^[A-Z0-9][A-Z0-9._-]{0,31}$`)

// ParseSymbol checks the form. Errors are of KindInvalid with Field "symbol".
func ParseSymbol(s string) (Symbol, error) {
	if !symbolForm.MatchString(s) {
		return "", Invalid("symbol", fmt.Sprintf("%q is not a symbol", Clip(s, 40)), "use 1 to 32 of A-Z 0-9 . _ - and begin with a letter or digit, for example SPY or 069500")
	}
	return Symbol(s), nil
}

// Exchange is the ISO 10383 market identifier of an exchange.
type Exchange string

// The exchanges that have a trading calendar.
const (
	XNYS Exchange = "XNYS" // New York Stock Exchange, and the US ETF venues that share its sessions
	XKRX Exchange = "XKRX" // Korea Exchange
	XLON Exchange = "XLON" // London Stock Exchange
	XETR Exchange = "XETR" // Xetra, Frankfurt
	XTKS Exchange = "XTKS" // Tokyo Stock Exchange
)

// Exchanges lists the known exchanges in the order they are shown.
func Exchanges() []Exchange { return []Exchange{XNYS, XKRX, XLON, XETR, XTKS} }

// HomeExchanges lists the exchanges that are shown and scheduled unless told otherwise; the others are shown once there is an ETF of theirs.
func HomeExchanges() []Exchange { return []Exchange{XNYS, XKRX} }

// ExchangeList names the known exchanges for a sentence: "XNYS, XKRX, ... or XTKS".
func ExchangeList() string {
	names := make([]string, len(Exchanges()))
	for i, x := range Exchanges() {
		names[i] = string(x)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// exchangeAliases are the market identifiers of venues that share an exchange's sessions and hours.
var exchangeAliases = map[string]Exchange{
	"XNAS": XNYS, // Nasdaq
	"ARCX": XNYS, // NYSE Arca, where most US ETFs are listed
	"BATS": XNYS, // Cboe BZX
	"XASE": XNYS, // NYSE American
	"XETA": XETR, // Xetra, regulated market
	"XJPX": XTKS, // Japan Exchange Group, which operates the Tokyo Stock Exchange
}

// Name returns the exchange's name, for people.
func (x Exchange) Name() string {
	switch x {
	case XNYS:
		return "New York Stock Exchange"
	case XKRX:
		return "Korea Exchange"
	case XLON:
		return "London Stock Exchange"
	case XETR:
		return "Xetra"
	case XTKS:
		return "Tokyo Stock Exchange"
	}
	return string(x)
}

// ParseExchange checks that the exchange is known and returns its main identifier: XNYS for XNAS, ARCX and BATS, whose sessions are
// the same. Errors are of KindInvalid with Field "exchange".
func ParseExchange(s string) (Exchange, error) {
	if slices.Contains(Exchanges(), Exchange(s)) {
		return Exchange(s), nil
	}
	if x, ok := exchangeAliases[s]; ok {
		return x, nil
	}
	return "", Invalid("exchange", fmt.Sprintf("%q is not a known exchange", Clip(s, 40)), "use "+ExchangeList())
}

// Currency is an ISO 4217 code, or one of the units that prices are quoted in and ISO 4217 has no code for: GBX, ILA and ZAC (Major).
type Currency string

// DefaultCurrency returns the currency ETFs of the exchange trade in. In London that is the penny sterling (GBX); the lines there
// that trade in dollars, euros or pounds need their own currency.
func (x Exchange) DefaultCurrency() Currency {
	switch x {
	case XKRX:
		return "KRW"
	case XLON:
		return "GBX"
	case XETR:
		return "EUR"
	case XTKS:
		return "JPY"
	}
	return "USD"
}

var currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)

// ParseCurrency checks the form of an ISO 4217 code. Errors are of KindInvalid with Field "currency".
func ParseCurrency(s string) (Currency, error) {
	if minor, ok := minorNames[s]; ok {
		return minor, nil // as providers write it, such as GBp
	}
	if !currencyForm.MatchString(s) {
		return "", Invalid("currency", fmt.Sprintf("%q is not an ISO 4217 code", Clip(s, 40)), "use three capital letters, for example USD or KRW, or GBX for pence")
	}
	return Currency(s), nil
}

// ETF is one registered fund, with every change made to it since.
type ETF struct {
	Symbol   Symbol      `json:"symbol"`
	Exchange Exchange    `json:"exchange"`
	Currency Currency    `json:"currency"`
	Name     string      `json:"name,omitempty"` // of the fund, for people; may be empty
	Sources  []SourceRef `json:"sources"`
	// Listed is the ETF's first session. Earlier rows under its symbol belong to another security. Zero if unknown.
	Listed Session `json:"listed,omitzero"`
	// Delisted is its last session; later rows under its symbol belong to another security, and nothing is due any more. Zero if it is
	// still listed or that is not known.
	Delisted Session `json:"delisted,omitzero"`
	// PermanentID outlives the symbol: 32 hex digits, made when the ETF is registered. Former are the symbols it had before, oldest first.
	PermanentID string         `json:"permanent_id,omitempty"`
	Former      []FormerSymbol `json:"former_symbols,omitempty"`
	ISIN        string         `json:"isin,omitempty"`
	// Retired means that daily runs leave it out; its history stays.
	Retired bool `json:"retired,omitempty"`
	// Changes is how often the ETF has been changed since it was registered: the number of its newest ETFChange.
	Changes     int         `json:"changes,omitempty"`
	DataVersion DataVersion `json:"data_version"`
	// First and Last are the first and last stored sessions, zero before the first update, and Basis is that of the stored prices. Bars counts
	// the stored bars, quarantined ones included; Quarantined counts only those.
	First       Session   `json:"first_session,omitzero"`
	Last        Session   `json:"last_session,omitzero"`
	Basis       Basis     `json:"basis,omitempty"`
	Bars        int       `json:"bars"`
	Quarantined int       `json:"quarantined"`
	CreatedAt   time.Time `json:"created_at"`
}

// Series returns the basis of the ETF's series: that of the stored prices; before the first, the one that its first source declares, empty if
// that says it with its responses only.
func (e *ETF) Series() Basis { return cmp.Or(e.Basis, declared(e.Sources)) }

// ComparedOnly names those of the ETF's sources that are never asked for its series, because their prices are on another basis: their closes are
// only compared with it.
func (e *ETF) ComparedOnly() []string { return comparedOnly(e.Sources, e.Series()) }

// FormerSymbol is a symbol that an ETF had before it was renamed.
type FormerSymbol struct {
	Symbol Symbol  `json:"symbol"`
	Last   Session `json:"last"` // its last session under that symbol
}

// ETFEdit changes a registered ETF. A nil field keeps its value.
type ETFEdit struct {
	Symbol   Symbol
	Currency *Currency
	Name     *string
	Sources  []SourceRef
	Listed   *Session // zero = unknown
	Delisted *Session // zero = still listed, or unknown
	ISIN     *string
	Retired  *bool
	By, Why  string
	// Note records By and Why even if nothing changes.
	Note bool
	// Changes is the ETF.Changes that the edit is based on; nil = whatever it is.
	Changes *int
}

// Rename gives an ETF another symbol. Its data, findings and forecasts stay, and its chains go on; what was issued keeps the symbol that
// it was issued with.
type Rename struct {
	Symbol Symbol  // that it has had so far
	To     Symbol  // that it has from now on
	Last   Session // its last session under the old one
	// Sources replace those that it has, whose references may name the old symbol; nil = as they are.
	Sources []SourceRef
	By, Why string
}

// Change is what becomes of one ETF that is imported.
type Change string

// The changes.
const (
	Created   Change = "created"
	Unchanged Change = "unchanged"
	Changed   Change = "changed"
)

// Import is a list of ETFs to register, all or none. The same symbol registered with other values is an error, or, with Update, changed.
type Import struct {
	ETFs    []ETF
	Update  bool
	By, Why string
	DryRun  bool // say what would become of them, and store nothing
}

// ETFChange is one recorded change of an ETF: its values after the change, who made it, when and why. Changes are numbered
// from 1.
type ETFChange struct {
	Number   int         `json:"number"`
	Symbol   Symbol      `json:"symbol"`
	Currency Currency    `json:"currency"`
	Name     string      `json:"name"`
	Sources  []SourceRef `json:"sources"`
	Listed   Session     `json:"listed,omitzero"`
	Delisted Session     `json:"delisted,omitzero"`
	ISIN     string      `json:"isin,omitempty"`
	Retired  bool        `json:"retired"`
	By       string      `json:"by"`
	Why      string      `json:"why"`
	At       time.Time   `json:"at"`
}

// DataVersion identifies one state of an ETF's market data. Number increases by one with each change; Writer is
// unique to the transaction that made it, so that two writers can never silently agree on a number.
type DataVersion struct {
	Number int64  `json:"number"`
	Writer string `json:"writer"`
}
