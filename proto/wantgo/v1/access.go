package wantgov1

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// MethodAccess says who may call a method, or nil where the contract says nothing; then nobody may.
func MethodAccess(method protoreflect.MethodDescriptor) *Access {
	if !proto.HasExtension(method.Options(), E_Access) {
		return nil
	}
	access, _ := proto.GetExtension(method.Options(), E_Access).(*Access)
	return access
}
