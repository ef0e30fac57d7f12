package split

import (
	"bytes"
	"encoding/binary"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	frameHead    = 9       // bytes before every frame's payload
	defaultFrame = 1 << 14 // the largest payload that nobody has allowed to be larger
	tableSize    = 4096    // of the header compression that nobody has changed
)

var preface = []byte(http2.ClientPreface)

// kind is whose a connection is.
type kind int

const (
	unknown kind = iota // more of it has to be read
	native              // gRPC
	other               // whatever the HTTP server makes of it
)

// hello reads what a client says first. It keeps all of it, since none of it is for us.
type hello struct {
	said  []byte
	at    int    // where the next frame begins; 0: the preface has not been seen whole
	first bool   // a frame was seen
	open  uint32 // the stream whose headers go on in the next frame
	table *hpack.Decoder
	media string // content type
	found bool
}

// isHTTP2 tells whether the client has said HTTP/2's preface.
func (h *hello) isHTTP2() bool { return h.at > 0 }

// look tells whose the connection is, as far as can be told of what was said.
func (h *hello) look() kind {
	if !h.isHTTP2() {
		n := min(len(h.said), len(preface))
		switch {
		case !bytes.Equal(h.said[:n], preface[:n]):
			return other
		case n < len(preface):
			return unknown
		}
		h.at = n
	}
	for {
		f, ok := h.next()
		if !ok {
			return unknown
		}
		if is := h.take(f); is != unknown {
			return is
		}
	}
}

// frame is one frame of the client's.
type frame struct {
	http2.FrameHeader
	payload []byte
	long    bool // longer than it may be; not read
}

// next is the next whole frame, if it is there.
func (h *hello) next() (f frame, ok bool) {
	rest := h.said[h.at:]
	if len(rest) < frameHead {
		return f, false
	}
	f.Length = binary.BigEndian.Uint32(rest) >> 8
	f.Type, f.Flags = http2.FrameType(rest[3]), http2.Flags(rest[4])
	f.StreamID = binary.BigEndian.Uint32(rest[5:]) &^ (1 << 31)
	end := frameHead + int(f.Length)
	if f.Length > defaultFrame {
		f.long = true
		return f, true
	}
	if len(rest) < end {
		return f, false
	}
	f.payload = rest[frameHead:end]
	h.at += end
	return f, true
}

// take looks at one frame. Before the first request there may be settings, windows, priorities, pings and kinds that are
// not known; they decide nothing.
func (h *hello) take(f frame) kind {
	first := !h.first
	h.first = true
	switch {
	case f.long, first && f.Type != http2.FrameSettings:
		return other
	case h.open != 0:
		if f.Type != http2.FrameContinuation || f.StreamID != h.open {
			return other
		}
		return h.headers(f.payload, f.Flags.Has(http2.FlagContinuationEndHeaders))
	}
	switch f.Type {
	case http2.FrameHeaders:
		block, ok := headerBlock(f)
		if !ok {
			return other
		}
		h.open, h.table = f.StreamID, hpack.NewDecoder(tableSize, h.field)
		h.table.SetMaxStringLength(defaultFrame)
		return h.headers(block, f.Flags.Has(http2.FlagHeadersEndHeaders))
	case http2.FrameData, http2.FrameRSTStream, http2.FrameGoAway, http2.FramePushPromise, http2.FrameContinuation:
		return other
	}
	return unknown
}

// headerBlock is the part of a HEADERS frame that is headers.
func headerBlock(f frame) (block []byte, ok bool) {
	block = f.payload
	padding := 0
	if f.Flags.Has(http2.FlagHeadersPadded) {
		if len(block) < 1 {
			return nil, false
		}
		padding, block = int(block[0]), block[1:]
	}
	if f.Flags.Has(http2.FlagHeadersPriority) {
		if len(block) < 5 {
			return nil, false
		}
		block = block[5:]
	}
	if f.StreamID == 0 || padding > len(block) {
		return nil, false
	}
	return block[:len(block)-padding], true
}

// headers reads a part of the first request's headers.
func (h *hello) headers(block []byte, last bool) kind {
	if _, err := h.table.Write(block); err != nil {
		return other
	}
	switch {
	case h.found && isNative(h.media):
		return native
	case h.found || last:
		return other
	}
	return unknown
}

func (h *hello) field(f hpack.HeaderField) {
	if f.Name == "content-type" && !h.found {
		h.media, h.found = f.Value, true
	}
}

// isNative tells gRPC's content types, whatever it carries, from those of gRPC-Web.
func isNative(media string) bool {
	rest, ok := strings.CutPrefix(media, "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}
