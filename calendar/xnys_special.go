package calendar

// xnysUnscheduled lists the closures that follow no rule, with the date each was announced.
var xnysUnscheduled = []Closure{
	{Date: day("1994-04-27"), Name: "national day of mourning for Richard Nixon", Announced: day("1994-04-25")},
	{Date: day("2001-09-11"), Name: "attacks of September 11", Announced: day("2001-09-11")},
	{Date: day("2001-09-12"), Name: "attacks of September 11", Announced: day("2001-09-11")},
	{Date: day("2001-09-13"), Name: "attacks of September 11", Announced: day("2001-09-12")},
	{Date: day("2001-09-14"), Name: "attacks of September 11", Announced: day("2001-09-13")},
	{Date: day("2004-06-11"), Name: "national day of mourning for Ronald Reagan", Announced: day("2004-06-07")},
	{Date: day("2007-01-02"), Name: "national day of mourning for Gerald Ford", Announced: day("2006-12-29")},
	{Date: day("2012-10-29"), Name: "Hurricane Sandy", Announced: day("2012-10-28")},
	{Date: day("2012-10-30"), Name: "Hurricane Sandy", Announced: day("2012-10-29")},
	{Date: day("2018-12-05"), Name: "national day of mourning for George H. W. Bush", Announced: day("2018-12-01")},
	{Date: day("2025-01-09"), Name: "national day of mourning for Jimmy Carter", Announced: day("2024-12-30")},
}

// xnysIrregular lists the irregular hours that follow no rule. Halts within a session, such as the circuit breakers of
// March 2020 or the outage of 2015-07-08, are not listed: open and close were regular.
var xnysIrregular = []irregular{
	sameDay("1990-12-27", at(11, 0), 0, "power failure after a transformer fire"),
	sameDay("1991-01-17", at(9, 31), 0, "moment of silence for the troops in the Gulf"),
	sameDay("1991-02-25", at(9, 31), 0, "moment of silence for the troops in the Gulf"),
	sameDay("1994-02-11", 0, at(14, 30), "snowstorm"),
	sameDay("1995-12-18", at(10, 30), 0, "computer failure"),
	sameDay("1996-01-08", at(11, 0), at(14, 0), "snowstorm"),
	sameDay("1997-10-27", 0, at(15, 30), "circuit breaker"),
	{session: day("1997-12-26"), close: at(13, 0), reason: "day after Christmas"},
	{session: day("1999-12-31"), close: at(13, 0), reason: "last session before the year 2000", announced: day("1999-06-04")},
	sameDay("2001-09-17", at(9, 33), 0, "moment of silence for the victims of September 11"),
	sameDay("2001-10-08", at(9, 31), 0, "moment of silence for the troops in Afghanistan"),
	{session: day("2002-09-11"), open: at(12, 0), reason: "first anniversary of September 11", announced: day("2002-08-16")},
	sameDay("2003-03-20", at(9, 32), 0, "moment of silence for the troops in Iraq"),
	{session: day("2003-12-26"), close: at(13, 0), reason: "day after Christmas"},
	sameDay("2004-06-07", at(9, 32), 0, "moment of silence for Ronald Reagan"),
	sameDay("2005-06-01", 0, at(15, 56), "computer failure"),
	sameDay("2006-12-27", at(9, 32), 0, "moment of silence for Gerald Ford"),
	sameDay("2009-07-02", 0, at(16, 15), "computer failure"),
}

// sameDay returns irregular hours that became known only on the day itself.
func sameDay(session string, open, close clock, reason string) irregular {
	s := day(session)
	return irregular{session: s, open: open, close: close, reason: reason, announced: s}
}
