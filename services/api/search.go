package api

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/wantgo/wantgo/geo"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

// The pages of a search.
const (
	defaultFound = 10
	mostFound    = 100
)

// SearchStores finds the nearest stores. The place is kept nowhere but in the request and in the token of the next page
// that the caller gets back. It is nobody's, unless a phone asks for offers and says with a device token whose.
func (s *storeService) SearchStores(ctx context.Context, r *v1.SearchStoresRequest) (*v1.SearchStoresResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	q := engine.StoreQuery{
		From: geo.Point{Lat: r.GetLatitude(), Lng: r.GetLongitude()}, Radius: r.GetRadiusMeters(), Text: r.GetText(),
		Tags: r.GetTags(), Chain: r.GetChain(), WithOffer: r.GetWithOffer(), At: s.engine.Now(), Limit: foundSize(r.GetPageSize()),
	}
	if c.Kind == v1.Access_SERVER && len(c.Key.StoreIDs) > 0 {
		q.Only = c.Key.StoreIDs
	}
	if err := when(&q, r); err != nil {
		return nil, err
	}
	if q.After, err = readFoundToken(r, &q); err != nil {
		return nil, err
	}
	room := rooms.Get().(*[]engine.FoundStore)
	defer leave(room)
	found, err := s.search(ctx, c, &q, (*room)[:0])
	if err != nil {
		return nil, err
	}
	*room = found.stores
	out, err := foundTo(found.stores, r, &b.Settings)
	if err != nil {
		return nil, err
	}
	out.OffersFor, out.Refusal = found.whose, found.refusal
	if found.more {
		out.NextPageToken = foundToken(r, &q, found.stores[len(found.stores)-1].Cursor())
	}
	return out, nil
}

// rooms are for what is found, until it is in the answer.
var rooms = sync.Pool{New: func() any { return new([]engine.FoundStore) }}

func leave(room *[]engine.FoundStore) {
	clear(*room)
	rooms.Put(room)
}

func foundSize(asked int32) int {
	if asked <= 0 {
		return defaultFound
	}
	return min(int(asked), mostFound)
}

// when reads the time that the search is about, and refuses a text with nothing in it.
func when(q *engine.StoreQuery, r *v1.SearchStoresRequest) error {
	var fs faults
	switch open := r.GetOpen().(type) {
	case *v1.SearchStoresRequest_OpenNow:
		q.Open = open.OpenNow
	case *v1.SearchStoresRequest_OpenAtTime:
		if q.Open, q.At = true, open.OpenAtTime.AsTime(); open.OpenAtTime.CheckValid() != nil {
			fs.add("open_at_time", v1.ErrorReason_INVALID_FIELD, "no time")
		}
	case *v1.SearchStoresRequest_OpenAtLocalTime:
		var err error
		if q.Local, err = time.Parse("2006-01-02T15:04", open.OpenAtLocalTime); err != nil {
			fs.add("open_at_local_time", v1.ErrorReason_INVALID_FIELD, "no date of the calendar")
		}
		q.Open = true
	}
	if r.GetText() != "" && !engine.SearchableText(r.GetText()) {
		fs.add("text", v1.ErrorReason_INVALID_FIELD, "has no letter and no digit")
	}
	return fs.err()
}

// foundCursor is a cursor as a page token carries it: the time the first page was about (milliseconds), then the distance
// and the id of the last store. A store that moves meanwhile may come twice or not at all; all others come once.
const foundCursor = 8 + 8 + 16

// searchOf is what a page token is bound to: all of the request that tells which stores, and in what order.
func searchOf(r *v1.SearchStoresRequest) string {
	var room [256]byte
	out := append(room[:0], "search "...)
	for _, number := range [...]float64{r.GetLatitude(), r.GetLongitude(), r.GetRadiusMeters()} {
		out = binary.BigEndian.AppendUint64(out, math.Float64bits(number))
	}
	at := r.GetOpenAtTime()
	for _, number := range [...]int64{at.GetSeconds(), int64(at.GetNanos()), number(r.GetOpenNow()), number(at != nil), number(r.GetWithOffer())} {
		out = binary.AppendVarint(out, number)
	}
	for _, text := range append([]string{r.GetText(), r.GetChain(), r.GetOpenAtLocalTime()}, r.GetTags()...) {
		out = append(binary.AppendUvarint(out, uint64(len(text))), text...)
	}
	return string(out)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func foundToken(r *v1.SearchStoresRequest, q *engine.StoreQuery, last engine.StoreCursor) string {
	cursor := binary.BigEndian.AppendUint64(make([]byte, 0, foundCursor), uint64(q.At.UnixMilli()))
	cursor = binary.BigEndian.AppendUint64(cursor, math.Float64bits(last.Distance))
	return pageToken(searchOf(r), string(append(cursor, last.ID[:]...)))
}

// readFoundToken gives back the cursor, nil for the first page, and sets the time of the query to that of the first page.
func readFoundToken(r *v1.SearchStoresRequest, q *engine.StoreQuery) (*engine.StoreCursor, error) {
	if r.GetPageToken() == "" {
		return nil, nil
	}
	text, err := readPageToken(searchOf(r), r.GetPageToken())
	if err != nil {
		return nil, err
	}
	cursor := []byte(text)
	if len(cursor) != foundCursor {
		return nil, errPageToken()
	}
	if r.GetOpenAtTime() == nil {
		q.At = time.UnixMilli(int64(binary.BigEndian.Uint64(cursor)))
	}
	last := &engine.StoreCursor{Distance: math.Float64frombits(binary.BigEndian.Uint64(cursor[8:]))}
	copy(last.ID[:], cursor[16:])
	if !(last.Distance >= 0) || q.At.Year() < 1 || q.At.Year() > 9999 {
		return nil, errPageToken()
	}
	return last, nil
}
