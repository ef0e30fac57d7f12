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

// get finds a seat; nil: there is none. Those that are asked for are those that stay; one time in eight counts as asking.
func (s *seats) get(k deviceKey) *seat {
	place := s.place(k)
	if o := place.Load(); o != nil && o.device == k && !o.gone.Load() && rand.Uint32()&7 != 0 {
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

// What of a person and a device a quiet ping touches, bytes: the fields that it needs stand first.
const (
	warmPerson = unsafe.Offsetof(person{}.profile)
	warmDevice = unsafe.Sizeof(deviceState{})
)

// warm asks for the memory of all the people of a call together: each step of the way from a device to its state is a
// wait, and so the waits of all overlap.
func (s *seats) warm(brandID uuid.UUID, reports []Report) {
	if len(reports) < 2 {
		return
	}
	for i := range reports {
		prefetch.Object(s.place(deviceKey{brandID, reports[i].DeviceID}), 8)
	}
	var people [64]*person
	for len(reports) > 0 {
		n := min(len(reports), len(people))
		for i := range n {
			if o := s.place(deviceKey{brandID, reports[i].DeviceID}).Load(); o != nil {
				prefetch.Object(o, unsafe.Sizeof(*o))
			}
		}
		for i := range n {
			people[i] = nil
			if o := s.place(deviceKey{brandID, reports[i].DeviceID}).Load(); o != nil {
				if people[i] = o.copy.Load(); people[i] != nil {
					prefetch.Object(people[i], warmPerson)
				}
			}
		}
		for i := range n {
			if people[i] == nil {
				continue
			}
			if d := people[i].latest.Load(); d != nil {
				prefetch.Object(d, warmDevice)
			}
		}
		reports = reports[n:]
	}
}
