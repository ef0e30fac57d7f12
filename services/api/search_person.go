package api

import (
	"context"
	"errors"
	"log/slog"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

// foundFor is what a search found, and whose offers that is about.
type foundFor struct {
	stores  []engine.FoundStore
	more    bool
	whose   v1.SearchStoresResponse_OffersFor
	refusal v1.SearchStoresResponse_Refusal
}

// search answers a query: for the person of the device token beside an app key, if it asks for offers, else for anyone.
func (s *storeService) search(ctx context.Context, c *Caller, q *engine.StoreQuery, room []engine.FoundStore) (f foundFor, err error) {
	if q.WithOffer {
		f.whose = v1.SearchStoresResponse_ANYONE
		if token := tokenBeside(ctx, c); token != "" {
			return s.searchFor(ctx, c, token, q, room)
		}
	}
	f.stores, f.more, err = s.engine.SearchStores(c.Brand, q, room)
	return f, err
}

// tokenBeside is what an app brings beside its key; a server's key is not a device token.
func tokenBeside(ctx context.Context, c *Caller) string {
	if c.Kind != v1.Access_APP {
		return ""
	}
	return bearerOf(ctx)
}

// searchFor answers a query for the person of a device token. Whatever speaks against that costs the person's own answer,
// not the search.
func (s *storeService) searchFor(ctx context.Context, c *Caller, token string, q *engine.StoreQuery, room []engine.FoundStore) (foundFor, error) {
	f := foundFor{whose: v1.SearchStoresResponse_PERSON}
	refused, err := "", error(nil)
	if f.stores, f.more, refused, err = s.searchPerson(ctx, c, token, q, room); err == nil && refused == "" {
		return f, nil
	}
	f.whose = v1.SearchStoresResponse_ANYONE
	if err == nil {
		f.refusal = refusalOf(refused)
		return f, nil
	}
	if ctx.Err() != nil {
		return foundFor{}, ctx.Err()
	}
	f.refusal = s.refusedFor(ctx, err)
	f.stores, f.more, err = s.engine.SearchStores(c.Brand, q, room)
	return f, err
}

// searchPerson asks the engine. refused: a gate spoke against it, and the answer is for anyone.
func (s *storeService) searchPerson(ctx context.Context, c *Caller, token string, q *engine.StoreQuery, room []engine.FoundStore) (found []engine.FoundStore, more bool, refused string, err error) {
	m := s.methods[v1.StoreService_SearchStores_FullMethodName]
	phone, err := s.authenticatePhone(ctx, m, &Caller{Brand: c.Brand, Key: c.Key}, token)
	if err != nil {
		return nil, false, "", err
	}
	found, more, why, err := s.engine.SearchStoresFor(ctx, phone.Brand, phone.Device, q, room)
	if errors.Is(err, engine.ErrNotFound) || errors.Is(err, engine.ErrGone) {
		err = unknownDevice()
	}
	return found, more, string(why), err
}

// refusedFor is the contract's word for an error; one that is a fault of ours is logged.
func (s *storeService) refusedFor(ctx context.Context, err error) v1.SearchStoresResponse_Refusal {
	answer, fault := statusOf(err)
	if fault {
		s.log.LogAttrs(ctx, slog.LevelWarn, "a search could not be for its person", slog.String("error", err.Error()))
	}
	for _, detail := range status.Convert(answer).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return refusalOf(info.GetReason())
		}
	}
	return v1.SearchStoresResponse_TRY_AGAIN
}

// refusalOf is the contract's word for a reason of ours.
func refusalOf(reason string) v1.SearchStoresResponse_Refusal {
	if code, ok := v1.SearchStoresResponse_Refusal_value[reason]; ok {
		return v1.SearchStoresResponse_Refusal(code)
	}
	return v1.SearchStoresResponse_TRY_AGAIN
}
