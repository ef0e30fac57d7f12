package api

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// unmarshalImport is proto.Unmarshal for one message. It makes the parts of all pings in a few pieces, and their texts of
// one. What it does not expect (unknown fields, parts that come twice, anything malformed) it leaves to proto.Unmarshal,
// so that there is one opinion about it.
func unmarshalImport(wire []byte, r *v1.ImportPingsRequest) error {
	proto.Reset(r)
	if d := newImportDecoder(wire); d != nil && d.request(r) {
		return nil
	}
	return proto.Unmarshal(wire, r)
}

// importDecoder holds the pieces. Each ping takes the next of each.
type importDecoder struct {
	wire     []byte
	text     string // the same bytes
	imported []v1.ImportedPing
	pings    []v1.Ping
	times    []timestamppb.Timestamp
	ids      []v1.ImportedPing_DeviceId
	externs  []v1.ImportedPing_DeviceExternalId
	list     []*v1.ImportedPing
}

// newImportDecoder counts the pings; nil: the message is malformed.
func newImportDecoder(wire []byte) *importDecoder {
	n := 0
	for at := 0; at < len(wire); {
		number, kind, tag := protowire.ConsumeTag(wire[at:])
		if tag < 0 {
			return nil
		}
		length := protowire.ConsumeFieldValue(number, kind, wire[at+tag:])
		if length < 0 {
			return nil
		}
		if number == 2 {
			n++
		}
		at += tag + length
	}
	return &importDecoder{
		wire: wire, text: string(wire), imported: make([]v1.ImportedPing, n), pings: make([]v1.Ping, n),
		times: make([]timestamppb.Timestamp, n), list: make([]*v1.ImportedPing, 0, n),
	}
}

// field is one field of a message: a number, or the bytes from at to end.
type field struct {
	number  protowire.Number
	kind    protowire.Type
	value   uint64
	at, end int
}

// next reads the field that begins at a position of the bytes before end. ok is false at anything but a number of a usual
// kind or bytes that lie before end.
func (d *importDecoder) next(at, end int) (f field, after int, ok bool) {
	tag, n := varint(d.wire[at:end])
	if n == 0 {
		return f, 0, false
	}
	f.number, f.kind = protowire.DecodeTag(tag)
	at += n
	switch f.kind {
	case protowire.VarintType:
		f.value, n = varint(d.wire[at:end])
		return f, at + n, n > 0
	case protowire.Fixed64Type:
		if end-at < 8 {
			return f, 0, false
		}
		f.value = binary.LittleEndian.Uint64(d.wire[at:])
		return f, at + 8, true
	case protowire.BytesType:
		length, n := varint(d.wire[at:end])
		if n == 0 || length > uint64(end-at-n) {
			return f, 0, false
		}
		f.at, f.end = at+n, at+n+int(length)
		return f, f.end, true
	}
	return f, 0, false
}

// varint is protowire.ConsumeVarint, but 0 bytes long where it is malformed, and quick where it is short.
func varint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	v, n := protowire.ConsumeVarint(b)
	return v, max(n, 0)
}

// textOf is a text field's value.
func (d *importDecoder) textOf(f field) (string, bool) {
	s := d.text[f.at:f.end]
	return s, f.kind == protowire.BytesType && utf8.ValidString(s)
}

func (d *importDecoder) request(r *v1.ImportPingsRequest) bool {
	var f field
	for at, ok := 0, true; at < len(d.wire); {
		if f, at, ok = d.next(at, len(d.wire)); !ok {
			return false
		}
		switch {
		case f.number == 1:
			r.RequestId, ok = d.textOf(f)
		case f.number == 2 && f.kind == protowire.BytesType:
			i := len(d.list)
			d.list = append(d.list, &d.imported[i])
			ok = d.importedPing(f, i)
		case f.number == 3 && f.kind == protowire.BytesType && r.SentTime == nil:
			r.SentTime = new(timestamppb.Timestamp)
			ok = d.time(f, r.SentTime)
		default:
			return false
		}
		if !ok {
			return false
		}
	}
	r.Pings = d.list
	return true
}

func (d *importDecoder) importedPing(whole field, i int) bool {
	p := &d.imported[i]
	var f field
	for at, ok := whole.at, true; at < whole.end; {
		if f, at, ok = d.next(at, whole.end); !ok {
			return false
		}
		switch {
		case f.number == 1 && p.Device == nil:
			if d.ids == nil {
				d.ids = make([]v1.ImportedPing_DeviceId, len(d.imported))
			}
			d.ids[i].DeviceId, ok = d.textOf(f)
			p.Device = &d.ids[i]
		case f.number == 2 && p.Device == nil:
			if d.externs == nil {
				d.externs = make([]v1.ImportedPing_DeviceExternalId, len(d.imported))
			}
			d.externs[i].DeviceExternalId, ok = d.textOf(f)
			p.Device = &d.externs[i]
		case f.number == 3 && f.kind == protowire.BytesType && p.Ping == nil:
			p.Ping = &d.pings[i]
			ok = d.ping(f, i)
		default:
			return false
		}
		if !ok {
			return false
		}
	}
	return true
}

func (d *importDecoder) ping(whole field, i int) bool {
	p := &d.pings[i]
	var f field
	for at, ok := whole.at, true; at < whole.end; {
		if f, at, ok = d.next(at, whole.end); !ok {
			return false
		}
		switch f.number {
		case 1:
			p.Id, ok = d.textOf(f)
		case 2:
			p.Latitude, ok = f.double()
		case 3:
			p.Longitude, ok = f.double()
		case 4:
			p.AccuracyMeters, ok = f.double()
		case 5:
			p.SpeedMps = new(float64)
			*p.SpeedMps, ok = f.double()
		case 6:
			if f.kind != protowire.BytesType || p.ObservedTime != nil {
				return false
			}
			p.ObservedTime = &d.times[i]
			ok = d.time(f, p.ObservedTime)
		case 7:
			p.Mock, ok = f.value != 0, f.kind == protowire.VarintType
		case 8:
			p.AppState, ok = v1.Ping_AppState(f.value), f.kind == protowire.VarintType
		default:
			return false
		}
		if !ok {
			return false
		}
	}
	return true
}

func (f field) double() (float64, bool) {
	return math.Float64frombits(f.value), f.kind == protowire.Fixed64Type
}

func (d *importDecoder) time(whole field, t *timestamppb.Timestamp) bool {
	var f field
	for at, ok := whole.at, true; at < whole.end; {
		if f, at, ok = d.next(at, whole.end); !ok || f.kind != protowire.VarintType {
			return false
		}
		switch f.number {
		case 1:
			t.Seconds = int64(f.value)
		case 2:
			t.Nanos = int32(f.value)
		default:
			return false
		}
	}
	return true
}
