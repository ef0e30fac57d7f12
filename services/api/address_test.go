package api

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/postgres"
)

// Wrong drops are seen, counted and undone by the brand whose they are, and by nobody else.
func TestAddressesAreRestored(t *testing.T) {
	f := newFixture(t)
	tn, other := f.tenant(), f.tenant()
	addresses, devices := v1.NewAddressServiceClient(f.conn), v1.NewDeviceServiceClient(f.conn)
	for i := range 3 {
		phone := tn.device()
		value := "token-" + string(rune('a'+i))
		_, err := devices.UpdatePushAddress(tn.phone(phone.GetDeviceToken()), &v1.UpdatePushAddressRequest{RequestId: uuid.NewString(),
			PushAddress: &v1.PushAddress{Provider: v1.PushAddress_FCM, Value: value}})
		require.NoError(t, err)
		_, err = f.directory.(*postgres.Store).SetAddressState(t.Context(), tn.id, parseID(phone.GetDevice().GetId()),
			pusher.Address{Provider: pusher.FCM, Kind: "token", Value: value}, audience.AddressGone, "UNREGISTERED", time.Time{})
		require.NoError(t, err)
	}
	long := timestamppb.New(time.Now().Add(-24 * time.Hour))
	first, err := addresses.ListPushAddressChanges(tn.server(), &v1.ListPushAddressChangesRequest{PageSize: 2})
	require.NoError(t, err)
	require.Len(t, first.GetChanges(), 2)
	require.Equal(t, v1.PushAddressChange_DROPPED, first.GetChanges()[0].GetKind())
	require.Equal(t, "UNREGISTERED", first.GetChanges()[0].GetCode())
	require.Equal(t, v1.PushAddress_FCM, first.GetChanges()[0].GetProvider())
	rest, err := addresses.ListPushAddressChanges(tn.server(), &v1.ListPushAddressChangesRequest{PageSize: 2, PageToken: first.GetNextPageToken()})
	require.NoError(t, err)
	require.Len(t, rest.GetChanges(), 1)
	require.Empty(t, rest.GetNextPageToken())
	_, err = addresses.ListPushAddressChanges(tn.server(), &v1.ListPushAddressChangesRequest{PageToken: first.GetNextPageToken(), StartTime: long})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_PAGE_TOKEN_INVALID)
	counts, err := addresses.CountPushAddressChanges(tn.server(), &v1.CountPushAddressChangesRequest{})
	require.NoError(t, err)
	require.Len(t, counts.GetCounts(), 1)
	require.EqualValues(t, 3, counts.GetCounts()[0].GetCount())

	restore := func(by *tenant, change func(*v1.RestorePushAddressesRequest)) (int32, error) {
		r := &v1.RestorePushAddressesRequest{RequestId: uuid.NewString(), StartTime: long, EndTime: timestamppb.New(time.Now().Add(time.Hour)), Reason: "an outage"}
		if change != nil {
			change(r)
		}
		out, err := addresses.RestorePushAddresses(by.server(), r)
		return out.GetRestored(), err
	}
	one := first.GetChanges()[0].GetDeviceId()
	n, err := restore(other, func(r *v1.RestorePushAddressesRequest) { r.DeviceId = one })
	require.NoError(t, err)
	require.Zero(t, n, "another brand's device")
	n, err = restore(tn, func(r *v1.RestorePushAddressesRequest) { r.Code = "INVALID_ARGUMENT" })
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = restore(tn, func(r *v1.RestorePushAddressesRequest) { r.DeviceId = one })
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	n, err = restore(tn, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	theirs, err := addresses.ListPushAddressChanges(tn.server(), &v1.ListPushAddressChangesRequest{DeviceId: one})
	require.NoError(t, err)
	require.Equal(t, v1.PushAddressChange_RESTORED, theirs.GetChanges()[0].GetKind())
	require.Equal(t, "an outage", theirs.GetChanges()[0].GetCode())

	for field, change := range map[string]func(*v1.RestorePushAddressesRequest){
		"reason": func(r *v1.RestorePushAddressesRequest) { r.Reason = "" }, "start_time": func(r *v1.RestorePushAddressesRequest) { r.StartTime = nil },
		"end_time": func(r *v1.RestorePushAddressesRequest) { r.EndTime = r.StartTime }, "device_id": func(r *v1.RestorePushAddressesRequest) { r.DeviceId = "x" },
	} {
		_, err := restore(tn, change)
		requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD)
		require.Equal(t, []string{field}, fieldsOf(err))
	}
}
