package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/store"
)

// triggerFields has Trigger's fields and none of its methods.
type triggerFields Trigger

// On tells whether transitions of a kind start the campaign.
func (t *Trigger) On(kind presence.Kind) bool { return slices.Contains(t.Kinds, kind) }

// MarshalJSON writes the kinds by name.
func (t Trigger) MarshalJSON() ([]byte, error) {
	names := make([]string, len(t.Kinds))
	for i, kind := range t.Kinds {
		names[i] = kind.String()
	}
	return json.Marshal(struct {
		Kinds []string `json:"kinds"`
		triggerFields
	}{names, triggerFields(t)})
}

// UnmarshalJSON reads what MarshalJSON wrote; without a kind, or with an unknown one, it is an error.
func (t *Trigger) UnmarshalJSON(text []byte) error {
	var in struct {
		Kinds []string `json:"kinds"`
		triggerFields
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	if len(in.Kinds) == 0 {
		return errors.New("trigger: no kind of moment")
	}
	*t = Trigger(in.triggerFields)
	t.Kinds = nil
	for _, name := range in.Kinds {
		kind, err := ParseKind(name)
		if err != nil {
			return fmt.Errorf("trigger: %w", err)
		}
		t.Kinds = append(t.Kinds, kind)
	}
	return nil
}

// ParseKind reads the name of a moment's kind: entered, dwelled, exited or approached.
func ParseKind(name string) (presence.Kind, error) {
	for _, k := range []presence.Kind{presence.Entered, presence.Dwelled, presence.Exited, presence.Approached} {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("kind %q: want entered, dwelled, exited or approached", name)
}

// purposes are the fence purposes that count, each once.
func (t *Trigger) purposes() []store.Purpose {
	if len(t.Purposes) == 0 {
		return []store.Purpose{store.Visit, store.Near}
	}
	return t.Purposes
}
