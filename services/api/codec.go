package api

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers what codec wraps
	"google.golang.org/grpc/mem"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// codec is grpc-go's own for protobuf, but reads and answers ImportPings by hand: there that is a third of the work, nearly
// all of it for the small objects of each ping.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

func (c codec) Marshal(from any) (mem.BufferSlice, error) {
	if r, ok := from.(*v1.ImportPingsResponse); ok {
		return marshalImport(r)
	}
	return c.CodecV2.Marshal(from)
}

func (c codec) Unmarshal(data mem.BufferSlice, into any) error {
	r, ok := into.(*v1.ImportPingsRequest)
	if !ok {
		return c.CodecV2.Unmarshal(data, into)
	}
	whole := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer whole.Free()
	return unmarshalImport(whole.ReadOnlyData(), r)
}
