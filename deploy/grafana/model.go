package grafana

import (
	"fmt"
	"strings"
)

// The sources of data. A dashboard has a variable for each, so that an existing Grafana can use its own; these are the unique
// names (uid) of those that the provisioning files make.
const (
	MySQL      = "etfcast-mysql"
	Prometheus = "etfcast-prometheus"
)

// Dashboard is one page of panels.
type Dashboard struct {
	UID, Title, Description string
	// From and To are the time range at first, as Grafana writes it ("now-90d").
	From, To  string
	Variables []Variable
	Panels    []Panel
}

// Variable is a choice at the top of a dashboard. Its choices are the rows of a query, which has one column.
type Variable struct {
	Name, Label, Description string
	SQL                      string
	// Multi allows several choices, and all of them, which is the choice at first. Otherwise the first row is.
	Multi bool
}

// Panel is one table, chart or number.
type Panel struct {
	Title, Description string
	Kind               Kind
	Width, Height      int // of 24 columns; in rows of 30 pixels
	// Unit is Grafana's name of the unit of all values without one of their own in Units.
	Unit    string
	Units   map[string]string // by column or series
	Queries []Query
	// Max is the upper end of the axis; nil leaves it to the data.
	Max *float64
	// Thresholds colour values from a number on; without any, values have no meaning that a colour could show.
	Thresholds []Threshold
	// Reference draws a line at this value; nil draws none.
	Reference *float64
	Stacked   bool
	// Bands fills the area between two series: from the first to the second of each pair.
	Bands [][2]string
	// Texts are shown in place of numbers.
	Texts map[string]string
	// Links leads from the column to a URL, in which ${__value.raw} is the cell's value.
	Links map[string]string
}

// Kind is one of Grafana's kinds of panel.
type Kind string

// The kinds of panels that the dashboards use.
const (
	TimeSeries Kind = "timeseries"
	Bars       Kind = "bars" // a time series of bars
	Table      Kind = "table"
	Stat       Kind = "stat"
)

// Threshold colours values from From on.
type Threshold struct {
	From  float64
	Color string
}

// Query is one query of a panel: SQL or PromQL.
type Query struct {
	SQL    string
	PromQL string
	// Legend names the series of a PromQL query: "{{queue}}".
	Legend string
	// Series says that the SQL gives time, value and the name of the series (column metric). Otherwise each column is a series,
	// and in tables a column.
	Series bool
}

// plugin returns Grafana's name of the kind.
func (k Kind) plugin() string {
	if k == Bars {
		return "timeseries"
	}
	return string(k)
}

type object = map[string]any

// JSON returns the dashboard as Grafana reads it: objects and lists for encoding/json.
func (d Dashboard) JSON() any {
	variables := []any{
		source("mysql", "Database", "mysql", "etfcast MySQL", MySQL),
		source("prometheus", "Prometheus", "prometheus", "etfcast Prometheus", Prometheus),
	}
	for _, v := range d.Variables {
		variables = append(variables, v.json())
	}
	panels := make([]any, len(d.Panels))
	x, y, height := 0, 0, 0
	for i, p := range d.Panels {
		if x+p.Width > 24 {
			x, y, height = 0, y+height, 0
		}
		panels[i] = p.json(i+1, x, y)
		x, height = x+p.Width, max(height, p.Height)
	}
	var links []any
	for _, other := range []string{pipelineUID, dataUID, forecastsUID} {
		if other != d.UID {
			links = append(links, object{
				"asDropdown": false, "icon": "dashboard", "includeVars": true, "keepTime": false, "tags": []string{}, "targetBlank": false,
				"title": titles[other], "tooltip": "", "type": "link", "url": "/d/" + other,
			})
		}
	}
	return object{
		"uid": d.UID, "title": d.Title, "description": d.Description, "tags": []string{"etfcast"}, "timezone": "utc", "weekStart": "monday",
		"schemaVersion": 41, "version": 1, "editable": true, "graphTooltip": 1, "refresh": "1m", "fiscalYearStartMonth": 0,
		"time": object{"from": d.From, "to": d.To}, "timepicker": object{}, "templating": object{"list": variables},
		"annotations": object{"list": []any{}}, "links": links, "panels": panels,
	}
}

// source is the variable of a source of data.
func source(name, label, plugin, text, uid string) object {
	return object{
		"name": name, "label": label, "type": "datasource", "query": plugin, "regex": "", "multi": false, "includeAll": false, "hide": 0,
		"skipUrlSync": false, "options": []any{}, "refresh": 1, "current": object{"selected": true, "text": text, "value": uid},
	}
}

// ref refers to a source of data by its variable.
func ref(plugin string) object { return object{"type": plugin, "uid": "${" + plugin + "}"} }

func (v Variable) json() object {
	o := object{
		"name": v.Name, "label": v.Label, "description": v.Description, "type": "query", "datasource": ref("mysql"), "query": v.SQL,
		"definition": v.SQL, "regex": "", "sort": 0, "refresh": 1, "multi": v.Multi, "includeAll": v.Multi, "hide": 0, "skipUrlSync": false, "options": []any{},
	}
	if v.Multi {
		o["current"] = object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
	}
	return o
}

