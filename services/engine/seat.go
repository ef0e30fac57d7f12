package engine

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"unsafe"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/wantgo/wantgo/services/engine/prefetch"
)

type deviceKey struct{ brandID, deviceID uuid.UUID }

// seat is whose a device is, and which tokens of it are valid. It is replaced, not changed, but for what is atomic.
type seat struct {
	device deviceKey
	person PersonKey
	serial int64
	gone   atomic.Bool  // no longer what is known of the device
	seen   atomic.Int64 // Unix ms when last-seen was written
	copy   atomic.Pointer[person]
}

// seats are what a node knows of devices, most recently used, bounded. Nearly every ping asks here first. So there is a
// front: a table that a device's bits lead into straight, without a lock; a device that finds another in its place asks
// behind.
type seats struct {
	front []atomic.Pointer[seat]
	shift int
	all   *lru.Cache[deviceKey, *seat]
}

func newSeats(size int) (*seats, error) {
	width := bits.Len(uint(2 * size))
	s := &seats{front: make([]atomic.Pointer[seat], 1<<width), shift: 64 - width}
	var err error
	s.all, err = lru.NewWithEvict(size, func(_ deviceKey, old *seat) { old.gone.Store(true) })
	return s, err
}

func (s *seats) place(k deviceKey) *atomic.Pointer[seat] {
	word := binary.LittleEndian.Uint64(k.deviceID[8:]) ^ binary.LittleEndian.Uint64(k.deviceID[:])
	return &s.front[word*0x9E3779B97F4A7C15>>s.shift]
}

// seldom is how often a look in front counts as asking behind it too: those that are asked for are those that stay.
func seldom() bool { return rand.Uint32()&31 == 0 }

// get finds a seat; nil: there is none.
func (s *seats) get(k deviceKey) *seat {
	place := s.place(k)
	if o := place.Load(); o != nil && o.device == k && !o.gone.Load() && !seldom() {
		return o
	}
	o, ok := s.all.Get(k)
	if !ok {
		return nil
	}
	place.Store(o)
	return o
}

func (s *seats) add(o *seat) {
	if old, ok := s.all.Peek(o.device); ok {
		old.gone.Store(true)
	}
	s.all.Add(o.device, o)
}

func (s *seats) remove(k deviceKey) { s.all.Remove(k) }

func (s *seats) clear() { s.all.Purge() }

// removeOf removes the seats of some people.
func (s *seats) removeOf(people map[PersonKey]struct{}) {
	for _, o := range s.all.Values() {
		if _, gone := people[o.person]; gone {
			s.all.Remove(o.device)
		}
	}
}

// Each step of the way from a device to its state is a wait for memory: the place in front, the seat, the person, the
// device's state. Over the reports of a call the steps are taken some reports ahead, each behind the one before, so that
// the waits overlap.
const (
	ahead = 8
	// What of a person a quiet ping touches, bytes: the fields that it needs stand first.
	warmPerson = unsafe.Offsetof(person{}.profile)
)

// warm asks for what get will look at for the reports behind i.
func (s *seats) warm(c *call, i int) {
	if at := i + 3*ahead; at < len(c.reports) {
		prefetch.Object(s.place(deviceKey{c.brandID, c.reports[at].DeviceID}), 8)
	}
	if at := i + 2*ahead; at < len(c.reports) {
		if o := s.place(deviceKey{c.brandID, c.reports[at].DeviceID}).Load(); o != nil {
			prefetch.Object(o, unsafe.Sizeof(*o))
		}
	}
	if at := i + ahead; at < len(c.reports) {
		if o := s.place(deviceKey{c.brandID, c.reports[at].DeviceID}).Load(); o != nil {
			if p := o.copy.Load(); p != nil {
				prefetch.Object(p, 1)
			}
		}
	}
}

// warm asks for what a turn will look at for the shares behind i.
func warm(shares []share, i int) {
	if at := i + 2*ahead; at < len(shares) {
		prefetch.Object(shares[at].p, warmPerson)
	}
	if at := i + ahead; at < len(shares) {
		if d := shares[at].p.latest.Load(); d != nil {
			prefetch.Object(d, unsafe.Sizeof(*d))
		}
	}
}
