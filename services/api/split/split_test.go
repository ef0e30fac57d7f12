package split

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// port is a split port with a gRPC server and an HTTP server that tells what it heard.
type port struct {
	t       *testing.T
	split   *Splitter
	address string
	roots   *x509.CertPool // nil: clear text
	served  chan error
}

func open(t *testing.T, s Settings, speaksTLS bool) *port {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &port{t: t, address: l.Addr().String(), served: make(chan error, 1)}
	if speaksTLS {
		var certificate tls.Certificate
		certificate, p.roots = selfSigned(t)
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}})
	}
	p.split = New(l, s)
	behind := grpc.NewServer()
	healthpb.RegisterHealthServer(behind, health.NewServer())
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	web := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") && r.ProtoMajor == 2 {
			behind.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Proto+" "+string(body))
	})}
	native := grpc.NewServer()
	healthpb.RegisterHealthServer(native, health.NewServer())
	go func() { _ = web.Serve(p.split.HTTP()) }()
	go func() { _ = native.Serve(p.split.GRPC()) }()
	go func() { p.served <- p.split.Serve() }()
	t.Cleanup(func() {
		require.NoError(t, p.split.Close())
		require.ErrorIs(t, <-p.served, net.ErrClosed)
		_ = web.Close()
		native.Stop()
		behind.Stop()
	})
	return p
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// dial is a raw connection, with TLS where the port speaks it.
func (p *port) dial() net.Conn {
	p.t.Helper()
	c, err := net.Dial("tcp", p.address)
	require.NoError(p.t, err)
	if p.roots != nil {
		c = tls.Client(c, &tls.Config{RootCAs: p.roots, ServerName: "127.0.0.1", NextProtos: []string{"h2"}})
	}
	p.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (p *port) client() *grpc.ClientConn {
	p.t.Helper()
	kind := insecure.NewCredentials()
	if p.roots != nil {
		kind = credentials.NewTLS(&tls.Config{RootCAs: p.roots})
	}
	c, err := grpc.NewClient(p.address, grpc.WithTransportCredentials(kind))
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (p *port) checks(c *grpc.ClientConn) {
	p.t.Helper()
	answer, err := healthpb.NewHealthClient(c).Check(p.t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(p.t, err)
	require.Equal(p.t, healthpb.HealthCheckResponse_SERVING, answer.GetStatus())
}

// web is an HTTP client of one version.
func (p *port) web(h2 bool) (*http.Client, string) {
	protocols, scheme := new(http.Protocols), "http://"
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2 && p.roots == nil)
	protocols.SetHTTP2(h2 && p.roots != nil)
	transport := &http.Transport{Protocols: protocols}
	if p.roots != nil {
		transport.TLSClientConfig, scheme = &tls.Config{RootCAs: p.roots}, "https://"
	}
	p.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, scheme + p.address + "/a"
}

func (p *port) posts(h2 bool, body string) (answer string) {
	p.t.Helper()
	c, url := p.web(h2)
	for range 3 { // on one connection
		r, err := c.Post(url, "application/json", strings.NewReader(body))
		require.NoError(p.t, err)
		text, err := io.ReadAll(r.Body)
		require.NoError(p.t, err)
		_ = r.Body.Close()
		answer = string(text)
	}
	return answer
}

func TestEachClientGetsItsServer(t *testing.T) {
	for name, speaksTLS := range map[string]bool{"clear text": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			p := open(t, Settings{}, speaksTLS)
			c := p.client()
			p.checks(c)
			require.Equal(t, Counts{GRPC: 1}, p.split.Counts())
			require.Equal(t, "HTTP/1.1 one", p.posts(false, "one"))
			require.Equal(t, Counts{GRPC: 1, HTTP: 1}, p.split.Counts())
			require.Equal(t, "HTTP/2.0 two", p.posts(true, "two"))
			long := strings.Repeat("long ", 100_000)
			require.Equal(t, "HTTP/2.0 "+long, p.posts(true, long))
			require.Equal(t, Counts{GRPC: 1, HTTP: 3}, p.split.Counts())
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					for range 20 {
						p.checks(c)
					}
				})
			}
			all.Wait()
			require.Equal(t, Counts{GRPC: 1, HTTP: 3}, p.split.Counts())
		})
	}
}

func TestPlainTextToAPortThatSpeaksTLS(t *testing.T) {
	p := open(t, Settings{}, true)
	c, err := net.Dial("tcp", p.address)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	text, _ := io.ReadAll(c)
	require.Contains(t, string(text), "400 Bad Request")
	require.Contains(t, string(text), "HTTPS")
}

// hears waits until the other end hangs up and returns what it said.
func hears(t *testing.T, c net.Conn) string {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	text, err := io.ReadAll(c)
	if err != nil {
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		require.NotContains(t, err.Error(), "timeout")
	}
	return string(text)
}

func TestWhoSaysNothingIsDropped(t *testing.T) {
	for _, speaksTLS := range []bool{false, true} {
		p := open(t, Settings{Hello: 20 * time.Millisecond}, speaksTLS)
		for i, said := range []string{"", "P", http2.ClientPreface[:23]} {
			c, err := net.Dial("tcp", p.address)
			require.NoError(t, err)
			_, err = io.WriteString(c, said)
			require.NoError(t, err)
			require.Empty(t, hears(t, c), "%q", said)
			require.Eventually(t, func() bool { return p.split.Counts() == Counts{Dropped: uint64(i + 1)} }, time.Minute, time.Millisecond)
			_ = c.Close()
		}
	}
}

