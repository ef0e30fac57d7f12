package api

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// call calls any method by name with a request; a stream gets one message.
func (f *fixture) call(ctx context.Context, name string, request proto.Message) (proto.Message, error) {
	f.t.Helper()
	answer := newMessage(f.server.methods[name])
	if name != v1.LocationService_StreamPings_FullMethodName {
		return answer, f.conn.Invoke(ctx, name, request, answer)
	}
	stream, err := f.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, name)
	require.NoError(f.t, err)
	_ = stream.SendMsg(request) // a refused stream may be closed already; RecvMsg says why
	return answer, stream.RecvMsg(answer)
}

// emptyRequest is a method's request with nothing in it.
func emptyRequest(t *testing.T, name string) proto.Message {
	t.Helper()
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(dotted(name)))
	require.NoError(t, err)
	kind, err := protoregistry.GlobalTypes.FindMessageByName(d.(protoreflect.MethodDescriptor).Input().FullName())
	require.NoError(t, err)
	return kind.New().Interface()
}

func dotted(name string) string {
	out := []byte(name[1:])
	for i := range out {
		if out[i] == '/' {
			out[i] = '.'
		}
	}
	return string(out)
}

func (f *fixture) everyMethod() []string { return slices.Sorted(maps.Keys(f.server.methods)) }

func TestNobodyGetsInWithoutTheirKey(t *testing.T) {
	f := newFixture(t)
	tn, other := f.tenant(), f.tenant()
	d, theirs := tn.device(), other.device()
	scopeless := brand.Key{ID: uuid.New(), BrandID: tn.id, Kind: brand.APIKey, Name: "none", CreatedAt: noon}
	scopelessSecret := brand.NewSecret(brand.APIKey, scopeless.ID)
	scopeless.Hash = brand.HashSecret(scopelessSecret)
	revoked := scopeless
	revoked.ID, revoked.RevokedAt, revoked.Scopes = uuid.New(), noon, []brand.Scope{brand.ScopeAll}
	revokedSecret := brand.NewSecret(brand.APIKey, revoked.ID)
	revoked.Hash = brand.HashSecret(revokedSecret)
	_, err := f.engine.Write(t.Context(), engine.CatalogueWrite{BrandID: tn.id, Actor: "test", Keys: []brand.Key{scopeless, revoked}})
	require.NoError(t, err)

	garbled := []byte(tn.owner)
	garbled[len(garbled)-1] ^= 1
	bad := map[string]context.Context{
		"nothing":            t.Context(),
		"garbled key":        bearing(t.Context(), string(garbled)),
		"app key as bearer":  bearing(t.Context(), tn.app),
		"revoked key":        bearing(t.Context(), revokedSecret),
		"device token alone": bearing(t.Context(), d.GetDeviceToken()),
		"two keys":           bearing(bearing(t.Context(), tn.owner), other.owner),
		"garbled app key":    metadata.AppendToOutgoingContext(t.Context(), appKeyHeader, tn.app[:len(tn.app)-1]+"_"),
		"API key as app key": metadata.AppendToOutgoingContext(t.Context(), appKeyHeader, tn.owner),
	}
	phones := map[string]context.Context{
		"app key only":            tn.appOnly(),
		"garbled token":           tn.phone(d.GetDeviceToken()[:len(d.GetDeviceToken())-2] + "AA"),
		"API key as token":        tn.phone(tn.owner),
		"another brand's token":   tn.phone(theirs.GetDeviceToken()),
		"another brand's app key": other.phone(d.GetDeviceToken()),
	}
	for _, name := range f.everyMethod() {
		m := f.server.methods[name]
		for what, ctx := range bad {
			_, err := f.call(ctx, name, emptyRequest(t, name))
			require.Equal(t, codes.Unauthenticated, status.Code(err), "%s with %s: %v", name, what, err)
			require.Equal(t, v1.ErrorReason_KEY_INVALID.String(), reasonOf(err), "%s with %s", name, what)
		}
		for what, ctx := range phones {
			_, err := f.call(ctx, name, emptyRequest(t, name))
			switch {
			case m.admits(v1.Access_APP):
				requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD)
			case m.admits(v1.Access_PHONE):
				require.Equal(t, codes.Unauthenticated, status.Code(err), "%s with %s: %v", name, what, err)
			default:
				requireRefused(t, err, codes.PermissionDenied, v1.ErrorReason_CALLER_NOT_ALLOWED)
			}
		}
		_, err := f.call(bearing(t.Context(), scopelessSecret), name, emptyRequest(t, name))
		reason := v1.ErrorReason_SCOPE_MISSING
		if !m.admits(v1.Access_SERVER) {
			reason = v1.ErrorReason_CALLER_NOT_ALLOWED
		}
		requireRefused(t, err, codes.PermissionDenied, reason)
	}

	f.clock.Set(noon.Add(31 * 24 * time.Hour).UnixMilli())
	for _, name := range f.everyMethod() {
		if m := f.server.methods[name]; !m.admits(v1.Access_PHONE) || m.admits(v1.Access_APP) { // an app's door reads no device token
			continue
		}
		_, err := f.call(tn.phone(d.GetDeviceToken()), name, emptyRequest(t, name))
		if name == v1.DeviceService_RefreshDeviceToken_FullMethodName {
			requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD) // let in; the request was empty
			continue
		}
		requireRefused(t, err, codes.Unauthenticated, v1.ErrorReason_DEVICE_TOKEN_EXPIRED)
	}
	devices := v1.NewDeviceServiceClient(f.conn)
	fresh, err := devices.RefreshDeviceToken(tn.phone(d.GetDeviceToken()), &v1.RefreshDeviceTokenRequest{RequestId: uuid.NewString()})
	require.NoError(t, err)
	_, err = devices.ListConsents(tn.phone(fresh.GetDeviceToken()), &v1.ListConsentsRequest{})
	require.NoError(t, err)
	f.clock.Set(noon.Add(121 * 24 * time.Hour).UnixMilli())
	_, err = devices.RefreshDeviceToken(tn.phone(d.GetDeviceToken()), &v1.RefreshDeviceTokenRequest{RequestId: uuid.NewString()})
	requireRefused(t, err, codes.Unauthenticated, v1.ErrorReason_DEVICE_TOKEN_EXPIRED)
}

