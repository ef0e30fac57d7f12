package item

import (
	"time"

	"github.com/google/uuid"
)

// Item is one thing a brand sells or shows.
type Item struct {
	ID         uuid.UUID         `json:"id"`
	ExternalID string            `json:"external_id"` // the brand's own id; never empty
	Names      map[string]string `json:"names"`       // by locale
	Category   string            `json:"category,omitempty"`
	Keywords   []string          `json:"keywords,omitempty"`
	Price      float64           `json:"price,omitempty"`    // in units of Currency
	Currency   string            `json:"currency,omitempty"` // ISO 4217
	ImageURL   string            `json:"image_url,omitempty"`
	Link       string            `json:"link,omitempty"`   // a deep link or an https address
	Stores     []uuid.UUID       `json:"stores,omitempty"` // where it is to be had; empty: everywhere
	Version    int64             `json:"-"`                // catalogue version of the last change; its etag
	DeletedAt  time.Time         `json:"-"`
}
