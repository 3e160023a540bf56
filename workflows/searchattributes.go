package workflows

import (
	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/etf"
)

// The search attributes, for finding workflows in the Web UI and with `temporal workflow list`. They have to exist in the
// namespace before the first workflow starts: package dispatch creates them.
var (
	ExchangeAttribute = temporal.NewSearchAttributeKeyKeyword("EtfcastExchange")
	SymbolAttribute   = temporal.NewSearchAttributeKeyKeyword("EtfcastSymbol")
	SessionAttribute  = temporal.NewSearchAttributeKeyKeyword("EtfcastSession") // "2025-09-26": a date, which no time zone can shift
	OutcomeAttribute  = temporal.NewSearchAttributeKeyKeyword("EtfcastOutcome")
	RunAttribute      = temporal.NewSearchAttributeKeyKeyword("EtfcastRun")

	// scheduledStartAttribute is set by Temporal on workflows started by a schedule: the time they were scheduled for.
	scheduledStartAttribute = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")
)

// SearchAttributes lists the attributes a namespace needs, in a fixed order.
func SearchAttributes() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{ExchangeAttribute, SymbolAttribute, SessionAttribute, OutcomeAttribute, RunAttribute}
}

// SearchAttributes returns the attributes a Tick is found by.
func (in TickInput) SearchAttributes() temporal.SearchAttributes {
	return temporal.NewSearchAttributes(ExchangeAttribute.ValueSet(string(in.Exchange)))
}

// SearchAttributes returns the attributes a daily run is found by.
func (in DailyInput) SearchAttributes() temporal.SearchAttributes {
	return temporal.NewSearchAttributes(
		ExchangeAttribute.ValueSet(string(in.Exchange)),
		SessionAttribute.ValueSet(in.Session.String()),
		RunAttribute.ValueSet(string(in.Run())),
	)
}

// SearchAttributes returns the attributes an update is found by. The outcome is added when it ends.
func (in UpdateETFInput) SearchAttributes() temporal.SearchAttributes {
	return temporal.NewSearchAttributes(
		ExchangeAttribute.ValueSet(string(in.Exchange)),
		SymbolAttribute.ValueSet(string(in.Symbol)),
		SessionAttribute.ValueSet(in.Session.String()),
		RunAttribute.ValueSet(string(in.Run)),
	)
}

// SearchAttributes returns the attributes a waiting finding is found by.
func (in ResolveFindingInput) SearchAttributes() temporal.SearchAttributes {
	return temporal.NewSearchAttributes(
		ExchangeAttribute.ValueSet(string(in.Exchange)),
		SymbolAttribute.ValueSet(string(in.Symbol)),
		SessionAttribute.ValueSet(in.Session.String()),
		OutcomeAttribute.ValueSet(string(etf.OutcomeQuarantined)),
		RunAttribute.ValueSet(string(in.Run)),
	)
}
