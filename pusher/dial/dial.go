// Package dial opens connections that strangers chose the address of, a browser's push service or a brand's webhook, and
// bounds those to a provider ([Bounded]).
//
// It promises that a stranger's connection ends on the public internet: the address is looked at after the name was looked up,
// for every connection anew, so that a name which changes its mind gets nowhere; no proxy is asked; and redirects are
// the caller's affair, since a RoundTripper follows none. What an operator allows by host and port may be anywhere.
//
// It does not judge names, limit rates, or read what comes back.
package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrPrivate is an address that is not on the public internet.
var ErrPrivate = errors.New("the address is not public")

// Options of a transport. The zero value goes to public addresses by the system's certificate authorities.
type Options struct {
	// Allow tells the addresses, host:port as they were asked for, that may be private; nil: none may.
	Allow func(address string) bool
	// Roots replaces the system's certificate authorities; nil: it does not.
	Roots *x509.CertPool
	// PerHost bounds connections to one host; 0: 32.
	PerHost int
}

// NewTransport returns a transport for addresses that strangers chose. Share one per purpose.
func NewTransport(o Options) *http.Transport {
	if o.PerHost == 0 {
		o.PerHost = 32
	}
	open := &net.Dialer{Timeout: 10 * time.Second}
	guarded := &net.Dialer{Timeout: 10 * time.Second, Control: Public}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if o.Allow != nil && o.Allow(address) {
				return open.DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
		TLSClientConfig:     &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxConnsPerHost:     o.PerHost,
		MaxIdleConnsPerHost: o.PerHost,
		IdleConnTimeout:     90 * time.Second,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: time.Minute, PingTimeout: 15 * time.Second},
	}
}

// Public is a [net.Dialer]'s Control that refuses, with ErrPrivate, what is not on the public internet. It is asked
// after the name was looked up.
func Public(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !IsPublic(at.Addr().Unmap()) {
		return ErrPrivate
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

// IsPublic tells whether an address is one that anybody on the internet can have.
func IsPublic(a netip.Addr) bool {
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
