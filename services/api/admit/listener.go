package admit

import (
	"net"
	"sync"
	"sync/atomic"
)

// Listener bounds how many connections of a listener are open. One more is closed at once, so that its owner looks for
// another node or comes back later, instead of waiting unheard.
type Listener struct {
	net.Listener
	most    int64
	open    atomic.Int64
	refused atomic.Uint64
}

// NewListener bounds a listener; most of zero or less: no bound.
func NewListener(l net.Listener, most int) *Listener {
	return &Listener{Listener: l, most: int64(most)}
}

// Open is how many connections are open, Refused how many were closed at once.
func (l *Listener) Open() int       { return int(l.open.Load()) }
func (l *Listener) Refused() uint64 { return l.refused.Load() }

// Accept waits for a connection that there is room for.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if n := l.open.Add(1); l.most <= 0 || n <= l.most {
			return &counted{Conn: c, listener: l}, nil
		}
		l.open.Add(-1)
		l.refused.Add(1)
		_ = c.Close()
	}
}

// counted is a connection that gives its place back.
type counted struct {
	net.Conn
	listener *Listener
	once     sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.listener.open.Add(-1) })
	return c.Conn.Close()
}
