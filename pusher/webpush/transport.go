package webpush

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/dial"
)

const maxAnswerBytes = 8 << 10

// NewTransport returns a transport that goes to public addresses only, but for the entries of services that name a port.
// roots replaces the system's certificate authorities; nil: it does not. Senders of one process share one.
func NewTransport(services pusher.PushServices, roots *x509.CertPool) *http.Transport {
	return dial.NewTransport(dial.Options{Allow: services.Private, Roots: roots})
}

// attempt is one request and everything its answer said. It is the library's HTTP client: one request, no redirects.
type attempt struct {
	transport http.RoundTripper
	asked     bool
	wrote     bool
	err       error
	status    int
	header    http.Header
	body      []byte
}

// Do sends the library's request and keeps the answer.
func (a *attempt) Do(req *http.Request) (*http.Response, error) {
	a.asked = true
	var wrote atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }}))
	req.Header.Set("User-Agent", "wantgo")
	resp, err := a.transport.RoundTrip(req)
	a.wrote = wrote.Load()
	if err != nil {
		a.err = err
		return nil, err
	}
	defer resp.Body.Close()
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil && resp.StatusCode >= 300 {
		a.err = err
		return nil, err
	}
	a.status, a.header = resp.StatusCode, resp.Header
	return resp, nil
}
