package serialize

import (
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

func BenchmarkMarshal(b *testing.B) {
	f := mustFit(b, prophet.Defaults(), walk(2500, prophet.DateOf(2015, 1, 5), true))
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(mustWrite(b, f))))
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	data := mustWrite(b, mustFit(b, prophet.Defaults(), walk(2500, prophet.DateOf(2015, 1, 5), true)))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		mustRead(b, data)
	}
}
