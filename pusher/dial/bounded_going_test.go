package dial_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wantgo/wantgo/pusher/dial"
)

// lingerer speaks as much HTTP/2 as it takes to answer, and to say that it is going without ever closing a connection.
type lingerer struct {
	leave    chan struct{}
	noted    chan struct{} // the client has read that the connection is going
	answered atomic.Int32
}

func (s *lingerer) serve(conn *tls.Conn) {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			s.noted <- struct{}{}
		case *http2.HeadersFrame:
			var block bytes.Buffer
			_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "204"})
			s.answered.Add(1)
			_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: f.StreamID, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
			go func() {
				<-s.leave
				_ = framer.WriteGoAway(f.StreamID, http2.ErrCodeNo, nil)
				_ = framer.WritePing(false, [8]byte{1})
			}()
		}
	}
}

// An idle connection whose server said that it is going, and does not close it, gives its place to another.
func TestBoundWithAConnectionThatLingers(t *testing.T) {
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	defer certified.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	defer listener.Close()
	s := &lingerer{leave: make(chan struct{}), noted: make(chan struct{})}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn.(*tls.Conn))
		}
	}()
	b, g := bounded(t, 1, certified.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs)
	for i := range int32(3) {
		get(t, b, "https://"+listener.Addr().String())
		require.Equal(t, i+1, s.answered.Load())
		s.leave <- struct{}{}
		<-s.noted
	}
	require.EqualValues(t, 3, g.ever.Load())
	require.EqualValues(t, 1, g.most.Load())
}

func get(t *testing.T, b *dial.Bounded, url string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := b.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}
