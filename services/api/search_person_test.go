package api

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

// uses are the location-use records of a device's person.
func (tn *tenant) uses(d *v1.RegisterDeviceResponse) []*v1.LocationUse {
	tn.f.t.Helper()
	r, err := v1.NewDeviceServiceClient(tn.f.conn).ListLocationUses(tn.phone(d.GetDeviceToken()), &v1.ListLocationUsesRequest{})
	require.NoError(tn.f.t, err)
	return r.GetLocationUses()
}

// offers asks for the stores with an offer and says which, whose, and why not the caller's own.
func (tn *tenant) offers(ctx context.Context, change ...func(*v1.SearchStoresRequest)) (ids string, whose v1.SearchStoresResponse_OffersFor, why v1.SearchStoresResponse_Refusal) {
	tn.f.t.Helper()
	r := here()
	r.WithOffer = true
	for _, c := range change {
		c(r)
	}
	answer, err := v1.NewStoreServiceClient(tn.f.conn).SearchStores(ctx, r)
	require.NoError(tn.f.t, err)
	for _, s := range answer.GetStores() {
		require.True(tn.f.t, s.GetHasOffer())
	}
	return strings.Join(foundIDs(answer), " "), answer.GetOffersFor(), answer.GetRefusal()
}

const (
	aPersons = v1.SearchStoresResponse_PERSON
	anyones  = v1.SearchStoresResponse_ANYONE
)

// With a device token, offers are those that its person could still win: once a coupon is won, its store is found by
// others only.
func TestSearchStoresWithAnOfferForMe(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.fence(tn.store("s1"))
	tn.put(func(*v1.Store) {}, "s2", 0.03)
	tn.put(func(*v1.Store) {}, "s3", 0.04)
	tn.campaign("c1", "s1")
	tn.campaign("c2", "s2")
	me, other := tn.device(), tn.device()
	mine := tn.phone(me.GetDeviceToken())
	requireOffers := func(ctx context.Context, ids string, whose v1.SearchStoresResponse_OffersFor) {
		t.Helper()
		gotIDs, gotWhose, why := tn.offers(ctx)
		require.Equal(t, ids, gotIDs)
		require.Equal(t, whose, gotWhose)
		require.Zero(t, why)
	}
	requireOffers(mine, "s1 s2", aPersons)
	require.Len(t, tn.uses(me), 1)
	require.Equal(t, "phone", tn.uses(me)[0].GetSource())
	requireOffers(mine, "s1 s2", aPersons)
	require.Len(t, tn.uses(me), 1, "one covers a quarter of an hour")

	f.clock.Set(noon.Add(time.Hour).UnixMilli())
	answer, err := v1.NewLocationServiceClient(f.conn).ReportPings(mine, &v1.ReportPingsRequest{
		AppState: v1.Ping_FOREGROUND, Pings: []*v1.Ping{pingAt(shopLat, shopLng, f.clock.Now())},
	})
	require.NoError(t, err)
	require.NotNil(t, answer.GetInAppMessage().GetCoupon())
	requireOffers(mine, "", aPersons) // within the minimum gap nothing can be won
	f.clock.Set(noon.Add(2 * time.Hour).UnixMilli())
	requireOffers(mine, "s2", aPersons)
	requireOffers(tn.phone(other.GetDeviceToken()), "s1 s2", aPersons)
	requireOffers(tn.appOnly(), "s1 s2", anyones)
	requireOffers(tn.server(), "s1 s2", anyones)
	require.Len(t, tn.uses(other), 1)

	// Page by page, each about the same person.
	var paged []string
	r := here()
	r.WithOffer, r.PageSize = true, 1
	for {
		page, err := v1.NewStoreServiceClient(f.conn).SearchStores(tn.phone(other.GetDeviceToken()), r)
		require.NoError(t, err)
		require.Equal(t, aPersons, page.GetOffersFor())
		paged = append(paged, foundIDs(page)...)
		if r.PageToken = page.GetNextPageToken(); r.PageToken == "" {
			break
		}
	}
	require.Equal(t, []string{"s1", "s2"}, paged)

	// Whoever wants no advertisement gets none, asked for or not.
	refusal := consent(v1.Consent_AD_PUSH)
	refusal.State, refusal.OccurredTime = v1.Consent_WITHDRAWN, f.server.now()
	_, err = v1.NewDeviceServiceClient(f.conn).RecordConsents(mine, &v1.RecordConsentsRequest{RequestId: uuid.NewString(), Consents: []*v1.Consent{refusal}})
	require.NoError(t, err)
	requireOffers(mine, "", aPersons)
}

