package split

import (
	"net"
	"sync"
	"sync/atomic"
)

// side is the listener of one server.
type side struct {
	address net.Addr
	conns   chan net.Conn
	passed  atomic.Uint64
	source  <-chan struct{} // closed with the Splitter
	closed  chan struct{}
	once    sync.Once
}

func newSide(address net.Addr, source <-chan struct{}) *side {
	return &side{address: address, conns: make(chan net.Conn), source: source, closed: make(chan struct{})}
}

// give waits until the server takes a connection; false: it takes no more.
func (s *side) give(c net.Conn) bool {
	select {
	case s.conns <- c:
		s.passed.Add(1)
		return true
	case <-s.closed:
	case <-s.source:
	}
	return false
}

// Accept waits for a connection.
func (s *side) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.closed:
	case <-s.source:
	}
	return nil, net.ErrClosed
}

// Close ends Accept.
func (s *side) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Addr is the port's.
func (s *side) Addr() net.Addr { return s.address }
