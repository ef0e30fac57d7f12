package emulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	maxHeaderBytes  = 16 << 10
	maxRequestBytes = 64 << 10
	initialWindow   = 65535
	writeTimeout    = 30 * time.Second
	lingerTimeout   = 2 * time.Second
)

// h2Connection is the server's side of one HTTP/2 connection. Go's own server cannot change its stream limit
// once a connection is open, or put a reason into GOAWAY, and both are what a client of APNs must live with.
type h2Connection struct {
	server *APNs
	nc     *tls.Conn
	framer *http2.Framer

	mu       sync.Mutex // also orders writes
	encoder  *hpack.Encoder
	block    bytes.Buffer
	streams  map[uint32]*h2Stream
	lastID   uint32
	window   int64 // what may be written on the connection
	initial  int64 // a new stream's window, by the client's word
	room     *sync.Cond
	limit    int    // announced
	acked    int    // acknowledged
	unacked  []int  // announced since
	leaving  bool   // GOAWAY was written
	left     bool   // and nothing more will be
	unsaid   uint32 // bytes taken that the client has not been told of: it need not be told of each
	warm     bool
	auth     authState
	topic    string // of the first good request
	badToken int
}

type h2Stream struct {
	id      uint32
	request apnsRequest
	window  int64
	tooBig  bool
	begun   bool // the request is complete
	ctx     context.Context
	cancel  context.CancelFunc
}

func (a *APNs) serveConnection(ctx context.Context, nc *tls.Conn) {
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	if err := nc.HandshakeContext(ctx); err != nil || nc.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		return
	}
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(nc, preface); err != nil || string(preface) != http2.ClientPreface {
		return
	}
	_ = nc.SetDeadline(time.Time{})
	c := newH2Connection(a, nc)
	a.connections.Lock()
	a.open[c] = struct{}{}
	a.connections.Unlock()
	a.count(func(n *Counts) { n.Connections++ })
	c.setLimit(c.limit)
	c.read(ctx)
	a.connections.Lock()
	delete(a.open, c)
	a.connections.Unlock()
	c.end()
}

func newH2Connection(a *APNs, nc *tls.Conn) *h2Connection {
	c := &h2Connection{
		server: a, nc: nc, framer: http2.NewFramer(nc, nc), streams: map[uint32]*h2Stream{},
		window: initialWindow, initial: initialWindow, limit: min(a.o.ColdStreams, a.warmStreams()),
	}
	c.acked = c.limit
	c.room = sync.NewCond(&c.mu)
	c.encoder = hpack.NewEncoder(&c.block)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.MaxHeaderListSize = maxHeaderBytes
	return c
}

// read handles frames until the connection ends.
func (c *h2Connection) read(ctx context.Context) {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			if stream, ok := err.(http2.StreamError); ok {
				c.resetStream(stream.StreamID, stream.Code)
				continue
			}
			return
		}
		if !c.handle(ctx, frame) {
			return
		}
	}
}

// handle acts on one frame; false ends the connection.
func (c *h2Connection) handle(ctx context.Context, frame http2.Frame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return true
	}
	c.deadline()
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.PingFrame:
		return f.IsAck() || c.framer.WritePing(true, f.Data) == nil
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			c.window += int64(f.Increment)
		} else if s := c.streams[f.StreamID]; s != nil {
			s.window += int64(f.Increment)
		}
		c.room.Broadcast()
	case *http2.MetaHeadersFrame:
		return c.headers(ctx, f)
	case *http2.DataFrame:
		return c.body(f)
	case *http2.RSTStreamFrame:
		c.forget(f.StreamID)
	}
	return true
}

func (c *h2Connection) settings(f *http2.SettingsFrame) bool {
	if f.IsAck() {
		if len(c.unacked) > 0 {
			c.acked, c.unacked = c.unacked[0], c.unacked[1:]
		}
		return true
	}
	if size, ok := f.Value(http2.SettingInitialWindowSize); ok {
		for _, s := range c.streams {
			s.window += int64(size) - c.initial
		}
		c.initial = int64(size)
		c.room.Broadcast()
	}
	if size, ok := f.Value(http2.SettingHeaderTableSize); ok {
		c.encoder.SetMaxDynamicTableSizeLimit(min(size, 4096))
	}
	return c.framer.WriteSettingsAck() == nil
}

