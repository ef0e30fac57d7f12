package emulator

import (
	"math/rand/v2"
	"time"
)

// DrawLatency counts the draws below the median and above the 99th percentile.
func DrawLatency(l Latency, n int) (below, above int) {
	random := rand.New(rand.NewPCG(7, 7))
	for range n {
		switch d := l.draw(random); {
		case d < time.Duration(l.P50):
			below++
		case d > time.Duration(l.P99):
			above++
		}
	}
	return below, above
}
