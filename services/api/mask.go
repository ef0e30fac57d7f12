package api

import (
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// merge is current with the fields that an update writes taken from given: those of the mask, or without a mask all
// but the fixed ones. Neither message is changed.
func merge[M proto.Message](current, given M, mask *fieldmaskpb.FieldMask, fixed ...string) (M, error) {
	if len(mask.GetPaths()) == 0 || slices.Equal(mask.GetPaths(), []string{"*"}) {
		merged := proto.Clone(given).(M)
		for _, name := range fixed {
			copyField(merged.ProtoReflect(), current.ProtoReflect(), protoreflect.Name(name))
		}
		return merged, nil
	}
	merged := proto.Clone(current).(M)
	for _, path := range mask.GetPaths() {
		top, _, _ := strings.Cut(path, ".")
		if slices.Contains(fixed, top) || !copyPath(merged.ProtoReflect(), given.ProtoReflect(), strings.Split(path, ".")) {
			return merged, refuse(codes.InvalidArgument, v1.ErrorReason_UPDATE_MASK_INVALID,
				"update_mask: names no field that may be written", "path", path, "field", "update_mask")
		}
	}
	return merged, nil
}

func copyField(to, from protoreflect.Message, name protoreflect.Name) bool {
	field := to.Descriptor().Fields().ByName(name)
	if field == nil {
		return false
	}
	if !from.Has(field) {
		to.Clear(field)
		return true
	}
	to.Set(field, proto.Clone(from.Interface()).ProtoReflect().Get(field))
	return true
}

// copyPath copies one field named by its path, or clears it where from has none.
func copyPath(to, from protoreflect.Message, path []string) bool {
	if len(path) == 1 {
		return copyField(to, from, protoreflect.Name(path[0]))
	}
	field := to.Descriptor().Fields().ByName(protoreflect.Name(path[0]))
	if field == nil || field.Message() == nil || field.IsList() || field.IsMap() {
		return false
	}
	if !to.Has(field) && !from.Has(field) {
		return copyPath(to.NewField(field).Message(), from.Get(field).Message(), path[1:])
	}
	return copyPath(to.Mutable(field).Message(), from.Get(field).Message(), path[1:])
}
