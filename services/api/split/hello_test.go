package split

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// client writes what a client says.
type client struct {
	bytes.Buffer
	*http2.Framer
	table  *hpack.Encoder
	fields bytes.Buffer
}

func newClient() *client {
	c := &client{}
	c.WriteString(http2.ClientPreface)
	c.Framer = http2.NewFramer(&c.Buffer, nil)
	c.AllowIllegalWrites = true
	c.table = hpack.NewEncoder(&c.fields)
	return c
}

// block is a compressed list of headers: name, value, …
func (c *client) block(fields ...string) []byte {
	c.fields.Reset()
	for i := 0; i+1 < len(fields); i += 2 {
		_ = c.table.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(c.fields.Bytes())
}

func post(kind string) []string {
	return []string{":method", "POST", ":scheme", "http", ":path", "/a.B/C", ":authority", "x", "content-type", kind, "te", "trailers"}
}

func TestLook(t *testing.T) {
	type say = func(c *client)
	hi := func(c *client) { _ = c.WriteSettings() }
	ask := func(fields ...string) say {
		return func(c *client) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block(fields...), EndHeaders: true})
		}
	}
	for name, test := range map[string]struct {
		say  []say
		want kind
	}{
		"nothing":       {nil, unknown},
		"settings":      {[]say{hi}, unknown},
		"grpc":          {[]say{hi, ask(post("application/grpc")...)}, native},
		"grpc+proto":    {[]say{hi, ask(post("application/grpc+proto")...)}, native},
		"with a suffix": {[]say{hi, ask(post("application/grpc;charset=utf-8")...)}, native},
		"grpc-web":      {[]say{hi, ask(post("application/grpc-web+proto")...)}, other},
		"grpcx":         {[]say{hi, ask(post("application/grpcx")...)}, other},
		"json":          {[]say{hi, ask(post("application/json")...)}, other},
		"connect":       {[]say{hi, ask(post("application/connect+proto")...)}, other},
		"a page":        {[]say{hi, ask(":method", "GET", ":path", "/")}, other},
		"two kinds":     {[]say{hi, ask(append(post("application/json"), "content-type", "application/grpc")...)}, other},
		"what may come before": {[]say{hi, func(c *client) {
			_ = c.WriteSettingsAck()
			_ = c.WriteWindowUpdate(0, 1000)
			_ = c.WritePriority(3, http2.PriorityParam{Weight: 1})
			_ = c.WritePing(false, [8]byte{})
			_ = c.WriteRawFrame(0xfa, 0, 0, []byte("grease"))
		}, ask(post("application/grpc")...)}, native},
		"no settings":       {[]say{ask(post("application/grpc")...)}, other},
		"data":              {[]say{hi, func(c *client) { _ = c.WriteData(1, true, nil) }}, other},
		"goaway":            {[]say{hi, func(c *client) { _ = c.WriteGoAway(0, 0, nil) }}, other},
		"too long a frame":  {[]say{hi, func(c *client) { _ = c.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, defaultFrame+1)) }}, other},
		"no stream":         {[]say{hi, func(c *client) { _ = c.WriteRawFrame(http2.FrameHeaders, 4, 0, nil) }}, other},
		"padding missing":   {[]say{hi, func(c *client) { _ = c.WriteRawFrame(http2.FrameHeaders, 4|8, 1, nil) }}, other},
		"padding too long":  {[]say{hi, func(c *client) { _ = c.WriteRawFrame(http2.FrameHeaders, 4|8, 1, []byte{2, 0}) }}, other},
		"priority missing":  {[]say{hi, func(c *client) { _ = c.WriteRawFrame(http2.FrameHeaders, 4|32, 1, []byte{0, 0, 0, 0}) }}, other},
		"not compressed so": {[]say{hi, func(c *client) { _ = c.WriteRawFrame(http2.FrameHeaders, 4, 1, []byte{0xff, 0xff, 0xff, 0xff}) }}, other},
		"padded, with priority": {[]say{hi, func(c *client) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block(post("application/grpc")...), EndHeaders: true,
				PadLength: 7, Priority: http2.PriorityParam{Weight: 3}})
		}}, native},
		"in pieces": {[]say{hi, func(c *client) {
			block := c.block(post("application/grpc")...)
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:2]})
			_ = c.WriteContinuation(1, false, block[2:7])
			_ = c.WriteContinuation(1, true, block[7:])
		}}, native},
		"pieces of another": {[]say{hi, func(c *client) {
			block := c.block(post("application/grpc")...)
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:2]})
			_ = c.WriteContinuation(3, true, block[2:])
		}}, other},
		"something between": {[]say{hi, func(c *client) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block(":method", "POST")})
			_ = c.WritePing(false, [8]byte{})
		}}, other},
	} {
		c := newClient()
		for _, say := range test.say {
			say(c)
		}
		require.Equal(t, test.want, byPieces(c.Bytes(), func() int { return 1 << 20 }), name)
		require.Equal(t, test.want, byPieces(c.Bytes(), func() int { return 1 }), "%s, byte by byte", name)
	}
	for _, text := range []string{"G", "GET / HTTP/1.1\r\n", "PRX", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", "\x16\x03\x01"} {
		require.Equal(t, other, byPieces([]byte(text), func() int { return 1 << 20 }), "%q", text)
	}
	require.Equal(t, unknown, byPieces([]byte("PRI * HTTP"), func() int { return 1 }))
}