// Whatever speaks against looking at a person costs that person's own answer, never the search.
func TestSearchStoresFallsBackToAnyone(t *testing.T) {
	f := newFixture(t)
	tn, stranger := f.tenant(), f.tenant()
	tn.store("s1")
	tn.campaign("c1", "s1")
	me, theirs, gone := tn.device(), stranger.device(), tn.device()
	devices := v1.NewDeviceServiceClient(f.conn)
	_, err := devices.DeleteMe(tn.phone(gone.GetDeviceToken()), &v1.DeleteMeRequest{RequestId: uuid.NewString()})
	require.NoError(t, err)
	young, err := devices.RegisterDevice(tn.appOnly(), &v1.RegisterDeviceRequest{RequestId: uuid.NewString(), Platform: v1.Device_IOS})
	require.NoError(t, err)
	requireAnyones := func(token string, want v1.SearchStoresResponse_Refusal) {
		t.Helper()
		ids, whose, why := tn.offers(tn.phone(token))
		require.Equal(t, want, why)
		require.Equal(t, anyones, whose)
		require.Equal(t, "s1", ids)
	}
	requireAnyones("garbled", v1.SearchStoresResponse_DEVICE_TOKEN_INVALID)
	requireAnyones(tn.owner, v1.SearchStoresResponse_DEVICE_TOKEN_INVALID)
	requireAnyones(theirs.GetDeviceToken(), v1.SearchStoresResponse_DEVICE_TOKEN_INVALID)
	requireAnyones(gone.GetDeviceToken(), v1.SearchStoresResponse_DEVICE_UNKNOWN)
	requireAnyones(young.GetDeviceToken(), v1.SearchStoresResponse_AGE_UNKNOWN)
	require.Empty(t, stranger.uses(theirs), "another brand's person is not looked at")
	ids, whose, why := stranger.offers(stranger.phone(theirs.GetDeviceToken()))
	require.Equal(t, "", ids)
	require.Equal(t, aPersons, whose)
	require.Zero(t, why)

	_, err = devices.PauseLocation(tn.phone(me.GetDeviceToken()), &v1.PauseLocationRequest{RequestId: uuid.NewString()})
	require.NoError(t, err)
	requireAnyones(me.GetDeviceToken(), v1.SearchStoresResponse_LOCATION_PAUSED)
	require.Empty(t, tn.uses(me))
	_, err = devices.ResumeLocation(tn.phone(me.GetDeviceToken()), &v1.ResumeLocationRequest{RequestId: uuid.NewString()})
	require.NoError(t, err)
	clinic := &v1.Fence{ExternalId: "clinic", Purpose: v1.Fence_OTHER, Tags: []string{engine.SensitiveTag}, Shape: &v1.Fence_Circle_{Circle: &v1.Fence_Circle{
		RadiusMeters: 50, Latitude: proto.Float64(shopLat), Longitude: proto.Float64(shopLng),
	}}}
	_, err = v1.NewFenceServiceClient(f.conn).CreateFence(tn.server(), &v1.CreateFenceRequest{RequestId: uuid.NewString(), Fence: clinic})
	require.NoError(t, err)
	requireAnyones(me.GetDeviceToken(), v1.SearchStoresResponse_SENSITIVE_PLACE)
	f.clock.Set(noon.Add(31 * 24 * time.Hour).UnixMilli())
	requireAnyones(me.GetDeviceToken(), v1.SearchStoresResponse_DEVICE_TOKEN_EXPIRED)
}

// Every gate that may refuse has its word in the contract, spelled as for pings.
func TestSearchRefusalsArePings(t *testing.T) {
	for name, number := range v1.SearchStoresResponse_Refusal_value {
		if number >= 10 {
			require.Equal(t, v1.PingRefusal_Code_value[name], number, name)
		}
		if number > 0 {
			require.Equal(t, number, int32(refusalOf(name)))
		}
	}
	for name, number := range v1.PingRefusal_Code_value {
		if number >= 10 && number < 80 {
			require.Equal(t, number, v1.SearchStoresResponse_Refusal_value[name], name)
		}
	}
	require.Equal(t, v1.SearchStoresResponse_TRY_AGAIN, refusalOf("OF_ANOTHER_VERSION"))
}
