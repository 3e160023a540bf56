package naver

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/korean"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/web"
)

// readXML reads the older endpoint's body: <item data="20260123|154700|156000|150100|152100|25195543"/>, which is date, open, high, low,
// close and volume, in EUC-KR. Errors are those of readJSON.
func readXML(body []byte, code string) ([]row, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		case "euc-kr", "euckr", "ks_c_5601-1987", "cp949", "ms949", "uhc":
			return korean.EUCKR.NewDecoder().Reader(in), nil
		}
		return nil, fmt.Errorf("the encoding %.40q is not one that Naver uses", charset)
	}
	var rows []row
	charts := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF") {
				return nil, etf.Wrapf(etf.KindUnavailable, err, "Naver's response ends too early, after %d bytes", len(body))
			}
			return nil, web.Corrupt("body", "the response is not XML: %v", err)
		}
		start, is := token.(xml.StartElement)
		if !is {
			continue
		}
		switch start.Name.Local {
		case "html", "HTML":
			return nil, etf.Wrapf(etf.KindUnavailable, errors.New(web.Summary(body)), "Naver sent a web page instead of data")
		case "chartdata":
			charts++
			if s := attribute(start, "symbol"); s != "" && s != code {
				return nil, web.Corrupt("chartdata.symbol", "Naver sent %.40q instead of %s", s, code)
			}
			if f := attribute(start, "timeframe"); f != "" && f != "day" {
				return nil, web.Corrupt("chartdata.timeframe", "Naver sent rows at an interval of %.20q instead of daily ones", f)
			}
		case "item":
			r, err := xmlRow(len(rows), attribute(start, "data"))
			if err != nil {
				return nil, err
			}
			if rows = append(rows, r); len(rows) > etf.MaxResponseRows {
				return nil, web.Corrupt("item", "the response has more than %d rows", etf.MaxResponseRows)
			}
		}
	}
	if charts != 1 {
		return nil, web.Corrupt("chartdata", "the response has %d such elements instead of one", charts)
	}
	return rows, nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func xmlRow(i int, data string) (row, error) {
	where := fmt.Sprintf("item[%d].data", i)
	values := strings.Split(data, "|")
	if len(values) != 6 {
		return row{}, web.Corrupt(where, "%.80q has %d values instead of 6: date, open, high, low, close, volume", data, len(values))
	}
	for k, v := range values {
		if values[k] = strings.TrimSpace(v); strings.EqualFold(values[k], "null") {
			values[k] = ""
		}
	}
	return row{where: where, date: values[0], open: values[1], high: values[2], low: values[3], close: values[4], volume: values[5], text: etf.Clip(data, etf.MaxDefectText)}, nil
}
