package fcm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/wantgo/wantgo/pusher"
)

// fewestStreams is the stream limit of a connection that NewTransport reckons with; Google's front end allows more.
const fewestStreams = 100

// NewTransport returns a transport fit for Google's front end: HTTP/2, and no more connections than inFlight requests
// need. (Left to itself the library opens one for each request that begins before the first connection is there.)
// Senders of one process share one.
func NewTransport(inFlight int) *http.Transport {
	t := NewPlainTransport(inFlight)
	t.MaxConnsPerHost = inFlight/fewestStreams + 2
	return t
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
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { wrote.Store(true) },
	})
	out := req.WithContext(ctx)
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

// forLibrary is what the library sees: the real success, or a failure that it reports and does not repeat.
func (a *attempt) forLibrary(req *http.Request) *http.Response {
	status, body := http.StatusBadRequest, []byte("{}")
	if a.status == http.StatusOK {
		status, body = a.status, a.answer
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
