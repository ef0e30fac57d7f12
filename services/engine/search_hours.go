package engine

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wantgo/wantgo/services/store"
)

// week has a bit for each hour of a week, by wall clocks. Of a store it holds those in which the store may be open; of
// many stores, those in which any may be. So a whole district that sleeps is passed over at once.
type week [3]uint64

const hoursOfWeek = 7 * 24

func (w *week) set(hour int) {
	hour = (hour + hoursOfWeek) % hoursOfWeek
	w[hour/64] |= 1 << (hour % 64)
}

func (w *week) add(o *week) {
	for i := range w {
		w[i] |= o[i]
	}
}

func (w *week) meets(o *week) bool { return w[0]&o[0] != 0 || w[1]&o[1] != 0 || w[2]&o[2] != 0 }

// weekOf are the hours of all spans, those of exceptions included.
func weekOf(h *store.Hours) (w week) {
	for _, s := range h.Weekly {
		w.span(s.Day, s.From, s.Until)
	}
	for _, e := range h.Exceptions {
		day := time.Date(e.Date.Year, e.Date.Month, e.Date.Day, 0, 0, 0, 0, time.UTC).Weekday()
		for _, s := range e.Spans {
			w.span(day, s.From, s.Until)
		}
	}
	return w
}

func (w *week) span(day time.Weekday, from, until int) {
	if until <= from {
		until += 24 * 60
	}
	for hour := from / 60; hour*60 < until; hour++ {
		w.set(int(day)*24 + hour)
	}
}

// aroundHour is the hour of a wall clock and its neighbours: where clocks change, what is shown may be an hour away from
// what a span says.
func (w *week) aroundHour(wall time.Time) {
	hour := int(wall.Weekday())*24 + wall.Hour()
	w.set(hour - 1)
	w.set(hour)
	w.set(hour + 1)
}

// StoreHours is whether a store is open at a time, and what comes next.
type StoreHours struct {
	Open, Known bool
	// Next is when it next opens or closes; HasNext is false where that is not known or never.
	Next    store.Edge
	HasNext bool
}

// holding is a state with the time over which it holds.
type holding struct {
	StoreHours
	from time.Time
}

func (h *holding) at(t time.Time) bool {
	return !t.Before(h.from) && (!h.HasNext || t.Before(h.Next.At))
}

// rota is the opening hours of one or many stores in one zone.
type rota struct {
	hours  store.Hours
	zone   *time.Location // nil: not known, so nor are the hours
	week   week
	lately atomic.Pointer[holding]
}

// rotaName is the same for the same hours in the same zone.
func rotaName(s *store.Store) string {
	name := append([]byte(s.TimeZone), 0)
	for _, span := range s.Hours.Weekly {
		name = append(name, byte(span.Day))
		name = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(name, uint16(span.From)), uint16(span.Until))
	}
	for _, e := range s.Hours.Exceptions {
		name = append(append(name, 255), e.Date.String()...)
		for _, span := range e.Spans {
			name = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(append(name, 254), uint16(span.From)), uint16(span.Until))
		}
	}
	return string(name)
}

// at is the state at a time. What was found last is kept: mostly it is asked about now, and it holds till the next edge.
func (r *rota) at(t time.Time) StoreHours {
	if r.zone == nil {
		return StoreHours{}
	}
	if kept := r.lately.Load(); kept != nil && kept.at(t) {
		return kept.StoreHours
	}
	fresh := holding{from: t}
	fresh.Open, fresh.Known = r.hours.Open(t, r.zone)
	fresh.Next, fresh.HasNext = r.hours.NextEdge(t, r.zone)
	if r.hours.Known() || len(r.hours.Exceptions) == 0 { // else what is known changes from date to date
		r.lately.Store(&fresh)
	}
	return fresh.StoreHours
}

// zones keeps loaded time zones; only names that loaded are kept, so it is bounded by the zones there are.
var zones sync.Map // string -> *time.Location

// zoneOf is the named zone, or nil when there is none of that name.
func zoneOf(name string) *time.Location {
	if loc, ok := zones.Load(name); ok {
		return loc.(*time.Location)
	}
	if name == "" || name == "Local" || len(name) > 64 {
		return nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	kept, _ := zones.LoadOrStore(name, loc)
	return kept.(*time.Location)
}

// clocks finds the instants of a wall clock in the zones there are.
func (s *search) clocks() {
	if s.query.Local.IsZero() {
		return
	}
	s.times = make(map[*time.Location]time.Time, len(s.index.zones))
	for zone := range s.index.zones {
		if zone != nil {
			s.times[zone] = store.WallTime(s.query.Local, zone)
		}
	}
}

// zoneTimes is the time that the query is about in each zone there is.
func (s *search) zoneTimes() map[*time.Location]time.Time {
	if s.times != nil {
		return s.times
	}
	times := make(map[*time.Location]time.Time, len(s.index.zones))
	for zone := range s.index.zones {
		if zone != nil {
			times[zone] = s.query.At
		}
	}
	return times
}

// openHours are the hours of the week that it may be in any store's zone.
func (s *search) openHours() *week {
	w := &week{}
	for zone, at := range s.zoneTimes() {
		w.aroundHour(at.In(zone))
	}
	return w
}
