package calendar

// xnysUnscheduled lists the closures that no rule gives, with the date each was announced.
var xnysUnscheduled = []Closure{
	{day("1994-04-27"), "national day of mourning for Richard Nixon", day("1994-04-23")},
	{day("2001-09-11"), "attacks of September 11", day("2001-09-11")},
	{day("2001-09-12"), "attacks of September 11", day("2001-09-11")},
	{day("2001-09-13"), "attacks of September 11", day("2001-09-12")},
	{day("2001-09-14"), "attacks of September 11", day("2001-09-13")},
	{day("2004-06-11"), "national day of mourning for Ronald Reagan", day("2004-06-07")},
	{day("2007-01-02"), "national day of mourning for Gerald Ford", day("2006-12-28")},
	{day("2012-10-29"), "Hurricane Sandy", day("2012-10-28")},
	{day("2012-10-30"), "Hurricane Sandy", day("2012-10-29")},
	{day("2018-12-05"), "national day of mourning for George H. W. Bush", day("2018-12-01")},
	{day("2025-01-09"), "national day of mourning for Jimmy Carter", day("2024-12-30")},
}

// xnysIrregular lists the irregular hours that no rule gives.
var xnysIrregular = []irregular{
	{session: day("1997-12-26"), close: at(13, 0), reason: "day after Christmas"},
	{session: day("1999-12-31"), close: at(13, 0), reason: "last session before the year 2000"},
	{session: day("2003-12-26"), close: at(13, 0), reason: "day after Christmas"},
}
