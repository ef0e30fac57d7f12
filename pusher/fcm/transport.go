package fcm

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/cork"
	"github.com/wantgo/wantgo/pusher/dial"
)

// fewestStreams is the stream limit of a connection that TransportOptions reckon with; Google's front end allows more.
const fewestStreams = 100

// TransportOptions bound a transport over TLS. The zero value is usable.
type TransportOptions struct {
	InFlight int // requests under way at once; 0: 1024
	// Connections is the most that are ever open to one host, whatever stream limits it advertises; 0: as many as InFlight
	// requests need at 100 streams each, and two.
	Connections int
	Roots       *x509.CertPool // replaces the system's certificate authorities; nil: it does not
}

// NewTransport returns a transport fit for Google's front end: HTTP/2, and a hard bound on connections. Requests beyond
// what they carry wait, until their context ends. Senders of one process share one.
func NewTransport(o TransportOptions) *dial.Bounded {
	o.InFlight = cmp.Or(o.InFlight, 1024)
	t := NewPlainTransport(o.InFlight)
	if o.Roots != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	}
	return dial.NewBounded(t, cmp.Or(o.Connections, o.InFlight/fewestStreams+2))
}

// NewPlainTransport returns a transport for an endpoint without TLS, such as an emulator: a connection carries one
// request at a time there, so it keeps enough of them for inFlight requests.
func NewPlainTransport(inFlight int) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ForceAttemptHTTP2 = true
	t.MaxIdleConns = max(inFlight, 100)
	t.MaxIdleConnsPerHost = max(inFlight, 16)
	t.IdleConnTimeout = 90 * time.Second
	t.DisableCompression = false
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: time.Minute, PingTimeout: 15 * time.Second}
	t.DialContext = cork.Dial((&net.Dialer{Timeout: 30 * time.Second}).DialContext)
	return t
}

// attempt is one request and everything its answer said.
type attempt struct {
	body     []byte // what goes out, in place of the library's own
	bearer   string
	asked    bool // the library let it through
	tokenErr error
	err      error // no answer
	wrote    bool  // the request began to leave this machine
	status   int
	header   http.Header
	answer   []byte
}

type attemptKey struct{}

func withAttempt(ctx context.Context, a *attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

// wire is the transport under firebase-admin-go. It puts in the attempt's body and the access token, keeps the real answer
// in the attempt, and never returns an error or a 503: the library would repeat the request.
type wire struct {
	base   http.RoundTripper
	tokens *accessTokens
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	a, ok := req.Context().Value(attemptKey{}).(*attempt)
	if !ok {
		return nil, fmt.Errorf("fcm: request without attempt")
	}
	a.asked = true
	w.try(req, a)
	return a.forLibrary(req), nil
}

func (w *wire) try(req *http.Request, a *attempt) {
	_ = req.Body.Close()
	if a.bearer, a.tokenErr = w.tokens.get(req.Context()); a.tokenErr != nil {
		return
	}
	var wrote atomic.Bool
	out := req.WithContext(dial.WithWrote(req.Context(), w.base, &wrote))
	out.Header = req.Header.Clone()
	// With GetBody the transport may send again what the server says it never looked at (a refused stream, one above
	// GOAWAY's last), and nothing else: a POST whose fate is unknown stays ours.
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(a.body)), nil }
	out.Body, _ = out.GetBody()
	out.ContentLength = int64(len(a.body))
	out.Header.Set("Authorization", "Bearer "+a.bearer)
	a.take(w.base.RoundTrip(out))
	a.wrote = wrote.Load()
}

func (a *attempt) take(resp *http.Response, err error) {
	if err != nil {
		a.err = err
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		a.err = err
		return
	}
	a.status, a.header, a.answer = resp.StatusCode, resp.Header, body
}

var accepted = []byte(`{"name":"accepted"}`)

// forLibrary is what the library sees: a success, or a failure that it reports and does not repeat.
func (a *attempt) forLibrary(req *http.Request) *http.Response {
	status, body := http.StatusBadRequest, []byte("{}")
	if a.status == http.StatusOK {
		status, body = a.status, accepted
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

// The kinds of address that FCM knows.
const (
	kindToken = "token"
	kindFID   = "fid"
)

func knownKind(to pusher.Address) bool { return to.Kind == kindToken || to.Kind == kindFID }
