package service

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// importing is a store that keeps what is imported.
type importing struct {
	Store
	got etf.Import
	err error
}

func (s *importing) ImportETFs(_ context.Context, list etf.Import) ([]etf.Change, error) {
	s.got = list
	changes := make([]etf.Change, len(list.ETFs))
	for i := range changes {
		changes[i] = etf.Created
	}
	return changes, s.err
}

const listOf3 = "symbol,exchange,currency,name,isin,listed,delisted,former_symbols,sources\n" +
	"SPY,XNYS,USD,SPDR S&P 500 ETF Trust,US78462F1030,1993-01-29,,,yahoo=SPY\n" +
	"069500,XKRX,,KODEX 200,KR7069500007,2002-10-14,,,yahoo;file=069500.csv\n" +
	"METV,XNYS,,,,2021-06-30,2025-06-30,META=2022-06-08,simulated\n"

func TestImportReads(t *testing.T) {
	want := []etf.ETF{
		{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Name: "SPDR S&P 500 ETF Trust", ISIN: "US78462F1030", Listed: etf.MustSession("1993-01-29"), Sources: []etf.SourceRef{{Name: "yahoo", Ref: "SPY"}}},
		{Symbol: "069500", Exchange: etf.XKRX, Currency: "KRW", Name: "KODEX 200", ISIN: "KR7069500007", Listed: etf.MustSession("2002-10-14"),
			Sources: []etf.SourceRef{{Name: "yahoo", Ref: "069500.KS"}, {Name: "file", Ref: "069500.csv"}}},
		{Symbol: "METV", Exchange: etf.XNYS, Currency: "USD", Listed: etf.MustSession("2021-06-30"), Delisted: etf.MustSession("2025-06-30"),
			Former: []etf.FormerSymbol{{Symbol: "META", Last: etf.MustSession("2022-06-08")}}, Sources: []etf.SourceRef{{Name: "simulated", Ref: "METV"}}},
	}
	semicolons := strings.NewReplacer("yahoo;file", "yahoo|file", ",", ";").Replace(listOf3)
	for name, raw := range map[string]string{
		"plain":                          listOf3,
		"as Excel writes it":             "\ufeff" + strings.ReplaceAll(listOf3, "\n", "\r\n"),
		"semicolons":                     semicolons,
		"tabs":                           strings.ReplaceAll(listOf3, ",", "\t"),
		"quotes":                         strings.NewReplacer("KODEX 200", `"KODEX 200"`, "yahoo;file=069500.csv", `"yahoo; file=069500.csv"`).Replace(listOf3),
		"text kept as a formula":         strings.NewReplacer("\n069500,", "\n\"=\"\"069500\"\"\",").Replace(listOf3),
		"empty lines, capital letters":   strings.Replace(listOf3, "symbol,exchange", "Symbol, EXCHANGE", 1) + "\n,,,,,,,,\n",
		"no line end at the end":         strings.TrimSuffix(listOf3, "\n"),
		"a source for those without one": strings.Replace(listOf3, ",simulated\n", ",\n", 1),
	} {
		store := &importing{}
		report, err := New(Deps{Store: store, Now: atNow}).ImportETFs(t.Context(), ImportRequest{Raw: []byte(raw), Sources: []SourceRequest{{Name: "simulated"}}, By: "kim"})
		if err != nil || report.Created != 3 || len(report.Items) != 3 || !reflect.DeepEqual(report.Items[2], ImportItem{Line: 4, Symbol: "METV", Result: etf.Created}) {
			t.Errorf("%s: %+v, %v", name, report, err)
			continue
		}
		if fmt.Sprint(store.got.ETFs) != fmt.Sprint(want) {
			t.Errorf("%s:\n%v\nnot\n%v", name, store.got.ETFs, want)
		}
	}
}

