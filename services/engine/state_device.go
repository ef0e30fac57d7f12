package engine

import (
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wantgo/wantgo/geo/presence"
)

// The devices are most of a state, and a state is written for nearly every transition: they are put into the wire format
// by hand, the rest is left to the library. See state.proto for the fields.

// Room for one device and one stay, bytes, without a growth in the usual case.
const (
	usualDevice = 512
	usualStay   = 96
)

// appendDevices writes the devices as the field of a PersonState.
func appendDevices(b []byte, devices []*deviceState) []byte {
	var room [usualDevice]byte
	for _, d := range devices {
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendBytes(b, appendDevice(room[:0], d))
	}
	return b
}

func appendDevice(b []byte, d *deviceState) []byte {
	w := &d.presence.Written
	var room [usualStay]byte
	b = appendID(b, 1, d.id)
	for i := range w.Stays {
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		b = protowire.AppendBytes(b, appendStay(room[:0], &w.Stays[i]))
	}
	b = appendNumber(b, 3, w.LastHeard)
	b = appendID(b, 4, uuid.UUID(w.LastPing))
	b = appendNumber(b, 5, w.PromisedBy)
	b = appendNumber(b, 6, w.ClosedAt)
	b = appendNumber(b, 7, int64(w.Revision))
	if len(d.recent.ids) > 0 {
		b = protowire.AppendTag(b, 8, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(16*len(d.recent.ids)))
		for i := range d.recent.ids {
			b = append(b, d.recent.ids[i][:]...)
		}
	}
	for i := range w.Approaches {
		b = protowire.AppendTag(b, 9, protowire.BytesType)
		b = protowire.AppendBytes(b, appendApproach(room[:0], &w.Approaches[i]))
	}
	return b
}

func appendStay(b []byte, s *presence.Stay) []byte {
	b = appendID(b, 1, uuid.UUID(s.Fence))
	b = appendNumber(b, 2, s.Since)
	b = appendID(b, 3, uuid.UUID(s.By))
	b = appendNumber(b, 4, s.Confirmed)
	b = appendNumber(b, 5, s.DwellAt)
	b = appendTruth(b, 6, s.Dwelled)
	return appendTruth(b, 7, s.Quiet)
}

func appendApproach(b []byte, a *presence.Approach) []byte {
	b = appendID(b, 1, uuid.UUID(a.Fence))
	b = appendNumber(b, 2, a.At)
	return appendTruth(b, 3, a.Told)
}

// A field that is zero is not written, as the library does it.

func appendID(b []byte, field protowire.Number, id uuid.UUID) []byte {
	if id == uuid.Nil {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), id[:])
}

func appendNumber(b []byte, field protowire.Number, n int64) []byte {
	if n == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(n))
}

func appendTruth(b []byte, field protowire.Number, t bool) []byte {
	if !t {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), 1)
}
