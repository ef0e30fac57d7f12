package apns

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"github.com/wantgo/wantgo/pusher/cork"
)

const (
	dialTimeout = 10 * time.Second
	// mostStreams bounds one connection even where the server advertises more.
	mostStreams = 1000
	// mostSilent is after how many requests in a row without an answer a connection is given up.
	mostSilent = 3
)

type warmth int

const (
	cold    warmth = iota // no request yet
	warming               // the first request is under way, alone
	warm
)

// connection is one HTTP/2 connection. Its warmth and busy belong to the pool's lock.
type connection struct {
	*http2.ClientConn
	warmth  warmth
	busy    int // requests between acquire and release
	silent  atomic.Int32
	retired atomic.Bool
}

// dialer opens connections to one host; names are looked up anew for each.
type dialer struct {
	address   string // host:port
	tls       *tls.Config
	transport *http2.Transport
}

func newDialer(address string, config *tls.Config) *dialer {
	config = config.Clone()
	config.MinVersion = tls.VersionTLS12
	config.NextProtos = []string{http2.NextProtoTLS}
	if host, _, err := net.SplitHostPort(address); err == nil && config.ServerName == "" {
		config.ServerName = host
	}
	return &dialer{address: address, tls: config, transport: &http2.Transport{
		DisableCompression: true,
		// Nothing of a request comes again but the token: what is remembered of one is thrown out by the next, at both ends,
		// and costs them more than the bytes it spares.
		MaxEncoderHeaderTableSize: 1,
		ReadIdleTimeout:           time.Minute,
		PingTimeout:               15 * time.Second,
		WriteByteTimeout:          15 * time.Second,
	}}
}

func (d *dialer) dial(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := d.secure(ctx)
	if err != nil {
		return nil, err
	}
	if raw.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		_ = raw.Close()
		return nil, errors.New("apns: the server does not speak HTTP/2")
	}
	// What many requests write leaves together, and is sealed together, too.
	client, err := d.transport.NewClientConn(cork.New(raw))
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return &connection{ClientConn: client}, nil
}

// secure opens a TLS connection.
func (d *dialer) secure(ctx context.Context) (*tls.Conn, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(raw, d.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = secured.Close()
		return nil, err
	}
	return secured, nil
}

// going reports that c never takes a request again. It may wait for a write under way on c.
func (c *connection) going() bool {
	state := c.State()
	return state.Closed || state.Closing
}

// answered records whether a request had an answer; a connection that stays silent is given up.
func (c *connection) answered(yes bool) {
	if yes {
		c.silent.Store(0)
	} else if c.silent.Add(1) >= mostSilent {
		c.retired.Store(true)
	}
}
