package bench

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/postgres"
)

// record is a transition by what identifies it.
type record struct {
	fence  uint64 // the random half of its id
	at     int64  // Unix ms
	device uint32 // its number
	kind   uint8  // of the contract's enum
}

func fenceKey(id uuid.UUID) uint64 { return binary.BigEndian.Uint64(id[8:]) }

func compareRecords(a, b record) int {
	return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.at, b.at), cmp.Compare(a.fence, b.fence), cmp.Compare(a.kind, b.kind))
}

// verdict is how what was told compares with what is stored.
type verdict struct {
	Told    int      `json:"told"`
	Stored  int      `json:"stored"`
	Missing int      `json:"missing"` // told and not stored
	Extra   int      `json:"extra"`   // stored and not told, or stored twice
	OK      bool     `json:"ok"`
	Some    []string `json:"examples,omitempty"` // of differences
}

var kinds = map[string]uint8{
	"entered": uint8(v1.Transition_ENTERED), "dwelled": uint8(v1.Transition_DWELLED), "exited": uint8(v1.Transition_EXITED),
	"approached": uint8(v1.Transition_APPROACHED),
}

// verify reads every stored transition of the brand and compares: each told one must be there exactly once, and no other.
func verify(ctx context.Context, t *tenant, told []record) (verdict, error) {
	numbers := make(map[uuid.UUID]uint32, len(t.devices))
	for i, id := range t.devices {
		numbers[id] = uint32(i)
	}
	var stored []record
	err := postgres.EachPlace(ctx, t.url, t.brand, func(p postgres.PlaceRow) error {
		device, ours := numbers[p.DeviceID]
		if !ours && t.again {
			return nil
		}
		kind, known := kinds[p.Kind]
		if !ours || !known {
			return fmt.Errorf("a stored transition of unknown kind %q or device", p.Kind)
		}
		stored = append(stored, record{fenceKey(p.FenceID), p.At.UnixMilli(), device, kind})
		return nil
	})
	if err != nil {
		return verdict{}, err
	}
	return compare(told, stored), nil
}

// compare sorts both.
func compare(told, stored []record) verdict {
	slices.SortFunc(told, compareRecords)
	slices.SortFunc(stored, compareRecords)
	v := verdict{Told: len(told), Stored: len(stored)}
	note := func(what string, r record) {
		if len(v.Some) < 10 {
			v.Some = append(v.Some, fmt.Sprintf("%s: device d%d, %s at %d ms", what, r.device, v1.Transition_Kind(r.kind), r.at))
		}
	}
	i, j := 0, 0
	for i < len(told) || j < len(stored) {
		order := 0
		switch {
		case j == len(stored):
			order = -1
		case i == len(told):
			order = 1
		default:
			order = compareRecords(told[i], stored[j])
		}
		switch {
		case order < 0:
			note("told, not stored", told[i])
			v.Missing, i = v.Missing+1, i+1
		case order > 0:
			note("stored, not told", stored[j])
			v.Extra, j = v.Extra+1, j+1
		default:
			i, j = i+1, j+1
		}
	}
	v.OK = v.Missing == 0 && v.Extra == 0
	return v
}