// TestAnotherBrandsIDsDoNotExist calls every RPC that takes an id with another brand's.
func TestAnotherBrandsIDsDoNotExist(t *testing.T) {
	f := newFixture(t)
	tn, other := f.tenant(), f.tenant()
	shop := tn.store("s1")
	fence := tn.fence(shop)
	campaign := tn.campaign("c1", "s1")
	segment := tn.segment("vip", "")
	tn.person("m1")
	sold := tn.item("i1", "")
	d, mine := tn.device(), other.device()
	keys := f.engine.Keys(tn.id)
	id := uuid.NewString
	receiver := newReceiver(t)
	f.tells(receiver)
	hook := tn.webhook(receiver, nil).GetWebhook()
	ours, strangers := other.server(), other.phone(mine.GetDeviceToken())
	store := aStore("s1")
	store.Id = shop.GetId()
	anchored := nearFence(shop)
	unknown := aCampaign("c2", "s1")
	byID := aCampaign("c3", "s1")
	byID.Id = campaign.GetId()
	address := &v1.PushAddress{Provider: v1.PushAddress_FCM, Value: "x"}
	foreign := fence.GetId()
	inFence := nearFence(shop)
	inFence.Id = foreign
	for _, c := range []struct {
		ctx     context.Context
		name    string
		request proto.Message
		code    codes.Code
		reason  v1.ErrorReason_Code
	}{
		{ours, v1.StoreService_GetStore_FullMethodName, &v1.GetStoreRequest{Key: &v1.GetStoreRequest_Id{Id: shop.GetId()}}, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND},
		{ours, v1.StoreService_GetStore_FullMethodName, &v1.GetStoreRequest{Key: &v1.GetStoreRequest_ExternalId{ExternalId: "s1"}}, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND},
		{ours, v1.StoreService_UpdateStore_FullMethodName, &v1.UpdateStoreRequest{RequestId: id(), Store: store, AllowMissing: true}, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND},
		{ours, v1.StoreService_DeleteStore_FullMethodName, &v1.DeleteStoreRequest{RequestId: id(), Key: &v1.DeleteStoreRequest_Id{Id: shop.GetId()}}, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND},
		{ours, v1.FenceService_CreateFence_FullMethodName, &v1.CreateFenceRequest{RequestId: id(), Fence: anchored}, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND},
		{ours, v1.FenceService_GetFence_FullMethodName, &v1.GetFenceRequest{Key: &v1.GetFenceRequest_Id{Id: foreign}}, codes.NotFound, v1.ErrorReason_FENCE_NOT_FOUND},
		{ours, v1.FenceService_UpdateFence_FullMethodName, &v1.UpdateFenceRequest{RequestId: id(), Fence: inFence, AllowMissing: true}, codes.NotFound, v1.ErrorReason_FENCE_NOT_FOUND},
		{ours, v1.FenceService_DeleteFence_FullMethodName, &v1.DeleteFenceRequest{RequestId: id(), Key: &v1.DeleteFenceRequest_Id{Id: foreign}}, codes.NotFound, v1.ErrorReason_FENCE_NOT_FOUND},
		{ours, v1.CampaignService_CreateCampaign_FullMethodName, &v1.CreateCampaignRequest{RequestId: id(), Campaign: unknown}, codes.InvalidArgument, v1.ErrorReason_CAMPAIGN_STORE_UNKNOWN},
		{ours, v1.CampaignService_GetCampaign_FullMethodName, &v1.GetCampaignRequest{Key: &v1.GetCampaignRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_UpdateCampaign_FullMethodName, &v1.UpdateCampaignRequest{RequestId: id(), Campaign: byID, AllowMissing: true}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_DeleteCampaign_FullMethodName, &v1.DeleteCampaignRequest{RequestId: id(), Key: &v1.DeleteCampaignRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_ActivateCampaign_FullMethodName, &v1.ActivateCampaignRequest{RequestId: id(), Key: &v1.ActivateCampaignRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_PauseCampaign_FullMethodName, &v1.PauseCampaignRequest{RequestId: id(), Key: &v1.PauseCampaignRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_EndCampaign_FullMethodName, &v1.EndCampaignRequest{RequestId: id(), Key: &v1.EndCampaignRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_ArchiveCampaign_FullMethodName, &v1.ArchiveCampaignRequest{RequestId: id(), Key: &v1.ArchiveCampaignRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_SubmitCampaign_FullMethodName, &v1.SubmitCampaignRequest{RequestId: id(), Key: &v1.SubmitCampaignRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_ApproveCampaign_FullMethodName, &v1.ApproveCampaignRequest{RequestId: id(), Key: &v1.ApproveCampaignRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_RejectCampaign_FullMethodName, &v1.RejectCampaignRequest{RequestId: id(), Key: &v1.RejectCampaignRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_CopyCampaign_FullMethodName, &v1.CopyCampaignRequest{RequestId: id(), Key: &v1.CopyCampaignRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_ListCampaignChanges_FullMethodName, &v1.ListCampaignChangesRequest{Key: &v1.ListCampaignChangesRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_TestCampaign_FullMethodName, &v1.TestCampaignRequest{RequestId: id(), Key: &v1.TestCampaignRequest_Id{Id: campaign.GetId()}, Target: &v1.TestCampaignRequest_DeviceId{DeviceId: d.GetDevice().GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.CampaignService_PreviewCampaign_FullMethodName, &v1.PreviewCampaignRequest{Source: &v1.PreviewCampaignRequest_Id{Id: campaign.GetId()}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.KeyService_CreateKey_FullMethodName, &v1.CreateKeyRequest{RequestId: id(), Key: &v1.Key{Kind: v1.Key_API, DisplayName: "x", Scopes: []string{"stores:read"}, StoreIds: []string{shop.GetId()}}}, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND},
		{ours, v1.KeyService_RotateKey_FullMethodName, &v1.RotateKeyRequest{RequestId: id(), Id: keys[0].ID.String()}, codes.NotFound, v1.ErrorReason_KEY_NOT_FOUND},
		{ours, v1.KeyService_RevokeKey_FullMethodName, &v1.RevokeKeyRequest{RequestId: id(), Id: keys[0].ID.String()}, codes.NotFound, v1.ErrorReason_KEY_NOT_FOUND},
		{ours, v1.CredentialService_DeleteCredential_FullMethodName, &v1.DeleteCredentialRequest{RequestId: id(), Id: id()}, codes.NotFound, v1.ErrorReason_CREDENTIAL_NOT_FOUND},
		{ours, v1.WebhookService_GetWebhook_FullMethodName, &v1.GetWebhookRequest{Id: hook.GetId()}, codes.NotFound, v1.ErrorReason_WEBHOOK_NOT_FOUND},
		{ours, v1.WebhookService_UpdateWebhook_FullMethodName, &v1.UpdateWebhookRequest{RequestId: id(), Webhook: hook}, codes.NotFound, v1.ErrorReason_WEBHOOK_NOT_FOUND},
		{ours, v1.WebhookService_DeleteWebhook_FullMethodName, &v1.DeleteWebhookRequest{RequestId: id(), Id: hook.GetId()}, codes.NotFound, v1.ErrorReason_WEBHOOK_NOT_FOUND},
		{ours, v1.WebhookService_RotateWebhookSecret_FullMethodName, &v1.RotateWebhookSecretRequest{RequestId: id(), Id: hook.GetId()}, codes.NotFound, v1.ErrorReason_WEBHOOK_NOT_FOUND},
		{ours, v1.WebhookService_TestWebhook_FullMethodName, &v1.TestWebhookRequest{RequestId: id(), Id: hook.GetId()}, codes.NotFound, v1.ErrorReason_WEBHOOK_NOT_FOUND},
		{ours, v1.WebhookService_ListWebhookDeadLetters_FullMethodName, &v1.ListWebhookDeadLettersRequest{Id: hook.GetId()}, codes.NotFound, v1.ErrorReason_WEBHOOK_NOT_FOUND},
		{ours, v1.WebhookService_ReplayWebhookDeadLetters_FullMethodName, &v1.ReplayWebhookDeadLettersRequest{RequestId: id(), Id: hook.GetId()}, codes.NotFound, v1.ErrorReason_WEBHOOK_NOT_FOUND},
		{ours, v1.DeviceService_UpdatePushAddress_FullMethodName, &v1.UpdatePushAddressRequest{RequestId: id(), DeviceId: d.GetDevice().GetId(), PushAddress: address}, codes.NotFound, v1.ErrorReason_DEVICE_NOT_FOUND},
		{ours, v1.DeviceService_RecordConsents_FullMethodName, &v1.RecordConsentsRequest{RequestId: id(), DeviceId: d.GetDevice().GetId(), Consents: []*v1.Consent{consent(v1.Consent_LOC_USE)}}, codes.NotFound, v1.ErrorReason_DEVICE_NOT_FOUND},
		{ours, v1.DeviceService_ListConsents_FullMethodName, &v1.ListConsentsRequest{DeviceId: d.GetDevice().GetId()}, codes.NotFound, v1.ErrorReason_DEVICE_NOT_FOUND},
		{ours, v1.DecisionService_ExplainDecisions_FullMethodName, &v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_PersonId{PersonId: d.GetPersonId()}}, codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND},
		{ours, v1.DecisionService_ExplainDecisions_FullMethodName, &v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_DeviceId{DeviceId: d.GetDevice().GetId()}}, codes.NotFound, v1.ErrorReason_DEVICE_NOT_FOUND},
		{ours, v1.PersonService_GetPerson_FullMethodName, &v1.GetPersonRequest{Key: &v1.GetPersonRequest_Id{Id: d.GetPersonId()}}, codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND},
		{ours, v1.PersonService_GetPerson_FullMethodName, &v1.GetPersonRequest{Key: &v1.GetPersonRequest_ExternalId{ExternalId: "m1"}}, codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND},
		{ours, v1.PersonService_UpsertPerson_FullMethodName, &v1.UpsertPersonRequest{RequestId: id(), Person: &v1.Person{Id: d.GetPersonId(), Tier: "x"}}, codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND},
		{ours, v1.PersonService_DeletePerson_FullMethodName, &v1.DeletePersonRequest{RequestId: id(), Key: &v1.DeletePersonRequest_Id{Id: d.GetPersonId()}}, codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND},
		{ours, v1.PersonService_DeletePerson_FullMethodName, &v1.DeletePersonRequest{RequestId: id(), Key: &v1.DeletePersonRequest_ExternalId{ExternalId: "m1"}}, codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND},
		{ours, v1.PersonService_GetLimits_FullMethodName, &v1.GetLimitsRequest{Person: &v1.GetLimitsRequest_PersonId{PersonId: d.GetPersonId()}}, codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND},
		{ours, v1.PersonService_UpdateLimits_FullMethodName, &v1.UpdateLimitsRequest{RequestId: id(), Limits: &v1.PersonLimits{PerDay: 1}, Person: &v1.UpdateLimitsRequest_PersonId{PersonId: d.GetPersonId()}}, codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND},
		{ours, v1.SegmentService_GetSegment_FullMethodName, &v1.GetSegmentRequest{Key: &v1.GetSegmentRequest_Id{Id: segment.GetId()}}, codes.NotFound, v1.ErrorReason_SEGMENT_NOT_FOUND},
		{ours, v1.SegmentService_UpdateSegment_FullMethodName, &v1.UpdateSegmentRequest{RequestId: id(), Segment: &v1.Segment{Id: segment.GetId()}, AllowMissing: true}, codes.NotFound, v1.ErrorReason_SEGMENT_NOT_FOUND},
		{ours, v1.SegmentService_DeleteSegment_FullMethodName, &v1.DeleteSegmentRequest{RequestId: id(), Key: &v1.DeleteSegmentRequest_Id{Id: segment.GetId()}}, codes.NotFound, v1.ErrorReason_SEGMENT_NOT_FOUND},
		{ours, v1.SegmentService_EstimateSegment_FullMethodName, &v1.EstimateSegmentRequest{Key: &v1.EstimateSegmentRequest_Id{Id: segment.GetId()}}, codes.NotFound, v1.ErrorReason_SEGMENT_NOT_FOUND},
		{ours, v1.SegmentService_UploadSegmentMembers_FullMethodName, &v1.UploadSegmentMembersRequest{RequestId: id(), Key: &v1.UploadSegmentMembersRequest_Id{Id: segment.GetId()}, Action: v1.UploadSegmentMembersRequest_ADD, Content: []byte("m1")},
			codes.NotFound, v1.ErrorReason_SEGMENT_NOT_FOUND},
		{ours, v1.ResultsService_QueryResults_FullMethodName, &v1.QueryResultsRequest{Query: &v1.ResultQuery{CampaignIds: []string{campaign.GetId()}}}, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND},
		{ours, v1.ResultsService_QueryResults_FullMethodName, &v1.QueryResultsRequest{Query: &v1.ResultQuery{StoreIds: []string{shop.GetId()}}}, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND},
		{ours, v1.ResultsService_ExportResults_FullMethodName, &v1.ExportResultsRequest{Query: &v1.ResultQuery{StoreExternalIds: []string{"s1"}}}, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND},
		{ours, v1.WalletService_RedeemCoupon_FullMethodName, &v1.RedeemCouponRequest{RequestId: id(), Coupon: &v1.RedeemCouponRequest_Code{Code: "000000000000"}, Store: &v1.RedeemCouponRequest_StoreId{StoreId: shop.GetId()}}, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND},
		{strangers, v1.WalletService_GetCoupon_FullMethodName, &v1.GetCouponRequest{Key: &v1.GetCouponRequest_Id{Id: id()}}, codes.NotFound, v1.ErrorReason_COUPON_NOT_FOUND},
		{ours, v1.ItemService_CreateItem_FullMethodName, &v1.CreateItemRequest{RequestId: id(), Item: &v1.Item{ExternalId: "i2", Names: map[string]string{"ko": "x"}, StoreIds: []string{shop.GetId()}}}, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND},
		{ours, v1.ItemService_GetItem_FullMethodName, &v1.GetItemRequest{Key: &v1.GetItemRequest_Id{Id: sold.GetId()}}, codes.NotFound, v1.ErrorReason_ITEM_NOT_FOUND},
		{ours, v1.ItemService_GetItem_FullMethodName, &v1.GetItemRequest{Key: &v1.GetItemRequest_ExternalId{ExternalId: "i1"}}, codes.NotFound, v1.ErrorReason_ITEM_NOT_FOUND},
		{ours, v1.ItemService_UpdateItem_FullMethodName, &v1.UpdateItemRequest{RequestId: id(), Item: &v1.Item{Id: sold.GetId(), ExternalId: "i1", Names: map[string]string{"ko": "x"}}, AllowMissing: true}, codes.NotFound, v1.ErrorReason_ITEM_NOT_FOUND},
		{ours, v1.ItemService_DeleteItem_FullMethodName, &v1.DeleteItemRequest{RequestId: id(), Key: &v1.DeleteItemRequest_Id{Id: sold.GetId()}}, codes.NotFound, v1.ErrorReason_ITEM_NOT_FOUND},
	} {
		_, err := f.call(c.ctx, c.name, c.request)
		require.Equal(t, c.code, status.Code(err), "%s: %v", c.name, err)
		require.Equal(t, c.reason.String(), reasonOf(err), "%s: %v", c.name, err)
	}
	imported, err := f.call(ours, v1.LocationService_ImportPings_FullMethodName, &v1.ImportPingsRequest{RequestId: id(), Pings: []*v1.ImportedPing{{
		Device: &v1.ImportedPing_DeviceId{DeviceId: d.GetDevice().GetId()}, Ping: pingAt(shopLat, shopLng, noon),
	}}})
	require.NoError(t, err)
	require.Equal(t, v1.PingRefusal_DEVICE_UNKNOWN, imported.(*v1.ImportPingsResponse).GetResults()[0].GetRefusal())
	for _, name := range []string{v1.StoreService_ListStores_FullMethodName, v1.FenceService_ListFences_FullMethodName, v1.CampaignService_ListCampaigns_FullMethodName, v1.ItemService_ListItems_FullMethodName, v1.SegmentService_ListSegments_FullMethodName,
		v1.WebhookService_ListWebhooks_FullMethodName, v1.AddressService_ListPushAddressChanges_FullMethodName, v1.AddressService_CountPushAddressChanges_FullMethodName} {
		list, err := f.call(ours, name, emptyRequest(t, name))
		require.NoError(t, err)
		require.Zero(t, proto.Size(list), name)
	}
	told := viewed("i1")
	told.Who = &v1.AppEvent_PersonId{PersonId: d.GetPersonId()}
	require.Equal(t, v1.EventRefusal_PERSON_UNKNOWN, f.record(ours, told).GetResults()[0].GetRefusal())
	told.Who = &v1.AppEvent_DeviceId{DeviceId: d.GetDevice().GetId()}
	require.Equal(t, v1.EventRefusal_PERSON_UNKNOWN, f.record(ours, told).GetResults()[0].GetRefusal())
	told.Who, told.StoreId = &v1.AppEvent_PersonId{PersonId: mine.GetPersonId()}, shop.GetId()
	require.Equal(t, v1.EventRefusal_STORE_UNKNOWN, f.record(ours, told).GetResults()[0].GetRefusal())
	// A phone's own person is who its token says, whatever the request names.
	why, err := v1.NewDecisionServiceClient(f.conn).ExplainDecisions(strangers,
		&v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_PersonId{PersonId: d.GetPersonId()}})
	require.NoError(t, err)
	require.Equal(t, mine.GetPersonId(), why.GetPersonId())
}

func TestKeyLimitedToAStore(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	first, second := tn.store("s1"), tn.store("s2")
	made, err := v1.NewKeyServiceClient(f.conn).CreateKey(tn.server(), &v1.CreateKeyRequest{RequestId: uuid.NewString(), Key: &v1.Key{
		Kind: v1.Key_API, DisplayName: "till", Scopes: []string{"stores:write", "fences:write", "coupons:redeem"}, StoreIds: []string{first.GetId()},
	}})
	require.NoError(t, err)
	till := bearing(t.Context(), made.GetSecret())
	stores := v1.NewStoreServiceClient(f.conn)
	list, err := stores.ListStores(till, &v1.ListStoresRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetStores(), 1)
	_, err = stores.GetStore(till, &v1.GetStoreRequest{Key: &v1.GetStoreRequest_Id{Id: second.GetId()}})
	requireRefused(t, err, codes.PermissionDenied, v1.ErrorReason_STORE_NOT_ALLOWED)
	_, err = stores.CreateStore(till, &v1.CreateStoreRequest{RequestId: uuid.NewString(), Store: aStore("s3")})
	requireRefused(t, err, codes.PermissionDenied, v1.ErrorReason_STORE_NOT_ALLOWED)
	fences := v1.NewFenceServiceClient(f.conn)
	_, err = fences.CreateFence(till, &v1.CreateFenceRequest{RequestId: uuid.NewString(), Fence: nearFence(second)})
	requireRefused(t, err, codes.PermissionDenied, v1.ErrorReason_STORE_NOT_ALLOWED)
	_, err = fences.CreateFence(till, &v1.CreateFenceRequest{RequestId: uuid.NewString(), Fence: nearFence(first)})
	require.NoError(t, err)
	_, err = v1.NewWalletServiceClient(f.conn).RedeemCoupon(till, &v1.RedeemCouponRequest{
		RequestId: uuid.NewString(), Coupon: &v1.RedeemCouponRequest_Code{Code: "000000000000"}, Store: &v1.RedeemCouponRequest_StoreId{StoreId: second.GetId()},
	})
	requireRefused(t, err, codes.PermissionDenied, v1.ErrorReason_STORE_NOT_ALLOWED)
}
