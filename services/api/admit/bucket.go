package admit

import (
	"sync/atomic"
	"time"
)

// Rate is how many a second, and how many at once after a rest. A PerSecond of zero or less means no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Bucket holds one caller to a Rate. The zero value is full. It is eight bytes and its methods are safe for concurrent
// use.
//
// It is the generic cell rate algorithm (ITU-T I.371): what it holds is the time at which it would be full again.
type Bucket struct{ full atomic.Int64 }

// Take takes n of a bucket at now, or none, and says when there would be room. More than a burst counts as one burst,
// since it would never fit.
func (b *Bucket) Take(now time.Time, n int, r Rate) (wait time.Duration) {
	if r.PerSecond <= 0 {
		return 0
	}
	each := float64(time.Second) / r.PerSecond
	burst := int64(each * float64(max(r.Burst, 1)))
	cost := min(int64(each*float64(n)), burst)
	for at := now.UnixNano(); ; {
		full := b.full.Load()
		next := max(full, at) + cost
		if over := next - at - burst; over > 0 {
			return time.Duration(over)
		}
		if b.full.CompareAndSwap(full, next) {
			return 0
		}
	}
}
