module github.com/etfcast/etfcast

go 1.26.8
