package engine

import (
	"sync"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/wantgo/wantgo/services/audience"
)

// copies are the people this node knows, most recently used, bounded. Losing a copy costs a read and what was
// carried in memory, never a fact.
type copies struct {
	mu     sync.Mutex
	people *lru.Cache[PersonKey, *person]
}

func newCopies(size int) (*copies, error) {
	people, err := lru.NewWithEvict(size, func(_ PersonKey, p *person) { p.evict() })
	return &copies{people: people}, err
}

// get is the one copy of a person, empty at first sight.
func (c *copies) get(key PersonKey) *person {
	if p, ok := c.people.Get(key); ok {
		return p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.people.Get(key); ok {
		return p
	}
	p := &person{key: key}
	c.people.Add(key, p)
	return p
}

// forget makes the next use read the row again, and tells which devices the copy knew. What was carried stays.
func (c *copies) forget(key PersonKey) (devices []uuid.UUID) {
	p, ok := c.people.Peek(key)
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loaded = false
	for i := range p.devices {
		devices = append(devices, p.devices[i].ID)
	}
	return devices
}

// outdate makes the next use read the row again if the copy is older than a version that is known to exist. It does not
// wait for the person.
func (p *person) outdate(version int64) {
	for known := p.newest.Load(); known < version && !p.newest.CompareAndSwap(known, version); known = p.newest.Load() {
	}
}

// drop forgets a person with everything carried.
func (c *copies) drop(key PersonKey) {
	if p, ok := c.people.Peek(key); ok {
		p.mu.Lock()
		p.loaded, p.hot = false, hot{}
		p.mu.Unlock()
	}
	c.people.Remove(key)
}

// clear forgets everybody: the database has another history.
func (c *copies) clear() {
	for _, key := range c.people.Keys() {
		c.drop(key)
	}
}

func (c *copies) len() int { return c.people.Len() }

// evict notes that this is no longer the copy of the person, and lets go of what it holds unless it is in use.
func (p *person) evict() {
	p.evicted.Store(true)
	if p.mu.TryLock() {
		p.loaded, p.hot, p.devices, p.profile = false, hot{}, nil, audience.Profile{}
		p.mu.Unlock()
	}
}
