package api

import (
	"unicode/utf8"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// mostPlain is how many bytes a plain result takes beside its ping's id: a tag and a length, those of the id, and three
// fields of a small number.
const mostPlain = 1 + 5 + 1 + 5 + 3*2

// marshalImport is proto.Marshal for one message. A result that says no more than that a ping was taken, as nearly all do,
// is written by hand; the others are left to proto.Marshal.
func marshalImport(r *v1.ImportPingsResponse) (mem.BufferSlice, error) {
	size := proto.Size(&v1.ImportPingsResponse{ServerTime: r.GetServerTime()}) + len(r.ProtoReflect().GetUnknown())
	for _, result := range r.GetResults() {
		if isPlain(result) {
			size += mostPlain + len(result.PingId)
		} else {
			size += mostPlain + proto.Size(result)
		}
	}
	pool := mem.DefaultBufferPool()
	wire := pool.Get(size)
	var err error
	if *wire, err = appendImport((*wire)[:0], r); err != nil {
		pool.Put(wire)
		return nil, err
	}
	return mem.BufferSlice{mem.NewBuffer(wire, pool)}, nil
}

func appendImport(wire []byte, r *v1.ImportPingsResponse) ([]byte, error) {
	var err error
	for _, result := range r.GetResults() {
		wire = protowire.AppendTag(wire, 1, protowire.BytesType)
		if isPlain(result) {
			wire = appendPlain(wire, result)
			continue
		}
		wire = protowire.AppendVarint(wire, uint64(proto.Size(result)))
		if wire, err = (proto.MarshalOptions{UseCachedSize: true}).MarshalAppend(wire, result); err != nil {
			return nil, err
		}
	}
	rest := v1.ImportPingsResponse{ServerTime: r.GetServerTime()}
	rest.ProtoReflect().SetUnknown(r.ProtoReflect().GetUnknown())
	return proto.MarshalOptions{}.MarshalAppend(wire, &rest)
}

// isPlain tells a result that appendPlain writes whole.
func isPlain(r *v1.PingResult) bool {
	return r != nil && r.Refusal == 0 && r.Field == "" && r.Detail == "" && len(r.Transitions) == 0 && r.Outcome >= 0 && r.Outcome < 0x80 &&
		len(r.ProtoReflect().GetUnknown()) == 0 && utf8.ValidString(r.PingId)
}

func appendPlain(wire []byte, r *v1.PingResult) []byte {
	length := 0
	if r.PingId != "" {
		length += 1 + protowire.SizeBytes(len(r.PingId))
	}
	if r.Outcome != 0 {
		length += 2
	}
	if r.Late {
		length += 2
	}
	if r.Duplicate {
		length += 2
	}
	wire = protowire.AppendVarint(wire, uint64(length))
	if r.PingId != "" {
		wire = protowire.AppendString(append(wire, 1<<3|byte(protowire.BytesType)), r.PingId)
	}
	if r.Outcome != 0 {
		wire = append(wire, 2<<3, byte(r.Outcome))
	}
	if r.Late {
		wire = append(wire, 6<<3, 1)
	}
	if r.Duplicate {
		wire = append(wire, 7<<3, 1)
	}
	return wire
}
