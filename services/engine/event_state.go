package engine

import (
	"encoding/binary"
	"slices"

	"github.com/google/uuid"

	statev1 "github.com/wantgo/wantgo/proto/wantgo/state/v1"
)

const (
	// maxRecentEvents is how many AppEvents a row knows again.
	maxRecentEvents = 32
	eventMark       = 12 // bytes: 8 that stand for the id, 4 of when it happened, s
)

// recentEvents are the AppEvents that caused a write lately, oldest first, so that a repeat does nothing twice. Of those
// that are forgotten the time is kept: an event that is not later than one of them may be one of them, and makes no moment
// any more. A copy is not changed with the original.
type recentEvents struct {
	marks []byte
	until int64 // ms
}

func markOf(id uuid.UUID) uint64 {
	return binary.BigEndian.Uint64(id[:8]) ^ binary.BigEndian.Uint64(id[8:])
}

func (r *recentEvents) has(id uuid.UUID) bool {
	mark := markOf(id)
	for at := 0; at+eventMark <= len(r.marks); at += eventMark {
		if binary.BigEndian.Uint64(r.marks[at:]) == mark {
			return true
		}
	}
	return false
}

func (r *recentEvents) add(id uuid.UUID, at int64) {
	marks := slices.Clone(r.marks)
	for len(marks) >= maxRecentEvents*eventMark {
		gone := int64(binary.BigEndian.Uint32(marks[8:]))
		r.until = max(r.until, gone*1000+999)
		marks = marks[eventMark:]
	}
	marks = binary.BigEndian.AppendUint64(marks, markOf(id))
	r.marks = binary.BigEndian.AppendUint32(marks, uint32(max(at, 0)/1000))
}

// packEvents writes down what AppEvents left.
func (h *hot) packEvents(m *statev1.PersonState) {
	m.RecentEvents, m.EventsUntilMs = h.events.marks, h.events.until
	for i := range h.reminders {
		m.Reminders = append(m.Reminders, h.reminders[i].message())
	}
	m.Visits = h.visits.messages()
}

func (h *hot) unpackEvents(m *statev1.PersonState) {
	h.events = recentEvents{marks: m.RecentEvents[:len(m.RecentEvents)/eventMark*eventMark], until: m.EventsUntilMs}
	for _, r := range m.Reminders {
		h.reminders = append(h.reminders, reminderFrom(r))
	}
	h.visits = visitsFrom(m.Visits)
}
