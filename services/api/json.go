package api

import (
	"errors"
	"regexp"

	"connectrpc.com/connect"
	"connectrpc.com/vanguard"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// jsonCodec is JSON as Connect has it: unset fields are left out, unknown ones are let pass, and a body that does not fit is
// the caller's fault, told without what stood in it.
type jsonCodec struct{ vanguard.JSONCodec }

func newJSONCodec(types vanguard.TypeResolver) vanguard.Codec {
	return jsonCodec{vanguard.JSONCodec{
		MarshalOptions:   protojson.MarshalOptions{Resolver: types},
		UnmarshalOptions: protojson.UnmarshalOptions{Resolver: types, DiscardUnknown: true},
	}}
}

var whereInJSON = regexp.MustCompile(`line \d+:\d+|field [A-Za-z_.]+`)

// Unmarshal reads a request.
func (c jsonCodec) Unmarshal(text []byte, m proto.Message) error {
	err := c.JSONCodec.Unmarshal(text, m)
	if err == nil {
		return nil
	}
	told := "the body is not the JSON of this request"
	for _, where := range whereInJSON.FindAllString(err.Error(), 2) {
		told += ", " + where
	}
	refusal := connect.NewError(connect.CodeInvalidArgument, errors.New(told))
	if detail, err := connect.NewErrorDetail(info(v1.ErrorReason_INVALID_FIELD)); err == nil {
		refusal.AddDetail(detail)
	}
	return refusal
}
