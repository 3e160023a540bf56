package report

import (
	_ "embed" // the page and its texts
	"encoding/json"
	"fmt"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed en.json
	english []byte
	//go:embed ko.json
	korean []byte
)

// texts are the messages of a language by their name, with values in braces.
type texts map[string]string

// textsOf returns the texts of a language. Errors are of KindInvalid.
func textsOf(language string) (texts, error) {
	raw := map[string][]byte{"en": english, "ko": korean}[language]
	if raw == nil {
		return nil, etf.Invalid("language", fmt.Sprintf("there is no page in the language %q", language), "use en or ko")
	}
	var t texts
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, err
	}
	return t, nil
}

func (t texts) text(key string) string { return t[key] }

// fill puts values into a message: names and values in turns.
func (t texts) fill(key string, values ...any) string {
	pairs := make([]string, len(values))
	for i, v := range values {
		if pairs[i] = plain(fmt.Sprint(v)); i%2 == 0 {
			pairs[i] = "{" + pairs[i] + "}"
		}
	}
	return strings.NewReplacer(pairs...).Replace(t[key])
}
