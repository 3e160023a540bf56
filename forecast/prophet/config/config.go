package config

import (
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// Unmarshal reads options from a JSON object with the keys that Keys lists: the original's arguments and a few more.
// A key left out keeps its default. Errors are of KindInvalid and name the key: text that is not JSON, an unknown or
// duplicate key, a value of the wrong type, a duplicate date in a list, an exchange without a calendar. prophet.New
// checks everything else about the values.
func Unmarshal(data []byte) (prophet.Options, error) {
	top, err := parseJSON(data)
	if err != nil {
		return prophet.Options{}, err
	}
	c := document{Options: prophet.Defaults()}
	if err := decodeObject(configKeys(), top, &c); err != nil {
		return prophet.Options{}, err
	}
	if c.allMarket && !top.has("seasonality_prior_scale") {
		c.SeasonalityPriorScale = prophet.MarketSeasonalityPriorScale
	}
	if err := c.resolveMarket(); err != nil {
		return prophet.Options{}, err
	}
	return c.Options, nil
}

// Marshal writes options in a canonical form that Unmarshal reads back to the same options: every key in the order of
// Keys, defaults included. A number that JSON can't represent is an error of KindInvalid.
func Marshal(o prophet.Options) ([]byte, error) {
	c := document{Options: o}
	return encodeObject(nil, configKeys(), &c)
}

// Key describes a key of the configuration for the documentation.
type Key struct {
	Name    string // "seasonalities[].period" for a key of an object in a list
	Values  string
	Default string // as JSON; "" if the key is required
	Meaning string
}

// Keys lists the keys that Unmarshal accepts, in the order in which Marshal writes them.
func Keys() []Key {
	c := document{Options: prophet.Defaults()}
	out := describe(nil, "", configKeys(), &c)
	at := func(name string) int {
		for i, k := range out {
			if k.Name == name {
				return i + 1
			}
		}
		panic("no key " + name)
	}
	insert := func(name string, keys []Key) {
		i := at(name)
		out = append(out[:i], append(keys, out[i:]...)...)
	}
	insert("seasonalities", describe(nil, "seasonalities[].", seasonalityKeys, &prophet.Seasonality{}))
	insert("regressors", describe(nil, "regressors[].", regressorKeys, &prophet.Regressor{}))
	insert("holidays", describe(nil, "holidays[].", holidayKeys, &prophet.Holiday{}))
	insert("market", describe(nil, "market.", marketKeys, &prophet.Market{}))
	return out
}

func describe[T any](out []Key, prefix string, keys []key[T], defaults *T) []Key {
	for _, k := range keys {
		d := Key{Name: prefix + k.name, Values: k.values, Meaning: k.meaning}
		if !k.required {
			raw, err := appendJSON(nil, k.name, k.get(defaults))
			if err != nil {
				panic(err) // a default that is not a number
			}
			d.Default = string(raw)
		}
		out = append(out, d)
	}
	return out
}

// document is Options with the two keys that make up Market.
type document struct {
	prophet.Options
	allMarket bool   // "market": true
	inMarket  bool   // "market": {...}
	exchange  string // next to "market"
}

// resolveMarket combines the keys market and exchange.
func (c *document) resolveMarket() error {
	switch {
	case c.inMarket && c.exchange != "":
		return etf.Invalid("exchange", "market is an object and has its own exchange", `move exchange into market`)
	case c.inMarket:
		return nil
	case c.allMarket && c.exchange == "":
		return etf.Invalid("exchange", "market is true, but there is no exchange", `add "exchange": "XNYS" (or XKRX) next to it`)
	case c.allMarket:
		c.Market = prophet.MarketFor(c.exchange)
	default:
		c.Market = prophet.Market{Exchange: c.exchange}
	}
	return nil
}
