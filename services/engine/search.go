package engine

import (
	"bytes"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/services/store"
)

// StoreQuery asks for a brand's stores by distance from a place. All that is set must hold.
type StoreQuery struct {
	From   geo.Point
	Radius float64 // metres; 0: no limit
	// Text is the beginning of a name, a chain or a district, or of a word of one. It must have a letter or a digit
	// unless it is empty; see SearchableText.
	Text  string
	Tags  []string
	Chain string
	Only  []uuid.UUID // nil: any store
	// At is the time that hours and offers are about; its zero value needs Local.
	At time.Time
	// Local is read as the wall clock of each store's own zone, whatever its zone, where it is not zero.
	Local     time.Time
	Open      bool // known to be open
	WithOffer bool // a live campaign with an offer concerns the store
	After     *StoreCursor
	Limit     int

	who *seeker // whose offers; nil: anybody's
}

// StoreCursor is a place in the order of an answer: by distance, then id.
type StoreCursor struct {
	Distance float64
	ID       uuid.UUID
}

// before tells whether a hit comes after the cursor.
func (c *StoreCursor) before(distance float64, s *spot) bool {
	if distance != c.Distance {
		return distance > c.Distance
	}
	return bytes.Compare(s.id[:], c.ID[:]) > 0
}

// FoundStore is a store with what the search knows of it.
type FoundStore struct {
	Place    geo.Point
	Distance float64 // metres
	Bearing  float64 // degrees clockwise from north, from the place asked about
	Hours    StoreHours
	HasOffer bool
	label    string
	hours    *rota
	spot     *spot
}

// Store is all of the store. It is shared: copy it before changing it.
func (f *FoundStore) Store() *store.Store { return f.spot.store }

// Cursor is the place of the store in the order.
func (f *FoundStore) Cursor() StoreCursor { return StoreCursor{f.Distance, f.spot.id} }

// SearchableText tells whether a text has anything to search for.
func SearchableText(text string) bool { return textKey(text) != "" }

// SearchStores appends the nearest stores of a query in the order of distance, then id, and tells whether there are
// more. ErrNotFound: this node knows no such brand. It reads the snapshot of the catalogue that decisions read, and
// keeps nothing of the query.
func (e *Engine) SearchStores(brandID uuid.UUID, q *StoreQuery, dst []FoundStore) (found []FoundStore, more bool, err error) {
	v := e.catalogue.view(brandID)
	if v == nil {
		return nil, false, notFound("brand")
	}
	found, more = v.search.find(q, v.brand.Stopped, dst)
	return found, more, nil
}

// searches are rooms to search in: a search that finds little is done before memory for it would be at hand.
var searches = sync.Pool{New: func() any { return new(search) }}

// find answers a query. While a brand is stopped it offers nothing.
func (x *searchIndex) find(q *StoreQuery, stopped bool, dst []FoundStore) ([]FoundStore, bool) {
	s := searches.Get().(*search)
	defer s.leave()
	s.index, s.query, s.stopped, s.text, s.chain = x, q, stopped, textKey(q.Text), textKey(q.Chain)
	if q.Limit <= 0 || !x.possible(q, stopped) || q.Chain != "" && s.chain == "" || q.Text != "" && s.text == "" {
		return dst, false
	}
	s.run()
	found := s.near.found
	more := len(found) > q.Limit
	known := len(dst)
	for _, h := range found[:min(len(found), q.Limit)] { // each is elsewhere in memory: a short loop waits for many at once
		dst = append(dst, FoundStore{Place: h.spot.place, Distance: h.metres, label: h.spot.label, hours: h.spot.hours, spot: h.spot})
	}
	for i := range dst[known:] {
		s.touched += dst[known+i].label[0] // so are the labels, and will be here when they are read
	}
	for i := range dst[known:] {
		s.describe(&dst[known+i])
	}
	return dst, more
}

// describe completes what is told of a store.
func (s *search) describe(f *FoundStore) {
	if f.Distance < 0 {
		f.Distance = geo.Distance(s.query.From, f.Place)
	}
	at := s.at(f.spot)
	f.Bearing, f.Hours = geo.Bearing(s.query.From, f.Place), f.hours.at(at)
	f.HasOffer = s.query.WithOffer || !s.stopped && s.index.offer.concern(f.spot, at, s.query.who)
}

// leave clears the room of everything that was searched for and found.
func (s *search) leave() {
	found := s.near.found[:cap(s.near.found)]
	clear(found)
	*s = search{near: near{found: found[:0]}}
	searches.Put(s)
}

// possible rules out what can have no answer.
func (x *searchIndex) possible(q *StoreQuery, stopped bool) bool {
	return x != nil && q.From.Validate() == nil && q.Radius >= 0 && !(q.WithOffer && stopped)
}
