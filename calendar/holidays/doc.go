// Package holidays owns the public holidays of countries as columns of a forecasting model: dates and English
// names, equal letter for letter to what Prophet 1.3.0's add_country_holidays takes from the Python package
// holidays 0.109 (category public, no subdivision, observed days included, language en_US). A fitted model stores
// the names, so one written there must find the same days here, and the other way round. The tables in testdata
// were written by that package; bench/prophet/country_holidays.py writes them again for a newer one.
//
// Rules come from the law, so far as the package follows it:
//   - US, 1971 to 2050: 5 U.S.C. 6103 with the Uniform Monday Holiday Act (Public Law 90-363, in force 1971),
//     Public Laws 94-97 (Veterans Day back on November 11 from 1978), 98-144 (Martin Luther King, from 1986) and
//     117-17 (Juneteenth, 2021); Executive Order 11582 for holidays on a weekend.
//   - KR, 1990 to 2050: the Regulation on Holidays of Public Offices, since 2022 the Public Holidays Act, article 3
//     of both for substitutes; the Public Official Election Act, article 34, for elections; decisions of the
//     cabinet for temporary holidays. Where lunar dates come from stands at their table.
//
// Years to come are as the law of 2026 has them. What the package refuses to own: closures of exchanges (package
// calendar's: NYSE trades on Columbus Day, KRX closes on December 31), holidays of states and provinces, half days,
// days of mourning, bank holidays, and names in other languages.
package holidays
