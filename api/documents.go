package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/etfcast/etfcast/etf"
)

//go:embed openapi.yaml
var openapiYAML []byte

// document is the OpenAPI document, read once.
type document struct {
	spec *openapi3.T
	json []byte
}

// loadDocument reads the document once for all servers in the process; it is never modified.
var loadDocument = sync.OnceValues(func() (*document, error) {
	spec, err := openapi3.NewLoader().LoadFromData(openapiYAML)
	if err != nil {
		return nil, etf.Wrap(etf.KindInternal, err, "read openapi.yaml")
	}
	text, err := spec.MarshalJSON()
	if err != nil {
		return nil, etf.Wrap(etf.KindInternal, err, "write openapi.json")
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, etf.Wrap(etf.KindInternal, err, "read openapi.json back")
	}
	removeExtensions(tree)
	if text, err = json.Marshal(tree); err != nil {
		return nil, etf.Wrap(etf.KindInternal, err, "write openapi.json again")
	}
	return &document{spec, text}, nil
})

// removeExtensions removes our code generator's extensions (x-...): a client's generator would look for the Go types
// they name.
func removeExtensions(tree any) {
	switch t := tree.(type) {
	case map[string]any:
		for name, value := range t {
			if strings.HasPrefix(name, "x-") {
				delete(t, name)
				continue
			}
			removeExtensions(value)
		}
	case []any:
		for _, value := range t {
			removeExtensions(value)
		}
	}
}

// register adds the routes that oapi-codegen.yaml excludes from generation.
func (d *document) register(e *echo.Echo) {
	e.GET("/openapi.json", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/json", d.json)
	})
	e.GET("/problems/:type", func(c echo.Context) error {
		for _, p := range problemClasses {
			if c.Param("type") == p.name {
				return c.String(http.StatusOK, fmt.Sprintf("%s (%d): %s\n\n%s\n", p.name, p.status, p.title, p.about))
			}
		}
		return etf.NotFound("type", "there is no such problem type", "GET /openapi.json lists the problems of each path")
	})
}
