package file

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/etfcast/etfcast/etf"
)

// dateKind is how a date is written.
type dateKind uint8

const (
	noDate    dateKind = iota
	yearFirst          // 2025-06-30, 20250630, 2025. 6. 30, 2025년 6월 30일: year, month, day
	yearLast           // 06/30/2025 or 30.06.2025: the other two in either order
	shortYear          // 06/30/25: three numbers in any order
	monthName          // Sep 26, 2025
	serial             // 45838: the day number of a spreadsheet
	epoch              // seconds since 1970, or a thousandth, millionth or billionth of one
	dateKinds          // how many there are
)

// stamp is a date as written, before the whole column has shown what its numbers mean.
type stamp struct {
	kind    dateKind
	n       [3]int32 // the numbers in order: year, month, day if kind is yearFirst or monthName; n[0] is the day number of a serial
	hasTime bool
	clock   int32 // seconds of the day
	offset  int32 // seconds east of UTC
	zoned   bool  // offset is given
	at      int64 // seconds since 1970, of an epoch
}

// lexDate reads a date without deciding what its numbers mean. kind is noDate if s is not a date.
func lexDate(s string) stamp {
	if len(s) >= 10 && s[4] == '-' && s[7] == '-' { // the usual form first
		y, ok1 := digits(s[:4])
		m, ok2 := digits(s[5:7])
		d, ok3 := digits(s[8:10])
		if ok1 && ok2 && ok3 {
			if st := (stamp{kind: yearFirst, n: [3]int32{int32(y), int32(m), int32(d)}}).withTime(s[10:]); st.kind != noDate {
				return st
			}
		}
	}
	if len(s) == 0 || len(s) > 80 {
		return stamp{}
	}
	s = strings.TrimSpace(narrow(s))
	if whole, frac, ok := onlyNumber(s); ok {
		return lexNumericDate(whole, frac)
	}
	if len(s) > 9 && (s[8] == ' ' || s[8] == 'T') {
		if _, ok := digits(s[:8]); ok { // 20250630 160000
			return lexNumericDate(s[:8], "").withTime(s[8:])
		}
	}
	return lexParts(s)
}

// onlyNumber splits a number without a sign into its whole part and its decimals.
func onlyNumber(s string) (whole, frac string, ok bool) {
	i := strings.IndexAny(s, ".,")
	if i >= 0 {
		whole, frac = s[:i], s[i+1:]
		if _, ok := digits(frac); !ok || frac == "" {
			return "", "", false
		}
	} else {
		whole = s
	}
	_, ok = digits(whole)
	return whole, frac, ok && whole != "" && (i < 0 || len(whole) > 4)
}

func lexNumericDate(whole, frac string) stamp {
	zeros := strings.Trim(frac, "0") == ""
	switch len(whole) {
	case 5:
		n, _ := digits(whole)
		st := stamp{kind: serial, n: [3]int32{int32(n)}}
		st.hasTime = !zeros
		return st
	case 8, 12, 14:
		y, _ := digits(whole[:4])
		m, _ := digits(whole[4:6])
		d, _ := digits(whole[6:8])
		st := stamp{kind: yearFirst, n: [3]int32{int32(y), int32(m), int32(d)}}
		if _, ok := civil(y, m, d); ok || len(whole) == 8 {
			if len(whole) > 8 {
				return st.withTime(" " + (whole[8:] + "00")[:6])
			}
			if zeros {
				return st
			}
			return stamp{}
		}
	}
	unit := map[int]int64{9: 1, 10: 1, 12: 1e3, 13: 1e3, 15: 1e6, 16: 1e6, 18: 1e9, 19: 1e9}[len(whole)]
	n, ok := digits(whole)
	if unit == 0 || !ok || n < 0 {
		return stamp{}
	}
	return stamp{kind: epoch, at: int64(n) / unit, hasTime: true, zoned: true}
}

