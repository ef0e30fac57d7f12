package cork_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/cork"
	"github.com/wantgo/wantgo/pusher/emulator"
)

// pair is both ends of a TCP connection; the first gathers its writes.
func pair(t *testing.T) (*cork.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	far := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			far <- c
		}
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	c, other := cork.New(raw), <-far
	t.Cleanup(func() { _ = c.Close(); _ = other.Close() })
	return c, other
}

// counting counts the writes that reach the connection.
type counting struct {
	net.Conn
	mu     sync.Mutex
	writes int
}

func (c *counting) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.writes++
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// Many write frames of all sizes at once: each frame arrives whole, and each writer's in order.
func TestOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const writers, each = 8, 300
	c, far := pair(t)
	var all sync.WaitGroup
	for w := range writers {
		random := rand.New(rand.NewPCG(seed, uint64(w)))
		all.Go(func() {
			for i := range each {
				frame := make([]byte, 12+random.IntN(3000))
				binary.BigEndian.PutUint32(frame, uint32(len(frame)))
				binary.BigEndian.PutUint32(frame[4:], uint32(w))
				binary.BigEndian.PutUint32(frame[8:], uint32(i))
				if _, err := c.Write(frame); err != nil {
					t.Error(err)
					return
				}
				clear(frame) // it was the writer's own
			}
		})
	}
	go func() { all.Wait(); _ = c.Close() }()
	text, err := io.ReadAll(far)
	require.NoError(t, err)
	next := make([]uint32, writers)
	for len(text) > 0 {
		size, w, i := binary.BigEndian.Uint32(text), binary.BigEndian.Uint32(text[4:]), binary.BigEndian.Uint32(text[8:])
		require.Equal(t, next[w], i)
		next[w]++
		text = text[size:]
	}
	for _, n := range next {
		require.EqualValues(t, each, n)
	}
}

// What is written while nothing else may run leaves in one call.
func TestFewCalls(t *testing.T) {
	raw, far := net.Pipe()
	count := &counting{Conn: raw}
	c := cork.New(count)
	const pieces = 1000
	for range pieces {
		_, err := c.Write([]byte("0123456789"))
		require.NoError(t, err)
	}
	text := make([]byte, pieces*10)
	_, err := io.ReadFull(far, text)
	require.NoError(t, err)
	count.mu.Lock()
	defer count.mu.Unlock()
	require.Less(t, count.writes, pieces/10)
}

// Close is a farewell: what was written before arrives, and nothing may be written after.
func TestClose(t *testing.T) {
	c, far := pair(t)
	long := bytes.Repeat([]byte("wantgo"), 20000)
	_, err := c.Write(long)
	require.NoError(t, err)
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	text, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, long, text)
	require.NoError(t, <-closed)
	_, err = c.Write([]byte("x"))
	require.Error(t, err)
	require.Error(t, c.Close())
}

// A connection that fails tells the next writers, those that wait for room too, and its reader.
func TestFault(t *testing.T) {
	raw, _ := net.Pipe() // whose other end takes nothing
	c := cork.New(raw)
	wrote := make(chan error, 1)
	go func() {
		for {
			if _, err := c.Write(make([]byte, 100<<10)); err != nil {
				wrote <- err
				return
			}
		}
	}()
	require.NoError(t, raw.Close())
	require.Error(t, <-wrote)
	_, err := c.Write([]byte("x"))
	require.Error(t, err)
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
	require.Error(t, errors.Join(c.Close(), err))
}

// It stands under TLS, on both sides.
func TestUnderTLS(t *testing.T) {
	apns, err := emulator.NewAPNs(emulator.APNsOptions{})
	require.NoError(t, err)
	defer apns.Close()
	raw, err := net.Dial("tcp", apns.Addr())
	require.NoError(t, err)
	c := tls.Client(cork.New(raw), &tls.Config{RootCAs: apns.CertPool(), ServerName: "127.0.0.1", NextProtos: []string{"h2"}})
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	require.NoError(t, c.Handshake())
	require.Equal(t, "h2", c.ConnectionState().NegotiatedProtocol)
	require.NoError(t, c.Close())
}
