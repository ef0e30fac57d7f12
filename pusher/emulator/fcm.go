package emulator

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wantgo/wantgo/pusher/cork"
)

// FCMOptions configure an emulated FCM. The zero value is usable.
type FCMOptions struct {
	Addr      string          // host:port to listen at; empty: 127.0.0.1:0
	ProjectID string          // empty: wantgo-emulator
	Key       *rsa.PrivateKey // the service account's; nil: one made for this process
	Quotas    Quotas
	// TLS has it speak HTTPS, and so HTTP/2, with a certificate of CertPool's. Otherwise it speaks plain HTTP/1.1, or
	// HTTP/2 to who begins with it.
	TLS     bool
	Streams int              // HTTP/2: the stream limit of a connection; 0: 100
	Now     func() time.Time // nil: time.Now

	authority *authority
}

// FCM is an emulated Firebase Cloud Messaging, with its token endpoint.
type FCM struct {
	*Control
	project string
	key     *rsa.PrivateKey
	quotas  *quotas
	tokens  accessTokens
	serial  atomic.Int64

	listener  net.Listener
	server    *http.Server
	authority *authority // nil: plain HTTP
}

// The service account of the emulator.
const (
	defaultProject = "wantgo-emulator"
	keyNumber      = "emulator-key-1"
)

var processKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// NewFCM starts an emulated FCM.
func NewFCM(o FCMOptions) (*FCM, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.ProjectID == "" {
		o.ProjectID = defaultProject
	}
	if o.Key == nil {
		var err error
		if o.Key, err = processKey(); err != nil {
			return nil, err
		}
	}
	f := &FCM{Control: newControl("fcm", o.Now), project: o.ProjectID, key: o.Key}
	f.quotas = newQuotas(o.Quotas)
	f.tokens.given = map[string]time.Time{}
	var err error
	if f.listener, err = net.Listen("tcp", o.Addr); err != nil {
		return nil, fmt.Errorf("emulated FCM: %w", err)
	}
	f.listener = cork.Listener{Listener: f.listener}
	f.server = &http.Server{Handler: f.handler(), ReadHeaderTimeout: 10 * time.Second, ConnState: f.connState,
		Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: cmp.Or(o.Streams, 100)}}
	f.server.Protocols.SetHTTP1(true)
	f.server.Protocols.SetHTTP2(true)
	f.server.Protocols.SetUnencryptedHTTP2(true)
	if o.TLS {
		if err := f.secure(o); err != nil {
			return nil, errors.Join(err, f.listener.Close())
		}
		go func() { _ = f.server.ServeTLS(f.listener, "", "") }()
		return f, nil
	}
	go func() { _ = f.server.Serve(f.listener) }()
	return f, nil
}

func (f *FCM) secure(o FCMOptions) (err error) {
	if f.authority = o.authority; f.authority == nil {
		if f.authority, err = newAuthority(); err != nil {
			return err
		}
	}
	host, _, _ := net.SplitHostPort(o.Addr)
	certificate, err := f.authority.server(host)
	f.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	f.server.ErrorLog = log.New(io.Discard, "", 0)
	return err
}

// CertPool is what a client must trust; nil without TLS.
func (f *FCM) CertPool() *x509.CertPool {
	if f.authority == nil {
		return nil
	}
	return f.authority.pool()
}

func (f *FCM) connState(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		f.count(func(n *Counts) { n.Connections++ })
	}
}

func (f *FCM) handler() http.Handler {
	mux := http.NewServeMux()
	f.routes(mux, "")
	mux.HandleFunc("POST /token", f.serveToken)
	mux.HandleFunc("/", f.serve)
	return mux
}

func (f *FCM) routes(mux *http.ServeMux, prefix string) {
	f.Control.routes(mux, prefix)
	mux.HandleFunc("POST "+prefix+"/control/revoke", func(w http.ResponseWriter, _ *http.Request) {
		f.Revoke()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT "+prefix+"/control/quotas", func(w http.ResponseWriter, r *http.Request) {
		change(w, r, func(q Quotas) error { f.quotas.set(q); return nil })
	})
}

// Close stops the emulator; requests under way are cut.
func (f *FCM) Close() error {
	f.Release()
	return f.server.Close()
}

func (f *FCM) origin() string {
	if f.authority != nil {
		return "https://" + f.listener.Addr().String()
	}
	return "http://" + f.listener.Addr().String()
}

