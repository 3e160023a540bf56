package chart

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"sort"
	"strings"
	"sync"
	"unicode"

	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/etfcast/etfcast/etf"
)

// Lengths in points. Type, lines and ticks are matplotlib's defaults; the rest keeps labels apart.
const (
	textSize    = 10
	frameWidth  = 0.8
	gridWidth   = 0.8
	tickLength  = 3.5
	tickGap     = 3.5  // between a tick and its label
	labelGap    = 6    // between the tick labels and the axis label
	edge        = 8    // between the outermost text and the edge of the figure
	panelGap    = 6    // between panels
	labelSpace  = 10   // between neighbouring labels of the horizontal axis
	yTickEvery  = 20   // the least distance between ticks of the vertical axis
	leastFrame  = 30   // in width and height; less shows nothing
	margin      = 0.05 // of the range of the data, on either side
	dotRadius   = 2.0
	bandEdge    = 1
	smallRadius = 1.6
)

// ink is a colour with opacity. Its RGBA rounds up, so that vgsvg, which divides by alpha and truncates, writes
// exactly this colour.
type ink struct{ r, g, b, a uint8 }

// RGBA implements color.Color.
func (k ink) RGBA() (r, g, b, a uint32) {
	scale := func(v uint8) uint32 { return uint32(math.Ceil(float64(v) * 257 * float64(k.a) / 255)) }
	return scale(k.r), scale(k.g), scale(k.b), uint32(k.a) * 257
}

// pen is how a line is drawn.
type pen struct {
	color color.Color
	width vg.Length
	dash  []vg.Length
}

// The colours are the original's. matplotlib's dashes are 3.7 line widths long, with gaps of 1.6.
var (
	black            = ink{0, 0, 0, 255}
	observed         = black
	forecastLine     = pen{color: ink{0x00, 0x72, 0xB2, 255}, width: 1.5}
	forecastBand     = ink{0x00, 0x72, 0xB2, 51} // opacity 0.2
	limitLine        = pen{color: black, width: 1.5, dash: []vg.Length{5.55, 2.4}}
	changeLine       = pen{color: ink{255, 0, 0, 255}, width: 1.5}
	changepointLine  = pen{color: ink{255, 0, 0, 255}, width: 1.5, dash: []vg.Length{5.55, 2.4}}
	metricLine       = pen{color: ink{0, 0, 255, 255}, width: 1.5}
	predictionDot    = ink{128, 128, 128, 255}
	gridLine         = pen{color: ink{0xE3, 0xE3, 0xE3, 255}, width: gridWidth}
	frameLine        = pen{color: black, width: frameWidth}
	unobservedGround = ink{0xF2, 0xF2, 0xF2, 255}
)

// typeface parses the font of all figures. The font is embedded in the program, so only a broken build can fail.
var typeface = sync.OnceValue(func() font.Face {
	f, err := opentype.Parse(liberationsansregular.TTF)
	if err != nil {
		panic(err)
	}
	return font.Face{Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: textSize}, Face: f}
})

// panel is a plot of a figure.
type panel struct {
	xMin, xMax, yMin, yMax float64
	seen                   [2]bool
	xLabel, yLabel         string
	percent                bool
	ticks                  ticker // of the horizontal axis
	under, draw            func(*plane)
}

// tick is a place on an axis with its label.
type tick struct {
	at    float64
	label string
}

// ticker returns the ticks of a horizontal axis from lo to hi. fits reports whether labels fit next to each other.
type ticker func(lo, hi float64, fits func([]tick) bool) []tick

func see(lo, hi *float64, seen *bool, values [][]float64) {
	for _, x := range values {
		for _, v := range x {
			switch {
			case math.IsNaN(v):
			case !*seen:
				*lo, *hi, *seen = v, v, true
			default:
				*lo, *hi = min(*lo, v), max(*hi, v)
			}
		}
	}
}

func (p *panel) seeX(x ...[]float64) { see(&p.xMin, &p.xMax, &p.seen[0], x) }

func (p *panel) seeY(y ...[]float64) {
	if p.percent {
		for i, x := range y {
			scaled := make([]float64, len(x))
			for k, v := range x {
				scaled[k] = 100 * v
			}
			y[i] = scaled
		}
	}
	see(&p.yMin, &p.yMax, &p.seen[1], y)
}

