package api

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// Whatever names a person, the answer is about that person; a phone's is about its own, whatever it names.
func TestExplainBySubject(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.fence(tn.store("s1"))
	tn.campaign("c1", "s1")
	devices, decisions := v1.NewDeviceServiceClient(f.conn), v1.NewDecisionServiceClient(f.conn)
	d, stranger := tn.device(), tn.device()
	phone := tn.phone(d.GetDeviceToken())
	answer, err := v1.NewLocationServiceClient(f.conn).ReportPings(phone, &v1.ReportPingsRequest{
		AppState: v1.Ping_FOREGROUND, Pings: []*v1.Ping{pingAt(shopLat+0.01, shopLng, noon.Add(-time.Minute)), pingAt(shopLat, shopLng, noon)},
	})
	require.NoError(t, err)
	shown := answer.GetInAppMessage()
	require.NotNil(t, shown)
	_, err = devices.UpdatePushAddress(phone, &v1.UpdatePushAddressRequest{RequestId: uuid.NewString(),
		PushAddress: &v1.PushAddress{Provider: v1.PushAddress_FCM, Kind: v1.PushAddress_TOKEN, Value: "t"}})
	require.NoError(t, err)
	for name, r := range map[string]*v1.ExplainDecisionsRequest{
		"person": {Subject: &v1.ExplainDecisionsRequest_PersonId{PersonId: d.GetPersonId()}},
		"device": {Subject: &v1.ExplainDecisionsRequest_DeviceId{DeviceId: d.GetDevice().GetId()}},
		"coupon": {Subject: &v1.ExplainDecisionsRequest_CouponCode{CouponCode: strings.ToLower(shown.GetCoupon().GetCode())}},
	} {
		r.Locale = "ko"
		why, err := decisions.ExplainDecisions(tn.server(), r)
		require.NoError(t, err, name)
		require.Equal(t, d.GetPersonId(), why.GetPersonId(), name)
		require.Equal(t, "Asia/Seoul", why.GetTimeZone())
		require.Len(t, why.GetDecisions(), 1, name)
		require.Nil(t, why.GetCircumstances(), "nobody asked, and something was decided")
		won := why.GetDecisions()[0]
		require.Len(t, won.GetGates(), 16)
		for i, g := range won.GetGates() {
			require.Equal(t, v1.Decision_Gate(i+1), g.GetGate())
			require.Equal(t, v1.Decision_GateAnswer_PASSED, g.GetVerdict())
		}
		require.Equal(t, won.GetSentence(), won.GetSentences()["ko"])
		require.NotEqual(t, won.GetSentences()["en"], won.GetSentences()["ko"])
		require.Equal(t, "시청점", won.GetMoment().GetStoreDisplayName())
	}
	why, err := decisions.ExplainDecisions(tn.phone(stranger.GetDeviceToken()), &v1.ExplainDecisionsRequest{
		Subject: &v1.ExplainDecisionsRequest_CouponCode{CouponCode: shown.GetCoupon().GetCode()}})
	require.NoError(t, err)
	require.Equal(t, stranger.GetPersonId(), why.GetPersonId())
	require.Empty(t, why.GetDecisions())
	require.NotNil(t, why.GetCircumstances())
	for _, id := range []string{uuid.NewString(), shown.GetNotificationId() + "0"} {
		_, err = decisions.ExplainDecisions(tn.server(), &v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_DeliveryId{DeliveryId: id}})
		require.Contains(t, []codes.Code{codes.NotFound, codes.InvalidArgument}, status.Code(err), id)
	}
}

// Where nothing was decided, the answer says how things stand.
func TestExplainWhenNothingHappened(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.fence(tn.store("s1"))
	campaign := tn.campaign("c1", "s1")
	d := tn.device()
	phone := tn.phone(d.GetDeviceToken())
	location, decisions := v1.NewLocationServiceClient(f.conn), v1.NewDecisionServiceClient(f.conn)
	_, err := location.ReportPings(phone, &v1.ReportPingsRequest{Pings: []*v1.Ping{pingAt(shopLat+0.005, shopLng, noon)}})
	require.NoError(t, err)
	ask := &v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_PersonId{PersonId: d.GetPersonId()}, Locale: "ko"}
	why, err := decisions.ExplainDecisions(tn.server(), ask)
	require.NoError(t, err)
	now := why.GetCircumstances()
	require.Equal(t, v1.Circumstances_READY, now.GetStanding())
	require.Len(t, now.GetObstacles(), 1)
	require.Equal(t, v1.DecisionReason_UNREACHABLE, now.GetObstacles()[0].GetReason())
	require.Equal(t, v1.Decision_REACH, now.GetObstacles()[0].GetGate())
	require.Equal(t, now.GetObstacles()[0].GetSentences()["ko"], now.GetObstacles()[0].GetSentence())
	require.Len(t, now.GetConsents(), 2)
	require.Equal(t, v1.Consent_AD_PUSH, now.GetConsents()[0].GetPurpose())
	require.Equal(t, v1.Consent_GRANTED, now.GetConsents()[0].GetState())
	require.Len(t, now.GetDevices(), 1)
	require.Equal(t, v1.Circumstances_DeviceStanding_MISSING, now.GetDevices()[0].GetAddress())
	require.Equal(t, noon, now.GetLastContactTime().AsTime())
	require.Len(t, now.GetPings(), 1)
	require.EqualValues(t, 1, now.GetPings()[0].GetCount())
	require.Equal(t, "TAKEN", now.GetPings()[0].GetVerdict())
	require.Len(t, now.GetProspects(), 1)
	require.Equal(t, campaign.GetId(), now.GetProspects()[0].GetCampaignId())
	require.Equal(t, v1.DecisionReason_UNREACHABLE, now.GetProspects()[0].GetObstacle().GetReason())

	of, err := decisions.ExplainDecisions(phone, &v1.ExplainDecisionsRequest{})
	require.NoError(t, err)
	require.Empty(t, of.GetCircumstances().GetProspects(), "a phone is not told of campaigns")
	_, err = v1.NewDeviceServiceClient(f.conn).PauseLocation(phone, &v1.PauseLocationRequest{RequestId: uuid.NewString()})
	require.NoError(t, err)
	for range 3 {
		f.clock.Set(f.clock.Now().Add(time.Minute).UnixMilli())
		_, err = location.ReportPings(phone, &v1.ReportPingsRequest{Pings: []*v1.Ping{pingAt(shopLat, shopLng, f.clock.Now())}})
		require.NoError(t, err)
	}
	ask.StartTime, ask.EndTime = timestamppb.New(noon), timestamppb.New(noon.Add(time.Hour))
	why, err = decisions.ExplainDecisions(tn.server(), ask)
	require.NoError(t, err)
	now = why.GetCircumstances()
	require.NotNil(t, now.GetPauseStartTime())
	require.Nil(t, now.GetPauseEndTime())
	require.Equal(t, v1.DecisionReason_LOCATION_PAUSED, now.GetObstacles()[0].GetReason())
	require.Empty(t, now.GetProspects())
	require.Len(t, now.GetPings(), 2)
	require.Equal(t, "LOCATION_PAUSED", now.GetPings()[1].GetVerdict())
	require.EqualValues(t, 3, now.GetPings()[1].GetCount())
}

