package split

import (
	"encoding/binary"
	"net"

	"golang.org/x/net/http2"
)

// conn is a connection of which the beginning was read before.
type conn struct {
	net.Conn
	ahead []byte // read already, and not yet by the server
	acks  *acks  // nil: the client says nothing that is for us
}

// Read gives the beginning again, then what follows.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.ahead) == 0 {
		if c.acks == nil {
			return c.Conn.Read(p)
		}
		if err := c.strip(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.ahead)
	if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
		c.ahead = nil
	}
	return n, nil
}

// strip reads on while an acknowledgement that is for us is still to come.
func (c *conn) strip() error {
	n, err := c.Conn.Read(c.acks.read[:])
	if n == 0 {
		return err
	}
	c.ahead = c.acks.strip(nil, c.acks.read[:n])
	if c.acks.done {
		c.acks = nil
	}
	return nil
}

// replay makes the connection give again what was said, without the acknowledgement that is for us.
func (c *conn) replay(h *hello) {
	if !h.isHTTP2() {
		c.ahead = h.said
		return
	}
	c.acks = &acks{pass: len(preface)}
	c.ahead = c.acks.strip(make([]byte, 0, len(h.said)), h.said)
	if c.acks.done {
		c.acks = nil
	}
}

// acks takes the first acknowledgement of SETTINGS out of what a client says.
type acks struct {
	pass int // bytes that belong to something else
	head [frameHead]byte
	have int // of head
	done bool
	read [2048]byte
}

// strip appends what came in to what goes on. The head of a frame is held back until it is whole.
func (a *acks) strip(out, in []byte) []byte {
	for len(in) > 0 && !a.done {
		if a.pass > 0 {
			n := min(a.pass, len(in))
			out, in, a.pass = append(out, in[:n]...), in[n:], a.pass-n
			continue
		}
		n := copy(a.head[a.have:], in)
		a.have, in = a.have+n, in[n:]
		if a.have < frameHead {
			return out
		}
		a.have = 0
		a.pass = int(binary.BigEndian.Uint32(a.head[:]) >> 8)
		if isAck(a.head) {
			a.done = true
			if a.pass == 0 {
				break
			}
		}
		out = append(out, a.head[:]...)
	}
	return append(out, in...)
}

// isAck tells an acknowledgement. One that is not empty is an error, which the server is to see.
func isAck(head [frameHead]byte) bool {
	return http2.FrameType(head[3]) == http2.FrameSettings && http2.Flags(head[4]).Has(http2.FlagSettingsAck)
}
