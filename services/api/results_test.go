package api

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// What a phone brings about is in the results a minute later: what it was shown, opened and used, by store and day.
func TestResultsOfAMoment(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	shop, other := tn.store("s1"), tn.store("s2")
	tn.fence(shop)
	campaign := tn.campaign("=c1", "s1")
	d := tn.device()
	phone := tn.phone(d.GetDeviceToken())
	answer, err := v1.NewLocationServiceClient(f.conn).ReportPings(phone, &v1.ReportPingsRequest{
		AppState: v1.Ping_FOREGROUND, Pings: []*v1.Ping{pingAt(shopLat+0.01, shopLng, noon.Add(-time.Minute)), pingAt(shopLat, shopLng, noon)},
	})
	require.NoError(t, err)
	shown := answer.GetInAppMessage()
	require.NotNil(t, shown)
	_, err = v1.NewDeviceServiceClient(f.conn).RecordReceipts(phone, &v1.RecordReceiptsRequest{RequestId: uuid.NewString(), Receipts: []*v1.Receipt{
		{Subject: &v1.Receipt_NotificationId{NotificationId: shown.GetNotificationId()}, Kind: v1.Receipt_SHOWN, OccurredTime: timestamppb.New(noon)},
	}})
	require.NoError(t, err)
	_, err = v1.NewWalletServiceClient(f.conn).RedeemCoupon(tn.server(), &v1.RedeemCouponRequest{
		RequestId: uuid.NewString(), Coupon: &v1.RedeemCouponRequest_Code{Code: shown.GetCoupon().GetCode()}, Store: &v1.RedeemCouponRequest_StoreId{StoreId: shop.GetId()},
	})
	require.NoError(t, err)
	f.clock.Set(noon.Add(time.Minute).UnixMilli())
	counter := postgrestest.Open(t, f.url, postgres.Options{})
	require.NoError(t, counter.CountResults(t.Context(), f.engine.Now()))

	client := v1.NewResultsServiceClient(f.conn)
	all := []v1.ResultQuery_Dimension{v1.ResultQuery_CAMPAIGN, v1.ResultQuery_STORE, v1.ResultQuery_DAY, v1.ResultQuery_VARIANT, v1.ResultQuery_ARM}
	got, err := client.QueryResults(tn.server(), &v1.QueryResultsRequest{Query: &v1.ResultQuery{GroupBy: all, CampaignExternalIds: []string{"=c1"}}})
	require.NoError(t, err)
	require.Equal(t, noon.Add(time.Minute), got.GetCountedTime().AsTime())
	require.Equal(t, engine.VisitWindow, got.GetVisitWindow().AsDuration())
	require.Len(t, got.GetResults(), 1)
	r := got.GetResults()[0]
	require.Equal(t, []string{campaign.GetId(), shop.GetId(), "s1", "2026-11-22", ""}, []string{r.GetCampaignId(), r.GetStoreId(), r.GetStoreExternalId(), r.GetDay(), r.GetVariant()})
	require.Equal(t, v1.Result_TREATED, r.GetArm())
	require.Equal(t, []int64{1, 1, 1, 1, 0, 1, 0}, []int64{r.GetMoments(), r.GetEligible(), r.GetWon(), r.GetShown(), r.GetOpened(), r.GetRedeemed(), r.GetBought()})

	file, err := client.ExportResults(tn.server(), &v1.ExportResultsRequest{Query: &v1.ResultQuery{GroupBy: all}})
	require.NoError(t, err)
	lines, err := csv.NewReader(strings.NewReader(file.GetContent())).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 2)
	require.Equal(t, "'=c1", lines[1][2], "no formula")
	require.Empty(t, lines[1][3], "a file does not say which store had so few moments on a day")
	file, err = client.ExportResults(tn.server(), &v1.ExportResultsRequest{Query: &v1.ResultQuery{GroupBy: all[:2]}})
	require.NoError(t, err)
	require.Contains(t, file.GetContent(), shop.GetId())

	till := limitedKey(tn, other, "results:read")
	none, err := client.QueryResults(bearing(t.Context(), till), &v1.QueryResultsRequest{})
	require.NoError(t, err)
	require.Empty(t, none.GetResults(), "a key limited to a store sees that store only")
	_, err = client.QueryResults(bearing(t.Context(), till), &v1.QueryResultsRequest{Query: &v1.ResultQuery{StoreIds: []string{shop.GetId()}}})
	requireRefused(t, err, codes.PermissionDenied, v1.ErrorReason_STORE_NOT_ALLOWED)
	some, err := client.QueryResults(bearing(t.Context(), limitedKey(tn, shop, "results:read")), &v1.QueryResultsRequest{})
	require.NoError(t, err)
	require.Len(t, some.GetResults(), 1)
}

