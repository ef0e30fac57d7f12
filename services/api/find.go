package api

import (
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// rows are one kind of rows of the catalogue: how they are found and written, and what is said where that fails.
type rows[T any] struct {
	engine   *engine.Engine
	byID     func(brandID, id uuid.UUID) (*T, error)
	byName   func(brandID uuid.UUID, externalID string) (*T, error)
	names    func(*T) row
	idKey    string // of the id among the values of an error
	notFound v1.ErrorReason_Code
}

// row is what every row has.
type row struct {
	id         uuid.UUID
	externalID string
	version    *int64
}

func (s *Server) stores() rows[store.Store] {
	e := s.engine
	return rows[store.Store]{e, e.Store, e.StoreByExternalID, func(v *store.Store) row { return row{v.ID, v.ExternalID, &v.Version} },
		"store_id", v1.ErrorReason_STORE_NOT_FOUND}
}

func (s *Server) fences() rows[store.Fence] {
	e := s.engine
	return rows[store.Fence]{e, e.Fence, e.FenceByExternalID, func(f *store.Fence) row { return row{f.ID, f.ExternalID, &f.Version} },
		"fence_id", v1.ErrorReason_FENCE_NOT_FOUND}
}

func (s *Server) campaigns() rows[campaign.Campaign] {
	e := s.engine
	return rows[campaign.Campaign]{e, e.Campaign, e.CampaignByExternalID, func(c *campaign.Campaign) row { return row{c.ID, c.ExternalID, &c.Version} },
		"campaign_id", v1.ErrorReason_CAMPAIGN_NOT_FOUND}
}

// find finds a row of the caller's brand by its id or, without one, by the brand's own.
func (r rows[T]) find(c *Caller, id, externalID string) (*T, error) {
	if id != "" {
		found, err := r.byID(c.Brand, parseID(id))
		return found, missing(err, r.notFound, r.idKey, id)
	}
	found, err := r.byName(c.Brand, externalID)
	return found, missing(err, r.notFound, "external_id", externalID)
}

// free refuses a brand's own id that another row has.
func (r rows[T]) free(c *Caller, externalID string) error {
	if externalID == "" {
		return nil
	}
	if taken, err := r.byName(c.Brand, externalID); err == nil {
		return refuse(codes.AlreadyExists, v1.ErrorReason_EXTERNAL_ID_TAKEN, "the brand's own id is taken",
			"external_id", externalID, "id", r.names(taken).id.String())
	}
	return nil
}

// write writes a change that holds one such row, on the etag that was given, and gives the row its new version.
func (r rows[T]) write(w write, of *T, change engine.CatalogueWrite) error {
	n := r.names(of)
	change.BrandID, change.Actor, change.Expect = w.caller.Brand, w.caller.by(), expect(n.id, w.etag)
	version, err := r.engine.Write(w.ctx, change)
	*n.version = version
	return w.conflict(err, n.externalID, r.etagNow(w.caller, n.id))
}

// etagNow is a row's etag as this node knows it; empty for one that is gone.
func (r rows[T]) etagNow(c *Caller, id uuid.UUID) string {
	now, err := r.byID(c.Brand, id)
	if err != nil {
		return ""
	}
	return etagOf(*r.names(now).version)
}
