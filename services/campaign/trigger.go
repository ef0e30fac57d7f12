package campaign

import (
	"encoding/json"
	"fmt"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/store"
)

// triggerFields has Trigger's fields and none of its methods.
type triggerFields Trigger

// MarshalJSON writes the kind by name.
func (t Trigger) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Kind string `json:"kind"`
		triggerFields
	}{t.Kind.String(), triggerFields(t)})
}

// UnmarshalJSON reads what MarshalJSON wrote; a kind that is missing or unknown is an error.
func (t *Trigger) UnmarshalJSON(text []byte) error {
	var in struct {
		Kind string `json:"kind"`
		triggerFields
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	kind, err := ParseKind(in.Kind)
	if err != nil {
		return fmt.Errorf("trigger: %w", err)
	}
	*t = Trigger(in.triggerFields)
	t.Kind = kind
	return nil
}

// ParseKind reads the name of a moment's kind: entered, dwelled or exited.
func ParseKind(name string) (presence.Kind, error) {
	for _, k := range []presence.Kind{presence.Entered, presence.Dwelled, presence.Exited} {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("kind %q: want entered, dwelled or exited", name)
}

// purposes are the fence purposes that count, each once.
func (t *Trigger) purposes() []store.Purpose {
	if len(t.Purposes) == 0 {
		return []store.Purpose{store.Visit, store.Near}
	}
	return t.Purposes
}
