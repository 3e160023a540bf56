package naver

import (
	"bytes"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/web"
)

// provider is what messages call the provider.
const provider = "Naver"

// row is one row of a chart. Empty text means that the provider sent no value.
type row struct {
	where                          string // such as "$[3]" or "item[3]"
	date                           string // YYYYMMDD
	open, high, low, close, volume string
	text                           string // as sent, for defects
}

// priceFields are the fields of a JSON row, and what they are read into.
var priceFields = []struct {
	name string
	to   func(*row) *string
}{
	{"openPrice", func(r *row) *string { return &r.open }},
	{"highPrice", func(r *row) *string { return &r.high }},
	{"lowPrice", func(r *row) *string { return &r.low }},
	{"closePrice", func(r *row) *string { return &r.close }},
	{"accumulatedTradingVolume", func(r *row) *string { return &r.volume }},
}

// read reads a body of either endpoint.
func read(body []byte, code string) ([]row, error) {
	if bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))), []byte("<")) {
		return readXML(body, code)
	}
	return readJSON(body)
}

// readJSON reads an array of rows, or an object that has it as priceInfos. Errors are those of Fetch: KindUnavailable for a body that was
// cut off, KindCorrupt for another shape, KindNotFound for a code that Naver says it does not know.
func readJSON(body []byte) ([]row, error) {
	root, err := web.Decode(provider, body)
	if err != nil {
		return nil, err
	}
	if root.IsObject() {
		if root.Optional("priceInfos") == nil && (root.Optional("code") != nil || root.Optional("message") != nil) {
			return nil, stated(root)
		}
		if root, err = root.Field("priceInfos"); err != nil {
			return nil, err
		}
	}
	list, err := root.List()
	if err != nil {
		return nil, err
	}
	rows := make([]row, 0, min(len(list), etf.MaxResponseRows))
	for _, v := range list {
		r, err := jsonRow(v)
		if err != nil {
			return nil, err
		}
		if rows = append(rows, r); len(rows) > etf.MaxResponseRows {
			return nil, web.Corrupt(root.Place(), "%s sent more than %d rows", provider, etf.MaxResponseRows)
		}
	}
	return rows, nil
}

func jsonRow(v *web.Value) (r row, err error) {
	r.where, r.text = v.Place(), v.Show(etf.MaxDefectText)
	date, err := v.Field("localDate")
	if err != nil {
		return r, err
	}
	if r.date, err = date.Text(); err != nil {
		return r, err
	}
	for _, f := range priceFields {
		value, err := v.Field(f.name)
		if err != nil {
			return r, err
		}
		if *f.to(&r), err = value.Number(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// unknownWords are in the messages with which Naver refuses a code: "the item does not exist", "not found".
var unknownWords = []string{"존재하지", "없는 종목", "not found", "notfound", "not exist", "stockconflict"}

// stated is the error that a JSON object of Naver's states instead of rows.
func stated(v *web.Value) error {
	words := web.Summary([]byte(v.Show(etf.MaxDefectText)))
	if slices.ContainsFunc(unknownWords, func(w string) bool { return strings.Contains(strings.ToLower(words), w) }) {
		return unknownCode("it says " + words)
	}
	return &etf.Error{Kind: etf.KindUnavailable, Message: "Naver sent an error instead of rows: " + words}
}

func unknownCode(why string) error {
	return etf.NotFound("ref", "Naver does not know the code: "+why,
		"check the six characters on finance.naver.com and correct them with `etfcast etf edit`; a delisted ETF needs another source")
}