func (p Panel) json(id, x, y int) object {
	defaults := object{"unit": p.Unit, "mappings": []any{}, "color": object{"mode": "palette-classic"}, "thresholds": p.thresholds()}
	if len(p.Thresholds) > 0 && p.Kind == Stat {
		defaults["color"] = object{"mode": "thresholds"}
	}
	if p.Max != nil {
		defaults["min"], defaults["max"] = 0, *p.Max
	}
	if len(p.Texts) > 0 {
		texts := object{}
		for value, text := range p.Texts {
			texts[value] = object{"text": text}
		}
		defaults["mappings"] = []any{object{"type": "value", "options": texts}}
	}
	o := object{
		"id": id, "title": p.Title, "description": p.Description, "type": p.Kind.plugin(), "transparent": false,
		"gridPos": object{"x": x, "y": y, "w": p.Width, "h": p.Height},
	}
	switch p.Kind {
	case TimeSeries, Bars:
		defaults["custom"] = p.drawing()
		o["options"] = object{
			"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
			"tooltip": object{"mode": "multi", "sort": "desc"},
		}
	case Table:
		defaults["custom"] = object{"align": "auto", "cellOptions": object{"type": "auto"}, "inspect": false}
		o["options"] = object{"showHeader": true, "cellHeight": "sm", "frameIndex": 0}
	case Stat:
		o["options"] = object{
			"reduceOptions": object{"values": false, "calcs": []string{"lastNotNull"}, "fields": ""}, "orientation": "auto",
			"textMode": "auto", "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard",
		}
	}
	o["fieldConfig"] = object{"defaults": defaults, "overrides": p.overrides()}
	targets := make([]any, len(p.Queries))
	for i, q := range p.Queries {
		targets[i] = q.json(string(rune('A'+i)), p.Kind)
	}
	o["targets"] = targets
	o["datasource"] = ref(p.Queries[0].plugin())
	return o
}

func (p Panel) thresholds() object {
	steps := []any{object{"color": "green", "value": nil}}
	for _, s := range p.Thresholds {
		steps = append(steps, object{"color": s.Color, "value": s.From})
	}
	if p.Reference != nil {
		steps = append(steps, object{"color": "text", "value": *p.Reference})
	}
	return object{"mode": "absolute", "steps": steps}
}

// drawing are the options of lines and bars.
func (p Panel) drawing() object {
	o := object{
		"drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "showPoints": "auto", "pointSize": 4, "spanNulls": true, "axisPlacement": "auto",
		"stacking":        object{"mode": "none", "group": "A"},
		"thresholdsStyle": object{"mode": "off"},
	}
	if p.Kind == Bars {
		o["drawStyle"], o["fillOpacity"], o["showPoints"], o["spanNulls"] = "bars", 80, "never", false
	}
	if p.Stacked {
		o["stacking"] = object{"mode": "normal", "group": "A"}
	}
	if p.Reference != nil {
		o["thresholdsStyle"] = object{"mode": "dashed"}
	}
	return o
}

// overrides are what single columns and series have of their own.
func (p Panel) overrides() []any {
	list := []any{}
	add := func(name, property string, value any) {
		list = append(list, object{
			"matcher": object{"id": "byName", "options": name}, "properties": []any{object{"id": property, "value": value}},
		})
	}
	for _, name := range sorted(p.Units) {
		add(name, "unit", p.Units[name])
	}
	for _, band := range p.Bands {
		add(band[1], "custom.fillBelowTo", band[0])
		add(band[1], "custom.fillOpacity", 15)
	}
	for _, name := range sorted(p.Links) {
		add(name, "links", []any{object{"title": "Open", "url": p.Links[name], "targetBlank": false}})
	}
	return list
}

func (q Query) plugin() string {
	if q.SQL != "" {
		return "mysql"
	}
	return "prometheus"
}

func (q Query) json(id string, kind Kind) object {
	if q.SQL == "" {
		o := object{
			"refId": id, "datasource": ref("prometheus"), "expr": q.PromQL, "legendFormat": q.Legend, "editorMode": "code",
			"range": true, "instant": false, "format": "time_series",
		}
		if kind == Table || kind == Stat {
			o["range"], o["instant"] = false, true
		}
		return o
	}
	format := "table"
	if kind == TimeSeries || kind == Bars {
		format = "time_series"
	}
	return object{"refId": id, "datasource": ref("mysql"), "format": format, "rawQuery": true, "rawSql": q.SQL, "editorMode": "code"}
}

// Check reports the first thing that is wrong with the definition.
func (d Dashboard) Check() error {
	for _, p := range d.Panels {
		switch {
		case p.Title == "" || p.Description == "" || p.Unit == "" || len(p.Queries) == 0:
			return fmt.Errorf("%s: panel %q lacks a title, a description, a unit or a query", d.Title, p.Title)
		case p.Width < 1 || p.Width > 24 || p.Height < 3:
			return fmt.Errorf("%s: panel %q is %d by %d", d.Title, p.Title, p.Width, p.Height)
		}
		for _, q := range p.Queries {
			if (q.SQL == "") == (q.PromQL == "") || q.plugin() != p.Queries[0].plugin() || strings.HasSuffix(strings.TrimSpace(q.SQL), ";") {
				return fmt.Errorf("%s: panel %q has a query that is neither SQL nor PromQL, or both kinds", d.Title, p.Title)
			}
		}
	}
	return nil
}
