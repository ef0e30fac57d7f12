package api

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// TestPingBecomesCoupon goes the whole way through the API: a store, its fence, a campaign, a phone, a ping, a coupon,
// its redemption and why.
func TestPingBecomesCoupon(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	shop := tn.store("s1")
	fence := tn.fence(shop)
	tn.campaign("c1", "s1")
	d := tn.device()
	ctx, location := tn.phone(d.GetDeviceToken()), v1.NewLocationServiceClient(f.conn)

	report := &v1.ReportPingsRequest{
		AppState: v1.Ping_FOREGROUND,
		Pings:    []*v1.Ping{pingAt(shopLat+0.01, shopLng, noon.Add(-time.Minute)), pingAt(shopLat, shopLng, noon.Add(-time.Second))},
	}
	answer, err := location.ReportPings(ctx, report)
	require.NoError(t, err)
	require.Len(t, answer.GetResults(), 2)
	require.Empty(t, answer.GetResults()[0].GetTransitions())
	require.Len(t, answer.GetResults()[1].GetTransitions(), 1, "%v", answer)
	entered := answer.GetResults()[1].GetTransitions()[0]
	require.Equal(t, v1.Transition_ENTERED, entered.GetKind())
	require.Equal(t, fence.GetId(), entered.GetFenceId())
	require.Equal(t, "s1", entered.GetStoreExternalId())
	require.Equal(t, v1.Fence_NEAR, entered.GetPurpose())
	shown := answer.GetInAppMessage()
	require.NotNil(t, shown)
	require.Contains(t, shown.GetTitle(), "(광고)")
	coupon := shown.GetCoupon()
	require.Equal(t, v1.Coupon_ISSUED, coupon.GetState())

	again, err := location.ReportPings(ctx, report)
	require.NoError(t, err)
	require.True(t, again.GetResults()[1].GetDuplicate())
	require.Equal(t, entered.GetId(), again.GetResults()[1].GetTransitions()[0].GetId())
	require.Equal(t, coupon.GetId(), again.GetInAppMessage().GetCoupon().GetId())

	wallet := v1.NewWalletServiceClient(f.conn)
	list, err := wallet.ListCoupons(ctx, &v1.ListCouponsRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetCoupons(), 1)

	stranger := tn.device()
	byStranger := &v1.RedeemCouponRequest{
		RequestId: uuid.NewString(), Coupon: &v1.RedeemCouponRequest_CouponId{CouponId: coupon.GetId()},
		Store: &v1.RedeemCouponRequest_StoreId{StoreId: shop.GetId()},
	}
	_, err = wallet.RedeemCoupon(tn.phone(stranger.GetDeviceToken()), byStranger)
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_COUPON_NOT_FOUND)
	_, err = wallet.GetCoupon(tn.phone(stranger.GetDeviceToken()), &v1.GetCouponRequest{Key: &v1.GetCouponRequest_Code{Code: coupon.GetCode()}})
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_COUPON_NOT_FOUND)

	redeem := &v1.RedeemCouponRequest{
		RequestId: uuid.NewString(), Coupon: &v1.RedeemCouponRequest_Code{Code: coupon.GetCode()},
		Store: &v1.RedeemCouponRequest_StoreExternalId{StoreExternalId: "s1"},
	}
	first, err := wallet.RedeemCoupon(tn.server(), redeem)
	require.NoError(t, err)
	repeat, err := wallet.RedeemCoupon(tn.server(), redeem)
	require.NoError(t, err)
	require.Equal(t, first.GetRedemption().GetId(), repeat.GetRedemption().GetId())
	redeem.RequestId = uuid.NewString()
	_, err = wallet.RedeemCoupon(tn.server(), redeem)
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_COUPON_REDEEMED)

	why, err := v1.NewDecisionServiceClient(f.conn).ExplainDecisions(ctx, &v1.ExplainDecisionsRequest{Locale: "en"})
	require.NoError(t, err)
	require.Len(t, why.GetDecisions(), 1)
	require.Equal(t, v1.DecisionReason_WON, why.GetDecisions()[0].GetReason())
	require.Equal(t, "s1", why.GetDecisions()[0].GetMoment().GetStoreExternalId())
}

