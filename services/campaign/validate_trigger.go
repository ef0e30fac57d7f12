package campaign

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/store"
)

// The kinds that some fields of a trigger are about.
var (
	aboutItems = []Kind{Searched, Viewed, Did, Lingered, BasketAdded, BasketRemoved, Bought}
	remindable = []Kind{Searched, Viewed, Lingered, BasketAdded}
)

func (r *review) trigger() {
	t := &r.c.Trigger
	r.kinds()
	r.dwell()
	r.places()
	r.events()
	r.follow()
	r.send()
	r.tags("trigger.tags", t.Tags)
	r.tags("trigger.fence_tags", t.FenceTags)
}

// any tells whether the trigger has one of these kinds.
func (t *Trigger) any(kinds ...Kind) bool {
	return slices.ContainsFunc(t.Kinds, func(k Kind) bool { return slices.Contains(kinds, k) })
}

func (t *Trigger) byFence() bool { return slices.ContainsFunc(t.Kinds, Kind.ByFence) }

func (t *Trigger) byClock() bool { return slices.ContainsFunc(t.Kinds, Kind.ByClock) }

func (r *review) kinds() {
	kinds := r.c.Trigger.Kinds
	if len(kinds) == 0 {
		r.fault("trigger.kinds", FaultRequired, "want at least one kind of moment")
	}
	for i, kind := range kinds {
		field := fmt.Sprintf("trigger.kinds[%d]", i)
		if _, err := ParseKind(string(kind)); err != nil {
			r.fault(field, FaultUnknown, "%s", err)
		} else if slices.Contains(kinds[:i], kind) {
			r.fault(field, FaultContradiction, "%s stands there already", kind)
		} else if kind.ByClock() && len(kinds) > 1 {
			r.fault(field, FaultContradiction, "%s stands alone: it is a sending, the others are what people do", kind)
		}
	}
}

func (r *review) dwell() {
	t := &r.c.Trigger
	switch {
	case t.Dwell < 0 || t.Dwell > maxDwell || t.Dwell%time.Second != 0:
		r.fault("trigger.dwell", FaultOutOfRange, "%s is not whole seconds within 0..%s", t.Dwell, maxDwell)
	case t.Dwell > 0 && !t.On(Dwelled):
		r.fault("trigger.dwell", FaultContradiction, "only a dwelled trigger has a dwell time")
	case t.Dwell == 0 && t.On(Dwelled) && r.known.Brand.Settings.Presence.Dwell == 0 && !r.known.FenceDwell:
		r.fault("trigger.dwell", FaultNeverOccurs, "neither the campaign nor the brand's fences say how long a stay must last")
	}
}

// places are the stores and fences that a trigger names.
func (r *review) places() {
	t := &r.c.Trigger
	each(r, "trigger.stores", t.Stores, func(id uuid.UUID) string {
		if r.store(id) == nil {
			return fmt.Sprintf("the brand has no store %s", id)
		}
		return ""
	})
	each(r, "trigger.fences", t.Fences, func(id uuid.UUID) string {
		if r.known.Fence == nil || r.known.Fence(id) == nil {
			return fmt.Sprintf("the brand has no fence %s", id)
		}
		return ""
	})
	sets := r.known.Brand.Settings.StoreSets
	each(r, "trigger.sets", t.Sets, func(name string) string {
		if !slices.ContainsFunc(sets, func(s brand.StoreSet) bool { return s.Name == name }) {
			return fmt.Sprintf("the brand has saved no store set %q", clip(tidy(name), maxTag))
		}
		return ""
	})
	for i, p := range t.Purposes {
		if p != store.Visit && p != store.Near && p != store.Other {
			r.fault(fmt.Sprintf("trigger.purposes[%d]", i), FaultUnknown, "purpose %q: want visit, near or other", clip(string(p), 32))
		}
	}
	if r.kindsKnown() && !t.byFence() && len(t.Fences)+len(t.FenceTags)+len(t.Purposes) > 0 {
		r.fault("trigger.fences", FaultContradiction, "none of the kinds comes of a fence")
	}
	r.radius()
}

// kindsKnown: what they do not go with is not told beside what is wrong with them.
func (r *review) kindsKnown() bool {
	return len(r.c.Trigger.Kinds) > 0 &&
		!slices.ContainsFunc(r.c.Trigger.Kinds, func(k Kind) bool { _, err := ParseKind(string(k)); return err != nil })
}

