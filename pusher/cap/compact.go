package cap

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Compact folds the notifications whose every entry was planned before the person's calendar day that holds
// before, and drops folds that ended before forget. Caps count the result for at least as much as h: equal
// for calendar windows while the zone stays, possibly more for rolling ones. What is released is not folded but
// dropped; what is folded can no longer be released. Without a zone, days are UTC's. h is not changed.
func Compact(h History, before, forget time.Time) History {
	loc := h.Location
	if loc == nil {
		loc = time.UTC
	}
	border, _ := period(Day, before, loc)
	recent := make(map[uuid.UUID]bool)
	for _, e := range h.Entries {
		if !e.At.Before(border) {
			recent[e.NotificationID] = true
		}
	}
	out := History{Location: h.Location}
	sums := newSums(h.Folds, forget)
	for i := range h.Entries {
		e := &h.Entries[i]
		if recent[e.NotificationID] {
			out.Entries = append(out.Entries, *e)
		} else if !e.Released {
			sums.add(e, loc, forget)
		}
	}
	out.Folds = sums.list()
	return out
}

type foldKey struct {
	from, until int64 // Unix nanoseconds: time.Time is no map key
	scope       Scope
	key         string
}

type countedOnce struct {
	foldKey
	id uuid.UUID
}

type sums struct {
	folds map[foldKey]Fold
	seen  map[countedOnce]struct{}
}

func newSums(folds []Fold, forget time.Time) *sums {
	s := &sums{make(map[foldKey]Fold), make(map[countedOnce]struct{})}
	for _, f := range folds {
		if f.Until.After(forget) {
			s.sum(f)
		}
	}
	return s
}

func (s *sums) sum(f Fold) {
	k := foldKey{f.From.UnixNano(), f.Until.UnixNano(), f.Scope, f.Key}
	f.Count += s.folds[k].Count
	s.folds[k] = f
}

func (s *sums) add(e *Entry, loc *time.Location, forget time.Time) {
	from, until := period(Day, e.At, loc)
	if !until.After(forget) {
		return
	}
	for scope := Brand; scope <= Campaign; scope++ {
		for _, key := range e.keys(scope) {
			once := countedOnce{foldKey{from.UnixNano(), until.UnixNano(), scope, key}, e.NotificationID}
			if _, counted := s.seen[once]; counted {
				continue
			}
			s.seen[once] = struct{}{}
			s.sum(Fold{From: from, Until: until, Scope: scope, Key: key, Count: 1})
		}
	}
}

func (s *sums) list() []Fold {
	list := make([]Fold, 0, len(s.folds))
	for _, f := range s.folds {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b Fold) int {
		return cmp.Or(a.From.Compare(b.From), a.Until.Compare(b.Until), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key))
	})
	return list
}
