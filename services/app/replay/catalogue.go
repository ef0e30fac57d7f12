package replay

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// writeSize is how many fences one change of the catalogue carries.
const writeSize = 5000

// settle makes the database hold this replay's brand, stores, fences and campaigns. The brand is named after all of
// them: the same question asked again finds its own people and goes on where they are; another question is another
// brand's and starts afresh.
func (r *run) settle(ctx context.Context, first time.Time) error {
	name := "replay " + r.fingerprint()
	for _, b := range r.engine.Brands() {
		if b.Name == name {
			r.brand = b.ID
		}
	}
	if r.brand == uuid.Nil {
		r.brand = uuid.New()
		b := brand.Brand{ID: r.brand, Name: name, Settings: r.settings, CreatedAt: time.Now().UTC()}
		if err := r.engine.CreateBrand(ctx, b, nil); err != nil {
			return fmt.Errorf("brand: %w", err)
		}
	}
	if err := r.putPlaces(ctx); err != nil {
		return err
	}
	return r.putCampaigns(ctx, first)
}

// putPlaces writes the stores and fences that are not there yet.
func (r *run) putPlaces(ctx context.Context) error {
	w := engine.CatalogueWrite{BrandID: r.brand, Actor: "replay"}
	for i := range r.places {
		p := &r.places[i]
		if _, err := r.engine.FenceByExternalID(r.brand, p.fence.ExternalID); err == nil {
			continue
		}
		p.fence.ID = uuid.New()
		if p.store != nil {
			p.store.ID = uuid.New()
			p.fence.StoreID = p.store.ID
			w.Stores = append(w.Stores, *p.store)
		}
		w.Fences = append(w.Fences, p.fence)
		if len(w.Fences) == writeSize {
			if _, err := r.engine.Write(ctx, w); err != nil {
				return fmt.Errorf("write fences: %w", err)
			}
			w.Stores, w.Fences = nil, nil
		}
	}
	if len(w.Fences) == 0 {
		return nil
	}
	if _, err := r.engine.Write(ctx, w); err != nil {
		return fmt.Errorf("write fences: %w", err)
	}
	return nil
}

// settingsFor are a replay brand's settings: everything permitted, the policy as asked.
func settingsFor(policy presence.Policy, zone string, dwell time.Duration) brand.Settings {
	s := brand.Default(brand.KR)
	s.TimeZone = zone
	s.SenderName, s.SenderContact = "wantgo replay", "replay"
	s.Filing = brand.Filing{Mode: brand.FilingRegistered, Number: "replay", Date: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}
	s.Presence, s.Device = presence.Defaults(policy), presence.DeviceDefaults(policy)
	s.Presence.Dwell = dwell
	return s
}

// fingerprint names settings, campaigns and fences, whatever the order of the fences' rows.
func (r *run) fingerprint() string {
	whole := sha256.New()
	settings, _ := json.Marshal(r.settings) // plain values
	whole.Write(settings)
	whole.Write(r.campaignFile)
	for _, p := range r.without {
		whole.Write([]byte(p))
	}
	var sum [sha256.Size]byte
	for i := range r.places {
		one := placeHash(&r.places[i])
		for k := range sum {
			sum[k] ^= one[k]
		}
	}
	whole.Write(sum[:])
	return hex.EncodeToString(whole.Sum(nil)[:8])
}

func placeHash(p *place) [sha256.Size]byte {
	b := append([]byte(p.fence.ExternalID), 0)
	number := func(v float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) }
	point := func(p geo.Point) { number(p.Lat); number(p.Lng) }
	if p.store != nil {
		s, _ := json.Marshal(p.store)
		b = append(b, s...)
	}
	if c := p.fence.Circle; c != nil {
		point(c.Center_)
		number(c.Radius)
	} else {
		for _, polygon := range p.fence.Area.Polygons() {
			for _, ring := range polygon {
				number(float64(len(ring)))
				for _, vertex := range ring {
					point(vertex)
				}
			}
		}
	}
	return sha256.Sum256(b)
}
