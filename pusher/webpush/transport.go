package webpush

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wantgo/wantgo/pusher"
)

const maxAnswerBytes = 8 << 10

// errPrivate is a push service whose name leads to an address that is not public.
var errPrivate = errors.New("webpush: the push service's address is not public")

// NewTransport returns a transport that goes to public addresses only, but for the entries of services that name a port.
// Names are looked up and checked for each connection, so a name that changes its mind gets nowhere. roots replaces the
// system's certificate authorities; nil: it does not. Senders of one process share one.
func NewTransport(services pusher.PushServices, roots *x509.CertPool) *http.Transport {
	open := &net.Dialer{Timeout: 10 * time.Second}
	guarded := &net.Dialer{Timeout: 10 * time.Second, Control: public}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if services.Private(address) {
				return open.DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxConnsPerHost:     32,
		MaxIdleConnsPerHost: 32,
		IdleConnTimeout:     90 * time.Second,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: time.Minute, PingTimeout: 15 * time.Second},
	}
}

// public refuses to connect to what is not on the public internet. It is asked after the name was looked up.
func public(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(at.Addr().Unmap()) {
		return errPrivate
	}
	return nil
}

// reserved are ranges that IsPrivate and its neighbours do not name: shared and benchmark networks, documentation,
// translation prefixes behind which any IPv4 address hides, and what is not assigned.
var reserved = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
	"2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10")

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func isPublic(a netip.Addr) bool {
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.Zone() != "" {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
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
