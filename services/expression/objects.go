package expression

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// Missing is a field that is not known of whom or what is asked about.
type Missing struct{ Field string }

// Error names the field.
func (m *Missing) Error() string { return m.Field + " is not known" }

// variables are the names an expression may begin with, and the objects they are.
var variables = map[string]string{"person": personName, "store": storeName, "moment": momentName}

// objects gives the checker the fields of each object and the evaluation their values. All objects are the one Input, so
// that none has to be made: which fields it has the checker knows by the type.
type objects struct {
	*types.Registry
	fields map[string]map[string]*types.FieldType
}

func newObjects(registry *types.Registry, attributes, properties map[string]field) *objects {
	o := &objects{registry, map[string]map[string]*types.FieldType{}}
	person := func(in *Input) bool { return in.Person != nil }
	moment := func(in *Input) bool { return in.Moment != nil }
	o.add(personName, "person", attributes, person)
	o.add(personName, "person", personFields, person) // over what the brand declares of the same name
	o.add(purchasesName, "person.purchases", purchasesFields, person)
	o.add(storeName, "store", storeFields, func(in *Input) bool { return in.Store != nil })
	o.add(momentName, "moment", momentFields, moment)
	o.add(propertiesName, "moment.properties", properties, moment)
	o.add(itemName, "moment.item", itemFields, func(in *Input) bool { return in.Moment != nil && in.Moment.Item != nil })
	return o
}

// add gives an object fields; there tells whether an input has the object at all.
func (o *objects) add(object, path string, fields map[string]field, there func(*Input) bool) {
	if o.fields[object] == nil {
		o.fields[object] = map[string]*types.FieldType{}
	}
	for name, f := range fields {
		missing := &Missing{path + "." + name}
		get := func(target any) (any, bool) {
			in, ok := target.(*Input)
			if !ok || !there(in) {
				return nil, false
			}
			return f.get(in)
		}
		o.fields[object][name] = &types.FieldType{
			Type:  f.kind,
			IsSet: func(target any) bool { _, known := get(target); return known },
			GetFrom: func(target any) (any, error) {
				if value, known := get(target); known {
					return value, nil
				}
				return nil, missing
			},
		}
	}
}

// FindStructType knows the objects.
func (o *objects) FindStructType(name string) (*types.Type, bool) {
	if _, ours := o.fields[name]; ours {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return o.Registry.FindStructType(name)
}

// FindStructFieldNames are the fields of an object.
func (o *objects) FindStructFieldNames(name string) ([]string, bool) {
	fields, ours := o.fields[name]
	if !ours {
		return o.Registry.FindStructFieldNames(name)
	}
	names := make([]string, 0, len(fields))
	for field := range fields {
		names = append(names, field)
	}
	return names, true
}

// FindStructFieldType is a field of an object.
func (o *objects) FindStructFieldType(object, name string) (*types.FieldType, bool) {
	fields, ours := o.fields[object]
	if !ours {
		return o.Registry.FindStructFieldType(object, name)
	}
	f, ok := fields[name]
	return f, ok
}

// NativeToValue wraps an input where an expression hands one on whole.
func (o *objects) NativeToValue(value any) ref.Val {
	if in, ok := value.(*Input); ok {
		return whole{in}
	}
	return o.Registry.NativeToValue(value)
}

// whole is an object as a value, as a list may hold it and a function take it.
type whole struct{ in *Input }

// wholeType is the one object that functions take.
var wholeType = types.NewObjectType(personName)

// ConvertToNative is refused.
func (whole) ConvertToNative(reflect.Type) (any, error) {
	return nil, fmt.Errorf("an object has no other form")
}

// ConvertToType is refused.
func (whole) ConvertToType(ref.Type) ref.Val { return types.NewErr("an object has no other form") }

// Equal tells the same object.
func (w whole) Equal(other ref.Val) ref.Val { o, ok := other.(whole); return types.Bool(ok && o == w) }

// Type is a person's.
func (whole) Type() ref.Type { return wholeType }

// Value is the input.
func (w whole) Value() any { return w.in }
