package report

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"image/color"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// role is what a stroke, an area or a text stands for. The page's style sheet gives each role a colour, one for light and one for dark, by
// the variable --NAME; in the drawing it is a colour that stands for nothing else.
type role uint8

// The roles.
const (
	_ role = iota
	ink
	muted
	grid
	band
	centre
	came
	series // series+k is the k-th line of a chart
)

// seriesCount is the number of lines that differ in colour; after them the colours begin again, with other dashes.
const seriesCount = 8

func (r role) name() string {
	switch r {
	case ink:
		return "ink"
	case muted:
		return "muted"
	case grid:
		return "grid"
	case band:
		return "band"
	case centre:
		return "centre"
	case came:
		return "came"
	default:
		return fmt.Sprintf("s%d", int(r-series)%seriesCount+1)
	}
}

// The colour of a role in the drawing, before it becomes a variable.
func (r role) color() color.Color { return color.NRGBA{R: 0xFE, G: 0xD0, B: uint8(r), A: 255} }

// dashes tell lines apart that have the same colour, or that are seen without colours.
var dashes = [...][]vg.Length{nil, {6, 2}, {2, 2}, {8, 2, 2, 2}, {4, 3}, {1, 2}, {10, 3}, {6, 2, 1, 2, 1, 2}}

func lineOf(k int) (role, []vg.Length) {
	return series + role(k%seriesCount), dashes[(k+k/seriesCount)%len(dashes)]
}

// textSize is the size of all letters, in points of the drawing.
const textSize = 10

// typeface parses the font that letters are measured by. It is embedded in the program, so only a broken build can fail. The page asks for
// fonts of the same widths.
var typeface = sync.OnceValue(func() font.Face {
	f, err := opentype.Parse(liberationsansregular.TTF)
	if err != nil {
		panic(err)
	}
	return font.Face{Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: textSize}, Face: f}
})

// widthOf estimates the width of a text: letters that the font lacks (Korean ones) are as wide as they are high.
func widthOf(text string) vg.Length {
	face := typeface()
	latin := strings.Map(func(r rune) rune {
		if r >= 0x1100 {
			return -1
		}
		return r
	}, text)
	wide := 0
	for _, r := range text {
		if r >= 0x1100 {
			wide++
		}
	}
	return face.Width(latin) + vg.Length(wide)*textSize*.95
}

// drawing is an SVG in the making. The origin is at the bottom left.
type drawing struct {
	c    *vgsvg.Canvas
	w, h vg.Length
}

func newDrawing(w, h vg.Length) *drawing { return &drawing{c: vgsvg.New(w, h), w: w, h: h} }

func (d *drawing) stroke(p vg.Path, r role, width vg.Length, dash []vg.Length) {
	d.c.SetColor(r.color())
	d.c.SetLineWidth(width)
	d.c.SetLineDash(dash, 0)
	d.c.Stroke(p)
}

func (d *drawing) fill(p vg.Path, r role) {
	d.c.SetColor(r.color())
	d.c.Fill(p)
}

func (d *drawing) segment(x0, y0, x1, y1 vg.Length, r role, width vg.Length, dash []vg.Length) {
	d.stroke(path(vg.Point{X: x0, Y: y0}, vg.Point{X: x1, Y: y1}), r, width, dash)
}

// text writes at a base line; align is the share of the text to the left of x.
func (d *drawing) text(x, y vg.Length, align float64, r role, text string) {
	if text = plain(text); text == "" {
		return
	}
	d.c.SetColor(r.color())
	d.c.FillString(typeface(), vg.Point{X: x - vg.Length(align)*widthOf(text), Y: y}, text)
}

func path(points ...vg.Point) vg.Path {
	out := make(vg.Path, 0, len(points)+1)
	for i, p := range points {
		if i == 0 {
			out.Move(p)
		} else {
			out.Line(p)
		}
	}
	return out
}

func box(x0, y0, x1, y1 vg.Length) vg.Path {
	out := path(vg.Point{X: x0, Y: y0}, vg.Point{X: x1, Y: y0}, vg.Point{X: x1, Y: y1}, vg.Point{X: x0, Y: y1})
	out.Close()
	return out
}

// diamond is a mark; it takes fewer bytes than a circle.
func diamond(x, y, r vg.Length) vg.Path {
	out := path(vg.Point{X: x - r, Y: y}, vg.Point{X: x, Y: y + r}, vg.Point{X: x + r, Y: y}, vg.Point{X: x, Y: y - r})
	out.Close()
	return out
}

// plain replaces what HTML can't hold: control characters and bytes that are not UTF-8.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}

var (
	styles  = regexp.MustCompile(`\s*style="([^"]*)"`)
	colours = regexp.MustCompile(`#FED0([0-9A-F]{2})`)
	sizes   = regexp.MustCompile(`(?s)^.*?<svg[^>]*>`)
)

// inline returns the drawing as an element of the page. Its title and description are read out in place of the picture.
func (d *drawing) inline(title, description string) template.HTML {
	var b bytes.Buffer
	_, _ = d.c.WriteTo(&b) // a buffer accepts everything
	// Quotation marks in texts are written as entities, so these match attributes only.
	out := sizes.ReplaceAllString(b.String(), "")
	out = styles.ReplaceAllStringFunc(out, func(s string) string {
		style := styles.FindStringSubmatch(s)[1]
		var r role
		if m := colours.FindStringSubmatch(style); m != nil {
			_, _ = fmt.Sscanf(m[1], "%X", &r)
		}
		if strings.HasPrefix(style, "font-family") {
			return ` style="fill:var(--` + r.name() + `)"`
		}
		return ` style="` + colours.ReplaceAllLiteralString(style, "var(--"+r.name()+")") + `"`
	})
	out = strings.ReplaceAll(out, "\n", "")
	// An area of a band is laid over others.
	out = strings.ReplaceAll(out, `style="fill:var(--band)"`, `class="band"`)
	head := fmt.Sprintf(`<svg class="chart" role="img" viewBox="0 0 %g %g" aria-label="%s">`, float64(d.w), float64(d.h),
		html.EscapeString(plain(title+". "+description)))
	return template.HTML(head + out) //nolint:gosec // made of numbers and escaped texts
}
