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
	mu      sync.Mutex
	folds   folds
	newest  atomic.Int64                // a version of the row that is known to exist
	latest  atomic.Pointer[deviceState] // the device that reported last: what the next ping probably needs
	evicted atomic.Bool                 // another copy may have taken this one's place
	loaded  bool
	status  PersonStatus
	version int64
	// What was found out about the profile and devices in hand, so that the next ping need not look again.
	mine uuid.UUID // one of devices
	may  locatable
	hot  hot
	// Pings counted since the row was written, and since when, ms; see pingCount.
	unwritten      []pingCount
	unwrittenSince int64
	searchedAt     int64 // ms; the last search of stores that was a moment
	// What a quiet ping needs ends here.
	profile  audience.Profile
	devices  []audience.Device
	key      PersonKey
	fault    error // why the row could not be taken in when it was last read; nil: it could, or there is none
	loadedAt time.Time
	asked    int64 // newest when the row was last asked for
	// dueWritten is when the row's state says that the person is due: what the row itself says is no later.
	dueWritten time.Time
	successor  uuid.UUID
}

// locatable is that a profile passed gates 1 to 4 under a view, and until when that is taken as known.
type locatable struct {
	view  *view
	until int64 // ms
}

// hot is what a person's row keeps for decisions. Its slices and maps are replaced, never changed in place, so that
// a shallow copy is an undo; the devices' states are undone one by one.
type hot struct {
	devices   []*deviceState
	usedUntil int64  // ms; the location-use record covers pings up to here
	cell      uint64 // H3 resolution 7
	cellAt    int64  // ms
	entries   []cap.Entry
	folds     []cap.Fold
	issued    map[uuid.UUID]int // coupons by offer, ever
	takenFrom []uuid.UUID       // people whose ledger this one took over
	pings     []pingCount
	sendings  []sendingMark
	absences  []absenceMark
	events    recentEvents
	reminders []reminder
	visits    visitHistory
	unknown   []byte // fields of a newer writer, kept as they came
}

// deviceState is one device's presence and what repeats need.
type deviceState struct {
	id           uuid.UUID
	presence     presence.State
	recent       recentPings // those that caused a write
	heardWritten int64       // ms; LastHeard as the row has it
	follower     index.Follower
	sealed       uint64 // hash of the token that the phone was given last; 0: by this node none
	// inside are the fences of the stays as the view of that serial has them: each ping asks for them first of all.
	inside   []*index.Fence
	insideIn uint64
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

// recentPings are ids of pings, oldest first, at most maxRecent. A copy is not changed with the original.
type recentPings struct {
	ids  []uuid.UUID
	mask uint64 // has a bit of every id: most others are told apart without a look at ids
}

func (r *recentPings) add(ping uuid.UUID) {
	if len(r.ids) >= maxRecent {
		r.ids = slices.Clone(r.ids[len(r.ids)-maxRecent+1:])
		r.mask = 0
		for i := range r.ids {
			r.mask |= bitOf(&r.ids[i])
		}
	}
	r.ids = append(slices.Clip(r.ids), ping)
	r.mask |= bitOf(&ping)
}

func (r *recentPings) has(ping *uuid.UUID) bool {
	return r.mask&bitOf(ping) != 0 && slices.Contains(r.ids, *ping)
}

// bitOf takes a byte that is random in ids of every version.
func bitOf(id *uuid.UUID) uint64 { return 1 << ((id[15] ^ id[11]) & 63) }

// hasDevice tells whether a device is the person's.
func (p *person) hasDevice(id uuid.UUID) bool {
	if p.mine == id {
		return true
	}
	for i := range p.devices {
		if p.devices[i].ID == id {
			p.mine = id
			return true
		}
	}
	return false
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
