package pusher

import (
	"fmt"
	"time"
)

// MinFirstWait is the shortest wait before a repeated attempt: providers ask for at least this.
const MinFirstWait = 10 * time.Second

// RetryPolicy says how long to wait before the next attempt. Its horizon is the delivery's deadline.
type RetryPolicy struct {
	First time.Duration // the wait after the first attempt, at least MinFirstWait (the default)
	Max   time.Duration // the longest wait without the provider asking for more; default 5 min
	// Unanswered is the wait after Recheck could not answer, when nothing was attempted; default 2 s.
	Unanswered time.Duration
	// Breaker is the pause of a project whose credential is refused, after which one delivery tries again; default 60 s.
	Breaker time.Duration
}

func (p RetryPolicy) withDefaults() (RetryPolicy, error) {
	for _, f := range []struct {
		field      string
		value      *time.Duration
		preset, at time.Duration
	}{
		{"first", &p.First, MinFirstWait, MinFirstWait}, {"max", &p.Max, 5 * time.Minute, MinFirstWait},
		{"unanswered", &p.Unanswered, 2 * time.Second, time.Second}, {"breaker", &p.Breaker, time.Minute, MinFirstWait},
	} {
		if *f.value == 0 {
			*f.value = f.preset
		}
		if *f.value < f.at {
			return p, fmt.Errorf("retry.%s: %s is shorter than %s", f.field, *f.value, f.at)
		}
	}
	return p, nil
}

// wait doubles with every attempt, from First or the answer's FirstWait up to Max, then adds up to half of itself at
// random (random in [0, 1)). What the provider asked for replaces the doubling, and is never undercut.
func (p RetryPolicy) wait(attempt int, r Result, random float64) time.Duration {
	base := max(p.First, r.FirstWait)
	most := max(p.Max, base)
	for range min(max(attempt, 1)-1, 30) {
		if base = base * 2; base >= most {
			base = most
			break
		}
	}
	if r.RetryAfter > 0 {
		base = max(r.RetryAfter, p.First)
	}
	return base + time.Duration(random*float64(base)/2)
}

// leastLeft is how much time a delivery must have for beforeEnd to shorten its wait.
const leastLeft = 6 * MinFirstWait

// beforeEnd shortens a wait that nobody asked for and that would outlast the delivery, to between a half and three
// quarters of what is left: a documented 15 minutes would otherwise end every delivery of 10 after its first fault.
// Nothing comes back sooner than after half a minute, and never all together.
func (p RetryPolicy) beforeEnd(wait, left time.Duration, random float64) time.Duration {
	if wait < left || left < leastLeft {
		return wait
	}
	return max(left/2+time.Duration(random*float64(left)/4), p.First)
}
