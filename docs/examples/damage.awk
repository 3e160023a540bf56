# Makes a file of prices with two defects out of a healthy one, to try what becomes of them:
#
#   curl -s -H 'Accept: text/csv' 'http://127.0.0.1:8080/v1/etfs/SIMUS2/bars?limit=10000' | awk -f docs/examples/damage.awk > FIRST.csv
#
# Of the last 250 sessions, the 30th from the end closes at ten times its price (a misplaced decimal point), and from the 10th from the
# end on there is a split of 2:1 that nobody states: prices are halved and volumes doubled. The header is Alpha Vantage's, whose
# prices are as traded: without that, a split could not be taken into account.
BEGIN { FS = "," }
FNR == 1 { next }
{ n++; date[n] = $1; open[n] = $2; high[n] = $3; low[n] = $4; close_[n] = $5; volume[n] = $7 }
END {
  print "timestamp,open,high,low,close,volume"
  for (i = n > 250 ? n - 249 : 1; i <= n; i++) {
    shares = n - i < 10 ? 2 : 1
    if (n - i == 29) { close_[i] *= 10; high[i] = close_[i] }
    printf "%s,%.2f,%.2f,%.2f,%.2f,%d\n", date[i], open[i] / shares, high[i] / shares, low[i] / shares, close_[i] / shares, volume[i] * shares
  }
}
