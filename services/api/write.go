package api

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

// write is one write of the catalogue: by whom, and on which etag.
type write struct {
	ctx    context.Context
	caller *Caller
	etag   string
}

// conflict names what a write ran into.
func (w write) conflict(err error, externalID, etag string) error {
	switch {
	case errors.Is(err, engine.ErrStale):
		return refuse(codes.Aborted, v1.ErrorReason_ETAG_MISMATCH, "changed since it was read: read it again", "etag", etag)
	case errors.Is(err, engine.ErrAlreadyExists):
		return refuse(codes.AlreadyExists, v1.ErrorReason_EXTERNAL_ID_TAKEN, "the brand's own id is taken", "external_id", externalID)
	}
	return err
}
