package calendar

// xkrxOneOff lists the closures that follow no rule: temporary holidays, elections outside the schedule of the election
// law, and technical closures. Announced is the day of the cabinet's or the exchange's announcement.
var xkrxOneOff = []Closure{
	{Date: day("1991-03-26"), Name: "local elections", Announced: day("1991-03-08")},
	{Date: day("1991-06-20"), Name: "provincial elections", Announced: day("1991-06-01")},
	{Date: day("1992-03-24"), Name: "general election", Announced: day("1992-03-07")},
	{Date: day("1992-12-18"), Name: "presidential election", Announced: day("1992-11-20")},
	{Date: day("1995-06-27"), Name: "local elections", Announced: day("1994-03-16")}, // set by the law itself
	// A Saturday; the new system started on the Monday. The date of the announcement is not known, so it counts as known
	// only on the day itself.
	{Date: day("1996-11-23"), Name: "installation of a new order system", Announced: day("1996-11-23")},
	{Date: day("2000-01-03"), Name: "checks after the changeover to the year 2000", Announced: day("1999-09-21")},
	{Date: day("2002-07-01"), Name: "temporary holiday after the World Cup", Announced: day("2002-06-24")},
	{Date: day("2015-08-14"), Name: "temporary holiday before Liberation Day", Announced: day("2015-08-04")},
	{Date: day("2016-05-06"), Name: "temporary holiday after Children's Day", Announced: day("2016-04-28")},
	{Date: day("2017-05-09"), Name: "presidential election", Announced: day("2017-03-15")},
	{Date: day("2017-10-02"), Name: "temporary holiday before Chuseok", Announced: day("2017-09-05")},
	{Date: day("2020-08-17"), Name: "temporary holiday after Liberation Day", Announced: day("2020-07-21")},
	{Date: day("2023-10-02"), Name: "temporary holiday after Chuseok", Announced: day("2023-09-05")},
	{Date: day("2024-10-01"), Name: "temporary holiday on Armed Forces Day", Announced: day("2024-09-03")},
	{Date: day("2025-01-27"), Name: "temporary holiday before Seollal", Announced: day("2025-01-14")},
	{Date: day("2025-06-03"), Name: "presidential election", Announced: day("2025-04-08")},
}

// xkrxElections lists the elections on the dates set by the Public Official Election Act (article 34): the first Thursday,
// since 2004-03 the first Wednesday, on or after the day 70 days before the end of a president's term, 50 days for the
// assembly and 30 for the local councils; a week later if that day or the day before or after is a holiday. The dates
// after 2026 hold unless a term ends early or the law changes.
var xkrxElections = []Closure{
	{Date: day("1996-04-11"), Name: "general election"},
	{Date: day("1997-12-18"), Name: "presidential election"},
	{Date: day("1998-06-04"), Name: "local elections"},
	{Date: day("2000-04-13"), Name: "general election"},
	{Date: day("2002-06-13"), Name: "local elections"},
	{Date: day("2002-12-19"), Name: "presidential election"},
	{Date: day("2004-04-15"), Name: "general election"},
	{Date: day("2006-05-31"), Name: "local elections"},
	{Date: day("2007-12-19"), Name: "presidential election"},
	{Date: day("2008-04-09"), Name: "general election"},
	{Date: day("2010-06-02"), Name: "local elections"},
	{Date: day("2012-04-11"), Name: "general election"},
	{Date: day("2012-12-19"), Name: "presidential election"},
	{Date: day("2014-06-04"), Name: "local elections"},
	{Date: day("2016-04-13"), Name: "general election"},
	{Date: day("2018-06-13"), Name: "local elections"},
	{Date: day("2020-04-15"), Name: "general election"},
	{Date: day("2022-03-09"), Name: "presidential election"},
	{Date: day("2022-06-01"), Name: "local elections"},
	{Date: day("2024-04-10"), Name: "general election"},
	{Date: day("2026-06-03"), Name: "local elections"},
	{Date: day("2028-04-12"), Name: "general election"},
	{Date: day("2030-03-27"), Name: "presidential election"},
	{Date: day("2030-06-12"), Name: "local elections"},
}

// xkrxExams lists the days of the university entrance exam, two in 1993. In 2017 it was postponed by a week on the evening
// before, too late to change the exchange's hours, so both days are listed.
var xkrxExams = []string{
	"1993-08-20", "1993-11-16", "1994-11-23", "1995-11-22", "1996-11-13", "1997-11-19", "1998-11-18", "1999-11-17",
	"2000-11-15", "2001-11-07", "2002-11-06", "2003-11-05", "2004-11-17", "2005-11-23", "2006-11-16", "2007-11-15",
	"2008-11-13", "2009-11-12", "2010-11-18", "2011-11-10", "2012-11-08", "2013-11-07", "2014-11-13", "2015-11-12",
	"2016-11-17", "2017-11-16", "2017-11-23", "2018-11-15", "2019-11-14", "2020-12-03", "2021-11-18", "2022-11-17",
	"2023-11-16", "2024-11-14", "2025-11-13", "2026-11-19", "2027-11-18",
}

// xkrxExamsExpected lists exam days that are not announced yet, on the Thursday from the 13th to the 19th of November as
// in every year since 2017 except 2020.
var xkrxExamsExpected = []string{"2028-11-16", "2029-11-15", "2030-11-14"}

// xkrxIrregular lists the irregular hours that follow no rule, as newspapers reported them the next day.
var xkrxIrregular = []irregular{
	sameDay("1991-08-19", at(11, 25), 0, "computer failure"),
	sameDay("1991-08-22", at(11, 10), at(16, 0), "computer failure"),
	sameDay("1996-05-28", at(12, 0), at(16, 30), "computer failure"),
	sameDay("1997-06-21", 0, at(12, 40), "computer failure"),
	sameDay("1999-02-23", at(10, 50), at(16, 20), "computer failure"),
	sameDay("2001-09-12", at(12, 0), 0, "attacks of September 11"),
}
