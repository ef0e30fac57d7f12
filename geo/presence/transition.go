package presence

import "bytes"

// Kind is what changed. The order of the values is the order in which the
// changes of one ping are told.
type Kind uint8

const (
	Exited Kind = iota
	Entered
	Dwelled
	// Approached: the device closes in on the fence, from outside (Rules.ApproachDistance).
	Approached
)

var kindNames = [...]string{"exited", "entered", "dwelled", "approached"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Reason is why a change came about.
type Reason uint8

const (
	// Moved: pings said so.
	Moved Reason = iota
	// TimePassed: a dwell fell due between pings.
	TimePassed
	// Silence: the device was not heard for too long.
	Silence
	FenceChanged
	FenceDeleted
	Paused
	ConsentWithdrawn
	SensitivePlace
	PersonChanged
	Erased
	RecordMissing
)

var reasonNames = [...]string{
	"moved", "time_passed", "silence", "fence_changed", "fence_deleted", "paused",
	"consent_withdrawn", "sensitive_place", "person_changed", "erased", "record_missing",
}

// String is the reason in a form fit for an answer or a counter.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// Transition is one dated change of one fence.
type Transition struct {
	Fence ID
	Kind  Kind
	// At is when the change came about. Exact: the time of the deciding ping.
	// Otherwise: Entered the ping that began the visit, Exited the first ping of
	// those that showed it was over, Dwelled the moment the dwell was full,
	// Approached the deciding ping.
	At Millis
	// DecidedAt is the time of the ping, or tick, that settled it.
	DecidedAt Millis
	// Since is the start of the stay; of Approached the same as At.
	Since Millis
	// Ping settled it; zero where no ping did.
	Ping   ID
	Reason Reason
	// Late: decided by something too old to act on (DeviceRules.Freshness).
	Late bool
}

// inOrder sorts the changes of one ping: exits, enters, dwells, approaches, each by fence.
// They are few, and mostly in order already.
func inOrder(ts []Transition) {
	for i := 1; i < len(ts); i++ {
		for j := i; j > 0 && precedes(&ts[j], &ts[j-1]); j-- {
			ts[j], ts[j-1] = ts[j-1], ts[j]
		}
	}
}

func precedes(a, b *Transition) bool {
	if a.Kind != b.Kind {
		return a.Kind < b.Kind
	}
	return bytes.Compare(a.Fence[:], b.Fence[:]) < 0
}
