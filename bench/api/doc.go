// Command api measures three requests that the dashboard and programs make most: the latest forecast of an ETF, 250 of its bars and
// the overview. It seeds a database of its own on a real MySQL server (ETFCAST_TEST_MYSQL_DSN) and asks `etfcast api` and peer.py,
// the same three endpoints in FastAPI, SQLAlchemy and uvicorn with two workers, in one run, one after the other. Connections are
// kept alive. First each of them sends its next request once it has the response (the most that a server can do), then requests are sent to
// etfcast at half of that rate, after a warm-up, and times count from when a request was due: waiting for an earlier one counts too.
// Progress goes to standard error, one line of JSON to standard output.
package main
