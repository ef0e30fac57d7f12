package engine

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
)

const (
	// maxPropertyText bounds a property's text, and each text of a list, bytes.
	maxPropertyText = 1024
	// maxPropertyList bounds a list.
	maxPropertyList = 100
)

// refuse checks an event against what the brand has and declares; EventTaken: nothing is wrong with it.
func (e *telling) refuse(ev *AppEvent) EventAnswer {
	at := ev.At.UnixMilli()
	switch {
	case ev.ID == uuid.Nil:
		return EventAnswer{Verdict: EventInvalid, Field: "id", Detail: "missing: a repeat could not be recognised"}
	case at <= 0 || at > latest || at+e.correction < earliest:
		return EventAnswer{Verdict: EventInvalid, Field: "event_time", Detail: "not a time since 2000"}
	case at+e.correction > e.now+maxSkew.Milliseconds():
		return EventAnswer{Verdict: EventFuture, Field: "event_time"}
	case at+e.correction < e.now-eventAge.Milliseconds():
		return EventAnswer{Verdict: EventTooOld, Field: "event_time"}
	case ev.StoreID != uuid.Nil && e.store(ev.StoreID) == nil:
		return EventAnswer{Verdict: EventNoStore, Field: "store_id"}
	case ev.Kind == campaign.Did:
		return checkDeclared(&ev.Event, e.v.brand.Settings.EventTypes)
	case ev.Kind != AppOpened && !ev.Kind.ByEvent():
		return EventAnswer{Verdict: EventInvalid, Field: "act", Detail: "unknown"}
	}
	return EventAnswer{Verdict: EventTaken}
}

// checkDeclared holds an event of a declared type against its declaration. Of several faults the first by name is told.
func checkDeclared(ev *campaign.Event, types []brand.EventType) EventAnswer {
	at := slices.IndexFunc(types, func(t brand.EventType) bool { return t.Name == ev.Type })
	if at < 0 {
		return EventAnswer{Verdict: EventNoType, Field: "did.type", Detail: "the brand declares no such type"}
	}
	for _, name := range slices.Sorted(maps.Keys(ev.Properties)) {
		field := "did.properties." + name
		declared := types[at].Properties
		i := slices.IndexFunc(declared, func(p brand.Attribute) bool { return p.Name == name })
		if i < 0 {
			return EventAnswer{Verdict: EventNoProperty, Field: field, Detail: fmt.Sprintf("the type %s declares no such property", ev.Type)}
		}
		if detail := checkProperty(ev.Properties[name], declared[i].Type); detail != "" {
			return EventAnswer{Verdict: EventWrongType, Field: field, Detail: detail}
		}
	}
	return EventAnswer{Verdict: EventTaken}
}

// checkProperty says what is wrong with a property's value; "": nothing.
func checkProperty(value any, declared string) string {
	ok := false
	switch v := value.(type) {
	case string:
		if len(v) > maxPropertyText {
			return fmt.Sprintf("longer than %d bytes", maxPropertyText)
		}
		ok = declared == brand.TypeString || declared == brand.TypeDate && isDate(v)
	case float64:
		ok = declared == brand.TypeNumber
	case bool:
		ok = declared == brand.TypeBool
	case []any:
		ok = declared == brand.TypeList && isTextList(v)
	}
	if !ok {
		return "declared as " + declared
	}
	return ""
}

func isDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

func isTextList(list []any) bool {
	for _, v := range list {
		if text, ok := v.(string); !ok || len(text) > maxPropertyText {
			return false
		}
	}
	return len(list) <= maxPropertyList
}
