package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
)

func agreeing(recipient, purpose string, at time.Time) *v1.Consent {
	c := consent(v1.Consent_LOC_THIRD_PARTY)
	c.Recipient, c.RecipientPurpose, c.OccurredTime = recipient, purpose, timestamppb.New(at)
	return c
}

func (tn *tenant) says(phone *v1.RegisterDeviceResponse, consents ...*v1.Consent) ([]*v1.Consent, error) {
	r, err := v1.NewDeviceServiceClient(tn.f.conn).RecordConsents(tn.phone(phone.GetDeviceToken()), &v1.RecordConsentsRequest{RequestId: uuid.NewString(), Consents: consents})
	return r.GetConsents(), err
}

// TestThirdPartyIsToldByConsent: a third party learns where and when somebody was only of who named it, and only while that
// stands; what it was told stands in the person's own records.
func TestThirdPartyIsToldByConsent(t *testing.T) {
	f := newFixture(t)
	tn, r := f.tenant(), newReceiver(t)
	d := f.tells(r)
	shop := tn.store("s1")
	_, err := v1.NewFenceServiceClient(f.conn).CreateFence(tn.server(), &v1.CreateFenceRequest{RequestId: uuid.NewString(), Fence: &v1.Fence{
		ExternalId: "walls", Purpose: v1.Fence_VISIT, StoreId: shop.GetId(), Shape: &v1.Fence_Circle_{Circle: &v1.Fence_Circle{RadiusMeters: 50}},
		Rules: &v1.PresenceRules{Policy: v1.PresenceRules_EXACT}}})
	require.NoError(t, err)
	tn.webhook(r, func(w *v1.Webhook) {
		w.Recipient, w.RecipientName, w.RecipientPurpose = v1.Webhook_THIRD_PARTY, "몰앤코", "방문 통계"
	})
	report := func(phone *v1.RegisterDeviceResponse, lat float64) {
		_, err := v1.NewLocationServiceClient(f.conn).ReportPings(tn.phone(phone.GetDeviceToken()), &v1.ReportPingsRequest{AppState: v1.Ping_FOREGROUND,
			Pings: []*v1.Ping{pingAt(lat, shopLng, f.clock.Now())}})
		require.NoError(t, err)
	}
	agreed, silent, other, elsewhere := tn.device(), tn.device(), tn.device(), tn.device()
	stands, err := tn.says(agreed, agreeing("몰앤코", "방문 통계", noon), agreeing("Mall B", "ads", noon))
	require.NoError(t, err)
	named := map[string]string{}
	for _, c := range stands {
		if c.GetPurpose() == v1.Consent_LOC_THIRD_PARTY {
			named[c.GetRecipient()] = c.GetRecipientPurpose() + " " + c.GetState().String()
		}
	}
	require.Equal(t, map[string]string{"몰앤코": "방문 통계 GRANTED", "Mall B": "ads GRANTED"}, named)
	_, err = tn.says(other, agreeing("Mall B", "방문 통계", noon))
	require.NoError(t, err)
	_, err = tn.says(elsewhere, agreeing("몰앤코", "ads", noon))
	require.NoError(t, err)
	_, err = tn.says(silent, agreeing("", "방문 통계", noon))
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD)
	require.ErrorContains(t, err, "recipient")

	for _, phone := range []*v1.RegisterDeviceResponse{agreed, silent, other, elsewhere} {
		report(phone, shopLat)
	}
	f.settle(d)
	require.Equal(t, []string{"visit.entered"}, r.types(), "of one of four")
	told := r.events[0]
	require.Equal(t, "s1", told.GetData().GetVisit().GetStoreExternalId())
	require.Equal(t, noon, told.GetTimestamp().AsTime())
	require.NotEqual(t, agreed.GetPersonId(), told.GetData().GetPersonId(), "a pseudonym")
	require.Empty(t, told.GetData().GetVisit().GetDeviceId())
	provided := func(phone *v1.RegisterDeviceResponse) (n int) {
		uses, err := v1.NewDeviceServiceClient(f.conn).ListLocationUses(tn.phone(phone.GetDeviceToken()), &v1.ListLocationUsesRequest{})
		require.NoError(t, err)
		for _, u := range uses.GetLocationUses() {
			if u.GetRecipient() == "몰앤코" {
				require.Equal(t, "loc_third_party", u.GetPurpose())
				n++
			}
		}
		return n
	}
	require.Equal(t, []int{1, 0, 0, 0}, []int{provided(agreed), provided(silent), provided(other), provided(elsewhere)})

	// An attempt that fails is recorded once, however often it is made; after the withdrawal it is not made again.
	r.answer(http.StatusServiceUnavailable)
	f.clock.Set(noon.Add(time.Minute).UnixMilli())
	report(agreed, shopLat+0.01)
	f.settle(d)
	require.Equal(t, 2, provided(agreed))
	no := agreeing("몰앤코", "", noon.Add(2*time.Minute))
	no.State = v1.Consent_WITHDRAWN
	f.clock.Set(noon.Add(2 * time.Minute).UnixMilli())
	_, err = tn.says(agreed, no)
	require.NoError(t, err)
	r.answer(http.StatusOK)
	f.clock.Set(noon.Add(10 * time.Minute).UnixMilli()) // the endpoint is left alone for a while
	f.settle(d)
	report(agreed, shopLat)
	f.settle(d)
	require.Len(t, r.types(), 1, "neither the exit that waited nor the visit after it")
	require.Equal(t, 2, provided(agreed))
}

// The records of a person's own come a page at a time, the latest first, each once, also those of one instant.
func TestLocationUsesByPages(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	phone := tn.device()
	ctx := tn.phone(phone.GetDeviceToken())
	letters := f.directory.(*postgres.Store).Letters()
	key := engine.PersonKey{BrandID: tn.id, PersonID: parseID(phone.GetPersonId())}
	want := map[string]bool{}
	for i := range 11 {
		at := noon.Add(time.Duration(i/4) * time.Minute)
		use := engine.LocationUse{ID: uuid.New(), Purpose: "loc_third_party", Method: "webhook", Path: "os_api", Recipient: "Mall", From: at, Until: at}
		require.NoError(t, letters.Provide(t.Context(), key, use))
		want[use.ID.String()] = true
	}
	got, token, last := map[string]bool{}, "", noon.Add(time.Hour)
	for pages := 0; pages == 0 || token != ""; pages++ {
		require.Less(t, pages, 5)
		list, err := v1.NewDeviceServiceClient(f.conn).ListLocationUses(ctx, &v1.ListLocationUsesRequest{PageSize: 3, PageToken: token})
		require.NoError(t, err)
		for _, u := range list.GetLocationUses() {
			require.False(t, got[u.GetId()], "twice")
			require.False(t, u.GetStartTime().AsTime().After(last))
			got[u.GetId()], last = true, u.GetStartTime().AsTime()
		}
		token = list.GetNextPageToken()
	}
	require.Equal(t, want, got)
}
