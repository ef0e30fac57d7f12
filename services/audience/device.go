package audience

import (
	"bytes"
)

// The states of a device's push address.
const (
	AddressLive        = "live"
	AddressQuarantined = "quarantined"
	AddressGone        = "gone"
)

// Unreachable is why no notification can go to a device.
type Unreachable uint8

// The reasons, in the order in which they are asked.
const (
	IsReachable Unreachable = iota
	AddressMissing
	AddressIsGone
	AddressInQuarantine
	OSPushIsRefused
)

var unreachableNames = [...]string{"", "ADDRESS_MISSING", "ADDRESS_GONE", "ADDRESS_QUARANTINED", "OS_PUSH_REFUSED"}

// String is the reason code; empty for IsReachable.
func (u Unreachable) String() string {
	if int(u) < len(unreachableNames) {
		return unreachableNames[u]
	}
	return "UNKNOWN"
}

// Reachable tells whether a push can be tried: a live address and no known refusal by the phone's owner.
func Reachable(d *Device) (ok bool, why Unreachable) {
	switch {
	case d == nil || d.Address == nil || d.Address.Value == "":
		why = AddressMissing
	case d.AddressState == AddressQuarantined:
		why = AddressInQuarantine
	case d.AddressState != AddressLive:
		why = AddressIsGone
	case d.OSPushRefused:
		why = OSPushIsRefused
	}
	return why == IsReachable, why
}

// MostRecent is the reachable device that was seen last; nil where none is reachable. Of two seen at one instant the
// lower id is taken, so that every node takes the same.
func MostRecent(devices []Device) *Device {
	var best *Device
	for i := range devices {
		d := &devices[i]
		if ok, _ := Reachable(d); !ok {
			continue
		}
		if best == nil || d.LastSeenAt.After(best.LastSeenAt) ||
			d.LastSeenAt.Equal(best.LastSeenAt) && bytes.Compare(d.ID[:], best.ID[:]) < 0 {
			best = d
		}
	}
	return best
}
