// Package holidays owns the public holidays of countries as columns of a forecasting model: dates and English names,
// identical to what Prophet 1.5.0's add_country_holidays takes from the Python package holidays 0.109 (category public,
// no subdivision, observed days included, language en_US). A fitted model stores the names, so a model written there
// must find the same days here, and vice versa. bench/prophet/country_holidays.py generates the tables
// from that package (MIT licence, https://github.com/vacanza/holidays), and can for a newer one.
//
// Two countries are rules, tested against the package. They come from the law, as far as the package follows it:
//   - US, 1971 to 2050: 5 U.S.C. 6103 with the Uniform Monday Holiday Act (Public Law 90-363, in force 1971),
//     Public Laws 94-97 (Veterans Day back on November 11 from 1978), 98-144 (Martin Luther King, from 1986) and
//     117-17 (Juneteenth, 2021); Executive Order 11582 for holidays on a weekend.
//   - KR, 1990 to 2050: the Regulation on Holidays of Public Offices, since 2022 the Public Holidays Act, article 3
//     of both for substitutes; the Public Official Election Act, article 34, for elections; cabinet decisions for
//     temporary holidays. The source of the lunar dates is given at their table.
//
// The others are the package's own rows, in tables/: AU CA CH CN FR GB HK IE IN IT JP NL SE, 1990 to 2050; DE, 1991 to 2050; TW, 1998 to
// 2050. With US and KR they are the countries in which nearly all of the world's ETF assets are listed. (Go's
// github.com/rickar/cal has rules for nine of them, under other names, but none for CN, HK, IN, KR and TW.)
//
// Future years follow the law of 2026, and dates that depend on the sight of the moon are estimates. The package does not own closures of exchanges (those are in package calendar:
// NYSE trades on Columbus Day, KRX closes on December 31), holidays of states and provinces, half days, days of
// mourning, bank holidays, or names in other languages.
package holidays
