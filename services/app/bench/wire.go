package bench

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"

	"github.com/google/uuid"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// frame is a message already on the wire, or to be read there. It stands where grpc-go expects a generated message.
type frame struct{ bytes []byte }

// frames is a codec that copies bytes instead of encoding messages; on the wire it is protobuf.
type frames struct{}

func (frames) Name() string { return "proto" }

func (frames) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.(*frame).bytes)}, nil
}

func (frames) Unmarshal(data mem.BufferSlice, v any) error {
	f := v.(*frame)
	if n := data.Len(); cap(f.bytes) < n {
		f.bytes = make([]byte, n, n+n/4)
	} else {
		f.bytes = f.bytes[:n]
	}
	data.CopyTo(f.bytes)
	return nil
}

// accuracy is what every ping says of itself, metres.
const accuracy = 10

// sighting is one ping before it is written: where a device was, and when.
type sighting struct {
	lat, lng float64
	at       int64 // Unix ms
	id       uuid.UUID
}

// Sizes on the wire: every field of a ping has a fixed one but its time.
const (
	idSize    = 36
	fixedPing = 3 * 9 // latitude, longitude, accuracy
)

func timeSize(ms int64) int {
	n := 1 + protowire.SizeVarint(uint64(ms/1000))
	if nanos := ms % 1000 * 1e6; nanos != 0 {
		n += 1 + protowire.SizeVarint(uint64(nanos))
	}
	return n
}

func appendTime(b []byte, field protowire.Number, ms int64) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(timeSize(ms)))
	b = protowire.AppendTag(b, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(ms/1000))
	if nanos := ms % 1000 * 1e6; nanos != 0 {
		b = protowire.AppendTag(b, 2, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(nanos))
	}
	return b
}

func appendDouble(b []byte, field protowire.Number, v float64) []byte {
	b = protowire.AppendTag(b, field, protowire.Fixed64Type)
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

func appendID(b []byte, field protowire.Number, id uuid.UUID) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, idSize)
	return appendIDText(b, id)
}

func appendIDText(b []byte, id uuid.UUID) []byte {
	for i, part := range [...][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return b
}

// pingSize is the length of a Ping.
func (s *sighting) size() int {
	t := timeSize(s.at)
	n := fixedPing + 1 + protowire.SizeVarint(uint64(t)) + t
	if s.id != uuid.Nil {
		n += 2 + idSize
	}
	return n
}

// append writes the fields of a Ping.
func (s *sighting) append(b []byte) []byte {
	if s.id != uuid.Nil {
		b = appendID(b, 1, s.id)
	}
	b = appendDouble(b, 2, s.lat)
	b = appendDouble(b, 3, s.lng)
	b = appendDouble(b, 4, accuracy)
	return appendTime(b, 6, s.at)
}

// appendImported writes one element of ImportPingsRequest.pings.
func (s *sighting) appendImported(b []byte, device uuid.UUID) []byte {
	n := s.size()
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(2+idSize+1+protowire.SizeVarint(uint64(n))+n))
	b = appendID(b, 1, device)
	b = protowire.AppendTag(b, 3, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(n))
	return s.append(b)
}

// appendReport writes a ReportPingsRequest of one ping from an app in the background.
func (s *sighting) appendReport(b, token []byte, sent int64) []byte {
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(s.size()))
	b = s.append(b)
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	b = protowire.AppendVarint(b, 2)
	if len(token) > 0 {
		b = protowire.AppendTag(b, 3, protowire.BytesType)
		b = protowire.AppendBytes(b, token)
	}
	return appendTime(b, 4, sent)
}

// heard is a transition as it stands in an answer.
type heard struct {
	kind  uint8 // of the contract's enum
	fence uuid.UUID
	at    int64 // Unix ms
}

// outcome is what an answer says of one ping.
type outcome struct {
	taken       bool
	refusal     uint64 // the contract's code
	transitions []heard
}

// reply takes an answer apart. What it hands out holds until the next answer.
type reply struct {
	token       []byte
	transitions []heard
}

var errAnswer = errors.New("the answer is not the contract's message")

// scan calls each for every result, in order. tokenField is where the presence token stands; 0: there is none.
func (r *reply) scan(b []byte, tokenField protowire.Number, each func(outcome)) error {
	r.token = nil
	return fields(b, func(field protowire.Number, number uint64, body []byte) error {
		switch field {
		case 1:
			o, err := r.result(body)
			if err != nil {
				return err
			}
			each(o)
		case tokenField:
			r.token = body
		}
		return nil
	})
}

func (r *reply) result(b []byte) (o outcome, err error) {
	r.transitions = r.transitions[:0]
	err = fields(b, func(field protowire.Number, number uint64, body []byte) error {
		switch field {
		case 2:
			o.taken = number == 1
		case 3:
			o.refusal = number
		case 8:
			t, err := transition(body)
			r.transitions = append(r.transitions, t)
			return err
		}
		return nil
	})
	o.transitions = r.transitions
	return o, err
}

func transition(b []byte) (t heard, err error) {
	err = fields(b, func(field protowire.Number, number uint64, body []byte) (err error) {
		switch field {
		case 2:
			t.kind = uint8(number)
		case 3:
			t.fence, err = uuid.ParseBytes(body)
		case 8:
			t.at, err = instant(body)
		}
		return err
	})
	return t, err
}

func instant(b []byte) (ms int64, err error) {
	err = fields(b, func(field protowire.Number, number uint64, _ []byte) error {
		switch field {
		case 1:
			ms += int64(number) * 1000
		case 2:
			ms += int64(number) / 1e6
		}
		return nil
	})
	return ms, err
}

// fields goes through a message. Fields of fixed width are passed over.
func fields(b []byte, each func(field protowire.Number, number uint64, body []byte) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errAnswer
		}
		b = b[n:]
		var number uint64
		var body []byte
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			body, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return errAnswer
		}
		b = b[n:]
		if err := each(field, number, body); err != nil {
			return err
		}
	}
	return nil
}