func limitedKey(tn *tenant, shop *v1.Store, scope string) (secret string) {
	made, err := v1.NewKeyServiceClient(tn.f.conn).CreateKey(tn.server(), &v1.CreateKeyRequest{RequestId: uuid.NewString(), Key: &v1.Key{
		Kind: v1.Key_API, DisplayName: "store", Scopes: []string{scope}, StoreIds: []string{shop.GetId()}}})
	require.NoError(tn.f.t, err)
	return made.GetSecret()
}

// Questions that make no sense are refused with the field.
func TestResultQueriesRefused(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	client := v1.NewResultsServiceClient(f.conn)
	for field, q := range map[string]*v1.ResultQuery{
		"query.start_day":        {StartDay: "2026-02-30"},
		"query.end_day":          {EndDay: "2026-13-01"},
		"query.start_day#after":  {StartDay: "2026-11-02", EndDay: "2026-11-01"},
		"query.start_day#long":   {StartDay: "2025-01-01", EndDay: "2026-11-01"},
		"query.group_by":         {GroupBy: []v1.ResultQuery_Dimension{v1.ResultQuery_DAY, v1.ResultQuery_DAY}},
		"query.campaign_ids[0]":  {CampaignIds: []string{"x"}},
		"query.start_day#format": {StartDay: "today"},
	} {
		_, err := client.QueryResults(tn.server(), &v1.QueryResultsRequest{Query: q})
		requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD)
		name, _, _ := strings.Cut(field, "#")
		require.Contains(t, fieldsOf(err), name, field)
	}
	_, err := client.QueryResults(tn.server(), &v1.QueryResultsRequest{PageToken: "x"})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_PAGE_TOKEN_INVALID)
}

// Groups that differ in what is not asked for become one, and small groups of a file the rest.
func TestResultGroups(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	campaign, shop := uuid.New(), uuid.New()
	found := []engine.Result{
		{CampaignID: campaign, StoreID: shop, Day: noon, Arm: "", Measures: map[string]float64{"WON": 20, "OUTSIDE_HOURS": 2, "amount KRW": 4500, "accepted fcm": 3}},
		{CampaignID: campaign, StoreID: shop, Day: noon, Arm: "held_out", Measures: map[string]float64{"HELD_OUT": 5, "visited": 1}},
		{CampaignID: campaign, StoreID: shop, Day: noon, Arm: "long", Measures: map[string]float64{"CAP_REACHED": 3, "amount KRW": 1, "accepted fcm": 1}},
	}
	day, arm, variant := v1.ResultQuery_DAY, v1.ResultQuery_ARM, v1.ResultQuery_VARIANT
	byArm := f.server.resultsTo(tn.id, found, []v1.ResultQuery_Dimension{day, arm})
	require.Len(t, byArm, 2)
	require.Equal(t, []int64{25, 23, 20, 3}, []int64{byArm[0].GetMoments(), byArm[0].GetEligible(), byArm[0].GetWon(), byArm[0].GetRefused()["CAP_REACHED"]})
	require.Equal(t, map[string]float64{"KRW": 4501}, byArm[0].GetAmounts())
	require.Equal(t, map[string]int64{"fcm": 4}, byArm[0].GetAccepted())
	require.Equal(t, []int64{5, 5, 0, 1}, []int64{byArm[1].GetMoments(), byArm[1].GetEligible(), byArm[1].GetWon(), byArm[1].GetVisited()})
	byVariant := f.server.resultsTo(tn.id, found, []v1.ResultQuery_Dimension{day, variant})
	require.Len(t, byVariant, 2)
	require.Equal(t, int64(27), byVariant[0].GetMoments())

	file := withoutSmallGroups(f.server.resultsTo(tn.id, found, []v1.ResultQuery_Dimension{day, variant, arm}))
	require.Len(t, file, 3)
	stores, moments := 0, int64(0)
	for _, r := range file {
		moments += r.GetMoments()
		if r.GetStoreId() != "" {
			stores++
		}
	}
	require.Equal(t, 1, stores, "of the others there were too few")
	require.Equal(t, int64(30), moments)
}
