package api

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/seal"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// fixture is a real server on a real engine on a database of the test's own, with a connection to it.
type fixture struct {
	t         testing.TB
	engine    *engine.Engine
	directory engine.Directory
	url       string // of its database
	server    *Server
	conn      *grpc.ClientConn
	clock     *engine.VirtualClock
}

// noon in Seoul, a Sunday: no quiet hours.
var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func newFixture(t testing.TB, change ...func(*Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: &engine.VirtualClock{}}
	f.clock.Set(noon.UnixMilli())
	f.url = postgrestest.URL(t)
	storage := postgrestest.Open(t, f.url, postgres.Options{})
	f.directory = storage
	keeper, err := seal.New(seal.NewRoot())
	require.NoError(t, err)
	f.engine, err = engine.New(t.Context(), engine.Config{Storage: storage, Requests: storage.Requests(), Keeper: keeper, Clock: f.clock, AllowUnsignedIdentity: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.engine.Close(context.Background())) })
	config := Config{Engine: f.engine, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Limits: Limits{Device: Rate{PerSecond: -1}, Key: Rate{PerSecond: -1}, App: Rate{PerSecond: -1}}}
	for _, c := range change {
		c(&config)
	}
	f.server, err = New(config)
	require.NoError(t, err)
	f.dial()
	return f
}

func (f *fixture) dial() {
	listener := bufconn.Listen(1 << 20)
	go func() { _ = f.server.GRPC().Serve(listener) }()
	f.t.Cleanup(f.server.GRPC().Stop)
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = conn.Close() })
	f.conn = conn
}

// tenant is one brand with its keys.
type tenant struct {
	f          *fixture
	id         uuid.UUID
	owner, app string
}

func (f *fixture) tenant(change ...func(*brand.Settings)) *tenant {
	f.t.Helper()
	b := brand.Brand{ID: uuid.New(), Name: "Wantgo Coffee", Settings: brand.Default(brand.KR), CreatedAt: noon}
	b.Settings.Filing = brand.Filing{Mode: brand.FilingRegistered, Number: "1", Date: noon.AddDate(-1, 0, 0)}
	b.Settings.SenderName, b.Settings.SenderContact = "Wantgo", "02-000-0000"
	for _, c := range change {
		c(&b.Settings)
	}
	owner := brand.Key{ID: uuid.New(), BrandID: b.ID, Kind: brand.APIKey, Name: "owner", Scopes: []brand.Scope{brand.ScopeAll}, CreatedAt: noon}
	app := brand.Key{ID: uuid.New(), BrandID: b.ID, Kind: brand.AppKey, Name: "app", CreatedAt: noon}
	tn := &tenant{f: f, id: b.ID, owner: brand.NewSecret(owner.Kind, owner.ID), app: brand.NewSecret(app.Kind, app.ID)}
	owner.Hash, app.Hash = brand.HashSecret(tn.owner), brand.HashSecret(tn.app)
	require.NoError(f.t, f.engine.CreateBrand(f.t.Context(), b, []brand.Key{owner, app}))
	return tn
}

func (tn *tenant) server() context.Context { return bearing(tn.f.t.Context(), tn.owner) }

func (tn *tenant) phone(token string) context.Context {
	return metadata.AppendToOutgoingContext(tn.f.t.Context(), appKeyHeader, tn.app, "authorization", "Bearer "+token)
}

func (tn *tenant) appOnly() context.Context {
	return metadata.AppendToOutgoingContext(tn.f.t.Context(), appKeyHeader, tn.app)
}

func bearing(ctx context.Context, secret string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+secret)
}

// device registers a phone whose owner is of age and has agreed to everything.
func (tn *tenant) device() *v1.RegisterDeviceResponse {
	t, devices := tn.f.t, v1.NewDeviceServiceClient(tn.f.conn)
	t.Helper()
	d, err := devices.RegisterDevice(tn.appOnly(), &v1.RegisterDeviceRequest{
		RequestId: uuid.NewString(), Platform: v1.Device_ANDROID, Locale: "ko", TimeZone: "Asia/Seoul",
		Age: &v1.RegisterDeviceRequest_MinimumAgeReached{MinimumAgeReached: true},
	})
	require.NoError(t, err)
	_, err = devices.RecordConsents(tn.phone(d.GetDeviceToken()), &v1.RecordConsentsRequest{
		RequestId: uuid.NewString(), Consents: []*v1.Consent{consent(v1.Consent_LOC_USE), consent(v1.Consent_AD_PUSH)},
	})
	require.NoError(t, err)
	return d
}

