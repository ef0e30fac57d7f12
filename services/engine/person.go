package engine

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
)

// person is a node's copy of one person's row. It is used under its lock only; whoever holds the lock decides.
type person struct {
	mu       sync.Mutex
	folds    folds
	newest   atomic.Int64 // a version of the row that is known to exist
	key      PersonKey
	loaded   bool
	fault    error // why the row could not be taken in when it was last read; nil: it could, or there is none
	loadedAt time.Time
	// dueWritten is when the row's state says that the person is due: what the row itself says is no later.
	dueWritten time.Time
	version    int64
	status     PersonStatus
	successor  uuid.UUID
	profile    audience.Profile
	devices    []audience.Device
	hot        hot
}

// hot is what a person's row keeps for decisions. Its slices and maps are replaced, never changed in place, so that
// a shallow copy is an undo; the devices' states are undone one by one.
type hot struct {
	devices   []*deviceState
	entries   []cap.Entry
	folds     []cap.Fold
	issued    map[uuid.UUID]int // coupons by offer, ever
	usedUntil int64             // ms; the location-use record covers pings up to here
	cell      uint64            // H3 resolution 7
	cellAt    int64             // ms
	takenFrom []uuid.UUID       // people whose ledger this one took over
	unknown   []byte            // fields of a newer writer, kept as they came
}

// deviceState is one device's presence and what repeats need.
type deviceState struct {
	id           uuid.UUID
	presence     presence.State
	recent       []uuid.UUID // pings that caused a write, oldest first, at most maxRecent
	heardWritten int64       // ms; LastHeard as the row has it
	follower     index.Follower
}

// maxRecent is how many ping ids a row keeps per device so that a repeat gets its first answer.
const maxRecent = 16

func (h *hot) device(id uuid.UUID) *deviceState {
	for _, d := range h.devices {
		if d.id == id {
			return d
		}
	}
	return nil
}

// deviceOf finds a device's state, making it at first sight.
func (h *hot) deviceOf(id uuid.UUID) *deviceState {
	if d := h.device(id); d != nil {
		return d
	}
	d := &deviceState{id: id}
	h.devices = append(slices.Clone(h.devices), d)
	return d
}

func (d *deviceState) remember(ping uuid.UUID) {
	if len(d.recent) >= maxRecent {
		d.recent = slices.Clone(d.recent[len(d.recent)-maxRecent+1:])
	}
	d.recent = append(slices.Clip(d.recent), ping)
}

// hasDevice tells whether a device is the person's.
func (p *person) hasDevice(id uuid.UUID) bool {
	return slices.ContainsFunc(p.devices, func(d audience.Device) bool { return d.ID == id })
}

// zone is where the person's calendar days are counted: the person's own, the reporting device's, the brand's.
func (p *person) zone(fallback string) *time.Location {
	names := []string{p.profile.TimeZone}
	for _, d := range p.devices {
		names = append(names, d.TimeZone)
	}
	for _, name := range append(names, fallback) {
		if name == "" {
			continue
		}
		if loc := location(name); loc != nil {
			return loc
		}
	}
	return nil
}

var locations sync.Map // string -> *time.Location

// location loads a zone once. An unknown name is nil.
func location(name string) *time.Location {
	if loc, ok := locations.Load(name); ok {
		return loc.(*time.Location)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	locations.Store(name, loc)
	return loc
}

// stay is the device's open stay at a fence, or nil.
func (d *deviceState) stay(fence presence.ID) *presence.Stay {
	for i := range d.presence.Stays {
		if d.presence.Stays[i].Fence == fence {
			return &d.presence.Stays[i]
		}
	}
	return nil
}