// URL is the endpoint of the FCM API, version included.
func (f *FCM) URL() string { return f.origin() + "/v1" }

// ControlURL is where the control API's paths begin.
func (f *FCM) ControlURL() string { return f.origin() }

// ProjectID is the only project this emulator knows.
func (f *FCM) ProjectID() string { return f.project }

func (f *FCM) clientEmail() string { return "emulator@" + f.project + ".iam.gserviceaccount.com" }

// ServiceAccountJSON returns a service account in the form that Firebase's console gives, whose token_uri is
// this emulator.
func (f *FCM) ServiceAccountJSON() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(f.key)
	if err != nil {
		panic(err) // an RSA key always marshals
	}
	text, err := json.MarshalIndent(map[string]string{
		"type":           "service_account",
		"project_id":     f.project,
		"private_key_id": keyNumber,
		"private_key":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email":   f.clientEmail(),
		"client_id":      "100000000000000000001",
		"token_uri":      f.origin() + "/token",
	}, "", "  ")
	if err != nil {
		panic(err)
	}
	return append(text, '\n')
}

func (f *FCM) serve(w http.ResponseWriter, r *http.Request) {
	f.count(func(n *Counts) { n.Requests, n.HTTP2 = n.Requests+1, n.HTTP2+r.ProtoMajor/2 })
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	if !f.hold(r.Context()) {
		f.ended("CLIENT_GONE")
		panic(http.ErrAbortHandler)
	}
	request, refusal := f.check(r, body)
	if refusal != nil {
		f.fail(w, *refusal)
		return
	}
	f.answer(r.Context(), w, request)
}

// check goes through everything FCM looks at before it looks at the address.
func (f *FCM) check(r *http.Request, body []byte) (*sendRequest, *Outcome) {
	if r.Method != http.MethodPost {
		return nil, &Outcome{Status: http.StatusNotFound, Shape: HTML}
	}
	if refusal := checkPath(r.URL.Path, f.project); refusal != nil {
		return nil, refusal
	}
	if !f.tokens.good(bearer(r.Header), f.now()) {
		return nil, &Outcome{Status: http.StatusUnauthorized, Shape: Plain}
	}
	request, refusal := readRequest(body)
	if refusal == nil || refusal.Status < 500 && refusal.Status != http.StatusTooManyRequests {
		// Faulty requests use up the project's quota too.
		if over := f.quotas.project(f.now()); over != nil {
			return nil, over
		}
	}
	if refusal != nil {
		return nil, refusal
	}
	return request, f.quotas.device(request, f.now())
}

func (f *FCM) answer(ctx context.Context, w http.ResponseWriter, request *sendRequest) {
	if request.validateOnly {
		f.count(func(n *Counts) { n.Validated++ })
		reply(w, map[string]string{"name": f.messageName("fake_message_id")})
		return
	}
	o, delay := f.next(request.address())
	if !o.accepts() {
		pause(ctx, delay)
		if o.Reset != "" {
			f.ended(o.name())
			panic(http.ErrAbortHandler)
		}
		f.fail(w, o)
		return
	}
	accepted := request.accepted(f.now())
	accepted.ProviderID = f.messageName(fmt.Sprintf("0:%d", f.serial.Add(1)))
	f.accept(accepted)
	f.ended(o.name())
	pause(ctx, delay)
	if o.Reset != "" {
		panic(http.ErrAbortHandler)
	}
	reply(w, map[string]string{"name": accepted.ProviderID})
}

func (f *FCM) messageName(id string) string { return "projects/" + f.project + "/messages/" + id }

func (f *FCM) fail(w http.ResponseWriter, o Outcome) {
	f.ended(o.name())
	contentType, body := errorBody(o)
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	if retry := o.retryAfter(f.now()); retry != "" {
		w.Header().Set("Retry-After", retry)
	}
	w.WriteHeader(o.Status)
	_, _ = w.Write(body)
}

// parseRSA reads the private key out of a service account's JSON.
func parseRSA(serviceAccount []byte) (*rsa.PrivateKey, error) {
	var account struct {
		PrivateKey string `json:"private_key"`
	}
	if err := json.Unmarshal(serviceAccount, &account); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(account.PrivateKey))
	if block == nil {
		return nil, errors.New("private_key is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("private_key is not RSA")
	}
	return rsaKey, nil
}
