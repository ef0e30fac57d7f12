package api

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// Caller is who calls. Only authentication makes one, so its brand and person are never a request's claim.
type Caller struct {
	Brand uuid.UUID
	Kind  v1.Access_Caller
	Key   *brand.Key // the app key, or the API key
	// Of a phone.
	Device uuid.UUID
	Person uuid.UUID
	// erased: the device is gone, and may only hear again what it was told of that.
	erased bool
}

// by is the caller in records of who did what.
func (c *Caller) by() string {
	if c.Kind == v1.Access_PHONE {
		return "device:" + c.Device.String()
	}
	return "key:" + c.Key.ID.String()
}

// mayStore refuses a store that the key is not for. The zero store is the brand as a whole.
func (c *Caller) mayStore(store uuid.UUID) error {
	if c.Kind != v1.Access_SERVER || c.Key.AllowsStore(store) {
		return nil
	}
	var values []string
	if store != uuid.Nil {
		values = []string{"store_id", store.String()}
	}
	return refuse(codes.PermissionDenied, v1.ErrorReason_STORE_NOT_ALLOWED, "the key is limited to other stores", values...)
}

// deviceFor is the device that a request is about: a phone's own, whatever the request names, or the one a server names.
func (c *Caller) deviceFor(named string) (uuid.UUID, error) {
	if c.Kind == v1.Access_PHONE {
		return c.Device, nil
	}
	id, err := uuid.Parse(named)
	if err != nil {
		var fs faults
		fs.add("device_id", v1.ErrorReason_INVALID_FIELD, "a server names the device")
		return id, fs.err()
	}
	return id, nil
}

type callerKey struct{}

// callerOf is the caller of an admitted request.
func callerOf(ctx context.Context) *Caller { return ctx.Value(callerKey{}).(*Caller) }

// What callers bring.
const (
	appKeyHeader  = "wantgo-app-key"
	refreshWithin = 90 * 24 * time.Hour
)

// authenticate finds out who calls, among the kinds that the method admits.
func (s *Server) authenticate(ctx context.Context, m *method) (*Caller, error) {
	appKey, bearer := header(ctx, appKeyHeader), bearerOf(ctx)
	if appKey == "" {
		return s.authenticateServer(bearer)
	}
	key, err := s.engine.KeyBySecret(appKey)
	if err != nil || key.Kind != brand.AppKey {
		return nil, noKey(err)
	}
	app := &Caller{Brand: key.BrandID, Kind: v1.Access_APP, Key: key}
	if m.admits(v1.Access_APP) {
		return app, nil // a device token beside it, perhaps one that ran out, changes nothing
	}
	if !m.admits(v1.Access_PHONE) {
		return app, nil
	}
	return s.authenticatePhone(ctx, m, app, bearer)
}

func (s *Server) authenticateServer(secret string) (*Caller, error) {
	key, err := s.engine.KeyBySecret(secret)
	if err != nil || key.Kind != brand.APIKey {
		return nil, noKey(err)
	}
	return &Caller{Brand: key.BrandID, Kind: v1.Access_SERVER, Key: key}, nil
}

func (s *Server) authenticatePhone(ctx context.Context, m *method, c *Caller, token string) (*Caller, error) {
	if token == "" {
		return nil, noToken()
	}
	var allowExpired time.Duration
	if m.name == v1.DeviceService_RefreshDeviceToken_FullMethodName {
		allowExpired = refreshWithin
	}
	device, err := s.engine.Device(ctx, token, allowExpired)
	gone := errors.Is(err, engine.ErrNotFound) || errors.Is(err, engine.ErrGone)
	c.Kind, c.Device, c.Person = v1.Access_PHONE, device.DeviceID, device.PersonID
	switch {
	case gone && m.name == v1.DeviceService_DeleteMe_FullMethodName && device.BrandID == c.Brand && device.DeviceID != uuid.Nil:
		c.erased = true
		return c, nil
	case gone:
		return nil, unknownDevice()
	case device.Previous && m.name == v1.DeviceService_IdentifyPerson_FullMethodName && device.BrandID == c.Brand:
		return c, nil // a repeat whose answer was lost, with the word of the brand's backend about the person
	case errors.Is(err, engine.ErrUnauthenticated):
		return nil, noToken()
	case err != nil:
		return nil, err
	case device.BrandID != c.Brand:
		return nil, noToken()
	}
	return c, nil
}

func noKey(err error) error {
	if err != nil && !errors.Is(err, engine.ErrUnauthenticated) && !errors.Is(err, engine.ErrNotFound) && !errors.Is(err, brand.ErrKey) {
		return err
	}
	return refuse(codes.Unauthenticated, v1.ErrorReason_KEY_INVALID, "no key, or none that we know")
}

func noToken() error {
	return refuse(codes.Unauthenticated, v1.ErrorReason_DEVICE_TOKEN_INVALID, "no device token, or not one of ours")
}

func unknownDevice() error {
	return refuse(codes.Unauthenticated, v1.ErrorReason_DEVICE_UNKNOWN, "the device is not registered (any more)")
}

func header(ctx context.Context, name string) string {
	if values := metadata.ValueFromIncomingContext(ctx, name); len(values) == 1 {
		return values[0]
	}
	return ""
}

func bearerOf(ctx context.Context) string {
	scheme, token, ok := strings.Cut(header(ctx, "authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// admit lets a caller through to a method, or says why not.
func (c *Caller) admit(m *method) error {
	if !m.admits(c.Kind) {
		return refuse(codes.PermissionDenied, v1.ErrorReason_CALLER_NOT_ALLOWED, "this kind of caller may not call this method",
			"caller", c.Kind.String())
	}
	if c.Kind != v1.Access_SERVER {
		return nil
	}
	scope := brand.Scope(m.access.GetScope())
	if scope == "" || !c.Key.Has(scope) {
		return refuse(codes.PermissionDenied, v1.ErrorReason_SCOPE_MISSING, "the key lacks a scope", "scope", string(scope))
	}
	if !scope.PerStore() {
		return c.mayStore(uuid.Nil)
	}
	return nil
}
