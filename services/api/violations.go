package api

import (
	"errors"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
)

// fieldNames says how the domain's field names read in the contract: the prefix before them, other names for the first
// part of some, and the reasons that faults of some fields have.
type fieldNames struct {
	prefix  string
	names   map[string]string
	reasons map[string]v1.ErrorReason_Code
}

// name translates one field.
func (n fieldNames) name(field string) string {
	end := strings.IndexAny(field, ".[")
	if end < 0 {
		end = len(field)
	}
	if whole, ok := n.names[field]; ok {
		return n.prefix + whole
	}
	if other, ok := n.names[field[:end]]; ok {
		return n.prefix + other + field[end:]
	}
	return n.prefix + field
}

// reason is the most specific one known for a field.
func (n fieldNames) reason(field string) v1.ErrorReason_Code {
	for at := field; at != ""; {
		if r, ok := n.reasons[at]; ok {
			return r
		}
		cut := strings.LastIndexAny(at, ".[")
		if cut < 0 {
			break
		}
		at = at[:cut]
	}
	return v1.ErrorReason_INVALID_FIELD
}

// faultsOf puts the domain's violations into the contract's words. An error that is none gives nothing.
func faultsOf(err error, n fieldNames) (fs faults) {
	var violations brand.Violations
	if !errors.As(err, &violations) {
		return nil
	}
	for _, v := range violations {
		fs.add(n.name(v.Field), n.reason(v.Field), v.Reason)
	}
	return fs
}

// checkMessage holds a message against the constraints of the contract. Of lists and sizes that are over their limit
// the reason is TOO_MANY. An error that is not about the message is returned as it is.
func (s *Server) checkMessage(m proto.Message, prefix string, opts ...protovalidate.ValidationOption) error {
	switch r := m.(type) {
	case *v1.SearchStoresRequest:
		if keepsContract(r) {
			return nil
		}
	case *v1.ReportPingsRequest:
		if reportKeepsContract(r) {
			return nil
		}
	}
	err := s.validator.Validate(m, opts...)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	var fs faults
	for _, v := range invalid.Violations {
		reason := v1.ErrorReason_INVALID_FIELD
		switch v.Proto.GetRuleId() {
		case "repeated.max_items", "bytes.max_len", "map.max_pairs":
			reason = v1.ErrorReason_TOO_MANY
		}
		fs.add(prefix+protovalidate.FieldPathString(v.Proto.GetField()), reason, v.Proto.GetMessage())
	}
	return fs.err()
}

// withoutField skips a field that is checked later, once it is complete.
func withoutField(name protoreflect.Name) protovalidate.ValidationOption {
	return protovalidate.WithFilter(protovalidate.FilterFunc(func(_ protoreflect.Message, d protoreflect.Descriptor) bool {
		f, ok := d.(protoreflect.FieldDescriptor)
		return !ok || f.Name() != name || !strings.HasPrefix(string(f.Parent().Name()), "Update")
	}))
}

// under gives faults of one noun their place in a file.
func (fs faults) under(noun, place string) faults {
	for i := range fs {
		if rest, ok := strings.CutPrefix(fs[i].Field, noun); ok {
			fs[i].Field = place + rest
		}
	}
	return fs
}

// violations are the faults as the domain says them, with the reason before the text.
func (fs faults) violations() error {
	var vs brand.Violations
	for _, f := range fs {
		vs.Add(f.Field, f.Reason.String()+": "+f.Text)
	}
	return vs.Err()
}

// faultsOfStatus reads faults back out of their status, with another prefix.
func faultsOfStatus(err error, from, to string) (fs faults) {
	for _, detail := range status.Convert(err).Details() {
		bad, ok := detail.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, v := range bad.GetFieldViolations() {
			field := v.GetField()
			if rest, ok := strings.CutPrefix(field, from); ok {
				field = to + rest
			}
			fs.add(field, v1.ErrorReason_Code(v1.ErrorReason_Code_value[v.GetReason()]), v.GetDescription())
		}
	}
	return fs
}
