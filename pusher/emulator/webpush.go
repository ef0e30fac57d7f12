package emulator

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
)

// WebPushOptions configure an emulated push service of a browser's maker. The zero value is usable.
type WebPushOptions struct {
	Addr string           // host:port to listen at; empty: 127.0.0.1:0
	Now  func() time.Time // nil: time.Now

	authority *authority
}

// WebPush is an emulated push service (RFC 8030) and the browsers behind it: it makes subscriptions, verifies VAPID
// (RFC 8292), and opens what it accepts (RFC 8291). It speaks HTTPS, HTTP/2 included. A subscription's name is its
// address in scripts and in the record.
type WebPush struct {
	*Control
	authority *authority
	listener  net.Listener
	server    *http.Server

	browsers      sync.Mutex
	subscriptions map[string]*subscription // by name
}

// subscription is a browser's side of it.
type subscription struct {
	key  *ecdh.PrivateKey
	auth []byte
	app  string // applicationServerKey, base64url; empty: any
}

// NewWebPush starts an emulated push service.
func NewWebPush(o WebPushOptions) (_ *WebPush, err error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.authority == nil {
		if o.authority, err = newAuthority(); err != nil {
			return nil, err
		}
	}
	w := &WebPush{Control: newControl("webpush", o.Now), authority: o.authority, subscriptions: map[string]*subscription{}}
	if w.listener, err = net.Listen("tcp", o.Addr); err != nil {
		return nil, fmt.Errorf("emulated push service: %w", err)
	}
	host, _, _ := net.SplitHostPort(o.Addr)
	certificate, err := o.authority.server(host)
	if err != nil {
		return nil, errors.Join(err, w.listener.Close())
	}
	mux := http.NewServeMux()
	w.routes(mux, "")
	mux.HandleFunc("/push/{name}", w.serve)
	w.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ConnState: w.connState, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	go func() { _ = w.server.ServeTLS(w.listener, "", "") }()
	return w, nil
}

func (w *WebPush) connState(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		w.count(func(n *Counts) { n.Connections++ })
	}
}

func (w *WebPush) routes(mux *http.ServeMux, prefix string) {
	w.Control.routes(mux, prefix)
	mux.HandleFunc("POST "+prefix+"/control/subscribe", func(rw http.ResponseWriter, r *http.Request) {
		var wish struct {
			Name string `json:"name"`
			Key  string `json:"application_server_key"`
		}
		if err := json.NewDecoder(io.LimitReader(r.Body, maxControlBytes)).Decode(&wish); err != nil {
			http.Error(rw, fmt.Sprintf("refused: %v", err), http.StatusBadRequest)
			return
		}
		text, err := w.Subscribe(wish.Name, wish.Key)
		if err != nil {
			http.Error(rw, fmt.Sprintf("refused: %v", err), http.StatusBadRequest)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, text)
	})
}

// Close stops the emulator; requests under way are cut.
func (w *WebPush) Close() error {
	w.Release()
	return w.server.Close()
}

// Addr is host:port, for a list of allowed push services.
func (w *WebPush) Addr() string { return w.listener.Addr().String() }

// CertPool is what a client must trust.
func (w *WebPush) CertPool() *x509.CertPool { return w.authority.pool() }

// CAPEM is the same as text.
func (w *WebPush) CAPEM() []byte { return w.authority.pem() }

// Subscribe makes a subscription, as a browser does, and returns it as JSON. Only who signs with the application server
// key (base64url, uncompressed point; empty: anybody) may send to it.
func (w *WebPush) Subscribe(name, applicationServerKey string) (string, error) {
	if name == "" {
		name = uuid.NewString()
	}
	if applicationServerKey != "" {
		if _, err := publicKey(applicationServerKey); err != nil {
			return "", fmt.Errorf("application_server_key: %w", err)
		}
	}
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	s := &subscription{key: key, auth: make([]byte, 16), app: applicationServerKey}
	_, _ = rand.Read(s.auth)
	w.browsers.Lock()
	w.subscriptions[name] = s
	w.browsers.Unlock()
	text, err := json.Marshal(map[string]any{
		"endpoint": "https://" + w.Addr() + "/push/" + name, "expirationTime": nil,
		"keys": map[string]string{
			"p256dh": base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()),
			"auth":   base64.RawURLEncoding.EncodeToString(s.auth),
		},
	})
	return string(text), err
}

func (w *WebPush) serve(rw http.ResponseWriter, r *http.Request) {
	w.count(func(n *Counts) { n.Requests, n.HTTP2 = n.Requests+1, n.HTTP2+r.ProtoMajor/2 })
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	if !w.hold(r.Context()) {
		w.ended("CLIENT_GONE")
		panic(http.ErrAbortHandler)
	}
	name := r.PathValue("name")
	w.browsers.Lock()
	s := w.subscriptions[name]
	w.browsers.Unlock()
	accepted, refusal := w.check(r, s, body)
	if refusal != nil {
		w.fail(rw, *refusal)
		return
	}
	accepted.Address = name
	w.answer(r.Context(), rw, accepted)
}

func (w *WebPush) answer(ctx context.Context, rw http.ResponseWriter, accepted Accepted) {
	o, delay := w.next(accepted.Address)
	if !o.accepts() {
		pause(ctx, delay)
		if o.Reset != "" {
			w.ended(o.name())
			panic(http.ErrAbortHandler)
		}
		w.fail(rw, o)
		return
	}
	accepted.ProviderID = uuid.NewString()
	w.accept(accepted)
	w.ended(o.name())
	pause(ctx, delay)
	if o.Reset != "" {
		panic(http.ErrAbortHandler)
	}
	rw.Header().Set("Location", "https://"+w.Addr()+"/message/"+accepted.ProviderID)
	rw.WriteHeader(http.StatusCreated)
}

// fail answers as push services do, in prose: Code is the body where there is one.
func (w *WebPush) fail(rw http.ResponseWriter, o Outcome) {
	w.ended(o.name())
	if retry := o.retryAfter(w.now()); retry != "" {
		rw.Header().Set("Retry-After", retry)
	}
	if o.Shape == HTML {
		contentType, body := errorBody(o)
		rw.Header().Set("Content-Type", contentType)
		rw.WriteHeader(o.Status)
		_, _ = rw.Write(body)
		return
	}
	rw.WriteHeader(o.Status)
	_, _ = io.WriteString(rw, o.Code)
}
