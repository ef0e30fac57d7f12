package engine

import (
	"context"
	"sync/atomic"
	"time"
)

// Clock is engine time. A node's clock is its monotonic clock plus the measured offset to the database's clock; a
// replay's is the time of the row being replayed.
type Clock interface {
	Now() time.Time
	// Sane is false while the clock must not be trusted to act on time.
	Sane() bool
}

// VirtualClock is a clock that is moved by hand. The zero value stands at the Unix epoch.
type VirtualClock struct{ ms atomic.Int64 }

// Now is the time last set.
func (c *VirtualClock) Now() time.Time { return time.UnixMilli(c.ms.Load()).UTC() }

// Sane is always true.
func (c *VirtualClock) Sane() bool { return true }

// Set moves the clock, in Unix milliseconds.
func (c *VirtualClock) Set(ms int64) { c.ms.Store(ms) }

const (
	// maxClockJump is how far two readings of the database's clock may be apart, beyond the time that has passed on the
	// node, before the node stops acting on time.
	maxClockJump = 2 * time.Second
	// maxDisbelief is how long a jump has to stand before it is believed, however large it is.
	maxDisbelief = 10 * time.Minute
	// clockKept is how long the clock is trusted without a reading.
	clockKept = 10 * time.Second
)

// NodeClock follows the database's clock: readings of Measure set its offset, and in between it advances with the
// node's monotonic clock, so that a step of the operating system's clock changes nothing.
//
// A step of the database's own clock is not followed at once: an hour that did not pass would end every visit and expire
// every delivery. The clock goes on by the node's own reckoning and is not sane until the database's has come back, or
// has stood for as long as the jump is large (at most ten minutes), as after a machine that slept.
type NodeClock struct {
	start  time.Time            // the operating system's clock when this one was made
	passed func() time.Duration // since then, monotonic
	offset atomic.Int64
	sane   atomic.Bool
	heard  atomic.Int64 // passed at the last measurement
	read   atomic.Int64 // the offset that the last measurement found
	jumped struct {     // the offset that is not believed yet, and since when
		offset, since time.Duration
	}
}

// NewNodeClock makes a clock that is not sane until it was measured once. Measure must not run twice at a time.
func NewNodeClock() *NodeClock {
	start := time.Now()
	return &NodeClock{start: start.Round(0), passed: func() time.Duration { return time.Since(start) }}
}

// Now is engine time, in UTC.
func (c *NodeClock) Now() time.Time { return c.at(c.offset.Load()) }

// Database is the database's clock as it was last read, believed or not.
func (c *NodeClock) Database() time.Time { return c.at(c.read.Load()) }

func (c *NodeClock) at(offset int64) time.Time {
	return c.start.Add(c.passed() + time.Duration(offset)).UTC()
}

// Sane tells whether the offset is known, recent (10 s) and did not jump.
func (c *NodeClock) Sane() bool {
	return c.sane.Load() && c.passed()-time.Duration(c.heard.Load()) < clockKept
}

// Measure reads the database's clock once. A reading whose round trip took over a second is thrown away. The first
// reading is taken as it is.
func (c *NodeClock) Measure(ctx context.Context, g Ground) error {
	before := c.passed()
	now, err := g.Now(ctx)
	if err != nil {
		return err
	}
	after := c.passed()
	if after-before > time.Second {
		return nil
	}
	c.take(now.Sub(c.start.Add(before+(after-before)/2)), after)
	return nil
}

func (c *NodeClock) take(offset, at time.Duration) {
	jump := (offset - time.Duration(c.offset.Load())).Abs()
	switch first := c.heard.Load() == 0; {
	case first || jump <= maxClockJump || c.stands(offset, jump, at):
		c.offset.Store(int64(offset))
		c.sane.Store(true)
		c.jumped.since = 0
	default:
		c.sane.Store(false)
	}
	c.read.Store(int64(offset))
	c.heard.Store(int64(at))
}

// stands tells whether a jump has stood long enough to be believed.
func (c *NodeClock) stands(offset, jump, at time.Duration) bool {
	j := &c.jumped
	if j.since == 0 || (offset-j.offset).Abs() > maxClockJump {
		j.since = at
	}
	j.offset = offset
	return at-j.since >= min(jump, maxDisbelief)
}
