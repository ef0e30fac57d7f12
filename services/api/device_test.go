package api

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
)

// A server's device goes to the person whom it names, new or known, and to the same one however often it is asked.
func TestRegisteredDeviceJoinsItsPerson(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	devices := v1.NewDeviceServiceClient(f.conn)
	register := func(device, person string) *v1.RegisterDeviceResponse {
		r, err := devices.RegisterDevice(tn.server(), &v1.RegisterDeviceRequest{
			RequestId: uuid.NewString(), Platform: v1.Device_SERVER, ExternalId: device, PersonExternalId: person,
			Age: &v1.RegisterDeviceRequest_MinimumAgeReached{MinimumAgeReached: true},
		})
		require.NoError(t, err)
		return r
	}
	phone := register("phone", "m-1")
	tablet := register("tablet", "m-1")
	require.NotEqual(t, phone.GetDevice().GetId(), tablet.GetDevice().GetId())
	require.Equal(t, phone.GetPersonId(), tablet.GetPersonId())
	again := register("tablet", "m-1")
	require.Equal(t, tablet.GetDevice().GetId(), again.GetDevice().GetId())
	require.Equal(t, phone.GetPersonId(), again.GetPersonId())
	other := register("tablet", "m-2")
	require.Equal(t, tablet.GetDevice().GetId(), other.GetDevice().GetId())
	require.Equal(t, phone.GetPersonId(), other.GetPersonId(), "a member's device changes hands by a login only")

	wallet := v1.NewWalletServiceClient(f.conn)
	for _, d := range []*v1.RegisterDeviceResponse{phone, tablet, again, other} {
		_, err := wallet.ListCoupons(tn.phone(d.GetDeviceToken()), &v1.ListCouponsRequest{})
		require.NoError(t, err)
	}
	why, err := v1.NewDecisionServiceClient(f.conn).ExplainDecisions(tn.server(), &v1.ExplainDecisionsRequest{
		Subject: &v1.ExplainDecisionsRequest_PersonExternalId{PersonExternalId: "m-1"},
	})
	require.NoError(t, err)
	require.Equal(t, phone.GetPersonId(), why.GetPersonId())
}

func TestPushAddressIsTakenBack(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	d := tn.device()
	devices := v1.NewDeviceServiceClient(f.conn)
	update := func(a *v1.PushAddress) {
		_, err := devices.UpdatePushAddress(tn.phone(d.GetDeviceToken()), &v1.UpdatePushAddressRequest{RequestId: uuid.NewString(), PushAddress: a})
		require.NoError(t, err)
	}
	state := func() audience.Unreachable {
		found, err := f.directory.Device(t.Context(), tn.id, uuid.MustParse(d.GetDevice().GetId()))
		require.NoError(t, err)
		_, why := audience.Reachable(&found)
		return why
	}
	address := &v1.PushAddress{Provider: v1.PushAddress_FCM, Kind: v1.PushAddress_TOKEN, Value: "token-1"}
	update(&v1.PushAddress{})
	require.Equal(t, audience.AddressMissing, state(), "there was none")
	update(address)
	require.Equal(t, audience.IsReachable, state())
	update(&v1.PushAddress{})
	update(&v1.PushAddress{})
	require.Equal(t, audience.AddressIsGone, state())
	update(address)
	require.Equal(t, audience.IsReachable, state(), "the app told it again")
	update(&v1.PushAddress{Permission: v1.PushAddress_DENIED})
	update(&v1.PushAddress{Provider: v1.PushAddress_FCM, Kind: v1.PushAddress_TOKEN, Value: "token-2"})
	require.Equal(t, audience.OSPushIsRefused, state(), "the refusal outlives the address")
}
