package api

import (
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// The fields of the answer by their numbers in the contract.
const (
	foundStores     = 1 // of SearchStoresResponse
	foundID         = 1 // from here on of FoundStore
	foundExternalID = 2
	foundName       = 3
	foundLatitude   = 4
	foundLongitude  = 5
	foundDistance   = 6
	foundBearing    = 7
	foundOpenState  = 8
	foundNextChange = 9
	foundHasOffer   = 10
	foundStore      = 11
)

// foundTo is the answer in its wire form: the stores are bytes that the message carries as fields it does not know, and
// that whoever reads it finds as the contract's. Ten messages with their texts and times would cost as much as the
// search itself, to be written as the same bytes right after. A test holds them against messages.
func foundTo(found []engine.FoundStore, r *v1.SearchStoresRequest, b *brand.Settings) (*v1.SearchStoresResponse, error) {
	var room [512]byte
	one, all := room[:0], make([]byte, 0, len(found)*192)
	for i := range found {
		f := &found[i]
		one = appendFound(one[:0], f, f.Name(r.GetLocale(), b.Locale))
		if r.GetView() == v1.SearchStoresRequest_FULL {
			whole, err := proto.Marshal(storeTo(f.Store(), b))
			if err != nil {
				return nil, err
			}
			one = protowire.AppendBytes(protowire.AppendTag(one, foundStore, protowire.BytesType), whole)
		}
		all = protowire.AppendBytes(protowire.AppendTag(all, foundStores, protowire.BytesType), one)
	}
	out := &v1.SearchStoresResponse{}
	out.ProtoReflect().SetUnknown(all)
	return out, nil
}

// appendFound appends a v1.FoundStore without its store.
func appendFound(out []byte, f *engine.FoundStore, name string) []byte {
	out = appendText(out, foundID, f.ID())
	out = appendText(out, foundExternalID, f.ExternalID())
	out = appendText(out, foundName, name)
	out = appendDouble(out, foundLatitude, f.Place.Lat)
	out = appendDouble(out, foundLongitude, f.Place.Lng)
	out = appendDouble(out, foundDistance, f.Distance)
	out = appendDouble(out, foundBearing, f.Bearing)
	out = appendNumber(out, foundOpenState, uint64(openState(f.Hours)))
	if f.Hours.HasNext {
		out = appendTime(out, foundNextChange, f.Hours.Next.At)
	}
	return appendNumber(out, foundHasOffer, uint64(number(f.HasOffer)))
}

// What is zero is not written: that is how zero is written.

func appendText(out []byte, field protowire.Number, text string) []byte {
	if text == "" {
		return out
	}
	return protowire.AppendString(protowire.AppendTag(out, field, protowire.BytesType), text)
}

func appendDouble(out []byte, field protowire.Number, v float64) []byte {
	bits := math.Float64bits(v) // of which those of negative zero are not zero
	if bits == 0 {
		return out
	}
	return protowire.AppendFixed64(protowire.AppendTag(out, field, protowire.Fixed64Type), bits)
}

func appendNumber(out []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return out
	}
	return protowire.AppendVarint(protowire.AppendTag(out, field, protowire.VarintType), v)
}

// appendTime appends a google.protobuf.Timestamp.
func appendTime(out []byte, field protowire.Number, t time.Time) []byte {
	var room [32]byte
	body := appendNumber(appendNumber(room[:0], 1, uint64(t.Unix())), 2, uint64(t.Nanosecond()))
	return protowire.AppendBytes(protowire.AppendTag(out, field, protowire.BytesType), body)
}

func openState(h engine.StoreHours) v1.FoundStore_OpenState {
	switch {
	case h.Open:
		return v1.FoundStore_OPEN
	case h.Known:
		return v1.FoundStore_CLOSED
	}
	return v1.FoundStore_OPEN_STATE_UNSPECIFIED
}