// A watch is told what happens, of its own brand's people only, and by keys that may read them.
func TestTailDecisions(t *testing.T) {
	f := newFixture(t)
	tn, other := f.tenant(), f.tenant()
	shop := tn.store("s1")
	tn.fence(shop)
	tn.campaign("c1", "s1")
	d := tn.device()
	phone := tn.phone(d.GetDeviceToken())
	decisions := v1.NewDecisionServiceClient(f.conn)
	by := &v1.TailDecisionsRequest{Subject: &v1.TailDecisionsRequest_DeviceId{DeviceId: d.GetDevice().GetId()}}
	stream, err := decisions.TailDecisions(tn.server(), by)
	require.NoError(t, err)
	began, err := stream.Recv()
	require.NoError(t, err)
	require.Equal(t, d.GetPersonId(), began.GetBegan().GetPersonId())
	_, err = v1.NewLocationServiceClient(f.conn).ReportPings(phone, &v1.ReportPingsRequest{AppState: v1.Ping_FOREGROUND,
		Pings: []*v1.Ping{pingAt(shopLat+0.01, shopLng, noon.Add(-time.Minute)), pingAt(shopLat, shopLng, noon.Add(-2*time.Second))}})
	require.NoError(t, err)
	var told []string
	for len(told) < 4 {
		r, err := stream.Recv()
		require.NoError(t, err)
		switch {
		case r.GetPing() != nil:
			told = append(told, r.GetPing().GetVerdict()+" "+r.GetPing().GetAge().AsDuration().String())
			require.EqualValues(t, 10, r.GetPing().GetAccuracyMeters())
		case r.GetTransition() != nil:
			told = append(told, r.GetTransition().GetKind().String()+" "+r.GetTransition().GetStoreExternalId())
		case r.GetDecision() != nil:
			told = append(told, r.GetDecision().GetReason().String())
			require.Len(t, r.GetDecision().GetGates(), 16)
		}
	}
	require.Equal(t, []string{"TAKEN 1m0s", "TAKEN 2s", "ENTERED s1", "WON"}, told)

	refused := func(key string, code codes.Code, reason v1.ErrorReason_Code) {
		t.Helper()
		stream, err := decisions.TailDecisions(bearing(t.Context(), key), by)
		require.NoError(t, err)
		_, err = stream.Recv()
		requireRefused(t, err, code, reason)
	}
	refused(other.owner, codes.NotFound, v1.ErrorReason_DEVICE_NOT_FOUND)
	for _, c := range []struct {
		key    *v1.Key
		reason v1.ErrorReason_Code
	}{
		{&v1.Key{Kind: v1.Key_API, DisplayName: "x", Scopes: []string{"stores:read"}}, v1.ErrorReason_SCOPE_MISSING},
	} {
		made, err := v1.NewKeyServiceClient(f.conn).CreateKey(tn.server(), &v1.CreateKeyRequest{RequestId: uuid.NewString(), Key: c.key})
		require.NoError(t, err)
		refused(made.GetSecret(), codes.PermissionDenied, c.reason)
		_, err = decisions.ExplainDecisions(bearing(t.Context(), made.GetSecret()), &v1.ExplainDecisionsRequest{
			Subject: &v1.ExplainDecisionsRequest_PersonId{PersonId: d.GetPersonId()}})
		requireRefused(t, err, codes.PermissionDenied, c.reason)
	}
	limited := &v1.Key{Kind: v1.Key_API, DisplayName: "x", Scopes: []string{"persons:read"}, StoreIds: []string{shop.GetId()}}
	made, err := v1.NewKeyServiceClient(f.conn).CreateKey(tn.server(), &v1.CreateKeyRequest{RequestId: uuid.NewString(), Key: limited})
	if err == nil { // a key of one store sees no people
		refused(made.GetSecret(), codes.PermissionDenied, v1.ErrorReason_STORE_NOT_ALLOWED)
	}
	onPhone, err := decisions.TailDecisions(phone, by)
	require.NoError(t, err)
	_, err = onPhone.Recv()
	require.Error(t, err)
}
