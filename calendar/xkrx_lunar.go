package calendar

import "github.com/etfcast/etfcast/etf"

// lunarYear holds the civil dates of one year's lunisolar holidays in Korea, computed for 135 degrees east. (China's, for
// 120 degrees, differ by a day in some years, such as 1997, 2027 and 2028.) The source is the annual almanac of the Korea
// Astronomy and Space Science Institute.
type lunarYear struct {
	seollal etf.Session // first day of the first month
	buddha  etf.Session // eighth day of the fourth month
	chuseok etf.Session // fifteenth day of the eighth month
}

const lunarFirstYear = 1990

// lunarDates starts at lunarFirstYear.
var lunarDates = [...]lunarYear{
	{day("1990-01-27"), day("1990-05-02"), day("1990-10-03")},
	{day("1991-02-15"), day("1991-05-21"), day("1991-09-22")},
	{day("1992-02-04"), day("1992-05-10"), day("1992-09-11")},
	{day("1993-01-23"), day("1993-05-28"), day("1993-09-30")},
	{day("1994-02-10"), day("1994-05-18"), day("1994-09-20")},
	{day("1995-01-31"), day("1995-05-07"), day("1995-09-09")},
	{day("1996-02-19"), day("1996-05-24"), day("1996-09-27")},
	{day("1997-02-08"), day("1997-05-14"), day("1997-09-16")},
	{day("1998-01-28"), day("1998-05-03"), day("1998-10-05")},
	{day("1999-02-16"), day("1999-05-22"), day("1999-09-24")},
	{day("2000-02-05"), day("2000-05-11"), day("2000-09-12")},
	{day("2001-01-24"), day("2001-05-01"), day("2001-10-01")},
	{day("2002-02-12"), day("2002-05-19"), day("2002-09-21")},
	{day("2003-02-01"), day("2003-05-08"), day("2003-09-11")},
	{day("2004-01-22"), day("2004-05-26"), day("2004-09-28")},
	{day("2005-02-09"), day("2005-05-15"), day("2005-09-18")},
	{day("2006-01-29"), day("2006-05-05"), day("2006-10-06")},
	{day("2007-02-18"), day("2007-05-24"), day("2007-09-25")},
	{day("2008-02-07"), day("2008-05-12"), day("2008-09-14")},
	{day("2009-01-26"), day("2009-05-02"), day("2009-10-03")},
	{day("2010-02-14"), day("2010-05-21"), day("2010-09-22")},
	{day("2011-02-03"), day("2011-05-10"), day("2011-09-12")},
	{day("2012-01-23"), day("2012-05-28"), day("2012-09-30")},
	{day("2013-02-10"), day("2013-05-17"), day("2013-09-19")},
	{day("2014-01-31"), day("2014-05-06"), day("2014-09-08")},
	{day("2015-02-19"), day("2015-05-25"), day("2015-09-27")},
	{day("2016-02-08"), day("2016-05-14"), day("2016-09-15")},
	{day("2017-01-28"), day("2017-05-03"), day("2017-10-04")},
	{day("2018-02-16"), day("2018-05-22"), day("2018-09-24")},
	{day("2019-02-05"), day("2019-05-12"), day("2019-09-13")},
	{day("2020-01-25"), day("2020-04-30"), day("2020-10-01")},
	{day("2021-02-12"), day("2021-05-19"), day("2021-09-21")},
	{day("2022-02-01"), day("2022-05-08"), day("2022-09-10")},
	{day("2023-01-22"), day("2023-05-27"), day("2023-09-29")},
	{day("2024-02-10"), day("2024-05-15"), day("2024-09-17")},
	{day("2025-01-29"), day("2025-05-05"), day("2025-10-06")},
	{day("2026-02-17"), day("2026-05-24"), day("2026-09-25")},
	{day("2027-02-07"), day("2027-05-13"), day("2027-09-15")},
	{day("2028-01-27"), day("2028-05-02"), day("2028-10-03")},
	{day("2029-02-13"), day("2029-05-20"), day("2029-09-22")},
	{day("2030-02-03"), day("2030-05-09"), day("2030-09-12")},
}

func lunar(year int) lunarYear { return lunarDates[year-lunarFirstYear] }
