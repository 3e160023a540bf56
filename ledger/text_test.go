package ledger

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// randomValue sets a value to anything of its type, often to what JSON writes in a special way.
func randomValue(r *rand.Rand, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(4e9)-1e9, r.Int64N(1e9)/[]int64{1, 1e3, 1e6, 1e9}[r.IntN(4)]).UTC()))
		return
	case etf.Session:
		v.SetInt(r.Int64N(3e4))
		return
	}
	switch v.Kind() {
	case reflect.String:
		pool := []string{"", "a", "é", "<&>", "\"\\", "\b\f\n\r\t\x00\x1f\x7f", "\u2028\u2029", "\xff\xc3", "日本", "😀", "'/", "\ufffd"}
		s := ""
		for range r.IntN(4) {
			s += pool[r.IntN(len(pool))]
		}
		v.SetString(s)
	case reflect.Float64:
		pool := []float64{0, math.Copysign(0, -1), 1, -1, 1e21, 1e20, 999999999999999868928, 1e-6, 1e-7, 9.999e-7, 1.5e-9, 1e-10, 1e-100, 1e300,
			5e-324, math.MaxFloat64, 0.1, 1. / 3, 100, -123456.789, 1 << 53, r.NormFloat64(), math.Exp(80 * r.NormFloat64())}
		v.SetFloat(pool[r.IntN(len(pool))])
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, -1, r.Int64(), -r.Int64()}[r.IntN(5)])
	case reflect.Uint64:
		v.SetUint([]uint64{0, 1, math.MaxUint64, r.Uint64()}[r.IntN(4)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Struct:
		for i := range v.NumField() {
			if r.IntN(8) > 0 && v.Type().Field(i).Tag.Get("json") != "-" {
				randomValue(r, v.Field(i))
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			randomValue(r, v.Index(i))
		}
	case reflect.Slice:
		if n := r.IntN(4) - 1; n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				randomValue(r, v.Index(i))
			}
		}
	case reflect.Map:
		if n := r.IntN(4) - 1; n >= 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				randomValue(r, key)
				randomValue(r, value)
				v.SetMapIndex(key, value)
			}
		}
	default:
		panic(fmt.Sprintf("a forecast has a field of type %s: extend AppendForecast and this test", v.Type()))
	}
}

// The text is that of encoding/json, the rule under which earlier forecasts were hashed, for whatever fields etf.Forecast has.
func TestForecastTextIsThatOfEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 1))
	for i := range 20_000 {
		var f etf.Forecast
		randomValue(r, reflect.ValueOf(&f).Elem())
		f.Hash = ""
		want, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		f.Hash = "is left out"
		got, err := AppendForecast([]byte("before"), &f)
		if err != nil || string(got) != "before"+string(want) {
			t.Fatalf("forecast %d: %v\n%s\nwant\n%s", i, err, got, want)
		}
		parts := Encoded{Diagnostics: string(mustJSON(t, f.Diagnostics))}
		if f.Diagnostics == nil {
			continue // none is stored so
		}
		for name, values := range f.Components {
			if values == nil {
				continue
			}
			parts.Components = append(parts.Components, EncodedComponent{name, string(mustJSON(t, values))})
		}
		if len(parts.Components) != len(f.Components) {
			continue // a component without a list is refused
		}
		if len(f.Tails) > 0 {
			parts.Tails = string(mustJSON(t, f.Tails))
		}
		if len(f.Raw) > 0 {
			parts.Raw = string(mustJSON(t, f.Raw))
		}
		if got, err = AppendEncoded(nil, &f, parts); err != nil || string(got) != string(want) {
			t.Fatalf("forecast %d, encoded: %v\n%s\nwant\n%s", i, err, got, want)
		}
	}
}

func TestForecastWithoutText(t *testing.T) {
	for name, change := range map[string]func(*etf.Forecast){
		"NaN":        func(f *etf.Forecast) { f.Points = []etf.ForecastPoint{{Mean: math.NaN()}} },
		"infinite":   func(f *etf.Forecast) { f.Components = map[string][]float64{"trend": {math.Inf(-1)}} },
		"year 10000": func(f *etf.Forecast) { f.AsOf = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		f := etf.Forecast{ID: "x"}
		change(&f)
		if _, err := AppendForecast(nil, &f); etf.KindOf(err) != etf.KindCorrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkForecastText(b *testing.B) {
	f := sample(1, "")
	var text []byte
	b.Run("AppendForecast", func(b *testing.B) {
		for b.Loop() {
			text, _ = AppendForecast(text[:0], &f)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		for b.Loop() {
			text, _ = json.Marshal(f)
		}
	})
}

// A stored part that isn't JSON is refused, even if the text with it would be that of another forecast.
func TestEncodedPartsAreJSON(t *testing.T) {
	const empty, list = "{}", "[1]"
	for name, parts := range map[string]Encoded{
		"diagnostics": {}, "text after them": {Diagnostics: `{},"run":"x"`}, "a list of them": {Diagnostics: list}, "null": {Diagnostics: "null"},
		"a component": {Diagnostics: empty, Components: []EncodedComponent{{"trend", `[1],"weekly":[2]`}}},
		"no list":     {Diagnostics: empty, Components: []EncodedComponent{{"trend", ""}}},
		"tails":       {Diagnostics: empty, Tails: `[1],"held":1`},
		"raw":         {Diagnostics: empty, Raw: `[1],"held":1`},
	} {
		if text, err := AppendEncoded(nil, &etf.Forecast{}, parts); etf.KindOf(err) != etf.KindCorrupt || len(text) != 0 {
			t.Errorf("%s: %v, %s", name, err, text)
		}
	}
}
