// Package cork lets what many goroutines write to one connection leave in few system calls. An HTTP/2 connection writes a
// request in two or three small pieces, each of them a call of its own; under load those calls, and the wake-ups they are at
// the other end, cost more than the requests.
//
// It promises that bytes leave in the order in which they were written, at the latest when every goroutine that could run
// has run: nothing waits for time to pass, so that a connection with little to do is as quick as without it. No more than
// a bound is ever held; who writes beyond it waits. Close lets go of what was written before.
//
// It does not promise that what was written has left: a fault of the connection is told to the next write, and the connection
// is closed, which whoever reads from it sees. Write deadlines are its own.
package cork

import (
	"context"
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	// most is how many bytes are held before a write waits.
	most = 256 << 10
	// kept is how large a buffer is kept for the next bytes.
	kept = 64 << 10
	// stuckAfter is how long the other end may take nothing at all.
	stuckAfter = 15 * time.Second
	// farewell is how long Close waits for the other end to take what was written.
	farewell = time.Second
)

// Dial is a dialler whose connections gather their writes.
func Dial(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return New(raw), nil
	}
}

// Listener accepts connections that gather their writes.
type Listener struct{ net.Listener }

// Accept waits for the next one.
func (l Listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return New(raw), nil
}

// Conn gathers what is written to a connection. Reading is the connection's own.
type Conn struct {
	net.Conn

	mu      sync.Mutex
	changed sync.Cond // less is held, or the connection has failed
	held    []byte
	spare   []byte
	leaving bool // a goroutine is letting bytes go
	err     error
	closed  bool
}

// New takes raw over.
func New(raw net.Conn) *Conn {
	c := &Conn{Conn: raw}
	c.changed.L = &c.mu
	return c
}

// Write holds p for the next call, and waits only where too much is held already.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.held) >= most && c.err == nil && !c.closed {
		c.changed.Wait()
	}
	switch {
	case c.err != nil:
		return 0, c.err
	case c.closed:
		return 0, net.ErrClosed
	}
	c.held = append(c.held, p...)
	if !c.leaving && len(p) > 0 {
		c.leaving = true
		go c.letGo()
	}
	return len(p), nil
}

// letGo writes until nothing is held. Before each call whoever else has something to write gets its turn.
func (c *Conn) letGo() {
	for {
		runtime.Gosched()
		batch := c.take()
		if batch == nil {
			return
		}
		err := c.flush(batch)
		if err != nil {
			_ = c.Conn.Close()
		}
		c.settle(batch, err)
	}
}

// take is what is held; nil: there is no more, and nobody lets go.
func (c *Conn) take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) == 0 || c.err != nil {
		c.leaving = false
		c.changed.Broadcast()
		return nil
	}
	batch := c.held
	c.held, c.spare = c.spare[:0], nil
	c.changed.Broadcast()
	return batch
}

// flush writes all of batch. Its deadline begins again with every piece that is taken.
func (c *Conn) flush(batch []byte) error {
	const piece = 64 << 10
	for len(batch) > 0 {
		within := stuckAfter
		c.mu.Lock()
		if c.closed {
			within = farewell
		}
		_ = c.Conn.SetWriteDeadline(time.Now().Add(within))
		c.mu.Unlock()
		n, err := c.Conn.Write(batch[:min(piece, len(batch))])
		if err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

func (c *Conn) settle(batch []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.err == nil {
		c.err = err
	}
	if cap(batch) <= kept {
		c.spare = batch
	}
}

// Close lets go of what is held, as far as the other end takes it within a second, and closes the connection.
func (c *Conn) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		c.changed.Broadcast()
		if c.leaving {
			_ = c.Conn.SetWriteDeadline(time.Now().Add(farewell))
		}
	}
	for c.leaving && c.err == nil {
		c.changed.Wait()
	}
	c.mu.Unlock()
	return c.Conn.Close()
}

// SetDeadline is SetReadDeadline: see SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error { return c.Conn.SetReadDeadline(t) }

// SetWriteDeadline does nothing: a write only waits while the other end takes nothing, and that has a bound.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }
