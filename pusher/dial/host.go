package dial

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// connectTimeout bounds the making of a connection, with its handshakes.
	connectTimeout = 10 * time.Second
	// fewestStreams is what a connection under way is expected to carry.
	fewestStreams = 100
	// recheck is how often requests that wait look for room although no connection said that it has some.
	recheck = 100 * time.Millisecond
	// dialPause is how long after a failed attempt no other is made while there are connections to wait for.
	dialPause = time.Second
)

// connection carries requests. Its busy belongs to the host's lock.
//
// A slot is not reserved by the library: it counts reservations against the server's limit, also of requests that wait for
// their turn on the connection, and when the limit falls below them none of them ever gets one.
type connection struct {
	*http.ClientConn
	busy int // requests from their grant until their answer's end
}

// room tells whether one more request may begin now.
func (c *connection) room() bool {
	free := c.Available()
	return free > 0 && c.busy < free+c.InFlight()
}

// host keeps the connections to one address, and the requests that wait for room on them.
type host struct {
	address string
	most    int
	connect func(ctx context.Context, scheme, address string) (*http.ClientConn, error)

	waiting atomic.Int32  // len(waiters), to be read without the lock
	kick    chan struct{} // room may have come

	mu      sync.Mutex
	conns   []*connection
	last    int // where the search for room begins: the connection that had some
	held    int // connections open, being made or not closed yet
	dialing int
	retryAt time.Time
	waiters []*waiter // first come first
	serving bool
}

// waiter is a request that waits; ready has room for its one grant.
type waiter struct{ ready chan grant }

type grant struct {
	conn *connection
	err  error
}

// acquire returns a connection with room for a request. Give it back by release.
func (h *host) acquire(ctx context.Context) (*connection, error) {
	h.mu.Lock()
	if len(h.waiters) == 0 {
		if c := h.reserve(); c != nil {
			h.mu.Unlock()
			return c, nil
		}
	}
	w := &waiter{ready: make(chan grant, 1)}
	h.waiters = append(h.waiters, w)
	h.waiting.Add(1)
	if !h.serving {
		h.serving = true
		go h.serve()
	} else {
		h.wake()
	}
	h.mu.Unlock()
	select {
	case g := <-w.ready:
		return g.conn, g.err
	case <-ctx.Done():
		h.leave(w)
		return nil, ctx.Err()
	}
}

// leave takes w out of the queue, and gives back what it was given meanwhile.
func (h *host) leave(w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if at := slices.Index(h.waiters, w); at >= 0 {
		h.waiters = slices.Delete(h.waiters, at, at+1)
		h.waiting.Add(-1)
		return
	}
	if g := <-w.ready; g.conn != nil {
		g.conn.busy--
		h.wake()
	}
}

// release gives back what acquire returned, once its answer was read.
func (h *host) release(c *connection) {
	h.mu.Lock()
	c.busy--
	h.mu.Unlock()
	h.changed()
}

// serve hands out room while anybody waits.
func (h *host) serve() {
	timer := time.NewTicker(recheck)
	defer timer.Stop()
	for again := false; ; {
		h.mu.Lock()
		for len(h.waiters) > 0 {
			c := h.reserve()
			if c == nil {
				break
			}
			h.give(grant{conn: c})
		}
		if len(h.waiters) == 0 {
			h.serving = false
			h.mu.Unlock()
			return
		}
		if again {
			h.drop()
		}
		h.dial()
		h.mu.Unlock()
		select {
		case <-h.kick:
			again = false
		case <-timer.C:
			again = true
		}
	}
}

func (h *host) give(g grant) {
	w := h.waiters[0]
	h.waiters[0] = nil
	h.waiters = h.waiters[1:]
	h.waiting.Add(-1)
	w.ready <- g
}

// reserve finds room, and forgets the connections that have ended.
func (h *host) reserve() *connection {
	for range h.conns {
		if h.last >= len(h.conns) {
			h.last = 0
		}
		c := h.conns[h.last]
		if c.room() {
			c.busy++
			return c
		}
		if c.Err() != nil {
			h.conns = slices.Delete(h.conns, h.last, h.last+1)
			continue
		}
		h.last++
	}
	return nil
}

// drop closes connections that have no request and take none: the server said that it is going.
func (h *host) drop() {
	h.conns = slices.DeleteFunc(h.conns, func(c *connection) bool {
		going := c.busy == 0 && c.Available() == 0 && c.InFlight() == 0
		if going {
			go c.Close() // which may wait for a write
		}
		return going
	})
}

// dial makes as many more connections as those that wait need and the bound allows.
func (h *host) dial() {
	if len(h.conns) > 0 && time.Now().Before(h.retryAt) {
		return
	}
	for h.held < h.most && h.dialing*fewestStreams < len(h.waiters) {
		h.held++
		h.dialing++
		go h.open()
	}
}

func (h *host) open() {
	s := &slot{host: h}
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), slotKey{}, s), connectTimeout)
	defer cancel()
	c, err := h.connect(ctx, "https", h.address)
	if err != nil {
		s.end()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dialing--
	if err != nil {
		h.failed(err)
	} else {
		h.conns = append(h.conns, &connection{ClientConn: c})
		c.SetStateHook(func(*http.ClientConn) { h.changed() })
	}
	h.wake()
}

// failed tells everybody who waits, unless there is another connection to wait for.
func (h *host) failed(err error) {
	h.retryAt = time.Now().Add(dialPause)
	h.conns = slices.DeleteFunc(h.conns, func(c *connection) bool { return c.Err() != nil })
	if len(h.conns) > 0 || h.dialing > 0 {
		return
	}
	for len(h.waiters) > 0 {
		h.give(grant{err: err})
	}
}

// changed may be called with any lock held.
func (h *host) changed() {
	if h.waiting.Load() > 0 {
		h.wake()
	}
}

func (h *host) wake() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

func (h *host) idle() []*connection {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*connection
	for _, c := range h.conns {
		if c.busy == 0 {
			list = append(list, c)
		}
	}
	return list
}

// slot is one of a host's connections from its dialling until it is closed.
type slot struct {
	host *host
	raw  net.Conn
	once sync.Once
}

type slotKey struct{}

// hold is raw, which ends the slot when it is closed.
func (s *slot) hold(raw net.Conn) net.Conn {
	s.raw = raw
	return &heldConn{Conn: raw, slot: s}
}

// end closes what there is and gives the slot back.
func (s *slot) end() {
	if s.raw != nil {
		_ = s.raw.Close()
	}
	s.once.Do(func() {
		s.host.mu.Lock()
		s.host.held--
		s.host.mu.Unlock()
		s.host.wake()
	})
}

type heldConn struct {
	net.Conn
	slot *slot
}

func (c *heldConn) Close() error {
	err := c.Conn.Close()
	c.slot.end()
	return err
}