// Two hundred ETFs, three lines of which are bad: each is named with its line, column, problem and remedy, and nothing is stored.
func TestImportNamesBadLines(t *testing.T) {
	var b strings.Builder
	b.WriteString("symbol,exchange,isin,listed,sources\n")
	for i := range 200 {
		switch i {
		case 49:
			b.WriteString("69500,XKRX,,,yahoo\n")
		case 99:
			b.WriteString("AAA99,XNYS,US78462F1031,,yahoo\n")
		case 149:
			b.WriteString("AAA149,XNYS,,3/14/2020,yahoo\n")
		default:
			fmt.Fprintf(&b, "AAA%d,XNYS,,,yahoo\n", i)
		}
	}
	store := &importing{}
	report, err := New(Deps{Store: store, Now: atNow}).ImportETFs(t.Context(), ImportRequest{Raw: []byte(b.String()), By: "kim"})
	if store.got.ETFs != nil || len(report.Refused) != 3 {
		t.Fatalf("%+v, %v", report, err)
	}
	for i, want := range []string{
		`line 51, symbol: "69500" has 5 digits, but codes of the Korea Exchange have 6: a spreadsheet has taken the leading zeros; write 069500, and have the spreadsheet keep the column as text (import it as "Text", not "General")`,
		`line 101, isin: "US78462F1031" is not an ISIN: its check digit would be 0; compare it with the fund's fact sheet: a character is wrong, or two are swapped`,
		`line 151, listed: "3/14/2020" is not a date; write it as YYYY-MM-DD; have the spreadsheet keep the column as text (import it as "Text", not "General")`,
	} {
		e := etf.Errors(err)[i]
		if got := e.Field + ": " + e.Message + "; " + e.Remedy; got != want {
			t.Errorf("%s\nnot\n%s", got, want)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	many := "symbol,exchange,sources\n" + strings.Repeat("A,XNYS,yahoo\n", 3)
	for name, c := range map[string]struct {
		raw  string
		want []string
	}{
		"nothing":                         {" \n", []string{"body"}},
		"only a header":                   {"symbol,exchange\n", []string{"body"}},
		"UTF-16":                          {"\xff\xfes\x00y\x00", []string{"body"}},
		"a Korean code page":              {"symbol,exchange,name,sources\nSPY,XNYS,,yahoo\n069500,XKRX,\xc4\xda\xb5\xa6,yahoo\n", []string{"line 3"}},
		"a misspelt column":               {"symbol,exchange,listing\nSPY,XNYS,2020-01-02\n", []string{"line 1, listing"}},
		"a column twice":                  {"symbol,exchange,symbol\n", []string{"line 1, symbol"}},
		"columns missing":                 {"name\nSPY\n", []string{"line 1, symbol", "line 1, exchange"}},
		"an empty name between others":    {"symbol,,exchange\nSPY,,XNYS\n", []string{"line 1"}},
		"a mistake below empty lines":     {"\n\nsymbol,exchange,odd\n", []string{"line 3, odd"}},
		"a field too many":                {"symbol,exchange,sources\nSPY,XNYS,yahoo,x\nQQQ,XNYS,yahoo\n", []string{"line 2"}},
		"an open quote":                   {"symbol,exchange,sources\nSPY,XNYS,yahoo\n\"QQQ,XNYS,yahoo\n", []string{"line 3"}},
		"twice":                           {many, []string{"line 3, symbol", "line 4, symbol"}},
		"a number":                        {"symbol,exchange,sources\n6.95E+04,XKRX,yahoo\n", []string{"line 2, symbol"}},
		"no source":                       {"symbol,exchange\nSPY,XNYS\n", []string{"line 2, sources"}},
		"several mistakes":                {"symbol,exchange,currency,sources,delisted,listed\nspy,XNAS1,dollar,Yahoo!,2019-01-01,2020-01-02\n", []string{"line 2, exchange", "line 2, symbol", "line 2, currency", "line 2, delisted", "line 2, sources"}},
		"an old code that lost its zeros": {"symbol,exchange,sources,former_symbols\n069501,XKRX,yahoo,69500=2020-01-02\n", []string{"line 2, former_symbols"}},
		"one fund twice":                  {"symbol,exchange,sources,isin\nSPY,XNYS,yahoo,US78462F1030\nSPX,XNYS,yahoo,US78462F1030\n", []string{"line 3, isin"}},
		"former symbols":                  {"symbol,exchange,sources,former_symbols\nMETV,XNYS,yahoo,META;METV=2020-01-02\n", []string{"line 2, former_symbols", "line 2, former_symbols"}},
	} {
		store := &importing{}
		report, err := New(Deps{Store: store, Now: atNow}).ImportETFs(t.Context(), ImportRequest{Raw: []byte(c.raw), By: "kim"})
		var fields []string
		for _, e := range etf.Errors(err) {
			fields = append(fields, e.Field)
			if e.Kind != etf.KindInvalid || e.Remedy == "" {
				t.Errorf("%s: %+v", name, e)
			}
		}
		if !slices.Equal(fields, c.want) || len(report.Refused) != len(c.want) || store.got.ETFs != nil {
			t.Errorf("%s: %q (%v)", name, fields, err)
		}
	}
	// What only the store can tell is named by line and column too.
	store := &importing{err: errors.Join(&etf.Error{Kind: etf.KindConflict, Field: "etfs[1].isin", Message: "another", Remedy: "repeat it"})}
	report, err := New(Deps{Store: store, Now: atNow}).ImportETFs(t.Context(), ImportRequest{Raw: []byte(listOf3), By: "kim"})
	if want := (ImportProblem{Line: 3, Column: "isin", Message: "another", Remedy: "repeat it"}); len(report.Refused) != 1 || report.Refused[0] != want || etf.Errors(err)[0].Field != "line 3, isin" {
		t.Errorf("%+v, %v", report, err)
	}
	store.err = storeAway
	if _, err := New(Deps{Store: store, Now: atNow}).ImportETFs(t.Context(), ImportRequest{Raw: []byte(listOf3), By: "kim"}); !errors.Is(err, storeAway) {
		t.Error(err)
	}
}

// Spreadsheets write the columns that are empty everywhere, and lines of separators.
func TestImportPassesOverEmptyColumns(t *testing.T) {
	for name, list := range map[string]string{
		"commas":     "symbol,exchange,sources,,\nSPY,XNYS,yahoo,,\n,,,,\nQQQ,XNYS,yahoo,,\n",
		"some lines": "symbol,exchange,sources\nSPY,XNYS,yahoo,\nQQQ,XNYS,yahoo\n",
		"semicolons": "\r\n\r\nsymbol;exchange;sources;\r\nSPY;XNYS;yahoo;\r\nQQQ;XNYS;yahoo;\r\n",
	} {
		store := &importing{}
		report, err := New(Deps{Store: store, Now: atNow}).ImportETFs(t.Context(), ImportRequest{Raw: []byte(list), By: "kim"})
		if err != nil || report.Created != 2 || store.got.ETFs[1].Symbol != "QQQ" {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

// Genuine values that look like what spreadsheets or people get wrong.
func TestImportTakesUnusualLines(t *testing.T) {
	const list = "symbol,exchange,currency,isin,sources\n" +
		"0012E0,XKRX,,,yahoo\n" + // Korean codes since 2024: not a number with an exponent
		"VUSA,XLON,GBP,IE00B3XXRP09,yahoo\nVUSD,XLON,USD,IE00B3XXRP09,yahoo\n" + // one fund, quoted in two currencies
		"VUS,XETR,EUR,IE00B3XXRP09,yahoo\n" +
		"SPY,ARCX,,,yahoo\n" // another name of an exchange
	store := &importing{}
	report, err := New(Deps{Store: store, Now: atNow}).ImportETFs(t.Context(), ImportRequest{Raw: []byte(list), By: "kim"})
	if err != nil || report.Created != 5 {
		t.Fatalf("%+v, %v", report, err)
	}
	if e := store.got.ETFs[4]; e.Exchange != etf.XNYS || e.Currency != "USD" {
		t.Errorf("%+v", e)
	}
}
