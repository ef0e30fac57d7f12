package api

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/brand"
)

func TestVAPIDKeyIsUploadedAndReplaced(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	credentials := v1.NewCredentialServiceClient(f.conn)
	upload := func(key, subject string) (*v1.Credential, error) {
		out, err := credentials.UploadCredential(tn.server(), &v1.UploadCredentialRequest{RequestId: uuid.NewString(),
			Credential: &v1.UploadCredentialRequest_Vapid{Vapid: &v1.VapidKey{PrivateKey: key, Subject: subject}}})
		return out.GetCredential(), err
	}
	var public []string
	for range 2 {
		key, err := ecdh.P256().GenerateKey(rand.Reader)
		require.NoError(t, err)
		c, err := upload(base64.RawURLEncoding.EncodeToString(key.Bytes()), "mailto:push@example.com")
		require.NoError(t, err)
		require.Equal(t, v1.PushAddress_WEB_PUSH, c.GetProvider())
		require.Empty(t, c.GetKeyId())
		public = append(public, c.GetVapidPublicKey())
	}
	list, err := credentials.ListCredentials(tn.server(), &v1.ListCredentialsRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetCredentials(), 1)
	require.Equal(t, public[1], list.GetCredentials()[0].GetVapidPublicKey())
	_, err = upload("nonsense", "push@example.com")
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_CREDENTIAL_INVALID)
	require.ElementsMatch(t, []string{"vapid.private_key", "vapid.subject"}, fieldsOf(err))
}

func TestWebPushAddress(t *testing.T) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	require.NoError(t, err)
	at := func(endpoint string) string {
		return fmt.Sprintf(`{"endpoint":%q,"keys":{"p256dh":%q,"auth":"AAAAAAAAAAAAAAAAAAAAAA"}}`, endpoint,
			base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()))
	}
	for _, c := range []struct {
		kind  v1.PushAddress_Kind
		value string
		field string
	}{
		{v1.PushAddress_SUBSCRIPTION, at("https://fcm.googleapis.com/fcm/send/x"), ""},
		{v1.PushAddress_KIND_UNSPECIFIED, at("https://updates.push.services.mozilla.com/wpush/v2/x"), ""},
		{v1.PushAddress_TOKEN, at("https://fcm.googleapis.com/fcm/send/x"), "push_address.kind"},
		{v1.PushAddress_SUBSCRIPTION, at("https://169.254.169.254/latest"), "push_address.value"},
		{v1.PushAddress_SUBSCRIPTION, at("http://fcm.googleapis.com/x"), "push_address.value"},
		{v1.PushAddress_SUBSCRIPTION, "token", "push_address.value"},
	} {
		a, err := addressFrom(&v1.PushAddress{Provider: v1.PushAddress_WEB_PUSH, Kind: c.kind, Value: c.value}, noon, pusher.KnownPushServices())
		if c.field != "" {
			require.Equal(t, []string{c.field}, fieldsOf(err), c.value)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, pusher.Address{Provider: pusher.WebPush, Kind: pusher.KindSubscription, Value: c.value, RegisteredAt: noon}, *a)
		out := addressTo(a, false)
		require.Equal(t, v1.PushAddress_SUBSCRIPTION, out.GetKind())
		require.Empty(t, out.GetValue())
	}
	_, err = addressFrom(&v1.PushAddress{Provider: v1.PushAddress_FCM, Kind: v1.PushAddress_SUBSCRIPTION, Value: "x"}, noon, nil)
	require.Equal(t, []string{"push_address.kind"}, fieldsOf(err))
}

func TestCredentialTellsWhatItsProviderSaid(t *testing.T) {
	c := &brand.Credential{ID: uuid.New(), Provider: pusher.APNs, UpdatedAt: noon}
	refused := credentialTo(c, brand.CredentialState{RefusedAt: noon.Add(1), RefusedCode: "InvalidProviderToken", AcceptedAt: noon})
	require.Equal(t, v1.Credential_REFUSED, refused.GetState())
	require.Equal(t, "InvalidProviderToken", refused.GetDetail())
	require.Equal(t, noon, refused.GetLastAcceptedTime().AsTime())
	again := credentialTo(c, brand.CredentialState{RefusedAt: noon, RefusedCode: "InvalidProviderToken", AcceptedAt: noon.Add(1)})
	require.Equal(t, v1.Credential_ACTIVE, again.GetState())
	require.Empty(t, again.GetDetail())
}
