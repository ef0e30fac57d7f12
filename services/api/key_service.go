package api

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

type keyService struct {
	v1.UnimplementedKeyServiceServer
	*Server
}

// prefixLength is how much of a secret tells keys apart: its kind and the start of its id, nothing of the random part.
const prefixLength = len("wgapi_") + 8

func (s *Server) keyTo(k *brand.Key) *v1.Key {
	out := &v1.Key{
		Id: k.ID.String(), Kind: v1.Key_API, DisplayName: k.Name, State: v1.Key_ACTIVE, CreateTime: stamp(k.CreatedAt),
		Prefix: brand.NewSecret(k.Kind, k.ID)[:prefixLength],
	}
	switch {
	case k.Kind == brand.AppKey:
		out.Kind = v1.Key_APP
	case slices.Contains(k.Scopes, brand.ScopeAll):
		out.Kind = v1.Key_OWNER
	}
	for _, scope := range k.Scopes {
		if scope != brand.ScopeAll {
			out.Scopes = append(out.Scopes, string(scope))
		}
	}
	for _, id := range k.StoreIDs {
		out.StoreIds = append(out.StoreIds, id.String())
	}
	if !k.Live(s.engine.Now()) {
		out.State = v1.Key_REVOKED
	}
	return out
}

// CreateKey makes an app key or an API key.
func (s *keyService) CreateKey(ctx context.Context, r *v1.CreateKeyRequest) (*v1.CreateKeyResponse, error) {
	c := callerOf(ctx)
	k, err := s.keyFrom(c, r.GetKey())
	if err != nil {
		return nil, err
	}
	secret := brand.NewSecret(k.Kind, k.ID)
	k.Hash = brand.HashSecret(secret)
	if err := s.putKey(ctx, c, k); err != nil {
		return nil, err
	}
	return &v1.CreateKeyResponse{Key: s.keyTo(k), Secret: secret}, nil
}

// keyFrom reads a new key, which never holds more than the caller's own.
func (s *keyService) keyFrom(c *Caller, given *v1.Key) (*brand.Key, error) {
	now := s.engine.Now()
	k := &brand.Key{ID: engine.NewID(now), BrandID: c.Brand, Kind: brand.APIKey, Name: given.GetDisplayName(), CreatedAt: now}
	var fs faults
	switch given.GetKind() {
	case v1.Key_APP:
		k.Kind = brand.AppKey
	case v1.Key_OWNER:
		fs.add("key.kind", v1.ErrorReason_INVALID_FIELD, "an owner's key is made by `wantgo init`")
	}
	fs.unsupported(given.GetExpireTime() != nil, "key.expire_time", "revoke the key instead")
	for _, scope := range given.GetScopes() {
		if !c.Key.Has(brand.Scope(scope)) {
			return nil, refuse(codes.PermissionDenied, v1.ErrorReason_SCOPE_MISSING, "a key can give no scope that it lacks", "scope", scope)
		}
		k.Scopes = append(k.Scopes, brand.Scope(scope))
	}
	for _, id := range given.GetStoreIds() {
		if _, err := s.engine.Store(c.Brand, parseID(id)); err != nil {
			return nil, missing(err, v1.ErrorReason_STORE_NOT_FOUND, "store_id", id)
		}
		k.StoreIDs = append(k.StoreIDs, parseID(id))
	}
	fs = append(fs, faultsOf(k.Validate(), fieldNames{prefix: "key.", names: map[string]string{"name": "display_name"}})...)
	return k, fs.err()
}

func (s *Server) putKey(ctx context.Context, c *Caller, k *brand.Key) error {
	_, err := s.engine.Write(ctx, engine.CatalogueWrite{BrandID: c.Brand, Actor: c.by(), Keys: []brand.Key{*k}})
	return err
}

// ListKeys lists keys by id.
func (s *keyService) ListKeys(ctx context.Context, r *v1.ListKeysRequest) (*v1.ListKeysResponse, error) {
	keys, next, err := page(s.engine.Keys(callerOf(ctx).Brand), func(k *brand.Key) [16]byte { return k.ID }, nil, "keys",
		r.GetPageToken(), pageSize(r.GetPageSize(), smallPages))
	if err != nil {
		return nil, err
	}
	out := &v1.ListKeysResponse{NextPageToken: next}
	for _, k := range keys {
		out.Keys = append(out.Keys, s.keyTo(k))
	}
	return out, nil
}

// copyKey is a key of the brand that the caller may change: an owner's only by an owner.
func (s *keyService) copyKey(c *Caller, id string) (*brand.Key, error) {
	k, err := s.engine.Key(c.Brand, parseID(id))
	if err != nil {
		return nil, missing(err, v1.ErrorReason_KEY_NOT_FOUND, "key_id", id)
	}
	for _, scope := range k.Scopes {
		if !c.Key.Has(scope) {
			return nil, refuse(codes.PermissionDenied, v1.ErrorReason_SCOPE_MISSING, "the key holds more than the caller", "scope", string(scope))
		}
	}
	changed := *k
	return &changed, nil
}

// RotateKey gives a key a new secret; the old one stays valid for a while.
func (s *keyService) RotateKey(ctx context.Context, r *v1.RotateKeyRequest) (*v1.RotateKeyResponse, error) {
	c := callerOf(ctx)
	k, err := s.copyKey(c, r.GetId())
	if err != nil {
		return nil, err
	}
	secret, err := k.Rotate(s.engine.Now(), duration(r.GetGrace(), 24*time.Hour))
	if fs := faultsOf(err, fieldNames{names: map[string]string{"overlap": "grace"}}); fs != nil {
		return nil, fs.err()
	}
	if err != nil {
		return nil, err
	}
	if err := s.putKey(ctx, c, k); err != nil {
		return nil, err
	}
	return &v1.RotateKeyResponse{Key: s.keyTo(k), Secret: secret}, nil
}

// RevokeKey makes a key void; a revoked one stays revoked.
func (s *keyService) RevokeKey(ctx context.Context, r *v1.RevokeKeyRequest) (*v1.RevokeKeyResponse, error) {
	c := callerOf(ctx)
	k, err := s.copyKey(c, r.GetId())
	if err != nil {
		return nil, err
	}
	if k.RevokedAt.IsZero() {
		k.RevokedAt = s.engine.Now()
		k.PreviousHash, k.PreviousUntil = nil, time.Time{}
		if err := s.putKey(ctx, c, k); err != nil {
			return nil, err
		}
	}
	return &v1.RevokeKeyResponse{Key: s.keyTo(k)}, nil
}