// lexParts reads three parts, numbers or the name of a month, and the time after them.
func lexParts(s string) stamp {
	var number [3]int32
	var width [3]int
	month, name, parts := int32(0), -1, 0
	rest := s
	for parts < 3 {
		rest = strings.TrimLeftFunc(rest, func(r rune) bool { return strings.ContainsRune(" \t-/.,년월일年月日'’\u00a0\u202f", r) })
		if rest == "" {
			return stamp{}
		}
		r, _ := utf8.DecodeRuneInString(rest)
		if r >= '0' && r <= '9' {
			i := 0
			for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
				i++
			}
			if i > 4 || i == 3 {
				return stamp{}
			}
			n, _ := digits(rest[:i])
			number[parts], width[parts] = int32(n), i
			rest = rest[i:]
			parts++
			for _, suffix := range [...]string{"st", "nd", "rd", "th"} { // June 30th
				if len(rest) >= 2 && strings.EqualFold(rest[:2], suffix) {
					rest = rest[2:]
					break
				}
			}
			continue
		}
		i := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) })
		if i <= 0 {
			return stamp{}
		}
		word := strings.ToLower(rest[:i])
		switch m := monthNames[word]; {
		case m != 0 && name < 0:
			month, name = m, parts
			parts++
		case parts == 0 && weekdayNames[word], parts > 0 && (word == "de" || word == "of"):
		default:
			return stamp{}
		}
		rest = rest[i:]
	}
	rest = strings.TrimLeft(rest, ".,")
	for _, day := range [...]string{"일", "日"} {
		rest = strings.TrimPrefix(rest, day)
	}
	if open := strings.IndexByte(rest, '('); open >= 0 && strings.TrimSpace(rest[:open]) == "" { // a weekday: "(월)"
		end := strings.IndexByte(rest, ')')
		if end < 0 || end-open > 16 {
			return stamp{}
		}
		rest = rest[end+1:]
	}
	if word := strings.TrimSpace(rest); weekdayNames[strings.ToLower(word)] || strings.HasPrefix(word, "周") || strings.HasPrefix(word, "星期") {
		rest = ""
	}
	st := stamp{n: number}
	switch {
	case name >= 0:
		var two []int
		for i := range 3 {
			if i != name {
				two = append(two, i)
			}
		}
		day, year := two[0], two[1]
		if width[day] == 4 {
			day, year = year, day
		}
		if width[day] > 2 || (width[year] != 4 && width[year] != 2) {
			return stamp{}
		}
		st.kind, st.n = monthName, [3]int32{fullYear(number[year], width[year]), month, number[day]}
	case width[0] == 4 && width[1] <= 2 && width[2] <= 2:
		st.kind = yearFirst
	case width[2] == 4 && width[0] <= 2 && width[1] <= 2:
		st.kind = yearLast
	case width[0] <= 2 && width[1] <= 2 && width[2] <= 2 && (width[2] == 2 || width[0] == 2):
		st.kind = shortYear
	default:
		return stamp{}
	}
	return st.withTime(rest)
}

// fullYear reads a year of two digits as one from 1970 to 2069.
func fullYear(n int32, width int) int32 {
	switch {
	case width > 2:
		return n
	case n < 70:
		return 2000 + n
	}
	return 1900 + n
}