func consent(p v1.Consent_Purpose) *v1.Consent {
	return &v1.Consent{
		Purpose: p, State: v1.Consent_GRANTED, NoticeVersion: "1", NoticeHash: make([]byte, 32), Actor: v1.Consent_SELF,
		OccurredTime: timestamppb.New(noon.Add(-time.Minute)),
	}
}

const (
	shopLat = 37.5665
	shopLng = 126.9780
)

func aStore(externalID string) *v1.Store {
	lat, lng := shopLat, shopLng
	return &v1.Store{ExternalId: externalID, Names: map[string]string{"ko": "시청점"}, Latitude: &lat, Longitude: &lng}
}

func (tn *tenant) store(externalID string) *v1.Store {
	tn.f.t.Helper()
	r, err := v1.NewStoreServiceClient(tn.f.conn).CreateStore(tn.server(), &v1.CreateStoreRequest{
		RequestId: uuid.NewString(), Store: aStore(externalID),
	})
	require.NoError(tn.f.t, err)
	return r.GetStore()
}

func nearFence(store *v1.Store) *v1.Fence {
	return &v1.Fence{
		ExternalId: store.GetExternalId() + "/near", Purpose: v1.Fence_NEAR, StoreId: store.GetId(),
		Shape: &v1.Fence_Circle_{Circle: &v1.Fence_Circle{RadiusMeters: 100}},
		Rules: &v1.PresenceRules{Policy: v1.PresenceRules_EXACT},
	}
}

func (tn *tenant) fence(store *v1.Store) *v1.Fence {
	tn.f.t.Helper()
	r, err := v1.NewFenceServiceClient(tn.f.conn).CreateFence(tn.server(), &v1.CreateFenceRequest{
		RequestId: uuid.NewString(), Fence: nearFence(store),
	})
	require.NoError(tn.f.t, err)
	return r.GetFence()
}

func aCampaign(externalID, store string) *v1.Campaign {
	return &v1.Campaign{
		ExternalId: externalID, DisplayName: "Morning", Trigger: &v1.Trigger{
			Kinds: []v1.Moment_Kind{v1.Moment_ENTERED}, StoreExternalIds: []string{store},
		},
		Texts: map[string]*v1.CampaignText{"ko": {Title: "{store}", Body: "{offer} {coupon_code}"}},
		Offer: &v1.Offer{
			Titles: map[string]string{"ko": "라떼 30%"}, PerPersonLimit: 1,
			Validity: &v1.Offer_ValidFor{ValidFor: durationpb.New(2 * time.Hour)},
		},
	}
}

func (tn *tenant) campaign(externalID, store string) *v1.Campaign {
	tn.f.t.Helper()
	campaigns := v1.NewCampaignServiceClient(tn.f.conn)
	r, err := campaigns.CreateCampaign(tn.server(), &v1.CreateCampaignRequest{
		RequestId: uuid.NewString(), Campaign: aCampaign(externalID, store),
	})
	require.NoError(tn.f.t, err)
	live, err := campaigns.ActivateCampaign(tn.server(), &v1.ActivateCampaignRequest{
		RequestId: uuid.NewString(), Key: &v1.ActivateCampaignRequest_Id{Id: r.GetCampaign().GetId()}, Etag: r.GetCampaign().GetEtag(),
	})
	require.NoError(tn.f.t, err)
	return live.GetCampaign()
}

func pingAt(lat, lng float64, at time.Time) *v1.Ping {
	return &v1.Ping{Id: uuid.NewString(), Latitude: lat, Longitude: lng, AccuracyMeters: 10, ObservedTime: timestamppb.New(at)}
}

// reasonOf is the ErrorInfo's reason of a refusal.
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func fieldsOf(err error) (fields []string) {
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	return fields
}

func requireRefused(t *testing.T, err error, code codes.Code, reason v1.ErrorReason_Code) {
	t.Helper()
	require.Equal(t, code, status.Code(err), "%v", err)
	require.Equal(t, reason.String(), reasonOf(err), "%v", err)
}
