package dial_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/dial"
	"github.com/wantgo/wantgo/pusher/emulator"
)

// gauge counts the connections of a transport that are open, seen from this side.
type gauge struct{ now, most, ever atomic.Int32 }

type gauged struct {
	net.Conn
	once sync.Once
	end  func()
}

func (c *gauged) Close() error {
	defer c.once.Do(c.end)
	return c.Conn.Close()
}

func (g *gauge) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	g.ever.Add(1)
	for now := g.now.Add(1); ; {
		if most := g.most.Load(); now <= most || g.most.CompareAndSwap(most, now) {
			break
		}
	}
	return &gauged{Conn: conn, end: func() { g.now.Add(-1) }}, nil
}

func bounded(t *testing.T, most int, roots *x509.CertPool) (*dial.Bounded, *gauge) {
	g := &gauge{}
	b := dial.NewBounded(&http.Transport{DialContext: g.dial, TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}, most)
	t.Cleanup(b.CloseIdleConnections)
	return b, g
}

func post(ctx context.Context, b *dial.Bounded, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/3/device/ab", strings.NewReader("{}"))
	if err != nil {
		return "", err
	}
	resp, err := b.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// burst makes n requests, atOnce of them under way, and returns how many had the answer and the errors of the others.
func burst(t *testing.T, b *dial.Bounded, url string, n, atOnce int, want string) (answered int, failed []error) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	room := make(chan struct{}, atOnce)
	for range n {
		room <- struct{}{}
		wait.Go(func() {
			defer func() { <-room }()
			text, err := post(t.Context(), b, url)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, err)
			} else if strings.Contains(text, want) {
				answered++
			}
		})
	}
	wait.Wait()
	return answered, failed
}

const unsigned = "MissingProviderToken" // what the emulator answers to a request that says nothing of its sender

// However narrow the limit of streams, and whatever becomes of it meanwhile, there are no more connections than allowed
// and every request is answered.
func TestBoundUnderStreamLimitsThatChange(t *testing.T) {
	for _, c := range []struct {
		name    string
		streams int
		then    []emulator.StreamSwitch
		most    int
	}{
		{"one stream", 1, nil, 3},
		{"one stream, one connection", 1, nil, 1},
		{"a hundred, one connection", 100, nil, 1},
		{"lowered", 50, []emulator.StreamSwitch{{AtRequest: 60, Limit: 1}}, 2},
		{"raised", 1, []emulator.StreamSwitch{{AtRequest: 60, Limit: 100}}, 2},
		{"up and down", 20, []emulator.StreamSwitch{{AtRequest: 50, Limit: 1}, {AtRequest: 90, Limit: 40}, {AtRequest: 200, Limit: 3}}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, err := emulator.NewAPNs(emulator.APNsOptions{ColdStreams: 100, Streams: c.streams})
			require.NoError(t, err)
			t.Cleanup(func() { _ = server.Close() })
			require.NoError(t, server.SetScript(emulator.Script{Streams: c.then}))
			b, g := bounded(t, c.most, server.CertPool())
			answered, failed := burst(t, b, server.URL(), 300, 64, unsigned)
			require.Empty(t, failed)
			require.Equal(t, 300, answered)
			require.LessOrEqual(t, int(g.most.Load()), c.most)
		})
	}
}

// A connection that is told to go counts until it is gone: what comes meanwhile waits, and nothing is lost.
func TestBoundWhileConnectionsGo(t *testing.T) {
	server, err := emulator.NewAPNs(emulator.APNsOptions{ColdStreams: 100})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	b, g := bounded(t, 1, server.CertPool())
	_, err = post(t.Context(), b, server.URL())
	require.NoError(t, err)
	server.Stall()
	ended := make(chan int)
	go func() {
		answered, _ := burst(t, b, server.URL(), 20, 20, unsigned)
		ended <- answered
	}()
	require.Eventually(t, func() bool { return server.Counts().Held == 20 }, time.Minute, time.Millisecond)
	server.GoAway("Shutdown")
	late := make(chan int)
	go func() {
		answered, _ := burst(t, b, server.URL(), 5, 5, unsigned)
		late <- answered
	}()
	server.Release()
	require.Equal(t, 20, <-ended)
	require.Equal(t, 5, <-late)
	require.EqualValues(t, 1, g.most.Load())
	require.EqualValues(t, 2, g.ever.Load())
	require.Equal(t, 26, server.Counts().Requests)
}

// An idle connection that is told to go gives its place to another.
func TestBoundWithAnIdleConnectionThatGoes(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // with HTTP/2 a GOAWAY after this answer
		_, _ = io.WriteString(w, "here")
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	b, g := bounded(t, 1, server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs)
	for range 5 {
		answered, failed := burst(t, b, server.URL, 1, 1, "here")
		require.Empty(t, failed)
		require.Equal(t, 1, answered)
	}
	require.EqualValues(t, 1, g.most.Load())
}

func TestBoundWithoutHTTP2(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	defer server.Close()
	b, g := bounded(t, 3, server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs)
	answered, failed := burst(t, b, server.URL, 100, 20, "HTTP/1.1")
	require.Empty(t, failed)
	require.Equal(t, 100, answered)
	require.LessOrEqual(t, g.most.Load(), int32(3))
}

// Nobody listens, or somebody whom nobody trusts: those who wait are told, and the places are free again.
func TestBoundWithoutAServer(t *testing.T) {
	server, err := emulator.NewAPNs(emulator.APNsOptions{})
	require.NoError(t, err)
	stranger, g := bounded(t, 2, x509.NewCertPool())
	for range 3 {
		answered, failed := burst(t, stranger, server.URL(), 10, 10, "")
		require.Zero(t, answered)
		require.Len(t, failed, 10)
	}
	require.LessOrEqual(t, g.most.Load(), int32(2))
	require.Zero(t, g.now.Load())
	require.NoError(t, server.Close())
	_, failed := burst(t, stranger, server.URL(), 10, 10, "")
	require.Len(t, failed, 10)
}

// A request that waits leaves when its time is up, and the next one gets its place.
func TestWaitEndsWithItsContext(t *testing.T) {
	server, err := emulator.NewAPNs(emulator.APNsOptions{ColdStreams: 1, Streams: 1})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	b, _ := bounded(t, 1, server.CertPool())
	server.Stall()
	first := make(chan error, 1)
	go func() { _, err := post(t.Context(), b, server.URL()); first <- err }()
	require.Eventually(t, func() bool { return server.Counts().Held == 1 }, time.Minute, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 10)
	for range 10 {
		go func() { _, err := post(ctx, b, server.URL()); waiting <- err }()
	}
	cancel()
	for range 10 {
		require.True(t, errors.Is(<-waiting, context.Canceled))
	}
	server.Release()
	require.NoError(t, <-first)
	_, err = post(t.Context(), b, server.URL())
	require.NoError(t, err)
	require.Equal(t, 2, server.Counts().Requests)
}
