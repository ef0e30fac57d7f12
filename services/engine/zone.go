package engine

import (
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/geo/safezone"
	"github.com/wantgo/wantgo/services/store"
)

// MaxSlots is the largest Report.Slots.
const MaxSlots = safezone.SlotsAndroid

// leastQuiet, metres: a smaller quiet radius is not worth an answer. The next fix leaves it by its error alone.
const leastQuiet = 20

// ZoneAnswer is a safe zone as told to a phone. Nothing of it is kept here: the phone brings back what it depends on in
// Version, and the node makes it again from that.
type ZoneAnswer struct {
	Center          geo.Point
	QuietRadius     float64 // metres
	KnowledgeRadius float64 // metres
	ValidUntil      time.Time
	Version         []byte
	Fences          []ZoneFence
}

// ZoneFence is one fence of a zone.
type ZoneFence struct {
	Fence  *store.Fence
	Store  *store.Store // nil: a free fence
	Inside bool         // a stay is open
}

// heldZone is what a phone says of the zone it holds.
type heldZone struct {
	slots    int
	version  uint64
	place    geo.Point
	accuracy float32
	until    int64
}

const heldZoneSize = 1 + 4 + 4*8

func (z *heldZone) bytes() []byte {
	b := make([]byte, 0, heldZoneSize)
	b = append(b, byte(z.slots))
	b = binary.BigEndian.AppendUint32(b, math.Float32bits(z.accuracy))
	for _, w := range []uint64{z.version, math.Float64bits(z.place.Lat), math.Float64bits(z.place.Lng), uint64(z.until)} {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

// heldZoneFrom reads what bytes wrote. Anybody may have written it: all that a lie brings is a zone that holds or not.
func heldZoneFrom(b []byte) (z heldZone, ok bool) {
	if len(b) != heldZoneSize {
		return z, false
	}
	word := func(i int) uint64 { return binary.BigEndian.Uint64(b[5+8*i:]) }
	z = heldZone{
		slots: int(b[0]), accuracy: math.Float32frombits(binary.BigEndian.Uint32(b[1:])), version: word(0),
		place: geo.Point{Lat: math.Float64frombits(word(1)), Lng: math.Float64frombits(word(2))}, until: int64(word(3)),
	}
	return z, z.place.Validate() == nil && z.accuracy > 0 && z.accuracy <= math.MaxFloat32
}

// zone decides what the phone is told about where it may be silent, and returns for how long it may be: 0, if every fix
// counts, or it wants no zone or gets none. It is a use of the position like any other and stands under the same record.
func (r *reporting) zone() time.Duration {
	p := r.usedPing()
	if r.report.Slots <= 0 || p == nil || r.mayLook() != "" || r.isSensitive(p) {
		return 0
	}
	r.writeRecord()
	slots := min(r.report.Slots, MaxSlots)
	held, holds := r.held(slots)
	inQuiet := holds && held.Holds(held.Version, p.Place, r.now)
	if inQuiet && !r.report.WantZone {
		return millis(held.ValidUntil - r.now)
	}
	accuracy := zoneAccuracy(p.Accuracy)
	fresh := r.zoneAt(p.Place, accuracy, slots)
	if holds && !r.report.WantZone && r.serves(&held, &fresh, p.Place) {
		return 0
	}
	r.answer.Zone = r.told(&fresh, slots, accuracy)
	if fresh.QuietRadius <= 0 {
		return 0
	}
	return millis(fresh.ValidUntil - r.now)
}

// serves tells whether a phone that has left its quiet ball is as well off with its zone as with a fresh one.
func (r *reporting) serves(held, fresh *safezone.Zone, place geo.Point) bool {
	return fresh.QuietRadius < leastQuiet && r.now < held.ValidUntil &&
		(held.Knows(held.Version, place, r.now) || fresh.KnowledgeRadius < leastQuiet)
}

// usedPing is the newest ping of the report that was used, or was used before; nil: none.
func (r *reporting) usedPing() *Ping {
	if r.report.Import || len(r.report.Pings) == 0 {
		return nil
	}
	order := r.order()
	for place := len(order) - 1; place >= 0; place-- {
		if v := r.answer.Pings[order[place]].Verdict; v == Taken || v == Repeated {
			return &r.report.Pings[order[place]]
		}
	}
	return nil
}

// held is the zone that the phone brought back, made again from the fences and the state of now; false: it is another
// one by now, or is over.
func (r *reporting) held(slots int) (safezone.Zone, bool) {
	h, ok := heldZoneFrom(r.report.ZoneVersion)
	if !ok || h.slots != slots || h.until <= r.now {
		return safezone.Zone{}, false
	}
	z := r.zoneAt(h.place, h.accuracy, slots)
	if z.Version != h.version || z.ValidUntil < h.until {
		return safezone.Zone{}, false
	}
	z.ValidUntil = h.until
	return z, true
}

// zoneAccuracy is rounded to what a version keeps.
func zoneAccuracy(metres float64) float32 {
	if !(metres > 0) {
		metres = 25
	}
	return float32(min(metres, 1e6))
}

func (r *reporting) zoneAt(place geo.Point, accuracy float32, slots int) safezone.Zone {
	z := safezone.At(&safezone.Question{
		Snapshot: r.v.fences, State: &r.device.presence, Place: place, Accuracy: float64(accuracy), Now: r.now, K: slots,
		Terms: r.terms, NextEdge: r.nextEdge, Reach: r.v.approachLookout,
	}, nil)
	r.spare(&z)
	return z
}

// terms are what a zone needs of a fence.
func (r *reporting) terms(f *index.Fence) safezone.Terms {
	fv := f.Value.(*fenceView)
	t := safezone.Terms{Rules: &fv.rules, Revision: uint64(fv.fence.Version)}
	if s := r.device.stay(f.ID); s != nil {
		t.Rules = fv.rulesAt(s)
	}
	if fv.store != nil {
		t.Revision = t.Revision<<32 ^ uint64(fv.store.Version)
	}
	return t
}

// spare keeps a zone out of sensitive places, where fixes end visits. The fixes reckoned with are up to twice as
// inaccurate as the zone's, or 50 m.
func (r *reporting) spare(z *safezone.Zone) {
	if r.v.sensitive.Len() == 0 {
		return
	}
	nearest := r.v.sensitive.Nearest(z.Center, 1, nil)
	if len(nearest) == 0 {
		return
	}
	room := max(0, nearest[0].Gap-2*max(z.Accuracy, sensitiveGrowth))
	if room >= z.KnowledgeRadius {
		return
	}
	z.KnowledgeRadius, z.QuietRadius = room, min(z.QuietRadius, room)
	z.Version = max(1, (z.Version^math.Float64bits(room))*1099511628211)
}

// nextEdges keeps when a schedule next changes what may start at a fence, by fence: zones ask it of the same few fences
// again and again.
type nextEdges struct{ byFence sync.Map }

// nextEdge is an edge found: none but at lies between from and until. at 0: none.
type nextEdge struct{ from, at, until int64 }

func (r *reporting) nextEdge(f *index.Fence) int64 {
	if found, ok := r.v.edges.byFence.Load(f.ID); ok {
		e := found.(nextEdge)
		if r.now >= e.from && (r.now < e.at || e.at == 0 && r.now+safezone.Longest.Milliseconds() <= e.until) {
			return e.at
		}
	}
	fv := f.Value.(*fenceView)
	name := r.v.brand.Settings.TimeZone
	if fv.store != nil && fv.store.TimeZone != "" {
		name = fv.store.TimeZone
	}
	loc := location(name)
	if loc == nil {
		return 0
	}
	from := time.UnixMilli(r.now)
	until := from.Add(4 * safezone.Longest)
	e := nextEdge{from: r.now, until: until.UnixMilli()}
	if at := r.v.campaigns.NextEdge(fv.fence, fv.store, from, until, loc, r.v.brand.Settings.Holidays); at.Before(until) {
		e.at = at.UnixMilli()
	}
	r.v.edges.byFence.Store(f.ID, e)
	return e.at
}

// told is a zone for the phone.
func (r *reporting) told(z *safezone.Zone, slots int, accuracy float32) *ZoneAnswer {
	held := heldZone{slots: slots, version: z.Version, place: z.Center, accuracy: accuracy, until: z.ValidUntil}
	a := &ZoneAnswer{
		Center: z.Center, QuietRadius: z.QuietRadius, KnowledgeRadius: z.KnowledgeRadius,
		ValidUntil: time.UnixMilli(z.ValidUntil).UTC(), Version: held.bytes(), Fences: make([]ZoneFence, len(z.Fences)),
	}
	for i := range z.Fences {
		fv := z.Fences[i].Fence.Value.(*fenceView)
		a.Fences[i] = ZoneFence{Fence: fv.fence, Store: fv.store, Inside: r.device.presence.IsInside(z.Fences[i].Fence.ID)}
	}
	return a
}

func millis(n int64) time.Duration { return time.Duration(max(0, n)) * time.Millisecond }
