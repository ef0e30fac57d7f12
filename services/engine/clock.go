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

// maxClockJump is the change of offset, or distance from the operating system's clock, that makes a node stop acting on time.
const maxClockJump = 2 * time.Second

// NodeClock follows the database's clock: readings of Measure set its offset, and in between it advances with the
// node's monotonic clock, so that a step of the operating system's clock changes nothing.
type NodeClock struct {
	start  time.Time // carries the monotonic reading
	offset atomic.Int64
	sane   atomic.Bool
	heard  atomic.Int64 // monotonic ns since start of the last measurement
}

// NewNodeClock makes a clock that is not sane until it was measured once.
func NewNodeClock() *NodeClock { return &NodeClock{start: time.Now()} }

// Now is engine time, in UTC.
func (c *NodeClock) Now() time.Time {
	return c.start.Add(time.Since(c.start)).Add(time.Duration(c.offset.Load())).UTC()
}

// Sane tells whether the offset is known, recent (10 s) and did not jump.
func (c *NodeClock) Sane() bool {
	return c.sane.Load() && time.Since(c.start)-time.Duration(c.heard.Load()) < 10*time.Second
}

// Measure reads the database's clock once. A reading whose round trip took over a second is thrown away. The first
// reading is taken as it is; a later one that differs by more than two seconds makes the clock insane until two
// readings in a row agree again.
func (c *NodeClock) Measure(ctx context.Context, g Ground) error {
	before := time.Since(c.start)
	now, err := g.Now(ctx)
	if err != nil {
		return err
	}
	after := time.Since(c.start)
	if after-before > time.Second {
		return nil
	}
	local := c.start.Add(before + (after-before)/2)
	offset := now.Sub(local.Round(0))
	previous := time.Duration(c.offset.Load())
	first := c.heard.Load() == 0
	c.offset.Store(int64(offset))
	c.heard.Store(int64(after))
	c.sane.Store(first || (offset-previous).Abs() <= maxClockJump)
	return nil
}