// byPieces lets a hello hear what is said in pieces.
func byPieces(said []byte, size func() int) kind {
	h := &hello{}
	for len(said) > 0 {
		n := min(max(size(), 1), len(said))
		h.said = append(h.said, said[:n]...)
		said = said[n:]
		if is := h.look(); is != unknown {
			return is
		}
	}
	return unknown
}

// FuzzHello holds what is heard in pieces against what is heard at once; nothing may panic.
func FuzzHello(f *testing.F) {
	c := newClient()
	_ = c.WriteSettings()
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block(post("application/grpc")...), EndHeaders: true})
	f.Add(c.Bytes(), uint8(3))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(1))
	f.Fuzz(func(t *testing.T, said []byte, size uint8) {
		whole := byPieces(said, func() int { return len(said) })
		require.Equal(t, whole, byPieces(said, func() int { return int(size) }))
		require.Equal(t, whole, byPieces(said, func() int { return 1 }))
	})
}

// TestOneAcknowledgementIsTakenOut holds the stream without it against the slow way: frame by frame, the first left out.
func TestOneAcknowledgementIsTakenOut(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		c, want, seen := newClient(), bytes.NewBufferString(http2.ClientPreface), false
		for range random.IntN(8) {
			from, ack := c.Len(), false
			switch random.IntN(4) {
			case 0:
				ack = true
				_ = c.WriteSettingsAck()
			case 1:
				_ = c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
			case 2: // an acknowledgement's bytes inside another frame
				_ = c.WriteData(1, false, []byte{0, 0, 0, 4, 1, 0, 0, 0, 0})
			case 3:
				_ = c.WriteData(1, false, make([]byte, random.IntN(300)))
			}
			if ack && !seen {
				seen = true
				continue
			}
			want.Write(c.Bytes()[from:])
		}
		a, got := &acks{pass: len(preface)}, []byte(nil)
		for said := c.Bytes(); len(said) > 0; {
			n := min(1+random.IntN(20), len(said))
			got = a.strip(got, said[:n])
			said = said[n:]
		}
		require.Equal(t, fmt.Sprintf("%q", want.Bytes()), fmt.Sprintf("%q", got))
		require.Equal(t, seen, a.done)
	}
}

func TestAnAcknowledgementThatIsNotEmptyGoesOn(t *testing.T) {
	c := newClient()
	_ = c.WriteRawFrame(http2.FrameSettings, http2.FlagSettingsAck, 0, make([]byte, 6))
	a := &acks{pass: len(preface)}
	require.Equal(t, c.Bytes(), a.strip(nil, c.Bytes()), "the server is to see the error")
	require.True(t, a.done)
}
