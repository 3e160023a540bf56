package holidays

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// monthDay is a day of a civil year: 100 times the month plus the day.
type monthDay int

func (d monthDay) in(year int) etf.Session {
	return etf.NewSession(year, time.Month(d/100), int(d%100))
}

// lunarYear holds one year's lunisolar holidays in Korea, computed for 135 degrees east.
type lunarYear struct {
	seollal monthDay // first day of the first month
	buddha  monthDay // eighth day of the fourth month
	chuseok monthDay // fifteenth day of the eighth month
}

const lunarFirstYear = 1990

// lunarDates starts at lunarFirstYear, with five years per line. The source is the Korea Astronomy and Space Science
// Institute up to 2030, as in package calendar, and the Python package after that. The tests check all of them against
// the new moons.
var lunarDates = [...]lunarYear{
	{127, 502, 1003}, {215, 521, 922}, {204, 510, 911}, {123, 528, 930}, {210, 518, 920},
	{131, 507, 909}, {219, 524, 927}, {208, 514, 916}, {128, 503, 1005}, {216, 522, 924},
	{205, 511, 912}, {124, 501, 1001}, {212, 519, 921}, {201, 508, 911}, {122, 526, 928},
	{209, 515, 918}, {129, 505, 1006}, {218, 524, 925}, {207, 512, 914}, {126, 502, 1003},
	{214, 521, 922}, {203, 510, 912}, {123, 528, 930}, {210, 517, 919}, {131, 506, 908},
	{219, 525, 927}, {208, 514, 915}, {128, 503, 1004}, {216, 522, 924}, {205, 512, 913},
	{125, 430, 1001}, {212, 519, 921}, {201, 508, 910}, {122, 527, 929}, {210, 515, 917},
	{129, 505, 1006}, {217, 524, 925}, {207, 513, 915}, {127, 502, 1003}, {213, 520, 922},
	{203, 509, 912}, {123, 528, 1001}, {211, 516, 919}, {131, 506, 908}, {219, 525, 927},
	{208, 515, 916}, {128, 503, 1004}, {215, 522, 924}, {204, 511, 913}, {124, 430, 1002},
	{212, 518, 921}, {201, 507, 910}, {122, 526, 928}, {210, 516, 917}, {130, 505, 1005},
	{217, 524, 925}, {206, 513, 915}, {126, 502, 1004}, {214, 520, 922}, {202, 509, 911},
	{123, 528, 930},
}
