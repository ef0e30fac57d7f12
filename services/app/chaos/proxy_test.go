package chaos

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between nodes and their database and does to connections what networks do.
type proxy struct {
	listener net.Listener
	to       atomic.Pointer[string]
	mute     atomic.Bool // what the database answers goes nowhere
	mu       sync.Mutex
	open     map[net.Conn]struct{}
	cuts     int
}

func newProxy(t *testing.T, to int) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: l, open: map[net.Conn]struct{}{}}
	p.pointTo(to)
	t.Cleanup(func() { _ = l.Close(); p.cut() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.carry(conn)
		}
	}()
	return p
}

func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// pointTo sends new connections to another server.
func (p *proxy) pointTo(port int) {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	p.to.Store(&address)
}

func (p *proxy) carry(client net.Conn) {
	server, err := net.Dial("tcp", *p.to.Load())
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.open[client], p.open[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(server, client); p.end(client, server) })
	both.Go(func() { p.answers(client, server); p.end(client, server) })
	both.Wait()
}

// answers carries the database's words, or swallows them while the proxy is mute.
func (p *proxy) answers(client, server net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := server.Read(buffer)
		if n > 0 && !p.mute.Load() {
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) end(pair ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range pair {
		_ = c.Close()
		delete(p.open, c)
	}
}

// cut closes every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
	p.cuts += len(p.open) / 2
}

// loseAnswers swallows what the database answers for a while and then cuts: statements commit, and nobody is told.
func (p *proxy) loseAnswers(d time.Duration) {
	p.mute.Store(true)
	time.Sleep(d)
	p.cut()
	p.mute.Store(false)
}
