package cap

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Refusal names the cap that did not pass.
type Refusal struct {
	Cap   Cap
	Key   string // the key it was counted under: Cap.Key, or the candidate's own
	Count int    // notifications counted, the candidate not among them
	// FreeAt is the first moment, not before the candidate's, at which this cap would pass if nothing else
	// were planned meanwhile. Zero: no waiting helps (a limit below one, or no zone for a calendar window).
	FreeAt time.Time
}

// Check tells whether the candidate may be planned for candidate.At (now, if that has passed) under all caps;
// first is the first in order that refuses. The candidate's own notification in the history does not count
// against it, so a plan can be checked again. Caps are taken as validated.
func Check(caps []Cap, h History, candidate Entry, now time.Time) (ok bool, first *Refusal) {
	at := later(candidate.At, now)
	for _, c := range caps {
		for _, key := range concerned(c, &candidate) {
			if r := checkOne(c, key, h, candidate.NotificationID, at); r != nil {
				return false, r
			}
		}
	}
	return true, nil
}

// concerned lists the keys under which c counts the candidate; none: c does not concern it.
func concerned(c Cap, candidate *Entry) []string {
	own := candidate.keys(c.Scope)
	if c.Scope == Brand || c.Key == "" {
		return own
	}
	if slices.Contains(own, c.Key) {
		return []string{c.Key}
	}
	return nil
}

func checkOne(c Cap, key string, h History, self uuid.UUID, at time.Time) *Refusal {
	refusal := &Refusal{Cap: c, Key: key}
	if c.Window.Calendar != 0 && h.Location == nil {
		return refusal
	}
	s := newSeries(c, key, h, self)
	refusal.Count = s.count(at)
	if refusal.Count < c.Limit {
		return nil
	}
	if c.Limit >= 1 {
		refusal.FreeAt = s.freeAt(at)
	}
	return refusal
}

// series is what one cap counts in one history.
type series struct {
	cap    Cap
	loc    *time.Location
	points []point // ordered by time
	folds  []Fold
}

type point struct {
	at time.Time
	id uuid.UUID
}

func newSeries(c Cap, key string, h History, self uuid.UUID) *series {
	s := &series{cap: c, loc: h.Location}
	id, _ := uuid.Parse(key)
	for i := range h.Entries {
		e := &h.Entries[i]
		if e.Released || e.NotificationID == self || !e.has(c.Scope, key, id) {
			continue
		}
		s.points = append(s.points, point{e.At, e.NotificationID})
	}
	slices.SortFunc(s.points, func(a, b point) int { return a.at.Compare(b.at) })
	for _, f := range h.Folds {
		if f.Scope == c.Scope && f.Key == key && f.Count > 0 {
			s.folds = append(s.folds, f)
		}
	}
	return s
}

// count is the largest number of notifications that share a window with one planned at at.
func (s *series) count(at time.Time) int {
	if s.cap.Window.Calendar == 0 {
		return s.countRolling(at)
	}
	from, until := period(s.cap.Window.Calendar, at, s.loc)
	n := s.folded(from, until)
	seen := make(map[uuid.UUID]struct{}, len(s.points))
	for _, p := range s.points {
		if !p.at.Before(from) && p.at.Before(until) {
			seen[p.id] = struct{}{}
		}
	}
	return n + len(seen)
}

// countRolling slides the window (end-d, end] over every end in [at, at+d): all windows that hold at. It counts
// folds that touch any of them.
func (s *series) countRolling(at time.Time) int {
	d := s.cap.Window.Rolling
	first, _ := slices.BinarySearchFunc(s.points, at.Add(-d).Add(1), func(p point, t time.Time) int { return p.at.Compare(t) })
	inside := make(map[uuid.UUID]int)
	low, most := first, 0
	for high := first; high < len(s.points) && s.points[high].at.Before(at.Add(d)); high++ {
		inside[s.points[high].id]++
		end := later(s.points[high].at, at)
		for ; !s.points[low].at.After(end.Add(-d)); low++ {
			if inside[s.points[low].id]--; inside[s.points[low].id] == 0 {
				delete(inside, s.points[low].id)
			}
		}
		most = max(most, len(inside))
	}
	return most + s.folded(at.Add(-d).Add(1), at.Add(d))
}

// folded sums the folds that may have an entry in [from, until).
func (s *series) folded(from, until time.Time) int {
	n := 0
	for _, f := range s.folds {
		if f.From.Before(until) && f.Until.After(from) {
			n += f.Count
		}
	}
	return n
}

// freeAt finds the first passing moment after at: room appears only when something leaves a window behind.
func (s *series) freeAt(at time.Time) time.Time {
	if s.cap.Window.Calendar != 0 {
		for t := at; ; {
			_, until := period(s.cap.Window.Calendar, t, s.loc)
			if t = until; s.count(t) < s.cap.Limit {
				return t
			}
		}
	}
	leaves := make([]time.Time, 0, len(s.points)+len(s.folds))
	for _, p := range s.points {
		leaves = append(leaves, p.at.Add(s.cap.Window.Rolling))
	}
	for _, f := range s.folds {
		leaves = append(leaves, f.Until.Add(s.cap.Window.Rolling))
	}
	slices.SortFunc(leaves, time.Time.Compare)
	for _, t := range leaves {
		if t.After(at) && s.count(t) < s.cap.Limit {
			return t
		}
	}
	return time.Time{}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
