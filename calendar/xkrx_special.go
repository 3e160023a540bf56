package calendar

// xkrxOneOff lists elections and temporary holidays, with the date each closure became known.
var xkrxOneOff = []Closure{
	{Date: day("2025-01-27"), Name: "temporary holiday", Announced: day("2025-01-14")},
	{Date: day("2025-06-03"), Name: "presidential election", Announced: day("2025-04-08")},
	{Date: day("2026-06-03"), Name: "local elections"},
	{Date: day("2028-04-12"), Name: "general election"},
	{Date: day("2030-03-06"), Name: "presidential election"},
}

// xkrxLongYearEnds lists the years whose closure at the end of December was longer than its last weekday.
var xkrxLongYearEnds = map[int][]int{}

// xkrxExams lists the days of the university entrance exam.
var xkrxExams = []irregular{}