func (r *review) radius() {
	t := &r.c.Trigger
	switch {
	case t.Radius == 0:
	case !(t.Radius >= minRadius && t.Radius <= maxRadius):
		r.fault("trigger.radius", FaultOutOfRange, "%v m is not within %d..%d m", t.Radius, minRadius, maxRadius)
	case !t.byFence() && !t.On(Flashed):
		r.fault("trigger.radius", FaultContradiction, "none of the kinds comes of a fence, or of being near")
	case t.byFence() && len(t.Purposes) > 0 && !slices.Contains(t.Purposes, store.Near):
		r.fault("trigger.radius", FaultContradiction, "its fences are near fences, which the purposes leave out")
	}
}

// each names the entries of a list that have a fault, and one that is too long.
func each[T any](r *review, field string, list []T, fault func(T) string) {
	if len(list) > maxStores {
		r.fault(field, FaultTooLong, "%d entries, at most %d", len(list), maxStores)
		return
	}
	for i, v := range list {
		if text := fault(v); text != "" {
			r.fault(fmt.Sprintf("%s[%d]", field, i), FaultUnknown, "%s", text)
		}
	}
}

// events are the types, items and words that AppEvents are chosen by.
func (r *review) events() {
	t := &r.c.Trigger
	declared := r.known.Brand.Settings.EventTypes
	each(r, "trigger.types", t.Types, func(name string) string {
		if !slices.ContainsFunc(declared, func(e brand.EventType) bool { return e.Name == name }) {
			return fmt.Sprintf("the brand has declared no AppEvent type %q", clip(tidy(name), maxTag))
		}
		return ""
	})
	if r.known.Item != nil {
		each(r, "trigger.items", t.Items, func(id string) string {
			if r.known.Item(id) == nil {
				return fmt.Sprintf("the brand has no item %q", clip(tidy(id), maxTag))
			}
			return ""
		})
	}
	if t.On(Did) && len(declared) == 0 {
		r.fault("trigger.kinds", FaultNeverOccurs, "the brand has declared no AppEvent types, so nothing of kind did happens")
	}
	if t.Linger < 0 || t.Linger > maxLinger {
		r.fault("trigger.linger", FaultOutOfRange, "%s is not within 0..%s", t.Linger, maxLinger)
	}
	for _, only := range []struct {
		field string
		given bool
		kinds []Kind
	}{
		{"trigger.types", len(t.Types) > 0, []Kind{Did}},
		{"trigger.items", len(t.Items) > 0, aboutItems},
		{"trigger.categories", len(t.Categories) > 0, aboutItems},
		{"trigger.keywords", len(t.Keywords) > 0, []Kind{Searched}},
		{"trigger.linger", t.Linger > 0, []Kind{Lingered}},
	} {
		if only.given && !t.any(only.kinds...) {
			r.fault(only.field, FaultContradiction, "needs the kind %s", kindList(only.kinds))
		}
	}
}

func kindList(kinds []Kind) string {
	text := ""
	for i, k := range kinds {
		switch {
		case i > 0 && i == len(kinds)-1:
			text += " or "
		case i > 0:
			text += ", "
		}
		text += string(k)
	}
	return text
}

// follow are the n-th visit, the reminder and the related item.
func (r *review) follow() {
	t := &r.c.Trigger
	if n := t.Nth; n != nil {
		r.within("trigger.nth.visit", n.Visit, 1, maxNth)
		r.within("trigger.nth.within", n.Within, 0, maxDays)
		if len(t.Kinds) != 1 || !t.On(Entered) || len(t.Purposes) != 1 || t.Purposes[0] != store.Visit {
			r.fault("trigger.nth", FaultContradiction, "visits are counted where the kind is entered and the purpose is visit, and nothing else")
		}
	}
	if m := t.Remind; m != nil {
		if m.After < minRemind || m.After > maxRemind {
			r.fault("trigger.remind.after", FaultOutOfRange, "%s is not within %s..%s", m.After, minRemind, maxRemind)
		}
		if slices.ContainsFunc(t.Kinds, func(k Kind) bool { return !slices.Contains(remindable, k) }) {
			r.fault("trigger.remind", FaultContradiction, "only what is %s can be reminded of", kindList(remindable))
		}
	}
	if t.Related && !t.any(aboutItems...) {
		r.fault("trigger.related", FaultContradiction, "needs a moment about an item: %s", kindList(aboutItems))
	}
}

func (r *review) within(field string, n, least, most int) {
	if n < least || n > most {
		r.fault(field, FaultOutOfRange, "%d is not within %d..%d", n, least, most)
	}
}