// A gRPC client that connects ahead of its first call is served behind HTTP: slower, and not turned away.
func TestWhoAsksForNothingGoesToHTTP(t *testing.T) {
	for _, speaksTLS := range []bool{false, true} {
		p := open(t, Settings{Request: time.Millisecond}, speaksTLS)
		c := p.client()
		c.Connect()
		require.Eventually(t, func() bool { return p.split.Counts() == Counts{HTTP: 1} }, time.Minute, time.Millisecond)
		for range 3 {
			p.checks(c)
		}
		require.Equal(t, Counts{HTTP: 1}, p.split.Counts())
	}
}

func TestWhatFillsTheBufferGoesToHTTP(t *testing.T) {
	p := open(t, Settings{Buffer: 2000}, false)
	c, url := p.web(true)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("x"))
	require.NoError(t, err)
	for i := range 20 {
		r.Header.Set("A"+strings.Repeat("b", i), strings.Repeat("~", 500))
	}
	answer, err := c.Do(r)
	require.NoError(t, err)
	text, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	require.Equal(t, "HTTP/2.0 x", string(text))
	require.Equal(t, Counts{HTTP: 1}, p.split.Counts())
}

func TestTheOldestMakesRoom(t *testing.T) {
	p := open(t, Settings{Pending: 2}, false)
	pending := func(n int) {
		require.Eventually(t, func() bool {
			p.split.mu.Lock()
			defer p.split.mu.Unlock()
			return p.split.pending.Len() == n
		}, time.Minute, time.Millisecond)
	}
	first := p.dial()
	pending(1)
	second := p.dial()
	pending(2)
	p.checks(p.client())
	require.Empty(t, hears(t, first))
	_, err := io.WriteString(second, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(second), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Eventually(t, func() bool { return p.split.Counts() == Counts{GRPC: 1, HTTP: 1, Dropped: 1} }, time.Minute, time.Millisecond)
}

func TestCloseDropsWhatIsPending(t *testing.T) {
	for _, speaksTLS := range []bool{false, true} {
		p := open(t, Settings{}, speaksTLS)
		silent := p.dial()
		greeted := p.dial()
		_, err := io.WriteString(greeted, http2.ClientPreface)
		require.NoError(t, err)
		f, err := http2.NewFramer(nil, greeted).ReadFrame()
		require.NoError(t, err)
		require.IsType(t, &http2.SettingsFrame{}, f)
		serving := p.client()
		p.checks(serving)
		require.NoError(t, p.split.Close())
		require.ErrorIs(t, <-p.served, net.ErrClosed)
		p.served <- net.ErrClosed // for the end of the test
		if !speaksTLS {
			require.Empty(t, hears(t, silent))
		}
		require.Empty(t, hears(t, greeted))
		p.checks(serving)
		_, err = p.split.HTTP().Accept()
		require.ErrorIs(t, err, net.ErrClosed)
	}
}

// What the client is told before anybody has its connection: SETTINGS with the streams that it may open, at once.
func TestTheGreeting(t *testing.T) {
	p := open(t, Settings{Streams: 7}, false)
	c := p.dial()
	said := newClient()
	_ = said.WriteSettings()
	_, err := c.Write(said.Bytes())
	require.NoError(t, err)
	framer := http2.NewFramer(c, c)
	f, err := framer.ReadFrame()
	require.NoError(t, err)
	settings, ok := f.(*http2.SettingsFrame)
	require.True(t, ok)
	require.Equal(t, 1, settings.NumSettings())
	n, ok := settings.Value(http2.SettingMaxConcurrentStreams)
	require.True(t, ok)
	require.EqualValues(t, 7, n)
	// An HTTP client that acknowledges each SETTINGS is served: one acknowledgement was for the greeting.
	require.NoError(t, framer.WriteSettingsAck())
	said.Reset()
	_ = said.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: said.block(":method", "GET", ":scheme", "http", ":path", "/a", ":authority", "x"), EndHeaders: true, EndStream: true})
	_, err = c.Write(said.Bytes())
	require.NoError(t, err)
	var body bytes.Buffer
	for done := false; !done; {
		f, err := framer.ReadFrame()
		require.NoError(t, err)
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				require.NoError(t, framer.WriteSettingsAck())
			}
		case *http2.GoAwayFrame:
			t.Fatalf("%v", f)
		case *http2.DataFrame:
			body.Write(f.Data())
			done = f.StreamEnded()
		}
	}
	require.Equal(t, "HTTP/2.0 ", body.String())
}

// faulty is a listener whose Accept fails for a while, then for good.
type faulty struct {
	net.Listener
	left int
}

type passingError struct{ error }

func (passingError) Temporary() bool { return true }

func (f *faulty) Accept() (net.Conn, error) {
	if f.left--; f.left >= 0 {
		return nil, passingError{io.ErrShortBuffer}
	}
	return nil, io.ErrUnexpectedEOF
}

func TestAListenerThatFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := New(&faulty{l, 2}, Settings{})
	require.ErrorIs(t, s.Serve(), io.ErrUnexpectedEOF)
	_, err = s.GRPC().Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}
