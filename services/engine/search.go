package engine

import (
	"bytes"
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
}

// StoreCursor is a place in the order of an answer: by distance, then id.
type StoreCursor struct {
	Distance float64
	ID       uuid.UUID
}

// before tells whether a hit comes after the cursor.
func (c *StoreCursor) before(h hit) bool {
	if h.distance != c.Distance {
		return h.distance > c.Distance
	}
	return bytes.Compare(h.spot.id[:], c.ID[:]) > 0
}

// FoundStore is a store with what the search knows of it. The store is shared: copy it before changing it.
type FoundStore struct {
	Store    *store.Store
	Place    geo.Point
	Distance float64 // metres
	Bearing  float64 // degrees clockwise from north, from the place asked about
	Hours    StoreHours
	HasOffer bool
	label    string
	id       uuid.UUID
}

// Cursor is the place of the store in the order.
func (f *FoundStore) Cursor() StoreCursor { return StoreCursor{f.Distance, f.id} }

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

// find answers a query. While a brand is stopped it offers nothing.
func (x *searchIndex) find(q *StoreQuery, stopped bool, dst []FoundStore) ([]FoundStore, bool) {
	s := search{index: x, query: q, stopped: stopped, text: textKey(q.Text), chain: textKey(q.Chain)}
	if q.Limit <= 0 || !x.possible(q, stopped) || q.Chain != "" && s.chain == "" || q.Text != "" && s.text == "" {
		return dst, false
	}
	s.run()
	found := s.near.found
	more := len(found) > q.Limit
	for _, h := range found[:min(len(found), q.Limit)] {
		at := s.at(h.spot)
		dst = append(dst, FoundStore{
			Store: h.spot.store, Place: h.spot.place, Distance: h.distance, Bearing: geo.Bearing(q.From, h.spot.place),
			Hours: h.spot.hours.at(at), HasOffer: !stopped && x.offer.concern(h.spot, at), label: h.spot.label, id: h.spot.id,
		})
	}
	return dst, more
}

// possible rules out what can have no answer.
func (x *searchIndex) possible(q *StoreQuery, stopped bool) bool {
	return x != nil && q.From.Validate() == nil && q.Radius >= 0 && !(q.WithOffer && stopped)
}