func (c *h2Connection) headers(ctx context.Context, f *http2.MetaHeadersFrame) bool {
	id := f.StreamID
	if s := c.streams[id]; s != nil { // trailers
		if f.StreamEnded() {
			c.begin(s)
		}
		return true
	}
	if id%2 == 0 || id <= c.lastID {
		return false
	}
	if c.leaving {
		return true // above the last stream that GOAWAY counted in
	}
	c.lastID = id
	if over, code := c.overLimit(); over {
		c.server.count(func(n *Counts) { n.OverLimit++ })
		return c.framer.WriteRSTStream(id, code) == nil
	}
	s := &h2Stream{id: id, window: c.initial}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.request.header = make(map[string][]string, len(f.Fields))
	for _, field := range f.Fields {
		switch field.Name {
		case ":method":
			s.request.method = field.Value
		case ":path":
			s.request.path = field.Value
		default:
			s.request.header[field.Name] = append(s.request.header[field.Name], field.Value)
		}
	}
	c.streams[id] = s
	if f.StreamEnded() {
		c.begin(s)
	}
	return true
}

// overLimit: a client that has acknowledged the limit breaks the protocol; before, it could not know.
func (c *h2Connection) overLimit() (bool, http2.ErrCode) {
	allowed := max(c.limit, c.acked)
	if len(c.streams) < allowed {
		return false, 0
	}
	if len(c.unacked) > 0 {
		return true, http2.ErrCodeRefusedStream
	}
	return true, http2.ErrCodeProtocol
}

func (c *h2Connection) body(f *http2.DataFrame) bool {
	if c.unsaid += f.Length; c.unsaid >= initialWindow/4 {
		if c.framer.WriteWindowUpdate(0, c.unsaid) != nil {
			return false
		}
		c.unsaid = 0
	}
	s := c.streams[f.StreamID]
	if s == nil || s.begun {
		return true
	}
	if len(s.request.body)+len(f.Data()) > maxRequestBytes {
		s.tooBig = true
	} else {
		s.request.body = append(s.request.body, f.Data()...)
	}
	if f.StreamEnded() {
		c.begin(s)
	} else if f.Length > 0 {
		return c.framer.WriteWindowUpdate(f.StreamID, f.Length) == nil
	}
	return true
}

func (c *h2Connection) begin(s *h2Stream) {
	s.begun = true
	go c.server.serve(c, s)
}

// forget drops a stream; c.mu is held.
func (c *h2Connection) forget(id uint32) {
	if s := c.streams[id]; s != nil {
		s.cancel()
		delete(c.streams, id)
		c.room.Broadcast()
	}
	c.closeIfLeft()
}

// closeIfLeft ends our side of a connection that was told to go and has nothing under way. The client's side
// is read a little longer: closing it at once would reset the connection and with it answers not yet read.
func (c *h2Connection) closeIfLeft() {
	if c.leaving && len(c.streams) == 0 && !c.left {
		c.left = true
		_ = c.nc.CloseWrite()
		_ = c.nc.SetReadDeadline(time.Now().Add(lingerTimeout))
	}
}

func (c *h2Connection) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.streams {
		c.forget(id)
	}
}

func (c *h2Connection) close() { _ = c.nc.Close() }

func (c *h2Connection) deadline() { _ = c.nc.SetWriteDeadline(time.Now().Add(writeTimeout)) }

func (c *h2Connection) resetStream(id uint32, code http2.ErrCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline()
	_ = c.framer.WriteRSTStream(id, code)
	c.forget(id)
}

// setLimit announces the number of streams allowed.
func (c *h2Connection) setLimit(limit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.announce(limit)
}

func (c *h2Connection) announce(limit int) {
	c.limit = limit
	c.unacked = append(c.unacked, limit)
	c.deadline()
	_ = c.framer.WriteSettings(
		http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: uint32(limit)},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxHeaderBytes},
	)
}

// goAway lets the streams so far finish and takes no more.
func (c *h2Connection) goAway(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave(reason)
}

func (c *h2Connection) leave(reason string) {
	if c.leaving {
		return
	}
	c.leaving = true
	var debug []byte
	if reason != "" {
		debug = []byte(`{"reason":"` + reason + `"}`)
	}
	c.deadline()
	_ = c.framer.WriteGoAway(c.lastID, http2.ErrCodeNo, debug)
	c.closeIfLeft()
}

// respond writes a whole answer, waiting for the client's windows where it has a body.
func (c *h2Connection) respond(s *h2Stream, fields []hpack.HeaderField, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[s.id] != s {
		return
	}
	for len(body) > 0 && (c.window < int64(len(body)) || s.window < int64(len(body))) {
		c.room.Wait()
		if c.streams[s.id] != s {
			return
		}
	}
	c.deadline()
	c.block.Reset()
	for _, field := range fields {
		_ = c.encoder.WriteField(field)
	}
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: s.id, BlockFragment: c.block.Bytes(), EndHeaders: true, EndStream: len(body) == 0,
	})
	if len(body) > 0 {
		c.window -= int64(len(body))
		_ = c.framer.WriteData(s.id, true, body)
	}
	c.forget(s.id)
}
