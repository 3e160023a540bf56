package file

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// name is what a column name says.
type name struct {
	role role
	// rank decides between columns with the same role: the one with the lower rank has it. Two of one rank are an error.
	rank int
	// language is set for names of languages that write a decimal comma.
	european bool
}

// names maps header names, reduced by headerKey, to what they say. A name of rank 1 is that of the column; one of rank 2 or 3 is
// so if there is no better one, such as Price for the close.
var names = func() map[string]name {
	m := map[string]name{}
	add := func(r role, rank int, european bool, list string) {
		for key := range strings.FieldsSeq(list) {
			if _, twice := m[key]; !twice {
				m[key] = name{r, rank, european}
			}
		}
	}
	// English, Korean, Chinese and Japanese, and the names of interfaces.
	add(date, 1, false, "date tradedate tradingdate localdate 날짜 일자 거래일 거래일자 basdd trddd basdt dtyyyymmdd 日期 交易日期 交易日 日付 日付け")
	add(date, 2, false, "datetime timestamp day session 일시 日時 年月日 일")
	add(date, 3, false, "time t 時間 时间 시간")
	add(open, 1, false, "open openprice openingprice 시가 오픈 시작가 tddopnprc mkp 开盘 开盘价 今开 今开盘 開盤 開盤價 開盤価 開市 始値 始値円")
	add(high, 1, false, "high highprice 고가 최고가 tddhgprc hipr 最高 最高价 最高價 高 高値")
	add(low, 1, false, "low lowprice 저가 최저가 tddlwprc lopr 最低 最低价 最低價 低 安値")
	add(closing, 1, false, "close closeprice closingprice closelast 종가 tddclsprc clpr 收盘 收盘价 今收盘 收盤 收盤價 收市 終値 close*")
	add(adjClose, 1, false, "adjclose adjustedclose adjcloseprice adjustedcloseprice closeadj closeadjusted 수정종가 수정주가 调整后收盘价 調整後終値 複権終値")
	add(volume, 1, false, "volume vol 거래량 acctrdvol accumulatedtradingvolume trqu totalvolume sharevolume 成交量 交易量 成交股數 出来高")
	add(dividend, 1, false, "dividend dividends divcash dividendamount dividendpershare cashdividend 배당금 분배금 주당분배금")
	add(split, 1, false, "split splits stocksplit stocksplits splitfactor splitcoefficient splitratio")
	add(capitalGain, 1, false, "capitalgain capitalgains capitalgaindistribution capitalgaindistributions capgain capgains")
	add(ticker, 1, false, "ticker symbol code 종목코드")
	add(nav, 1, false, "nav netassetvalue navpershare lstnav 순자산가치 기준가격 기준가 单位净值 净值 基準価額")
	add(shares, 1, false, "sharesoutstanding outstandingshares sharesissued 상장좌수 상장주식수 발행좌수 listshrs")
	add(closing, 2, false, "last lastprice price 현재가 现价 最新价")
	add(open, 3, false, "o")
	add(high, 3, false, "h")
	add(low, 3, false, "l")
	add(closing, 3, false, "c")
	add(volume, 3, false, "v")
	// German, French, Spanish, Italian, Portuguese, Dutch, Polish, Turkish, Russian and the Nordic languages.
	add(date, 1, true, "datum data fecha tarih дата dato päivämäärä")
	add(open, 1, true, "eröffnung eroeffnung eröffn eröffnungskurs erster ouverture ouv apertura abertura opening openingskoers otwarcie açılış открытие откр öppning öppningskurs")
	add(high, 1, true, "hoch tageshoch höchst höchstkurs höchstkurse haut plushaut máximo maximo máxima maxima massimo max hoog najwyzszy najwyższy yüksek макс максимум högst högsta")
	add(low, 1, true, "tief tagestief tiefst tiefstkurs bas plusbas mínimo minimo mínima minima min laag najnizszy najniższy düşük мин минимум lägst lägsta")
	add(closing, 1, true, "schluss schluß schlusskurs schlußkurs clôture cloture clot cierre chiusura fechamento fecho slot slotkoers zamkniecie zamknięcie kapanış закрытие stängning stängningskurs stängningskurs")
	add(closing, 2, true, "zuletzt letzter kurs dernier último ultimo laatste ostatnio şimdi цена senast")
	add(adjClose, 1, true, "bereinigterschlusskurs clôtureajustée cierreajustado")
	add(volume, 1, true, "stücke stuecke wolumen wol hacim hac объём объем volym volumi")
	add(volume, 2, true, "volumen")
	add(nav, 1, true, "nettoinventarwert valeurliquidative valorliquidativo")
	add(dividend, 1, true, "dividende dividenden dividendes dividendo dividendos")
	return m
}()

// headerName returns what a header cell says, and what stands in parentheses in it, reduced like a name.
func headerName(cell string) (n name, key, aside string) {
	s := strings.ToLower(strings.TrimSpace(norm.NFC.String(narrow(cell))))
	if open := strings.IndexByte(s, '('); open > 0 {
		if end := strings.IndexByte(s[open:], ')'); end > 0 {
			aside = headerKey(s[open+1 : open+end])
			s = s[:open] + s[open+end+1:]
		}
	}
	key = headerKey(s)
	n, known := names[key]
	if !known {
		// The web page of Yahoo explains its columns in the header.
		switch {
		case strings.HasPrefix(key, "closecloseprice"):
			n = names["close"]
		case strings.HasPrefix(key, "adjcloseadjusted"):
			n = names["adjclose"]
		}
	}
	if n.role == closing && (aside == "adj" || aside == "adjusted" || aside == "수정") {
		n = names["adjclose"]
	}
	return n, key, aside
}

// headerKey reduces a header cell: "1. open" and " <OPEN> " to "open", "Adj Close**" and "adj_close" to "adjclose".
func headerKey(cell string) string {
	s := strings.ToLower(strings.TrimSpace(cell))
	if numbered(s) {
		s = s[3:]
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\u00a0\u3000_-.:<>\"'*/%#()[]", r) {
			return -1
		}
		return r
	}, s)
}

// headerUnits are the units in parentheses behind the name of a column.
var headerUnits = map[string]float64{
	"k": 1e3, "000": 1e3, "000s": 1e3, "thousand": 1e3, "thousands": 1e3, "inthousands": 1e3, "천": 1e3, "천주": 1e3, "千": 1e3, "千股": 1e3, "千株": 1e3, "tsd": 1e3, "천원": 1e3,
	"手": 100, "lots": 100, "hundreds": 100, "만": 1e4, "만주": 1e4, "万": 1e4, "万股": 1e4, "萬股": 1e4,
	"m": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6, "inmillions": 1e6, "백만": 1e6, "백만주": 1e6, "백만원": 1e6, "百万": 1e6, "百万股": 1e6, "억": 1e8, "亿": 1e8, "亿股": 1e8,
}

// eastAsianText reports whether s has Korean, Chinese or Japanese characters.
func eastAsianText(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return r >= 0x3040 && r <= 0x30ff || r >= 0x3400 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3
	}) >= 0
}
