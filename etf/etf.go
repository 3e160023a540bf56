package etf

import (
	"fmt"
	"regexp"
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
)

// Exchanges lists the known exchanges in the order they are shown.
func Exchanges() []Exchange { return []Exchange{XNYS, XKRX} }

// Name returns the exchange's name, for people.
func (x Exchange) Name() string {
	switch x {
	case XNYS:
		return "New York Stock Exchange"
	case XKRX:
		return "Korea Exchange"
	}
	return string(x)
}

// ParseExchange checks that the exchange is known. Errors are of KindInvalid with Field "exchange".
func ParseExchange(s string) (Exchange, error) {
	for _, x := range Exchanges() {
		if s == string(x) {
			return x, nil
		}
	}
	return "", Invalid("exchange", fmt.Sprintf("%q is not a known exchange", Clip(s, 40)), "use XNYS or XKRX")
}

// Currency is an ISO 4217 code.
type Currency string

// DefaultCurrency returns the currency ETFs of the exchange trade in.
func (x Exchange) DefaultCurrency() Currency {
	if x == XKRX {
		return "KRW"
	}
	return "USD"
}

var currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)

// ParseCurrency checks the form of an ISO 4217 code. Errors are of KindInvalid with Field "currency".
func ParseCurrency(s string) (Currency, error) {
	if !currencyForm.MatchString(s) {
		return "", Invalid("currency", fmt.Sprintf("%q is not an ISO 4217 code", Clip(s, 40)), "use three capital letters, for example USD or KRW")
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
	// Retired means that daily runs leave it out; its history stays.
	Retired bool `json:"retired,omitempty"`
	// Changes is how often the ETF has been changed since it was registered: the number of its newest ETFChange.
	Changes     int         `json:"changes,omitempty"`
	DataVersion DataVersion `json:"data_version"`
	// First and Last are the first and last stored sessions, zero before the first update. Bars counts the stored bars,
	// quarantined ones included; Quarantined counts only those.
	First       Session   `json:"first_session,omitzero"`
	Last        Session   `json:"last_session,omitzero"`
	Bars        int       `json:"bars"`
	Quarantined int       `json:"quarantined"`
	CreatedAt   time.Time `json:"created_at"`
}

// ETFEdit changes a registered ETF. A nil field keeps its value.
type ETFEdit struct {
	Symbol   Symbol
	Currency *Currency
	Name     *string
	Sources  []SourceRef
	Listed   *Session // zero = unknown
	Retired  *bool
	By, Why  string
	// Note records By and Why even if nothing changes.
	Note bool
	// Changes is the ETF.Changes that the edit is based on; nil = whatever it is.
	Changes *int
}

// ETFChange is one recorded change of an ETF: its values after the change, who made it, when and why. Changes are numbered
// from 1.
type ETFChange struct {
	Number   int         `json:"number"`
	Currency Currency    `json:"currency"`
	Name     string      `json:"name"`
	Sources  []SourceRef `json:"sources"`
	Listed   Session     `json:"listed,omitzero"`
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
