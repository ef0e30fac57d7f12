package store

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
)

// Store is one shop of a brand.
type Store struct {
	ID         uuid.UUID         `json:"id"`
	ExternalID string            `json:"external_id"` // the brand's own id; upsert key
	Names      map[string]string `json:"names"`       // by locale; "" is the one to fall back to
	Address    string            `json:"address,omitempty"`
	District   string            `json:"district,omitempty"`
	Phone      string            `json:"phone,omitempty"`
	ImageURL   string            `json:"image_url,omitempty"`
	Place      geo.Point         `json:"place"`
	TimeZone   string            `json:"time_zone"`
	Hours      Hours             `json:"hours"`
	Tags       []string          `json:"tags,omitempty"`
	Chain      string            `json:"chain,omitempty"`
	Closed     bool              `json:"closed,omitempty"` // state: closed for good or for now
	Version    int64             `json:"-"`                // catalogue version of the last change; its etag
	DeletedAt  time.Time         `json:"-"`
}

// Purpose is what a fence is for.
type Purpose string

// The purposes of a fence.
const (
	Visit Purpose = "visit" // the store's own walls; at most one a store
	Near  Purpose = "near"  // promotion
	Other Purpose = "other"
)

// Fence is an area that makes transitions.
type Fence struct {
	ID         uuid.UUID   `json:"id"`
	ExternalID string      `json:"external_id"`
	StoreID    uuid.UUID   `json:"store_id"` // zero: free
	Purpose    Purpose     `json:"purpose"`
	Circle     *geo.Circle `json:"-"` // exactly one of Circle and Area
	Area       *geo.Area   `json:"-"`
	Tags       []string    `json:"tags,omitempty"`
	// CampaignID is whose own the fence is: it lives with that campaign, and its transitions start no other. Zero: the brand's.
	CampaignID uuid.UUID `json:"-"`
	// Rules override the brand's defaults where not nil.
	Rules     *presence.Rules `json:"rules,omitempty"`
	Version   int64           `json:"-"`
	DeletedAt time.Time       `json:"-"`
}

// Shape is the fence's geometry.
func (f *Fence) Shape() geo.Shape {
	if f.Circle != nil {
		return *f.Circle
	}
	return f.Area
}

// Hours are a store's opening hours in its own zone: those of every week, and the dates on which others hold. No weekly
// hours means unknown, but for those dates.
type Hours struct {
	Weekly     []Span      `json:"weekly,omitempty"`
	Exceptions []Exception `json:"exceptions,omitempty"` // by date, each once
}

// Span is one stretch of a week: From and Until are minutes of the day (0 to 1440); Until <= From ends the next day.
type Span struct {
	Day   time.Weekday `json:"day"`
	From  int          `json:"from"`
	Until int          `json:"until"`
}