// widened returns the range of an axis: the data's range and a margin. Data that are all equal get room around them.
func widened(lo, hi float64) (float64, float64) {
	size := max(math.Abs(lo), math.Abs(hi))
	if hi-lo <= 1e-12*size || hi-lo < 1e-290 {
		pad := max(size*margin, 1e-280)
		if size < 1e-280 {
			pad = 1
		}
		return lo - pad, hi + pad
	}
	pad := (hi - lo) * margin
	return lo - pad, hi + pad
}

// canvas is what both formats can do. It moves a PNG's straight lines onto whole dots, to keep them sharp.
type canvas struct {
	vg.CanvasSizer
	dots float64 // per point; 0 for SVG
}

// snap moves a coordinate to the middle of a dot.
func (c canvas) snap(v vg.Length) vg.Length {
	if c.dots == 0 {
		return v
	}
	return vg.Length((math.Floor(float64(v)*c.dots) + 0.5) / c.dots)
}

func (c canvas) stroke(p vg.Path, with pen) {
	c.SetColor(with.color)
	c.SetLineWidth(with.width)
	c.SetLineDash(with.dash, 0)
	c.Stroke(p)
}

func (c canvas) fill(p vg.Path, with color.Color) {
	c.SetColor(with)
	c.Fill(p)
}

func (c canvas) segment(x0, y0, x1, y1 vg.Length, with pen) {
	c.stroke(vg.Path{{Type: vg.MoveComp, Pos: vg.Point{X: x0, Y: y0}}, {Type: vg.LineComp, Pos: vg.Point{X: x1, Y: y1}}}, with)
}

// plain replaces what XML can't hold: control characters and bytes that are not UTF-8.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}

// shortened cuts a text off with an ellipsis if it is wider than room.
func shortened(text string, room vg.Length) string {
	text = plain(text)
	if textWidth(text) <= room {
		return text
	}
	runes := []rune(text)
	n := sort.Search(len(runes), func(n int) bool { return textWidth(string(runes[:n])+"…") > room })
	return string(runes[:max(n-1, 0)]) + "…"
}

// legible replaces every character that the font of a PNG lacks with a box. An SVG keeps it: the viewer's font may
// have it.
func (c canvas) legible(text string) string {
	if c.dots == 0 {
		return text
	}
	const lacking, box = 0, '□'
	font := typeface().Face
	return strings.Map(func(r rune) rune {
		if i, err := font.GlyphIndex(nil, r); err != nil || i == lacking {
			return box
		}
		return r
	}, text)
}

// text writes at a base line; align is the fraction of the text to the left of x (0, 0.5 or 1).
func (c canvas) text(x, y vg.Length, align float64, text string) {
	if text == "" {
		return
	}
	text = c.legible(text)
	c.SetColor(black)
	c.FillString(typeface(), vg.Point{X: x - vg.Length(align)*textWidth(text), Y: y}, text)
}

// textUpwards writes along a vertical base line, centred at y.
func (c canvas) textUpwards(x, y vg.Length, text string) {
	if text == "" {
		return
	}
	text = c.legible(text)
	c.Push()
	// On the edge between two dots, so that a PNG's letters are as sharp as the others.
	half := c.snap(textWidth(text)/2) - c.snap(0)
	c.Translate(vg.Point{X: c.snap(x) - c.snap(0), Y: c.snap(y) - c.snap(0)})
	c.Rotate(math.Pi / 2)
	c.text(-half, 0, 0, text)
	c.Pop()
}

func textWidth(text string) vg.Length {
	face := typeface()
	return face.Width(text)
}

// Heights of text: of digits and capitals above the base line, and of the letters that reach below it.
const (
	ascent  = 0.73 * textSize
	descent = 0.22 * textSize
)

