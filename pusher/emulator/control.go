package emulator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"sync"
	"time"
)

// Control is the back door of an emulator: it scripts what the provider answers and tells what it accepted.
// It is safe for concurrent use.
type Control struct {
	provider string
	now      func() time.Time

	mu       sync.Mutex
	random   *rand.Rand
	script   Script
	patterns []string      // the script's addresses that are patterns, longest first
	stalled  chan struct{} // closed by Release; nil: not stalled
	held     int
	record   record
	phones   phones
}

func newControl(provider string, now func() time.Time) *Control {
	if now == nil {
		now = time.Now
	}
	c := &Control{provider: provider, now: now, random: rand.New(rand.NewPCG(1, 2))}
	c.script.Addresses = map[string][]Outcome{}
	c.record.empty()
	c.phones.away = map[string][]int{}
	return c
}

// SetScript replaces the whole script. An error names the address whose outcome is unusable; nothing changes.
func (c *Control) SetScript(s Script) error {
	if err := s.Default.check(); err != nil {
		return fmt.Errorf("default: %w", err)
	}
	for i, change := range s.Streams {
		if change.Limit < 1 || change.AtRequest < 1 {
			return fmt.Errorf("streams[%d]: limit and at_request must be positive", i)
		}
	}
	for address, outcomes := range s.Addresses {
		if err := checkEntry(address, outcomes); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script = s
	c.script.Addresses = make(map[string][]Outcome, len(s.Addresses))
	for address, outcomes := range s.Addresses {
		c.script.Addresses[address] = slices.Clone(outcomes)
	}
	c.index()
	return nil
}

func checkEntry(address string, outcomes []Outcome) error {
	if _, err := path.Match(address, ""); err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	for i, o := range outcomes {
		if err := o.check(); err != nil {
			return fmt.Errorf("address %q, outcome %d: %w", address, i+1, err)
		}
	}
	return nil
}

func (c *Control) index() {
	c.patterns = c.patterns[:0]
	for address := range c.script.Addresses {
		if hasMeta(address) {
			c.patterns = append(c.patterns, address)
		}
	}
	slices.SortFunc(c.patterns, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
}

func hasMeta(address string) bool {
	for _, r := range address {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			return true
		}
	}
	return false
}

// Script returns the script in force, without the outcomes already used up.
func (c *Control) Script() Script {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.script
	s.Addresses = maps.Clone(c.script.Addresses)
	return s
}

// On scripts one address or pattern: its next requests get these outcomes, one after the other.
// Without outcomes the address is as any other again.
func (c *Control) On(address string, outcomes ...Outcome) error {
	if err := checkEntry(address, outcomes); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(outcomes) == 0 {
		delete(c.script.Addresses, address)
	} else {
		c.script.Addresses[address] = slices.Clone(outcomes)
	}
	c.index()
	return nil
}

// SetDefault sets the outcome of addresses without their own.
func (c *Control) SetDefault(o Outcome) error {
	if err := o.check(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script.Default = o
	return nil
}

// SetLatency sets how long answers take.
func (c *Control) SetLatency(l Latency) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script.Latency = l
}

// Stall holds every request that comes from now on, before it is looked at, until Release. A request whose
// client gives up meanwhile was never looked at.
func (c *Control) Stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stalled == nil {
		c.stalled = make(chan struct{})
	}
}

// Release lets go what Stall holds.
func (c *Control) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stalled != nil {
		close(c.stalled)
		c.stalled = nil
	}
}

// next takes the outcome of one request to address, and how long its answer takes.
func (c *Control) next(address string) (Outcome, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.take(address)
	return o, time.Duration(o.Delay) + c.script.Latency.draw(c.random)
}

func (c *Control) take(address string) Outcome {
	key := address
	if _, ok := c.script.Addresses[key]; !ok {
		i := slices.IndexFunc(c.patterns, func(pattern string) bool {
			matched, _ := path.Match(pattern, address)
			return matched
		})
		if i < 0 || address == tokenAddress {
			return c.script.Default.unlessToken(address)
		}
		key = c.patterns[i]
	}
	list := c.script.Addresses[key]
	if len(list) == 0 {
		return c.script.Default.unlessToken(address)
	}
	o := list[0]
	switch {
	case o.Times < 0:
	case o.Times > 1:
		list[0].Times--
	default:
		c.script.Addresses[key] = list[1:]
	}
	return o
}

// tokenAddress scripts FCM's token endpoint, to which Default never applies.
const tokenAddress = "@token"

func (o Outcome) unlessToken(address string) Outcome {
	if address == tokenAddress {
		return Outcome{}
	}
	return o
}

// hold waits while the emulator is stalled; false: the client gave up first.
func (c *Control) hold(ctx context.Context) bool {
	for {
		c.mu.Lock()
		stalled := c.stalled
		if stalled == nil {
			c.mu.Unlock()
			return true
		}
		c.held++
		c.mu.Unlock()
		gone := false
		select {
		case <-stalled:
		case <-ctx.Done():
			gone = true
		}
		c.mu.Lock()
		c.held--
		c.mu.Unlock()
		if gone {
			return false
		}
	}
}

// pause delays an answer; it ends early with the client.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
