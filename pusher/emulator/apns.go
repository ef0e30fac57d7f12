package emulator

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/wantgo/wantgo/pusher/cork"
)

// APNsOptions configure an emulated APNs. The zero value is usable.
type APNsOptions struct {
	Addr   string   // host:port to listen at; empty: 127.0.0.1:0
	Topics []string // bundle ids that may be addressed; empty: dev.wantgo.demo
	KeyID  string   // empty: EMULATORK1
	TeamID string   // empty: WANTGOTEAM
	Key    *ecdsa.PrivateKey
	// ColdStreams is the stream limit until a connection's first accepted request; 0: 1, as Apple's.
	ColdStreams int
	// Streams is the limit afterwards; 0: 1000.
	Streams int
	// DropOnRefusal lowers the limit to ColdStreams again after a 4xx other than 410.
	DropOnRefusal bool
	// BadTokens is after how many BadDeviceToken a connection is told to go; 0: never.
	BadTokens int
	// Sandbox adds apns-unique-id to answers, as the development environment does.
	Sandbox bool
	Now     func() time.Time // nil: time.Now

	authority *authority
}

// APNs is an emulated Apple Push Notification service: HTTP/2 over TLS, signed by an authority of its own.
type APNs struct {
	*Control
	o        APNsOptions
	listener net.Listener
	stop     context.CancelFunc
	done     sync.WaitGroup

	connections sync.Mutex
	open        map[*h2Connection]struct{}
	streams     int                 // the limit of warm connections now
	tokens      map[string]struct{} // provider tokens seen
}

func (o APNsOptions) withDefaults() (APNsOptions, error) {
	text := func(value *string, otherwise string) {
		if *value == "" {
			*value = otherwise
		}
	}
	text(&o.Addr, "127.0.0.1:0")
	text(&o.KeyID, "EMULATORK1")
	text(&o.TeamID, "WANTGOTEAM")
	if len(o.Topics) == 0 {
		o.Topics = []string{"dev.wantgo.demo"}
	}
	if o.ColdStreams <= 0 {
		o.ColdStreams = 1
	}
	if o.Streams <= 0 {
		o.Streams = 1000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	var err error
	if o.Key == nil {
		if o.Key, err = newECKey(); err != nil {
			return o, err
		}
	}
	if o.authority == nil {
		o.authority, err = newAuthority()
	}
	return o, err
}

// NewAPNs starts an emulated APNs.
func NewAPNs(o APNsOptions) (*APNs, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("emulated APNs: %w", err)
	}
	host, _, _ := net.SplitHostPort(o.Addr)
	certificate, err := o.authority.server(host)
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	a := &APNs{Control: newControl("apns", o.Now), o: o, streams: o.Streams,
		open: map[*h2Connection]struct{}{}, tokens: map[string]struct{}{}}
	a.listener = tls.NewListener(cork.Listener{Listener: listener}, &tls.Config{
		Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
	})
	ctx, cancel := context.WithCancel(context.Background())
	a.stop = cancel
	a.done.Go(func() { a.listen(ctx) })
	return a, nil
}

func (a *APNs) listen(ctx context.Context) {
	for {
		nc, err := a.listener.Accept()
		if err != nil {
			return
		}
		a.done.Go(func() { a.serveConnection(ctx, nc.(*tls.Conn)) })
	}
}

// Close stops the emulator and cuts every connection.
func (a *APNs) Close() error {
	a.stop()
	a.Release()
	err := a.listener.Close()
	for _, c := range a.all() {
		c.close()
	}
	a.done.Wait()
	return err
}

// Addr is host:port, for a client's endpoint.
func (a *APNs) Addr() string { return a.listener.Addr().String() }

// URL is the origin that requests go to.
func (a *APNs) URL() string { return "https://" + a.Addr() }

// P8 returns the key file that a client signs its provider tokens with.
func (a *APNs) P8() []byte { return ecKeyPEM(a.o.Key) }

// KeyID names the key.
func (a *APNs) KeyID() string { return a.o.KeyID }

// TeamID names the team.
func (a *APNs) TeamID() string { return a.o.TeamID }

// Topic is the first bundle id that may be addressed.
func (a *APNs) Topic() string { return a.o.Topics[0] }

// CAPEM returns the certificate authority that a client must trust.
func (a *APNs) CAPEM() []byte { return a.o.authority.pem() }

// CertPool returns the same as a pool.
func (a *APNs) CertPool() *x509.CertPool {
	return a.o.authority.pool()
}

// SetStreams changes the stream limit and announces it on every connection.
func (a *APNs) SetStreams(limit int) {
	a.connections.Lock()
	a.streams = max(limit, 1)
	a.connections.Unlock()
	for _, c := range a.all() {
		c.setLimit(max(limit, 1))
	}
}

func (a *APNs) warmStreams() int {
	a.connections.Lock()
	defer a.connections.Unlock()
	return a.streams
}

// GoAway tells every connection to go, with a reason such as Shutdown in the frame. Requests under way are answered.
func (a *APNs) GoAway(reason string) {
	for _, c := range a.all() {
		c.goAway(reason)
	}
}

func (a *APNs) all() []*h2Connection {
	a.connections.Lock()
	defer a.connections.Unlock()
	list := make([]*h2Connection, 0, len(a.open))
	for c := range a.open {
		list = append(list, c)
	}
	return list
}

func (a *APNs) routes(mux *http.ServeMux, prefix string) {
	a.Control.routes(mux, prefix)
	mux.HandleFunc("PUT "+prefix+"/control/streams", func(w http.ResponseWriter, r *http.Request) {
		change(w, r, func(s struct {
			Limit int `json:"limit"`
		}) error {
			a.SetStreams(s.Limit)
			return nil
		})
	})
	mux.HandleFunc("POST "+prefix+"/control/goaway", func(w http.ResponseWriter, r *http.Request) {
		a.GoAway(r.URL.Query().Get("reason"))
		w.WriteHeader(http.StatusNoContent)
	})
}

// ControlHandler serves the control API of this emulator, whose own port speaks nothing but APNs.
func (a *APNs) ControlHandler() http.Handler {
	mux := http.NewServeMux()
	a.routes(mux, "")
	return mux
}