// withTime reads a time of day and a zone; the stamp is no date if s is anything else.
func (st stamp) withTime(s string) stamp {
	if s == "" {
		return st
	}
	if s[0] != ' ' && s[0] != 'T' && s[0] != '\t' && s[0] != ',' {
		return stamp{}
	}
	if len(s) >= 9 && s[3] == ':' && s[6] == ':' { // the usual form first: 16:00:00-04:00
		h, ok1 := digits(s[1:3])
		m, ok2 := digits(s[4:6])
		sec, ok3 := digits(s[7:9])
		if ok1 && ok2 && ok3 && h < 24 && m < 60 && sec < 60 {
			after := st
			after.hasTime, after.clock = true, int32(h*3600+m*60+sec)
			switch zone := s[9:]; {
			case zone == "":
				return after
			case len(zone) == 6 && zone[3] == ':' && (zone[0] == '-' || zone[0] == '+'):
				h, ok1 := digits(zone[1:3])
				m, ok2 := digits(zone[4:])
				if ok1 && ok2 && h <= 14 && m < 60 {
					after.zoned, after.offset = true, int32(h*3600+m*60)
					if zone[0] == '-' {
						after.offset = -after.offset
					}
					return after
				}
			}
		}
	}
	s = strings.TrimSpace(strings.TrimLeft(s, " \tT,"))
	if s == "" {
		return st
	}
	cut := func(word string) bool {
		var found bool
		if strings.HasPrefix(strings.ToLower(s), word) {
			s, found = s[len(word):], true
		} else if strings.HasSuffix(strings.ToLower(s), word) {
			s, found = s[:len(s)-len(word)], true
		}
		s = strings.TrimSpace(s)
		return found
	}
	afternoon := cut("오후") || cut("下午") || cut("午後") || cut("pm")
	morning := !afternoon && (cut("오전") || cut("上午") || cut("午前") || cut("am"))
	var field [3]int
	n := 0
	if len(s) >= 6 {
		if h, ok := digits(s[:6]); ok { // 160000
			field, n = [3]int{h / 10000, h / 100 % 100, h % 100}, 3
			s = s[6:]
		}
	}
	for n < 3 {
		i := 0
		for i < len(s) && i < 2 && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		if i == 0 {
			return stamp{}
		}
		field[n], _ = digits(s[:i])
		s = s[i:]
		n++
		if s == "" || s[0] != ':' {
			break
		}
		s = s[1:]
	}
	if n < 2 || field[0] > 24 || field[1] > 59 || field[2] > 60 {
		return stamp{}
	}
	if s != "" && s[0] == '.' {
		s = strings.TrimLeft(s[1:], "0123456789")
	}
	if s = strings.TrimSpace(s); !afternoon && !morning && len(s) >= 2 {
		switch strings.ToLower(s[:2]) {
		case "pm":
			afternoon, s = true, strings.TrimSpace(s[2:])
		case "am":
			morning, s = true, strings.TrimSpace(s[2:])
		}
	}
	switch {
	case afternoon && field[0] < 12:
		field[0] += 12
	case morning && field[0] == 12:
		field[0] = 0
	}
	st.hasTime, st.clock = true, int32(field[0]*3600+field[1]*60+field[2])
	if i := strings.IndexByte(s, '['); i >= 0 && strings.HasSuffix(s, "]") { // +09:00[Asia/Seoul]
		s = s[:i]
	}
	if s == "" {
		return st
	}
	if hours, ok := zoneNames[strings.ToUpper(s)]; ok {
		st.zoned, st.offset = true, hours*3600
		return st
	}
	for _, name := range [...]string{"UTC", "GMT"} {
		s = strings.TrimPrefix(s, name)
	}
	sign := int32(1)
	switch s[0] {
	case '-':
		sign = -1
	case '+':
	default:
		return stamp{}
	}
	hhmm := strings.Replace(s[1:], ":", "", 1)
	if len(hhmm) <= 2 {
		hhmm += "00"
	}
	z, ok := digits(hhmm)
	if !ok || len(hhmm) > 4 || z > 1400 || z%100 > 59 {
		return stamp{}
	}
	st.zoned, st.offset = true, sign*int32(z/100*3600+z%100*60)
	return st
}

var zoneNames = map[string]int32{"Z": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "KST": 9, "JST": 9}

// civil returns a date; ok is false if there is no such day.
func civil(year, month, day int) (s etf.Session, ok bool) {
	if year < 1900 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, false
	}
	s = etf.NewSession(year, time.Month(month), day)
	if day > 28 {
		if _, _, back := s.Date(); back != day {
			return 0, false
		}
	}
	return s, true
}

// narrow replaces the full-width digits and signs of East Asian text.
func narrow(s string) string {
	if !strings.ContainsRune(s, '\u3000') && strings.IndexFunc(s, func(r rune) bool { return r >= 0xff01 && r <= 0xff5e }) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xff01 && r <= 0xff5e:
			return r - 0xfee0
		case r == '\u3000':
			return ' '
		}
		return r
	}, s)
}

// monthNames are the names of months in the languages whose headers are known, with their abbreviations.
var monthNames = func() map[string]int32 {
	m := map[string]int32{}
	for i, names := range [...]string{
		"jan january januar jänner janv janvier ene enero gennaio gen janeiro januari stycznia",
		"feb february februar févr fevr février fevrier febrero febbraio fevereiro fev februari lutego",
		"mar march mär mrz märz maerz mars marzo março marco maart mrt marca",
		"apr april avr avril abr abril aprile kwietnia",
		"may mai mayo maggio mag maio mei maja",
		"jun june juni juin junio giugno giu junho czerwca",
		"jul july juli juil juillet julio luglio lug julho lipca",
		"aug august août aout ago agosto augustus sierpnia",
		"sep sept september septembre septiembre settembre set setembro września wrzesnia",
		"oct october okt oktober octobre octubre ottobre ott outubro out października pazdziernika",
		"nov november novembre noviembre novembro listopada",
		"dec december dez dezember déc décembre decembre dic diciembre dicembre dezembro grudnia",
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = int32(i + 1)
		}
	}
	return m
}()

var weekdayNames = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq("mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday sunday " +
		"mo di mi do fr sa so montag dienstag mittwoch donnerstag freitag samstag sonntag lun mer jeu ven sam dim lundi mardi mercredi jeudi vendredi samedi dimanche " +
		"월 화 수 목 금 토 월요일 화요일 수요일 목요일 금요일 토요일 일요일") {
		m[name] = true
	}
	return m
}()
