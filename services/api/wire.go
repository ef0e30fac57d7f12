package api

import (
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func protoName(name string) protoreflect.Name { return protoreflect.Name(name) }

// newMessage is an empty answer of a method.
func newMessage(m *method) proto.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.output.FullName())
	if err != nil {
		panic(err) // the generated code is linked in
	}
	return kind.New().Interface()
}

// parseID reads an id whose form the contract has checked; the zero id for an empty one.
func parseID(text string) uuid.UUID {
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil
	}
	return id
}

// formatID leaves the zero id empty.
func formatID(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}

// stamp leaves the zero time absent.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// instant is the zero time for an absent one.
func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// duration is otherwise for an absent one.
func duration(d *durationpb.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return d.AsDuration()
}

// etagOf is a row's version as callers hand it back.
func etagOf(version int64) string {
	if version == 0 {
		return ""
	}
	return strconv.FormatInt(version, 36)
}

// expect is the version that an etag asks for; none for an empty one. An etag that is not ours never holds.
func expect(id uuid.UUID, etag string) map[uuid.UUID]int64 {
	if etag == "" {
		return nil
	}
	version, err := strconv.ParseInt(etag, 36, 64)
	if err != nil || version <= 0 {
		version = -1
	}
	return map[uuid.UUID]int64{id: version}
}

func (s *Server) now() *timestamppb.Timestamp { return timestamppb.New(s.engine.Now()) }

// corrected is a time of the caller's clock by ours, given when the caller says it sent the request.
func corrected(at, sent *timestamppb.Timestamp, now time.Time) time.Time {
	if at == nil || sent == nil {
		return instant(at)
	}
	return at.AsTime().Add(now.Sub(sent.AsTime()))
}
