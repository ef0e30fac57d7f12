package split

import (
	"bytes"
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// Settings bound what a connection may cost before it is known whose it is. Zero takes the default.
type Settings struct {
	// Streams is how many calls a client may have under way before its server has told it; both servers should allow that
	// many. Default 100.
	Streams int
	// Hello is how long TLS and the first bytes may take, after which the connection is closed; default 10 s. Request is
	// how long an HTTP/2 client may take from there to its first request, after which the HTTP server has it; default 20 s.
	Hello, Request time.Duration
	// Buffer is how much of a connection is read at most, bytes; default 16 KiB.
	Buffer int
	// Pending is how many connections may wait to be told apart; one more closes the oldest. Default 4096.
	Pending int
}

func (s Settings) withDefaults() Settings {
	or := func(v *int, otherwise int) {
		if *v <= 0 {
			*v = otherwise
		}
	}
	or(&s.Streams, 100)
	or(&s.Buffer, 16<<10)
	or(&s.Pending, 4096)
	if s.Hello <= 0 {
		s.Hello = 10 * time.Second
	}
	if s.Request <= 0 {
		s.Request = 20 * time.Second
	}
	return s
}

// Splitter tells the connections of a listener apart. Its methods are safe for concurrent use.
type Splitter struct {
	source   net.Listener
	settings Settings
	greeting []byte // our SETTINGS
	grpc     *side
	http     *side
	closed   chan struct{}
	once     sync.Once

	mu      sync.Mutex
	pending *list.List // of net.Conn, the oldest first
	dropped atomic.Uint64
}

// New makes a Splitter of a listener, which may speak TLS. Nothing is accepted before Serve.
func New(source net.Listener, s Settings) *Splitter {
	s = s.withDefaults()
	var greeting bytes.Buffer
	_ = http2.NewFramer(&greeting, nil).WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: uint32(s.Streams)})
	p := &Splitter{source: source, settings: s, greeting: greeting.Bytes(), closed: make(chan struct{}), pending: list.New()}
	p.grpc, p.http = newSide(source.Addr(), p.closed), newSide(source.Addr(), p.closed)
	return p
}

// GRPC accepts connections of native gRPC. Closing it closes nothing else.
func (s *Splitter) GRPC() net.Listener { return s.grpc }

// HTTP accepts all others. A connection that came by TLS is in clear text here, HTTP/2 begins with its preface.
func (s *Splitter) HTTP() net.Listener { return s.http }

// Counts are how many connections went which way, and how many were closed before that was known.
type Counts struct{ GRPC, HTTP, Dropped uint64 }

// Counts since the beginning.
func (s *Splitter) Counts() Counts {
	return Counts{s.grpc.passed.Load(), s.http.passed.Load(), s.dropped.Load()}
}

// Close stops accepting and drops what has not been told apart. Connections that a server has are the server's.
func (s *Splitter) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		err = s.source.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for e := s.pending.Front(); e != nil; e = e.Next() {
			cut(e.Value.(net.Conn))
		}
	})
	return err
}

// Serve accepts and tells apart until Close, or until the listener fails; both sides end with it.
func (s *Splitter) Serve() error {
	var all sync.WaitGroup
	defer all.Wait()
	defer func() { _ = s.Close() }()
	var pause time.Duration
	for {
		c, err := s.source.Accept()
		switch {
		case err == nil:
			pause = 0
			all.Go(func() { s.sort(c) })
		case s.isClosed():
			return net.ErrClosed
		case !passing(err):
			return err
		default: // out of files, or the like
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.wait(pause)
		}
	}
}

// passing tells an error after which a listener may accept again.
func passing(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

func (s *Splitter) wait(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closed:
	}
}

func (s *Splitter) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// sort gives a connection to its side.
func (s *Splitter) sort(raw net.Conn) {
	place := s.enter(raw)
	c, is := s.meet(raw)
	s.leave(place)
	if is != unknown {
		side := s.http
		if is == native {
			side = s.grpc
		}
		if raw.SetDeadline(time.Time{}) == nil && side.give(c) {
			return
		}
	}
	s.dropped.Add(1)
	_ = raw.Close()
}

// enter gives a connection a place among those that wait, and closes the oldest if there are too many.
func (s *Splitter) enter(c net.Conn) *list.Element {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.pending.PushBack(c)
	if s.pending.Len() > s.settings.Pending {
		cut(s.pending.Remove(s.pending.Front()).(net.Conn))
	}
	if s.isClosed() {
		cut(c)
	}
	return place
}

// cut closes a connection without the goodbye of TLS, for which the client might let us wait.
func cut(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	_ = c.Close()
}

func (s *Splitter) leave(place *list.Element) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending.Remove(place) // nothing, where it had to go
}

// meet listens to a client until it is known whose it is; unknown: nobody's.
func (s *Splitter) meet(raw net.Conn) (net.Conn, kind) {
	if raw.SetDeadline(time.Now().Add(s.settings.Hello)) != nil || !handshake(raw) {
		return nil, unknown
	}
	h, c := &hello{said: make([]byte, 0, 512)}, &conn{Conn: raw}
	is, err := s.listen(raw, h)
	switch {
	case is != unknown:
	case h.isHTTP2() && errors.Is(err, os.ErrDeadlineExceeded), len(h.said) >= s.settings.Buffer:
		is = other
	default:
		return nil, unknown
	}
	c.replay(h)
	return c, is
}

// listen reads until it is known whose the connection is, the buffer is full, or no more comes.
func (s *Splitter) listen(raw net.Conn, h *hello) (kind, error) {
	greeted := false
	for len(h.said) < s.settings.Buffer {
		if len(h.said) == cap(h.said) {
			h.said = append(make([]byte, 0, min(4*cap(h.said), s.settings.Buffer)), h.said...)
		}
		n, err := raw.Read(h.said[len(h.said):cap(h.said)])
		h.said = h.said[:len(h.said)+n]
		is := h.look()
		if h.isHTTP2() && !greeted {
			greeted = true
			if _, err := raw.Write(s.greeting); err != nil {
				return unknown, err
			}
			if err := raw.SetDeadline(time.Now().Add(s.settings.Request)); err != nil {
				return unknown, err
			}
		}
		if is != unknown || err != nil {
			return is, err
		}
	}
	return unknown, nil
}

// plainText is what a client hears that does not know that it is to speak TLS.
const plainText = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

// handshake begins TLS where the listener speaks it.
func handshake(raw net.Conn) bool {
	c, ok := raw.(*tls.Conn)
	if !ok {
		return true
	}
	err := c.HandshakeContext(context.Background()) // the connection has a deadline
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && looksLikeHTTP(record.RecordHeader) {
		_, _ = io.WriteString(record.Conn, plainText)
	}
	return err == nil
}

func looksLikeHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}