func TestStreamPings(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.fence(tn.store("s1"))
	d := tn.device()
	stream, err := v1.NewLocationServiceClient(f.conn).StreamPings(tn.phone(d.GetDeviceToken()))
	require.NoError(t, err)
	for i, lat := range []float64{shopLat + 0.01, shopLat, shopLat + 0.01} {
		ping := pingAt(lat, shopLng, noon.Add(time.Duration(i-3)*time.Minute))
		require.NoError(t, stream.Send(&v1.StreamPingsRequest{Report: &v1.ReportPingsRequest{Pings: []*v1.Ping{ping}}}))
		answer, err := stream.Recv()
		require.NoError(t, err)
		require.Equal(t, ping.GetId(), answer.GetReport().GetResults()[0].GetPingId())
		require.Equal(t, i > 0, len(answer.GetReport().GetResults()[0].GetTransitions()) == 1)
	}
	require.NoError(t, stream.Send(&v1.StreamPingsRequest{}))
	_, err = stream.Recv()
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD)
}

func TestImportPings(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.fence(tn.store("s1"))
	devices, location := v1.NewDeviceServiceClient(f.conn), v1.NewLocationServiceClient(f.conn)
	for _, name := range []string{"a", "b"} {
		d, err := devices.RegisterDevice(tn.server(), &v1.RegisterDeviceRequest{
			RequestId: uuid.NewString(), Platform: v1.Device_SERVER, ExternalId: name,
			Age: &v1.RegisterDeviceRequest_MinimumAgeReached{MinimumAgeReached: true},
		})
		require.NoError(t, err)
		_, err = devices.RecordConsents(tn.server(), &v1.RecordConsentsRequest{
			RequestId: uuid.NewString(), DeviceId: d.GetDevice().GetId(), Consents: []*v1.Consent{consent(v1.Consent_LOC_USE)},
		})
		require.NoError(t, err)
	}
	imported := func(device string, lat float64, at time.Duration) *v1.ImportedPing {
		p := pingAt(lat, shopLng, noon.Add(at))
		p.Id = ""
		return &v1.ImportedPing{Device: &v1.ImportedPing_DeviceExternalId{DeviceExternalId: device}, Ping: p}
	}
	request := &v1.ImportPingsRequest{RequestId: uuid.NewString(), Pings: []*v1.ImportedPing{
		imported("a", shopLat+0.01, -5*time.Minute), imported("b", shopLat, -5*time.Minute), imported("nobody", shopLat, -4*time.Minute),
		imported("a", 91, -4*time.Minute), imported("a", shopLat, -3*time.Minute),
	}}
	answer, err := location.ImportPings(tn.server(), request)
	require.NoError(t, err)
	kinds := func(r *v1.ImportPingsResponse) (list []int) {
		for _, result := range r.GetResults() {
			list = append(list, len(result.GetTransitions()))
		}
		return list
	}
	require.Equal(t, []int{0, 1, 0, 0, 1}, kinds(answer))
	require.Equal(t, v1.PingRefusal_DEVICE_UNKNOWN, answer.GetResults()[2].GetRefusal())
	require.Equal(t, v1.PingRefusal_INVALID_PLACE, answer.GetResults()[3].GetRefusal())
	require.Equal(t, "latitude", answer.GetResults()[3].GetField())

	again, err := location.ImportPings(tn.server(), request)
	require.NoError(t, err)
	require.Equal(t, kinds(answer), kinds(again))
	require.Equal(t, answer.GetResults()[4].GetTransitions()[0].GetId(), again.GetResults()[4].GetTransitions()[0].GetId())
	require.True(t, again.GetResults()[4].GetDuplicate())
}
