package dial

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"
)

// mostUnseen is how often a request that the server never looked at goes out again.
const mostUnseen = 5

// Bounded is a [http.RoundTripper] for the few hosts that an operator chose, with a hard bound on the connections to each:
// not one more is ever open, dialled or still closing, whatever stream limits the server advertises and however often it
// changes them. A request that finds no room waits for it, first come first served, until its context ends.
//
// [http.Transport]'s own MaxConnsPerHost is no such bound over HTTP/2: a connection whose streams are all in use is counted
// out and another is opened. Bounded therefore keeps the connections itself and leaves to the transport how they are
// made: proxies, TLS, the protocol, time-outs. Requests without TLS go to the transport, whose bound holds there.
//
// A request goes out again, at most five times, only where the server cannot have looked at it: nothing of it was written,
// the stream was refused, or it stood above the last one that a GOAWAY counts in. It needs GetBody for that.
type Bounded struct {
	transport *http.Transport // makes connections for TLS
	plain     *http.Transport // carries what goes without
	most      int

	mu    sync.Mutex
	hosts map[string]*host
}

// NewBounded takes t over: at most perHost connections to one host, at least one.
func NewBounded(t *http.Transport, perHost int) *Bounded {
	b := &Bounded{transport: t, plain: t.Clone(), most: max(perHost, 1), hosts: map[string]*host{}}
	b.plain.MaxConnsPerHost = b.most
	t.MaxConnsPerHost = 0 // or the transport counts the end of connections whose beginning it did not count
	open := t.DialContext
	if open == nil {
		open = (&net.Dialer{}).DialContext
	}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := open(ctx, network, address)
		s, ours := ctx.Value(slotKey{}).(*slot)
		if err != nil || !ours {
			return raw, err
		}
		return s.hold(raw), nil
	}
	return b
}

// RoundTrip sends a request on a connection with room, and waits for one.
func (b *Bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL == nil || req.URL.Scheme != "https" || req.URL.Host == "" {
		if told, ok := req.Context().Value(wroteKey{}).(*atomic.Bool); ok {
			req = req.WithContext(WithWrote(req.Context(), b.plain, told))
		}
		return b.plain.RoundTrip(req)
	}
	h := b.host(address(req.URL))
	for again := 0; ; again++ {
		c, err := h.acquire(req.Context())
		if err != nil {
			if req.Body != nil {
				_ = req.Body.Close()
			}
			return nil, err
		}
		resp, unseen, err := h.exchange(c, req)
		if err == nil || !unseen || again == mostUnseen || req.Context().Err() != nil {
			return resp, err
		}
		renewed, ok := renew(req)
		if !ok {
			return nil, err
		}
		req = renewed
	}
}

// CloseIdleConnections closes the connections without requests.
func (b *Bounded) CloseIdleConnections() {
	b.plain.CloseIdleConnections()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.hosts {
		for _, c := range h.idle() {
			_ = c.Close()
		}
	}
}

func (b *Bounded) host(address string) *host {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.hosts[address]
	if h == nil {
		h = &host{address: address, most: b.most, connect: b.transport.NewClientConn, kick: make(chan struct{}, 1)}
		b.hosts[address] = h
	}
	return h
}

func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

type wroteKey struct{}

// WithWrote has wrote set once a request under ctx, sent by next, begins to leave this machine. A [Bounded] watches for that
// anyway, and two who watch one request are joined by reflection at every request.
func WithWrote(ctx context.Context, next http.RoundTripper, wrote *atomic.Bool) context.Context {
	if _, watches := next.(*Bounded); watches {
		return context.WithValue(ctx, wroteKey{}, wrote)
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
}

// exchange sends req on c; unseen says that the server did not look at it. The room on c lasts until the answer's end.
func (h *host) exchange(c *connection, req *http.Request) (resp *http.Response, unseen bool, err error) {
	var wrote atomic.Bool
	told, _ := req.Context().Value(wroteKey{}).(*atomic.Bool)
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{WroteHeaders: func() {
		wrote.Store(true)
		if told != nil {
			told.Store(true)
		}
	}})
	if resp, err = c.RoundTrip(req.WithContext(ctx)); err != nil {
		h.release(c)
		return nil, !wrote.Load() || unprocessed(err), err
	}
	resp.Body = &body{ReadCloser: resp.Body, end: func() { h.release(c) }}
	return resp, false, nil
}

// body is an answer's, which says when it is closed.
type body struct {
	io.ReadCloser
	once sync.Once
	end  func()
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.end)
	return err
}

// unprocessed reports what HTTP/2 promises was not acted upon: a refused stream, one that broke the protocol by standing
// above a limit that was lowered while it was on its way, or one above the last that a GOAWAY counts in (for which the
// library has an error of its own, without a name to compare with).
func unprocessed(err error) bool {
	var stream http2.StreamError
	if errors.As(err, &stream) {
		return stream.Code == http2.ErrCodeRefusedStream ||
			stream.Code == http2.ErrCodeProtocol && stream.Cause != nil && stream.Cause.Error() == "received from peer"
	}
	return strings.Contains(err.Error(), "graceful shutdown GOAWAY")
}

// renew is req with its body from the start.
func renew(req *http.Request) (*http.Request, bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	again := *req
	again.Body = body
	return &again, true
}