// render lays the panels out one above the other and writes the figure. Panels have the same height, and their
// vertical axes are aligned. width and height are the default size, in inches.
func render(w io.Writer, panels []panel, f Format, s Size, width, height float64) error {
	s, err := s.orElse(width, height)
	if err != nil {
		return err
	}
	if _, err := ParseFormat(string(f)); err != nil {
		return err
	}
	wide, high := vg.Length(s.Width)*vg.Inch, vg.Length(s.Height)*vg.Inch
	var c canvas
	var svg *vgsvg.Canvas
	var img *vgimg.Canvas
	if f == SVG {
		svg = vgsvg.New(wide, high)
		c = canvas{CanvasSizer: svg}
		c.fill(box(0, 0, wide, high), color.White)
	} else {
		img = vgimg.NewWith(vgimg.UseWH(wide, high), vgimg.UseDPI(s.DPI), vgimg.UseBackgroundColor(color.White))
		c = canvas{CanvasSizer: img, dots: float64(s.DPI) / 72}
	}

	each := (high - 2*edge - vg.Length(len(panels)-1)*panelGap) / vg.Length(len(panels))
	below := vg.Length(tickLength + tickGap + ascent + labelGap + ascent + descent)
	if each-below < leastFrame {
		return etf.Invalid("size.height", fmt.Sprintf("%v inches is not enough for %d panels", s.Height, len(panels)), "use more, or 0 for the default height")
	}
	planes := make([]plane, len(panels))
	var left, right vg.Length
	for i := range panels {
		p := &panels[i]
		top := high - edge - vg.Length(i)*(each+panelGap)
		pl := plane{canvas: c, panel: p, y0: top - each + below, y1: top}
		pl.xLo, pl.xHi = widened(p.xMin, p.xMax)
		pl.yLo, pl.yHi = widened(p.yMin, p.yMax)
		pl.yTicks, pl.factor = numberTicks(pl.yLo, pl.yHi, int((pl.y1-pl.y0)/yTickEvery), p.percent)
		if pl.factor != "" {
			pl.y1 -= ascent + labelGap // the factor stands above the frame
		}
		var widest vg.Length
		for _, t := range pl.yTicks {
			widest = max(widest, textWidth(t.label))
		}
		left = max(left, edge+ascent+descent+labelGap+widest+tickGap+tickLength)
		planes[i] = pl
	}
	// The last label of a horizontal axis may reach beyond the frame: where it would leave the figure, make room once.
	right = wide - edge
	for range 2 {
		reach := right
		for i := range planes {
			pl := &planes[i]
			pl.x0, pl.x1 = left, right
			pl.xTicks = panels[i].ticks(pl.xLo, pl.xHi, pl.fits)
			for _, t := range pl.xTicks {
				reach = max(reach, pl.x(t.at)+textWidth(t.label)/2)
			}
		}
		if reach <= wide-edge/2 {
			break
		}
		right -= reach - (wide - edge/2)
	}
	if right-left < leastFrame {
		return etf.Invalid("size.width", fmt.Sprintf("%v inches is not enough for the labels", s.Width), "use more, or 0 for the default width")
	}
	for i := range planes {
		planes[i].drawAll()
	}
	if svg != nil {
		return writeSVG(w, svg)
	}
	_, err = vgimg.PngCanvas{Canvas: img}.WriteTo(w)
	return err
}

// writeSVG writes the figure with other systems' fonts as fallbacks, and with round joins, as in a PNG.
func writeSVG(w io.Writer, svg *vgsvg.Canvas) error {
	var b bytes.Buffer
	if _, err := svg.WriteTo(&b); err != nil {
		return err
	}
	// Quotation marks in labels are written as entities, so this matches attributes only.
	out := bytes.ReplaceAll(b.Bytes(), []byte(`style="font-family:Liberation Sans;`), []byte(`style="font-family:Liberation Sans,Arial,Helvetica,sans-serif;`))
	out = bytes.Replace(out, []byte("<svg width="), []byte(`<svg stroke-linejoin="round" width=`), 1)
	_, err := w.Write(out)
	return err
}

func box(x0, y0, x1, y1 vg.Length) vg.Path {
	return vg.Path{
		{Type: vg.MoveComp, Pos: vg.Point{X: x0, Y: y0}}, {Type: vg.LineComp, Pos: vg.Point{X: x1, Y: y0}},
		{Type: vg.LineComp, Pos: vg.Point{X: x1, Y: y1}}, {Type: vg.LineComp, Pos: vg.Point{X: x0, Y: y1}}, {Type: vg.CloseComp},
	}
}
