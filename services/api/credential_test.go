package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

func TestCredentialsAreCheckedSealedAndReplaced(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	credentials := v1.NewCredentialServiceClient(f.conn)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	upload := func(secret []byte, topic string) (*v1.UploadCredentialResponse, error) {
		return credentials.UploadCredential(tn.server(), &v1.UploadCredentialRequest{RequestId: uuid.NewString(), Credential: &v1.UploadCredentialRequest_Apns{
			Apns: &v1.ApnsKey{PrivateKey: secret, KeyId: "ABCDEFGHIJ", TeamId: "0123456789", Topic: topic, Environment: v1.PushAddress_PRODUCTION},
		}})
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	first, err := upload(secret, "com.example.app")
	require.NoError(t, err)
	second, err := upload(secret, "com.example.app")
	require.NoError(t, err)
	_, err = upload(secret, "com.example.other")
	require.NoError(t, err)
	list, err := credentials.ListCredentials(tn.server(), &v1.ListCredentialsRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetCredentials(), 2)
	require.NotEqual(t, first.GetCredential().GetId(), second.GetCredential().GetId())
	stored, err := f.engine.Credential(tn.id, parseID(second.GetCredential().GetId()))
	require.NoError(t, err)
	require.NotContains(t, string(stored.Sealed), string(secret))
	opened, err := f.engine.OpenCredential(&stored)
	require.NoError(t, err)
	require.Equal(t, secret, opened)

	_, err = upload([]byte("MIGHAgEA"), "com.example.app")
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_CREDENTIAL_INVALID)
	require.Equal(t, []string{"apns.private_key"}, fieldsOf(err))
	require.NotContains(t, err.Error(), "MIGHAgEA")
	_, err = credentials.UploadCredential(tn.server(), &v1.UploadCredentialRequest{RequestId: uuid.NewString(), Credential: &v1.UploadCredentialRequest_Firebase{
		Firebase: &v1.FirebaseKey{ServiceAccountJson: []byte(`{"type":"x"}`)},
	}})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_CREDENTIAL_INVALID)
	require.Contains(t, fieldsOf(err), "firebase.service_account_json.type")
}

// TestPersonsOwnAffairs goes through login, logout, pause, receipts and erasure.
func TestPersonsOwnAffairs(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	devices := v1.NewDeviceServiceClient(f.conn)
	d := tn.device()
	ctx := tn.phone(d.GetDeviceToken())
	id := uuid.NewString

	_, err := devices.PauseLocation(ctx, &v1.PauseLocationRequest{RequestId: id()})
	require.NoError(t, err)
	location := v1.NewLocationServiceClient(f.conn)
	paused, err := location.ReportPings(ctx, &v1.ReportPingsRequest{Pings: []*v1.Ping{pingAt(1, 1, noon)}})
	require.NoError(t, err)
	require.Equal(t, v1.PingRefusal_LOCATION_PAUSED, paused.GetResults()[0].GetRefusal())
	_, err = devices.ResumeLocation(ctx, &v1.ResumeLocationRequest{RequestId: id()})
	require.NoError(t, err)

	night := consent(v1.Consent_AD_PUSH_NIGHT)
	night.OccurredTime = nil
	_, err = devices.RecordConsents(ctx, &v1.RecordConsentsRequest{RequestId: id(), Consents: []*v1.Consent{night}})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD)
	ticked := consent(v1.Consent_MARKETING_PROFILE)
	ticked.PreTicked = true
	_, err = devices.RecordConsents(ctx, &v1.RecordConsentsRequest{RequestId: id(), Consents: []*v1.Consent{ticked}})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_CONSENT_PRE_TICKED)
	withdrawn := consent(v1.Consent_AD_PUSH)
	withdrawn.State, withdrawn.OccurredTime = v1.Consent_WITHDRAWN, f.server.now()
	now, err := devices.RecordConsents(ctx, &v1.RecordConsentsRequest{RequestId: id(), Consents: []*v1.Consent{withdrawn}})
	require.NoError(t, err)
	require.Equal(t, v1.Consent_WITHDRAWN, now.GetConsents()[0].GetState())
	lone := consent(v1.Consent_AD_PUSH_NIGHT)
	f.clock.Set(noon.Add(time.Second).UnixMilli())
	lone.OccurredTime = f.server.now()
	_, err = devices.RecordConsents(ctx, &v1.RecordConsentsRequest{RequestId: id(), Consents: []*v1.Consent{lone}})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_CONSENT_DEPENDS)

	_, err = devices.IdentifyPerson(ctx, &v1.IdentifyPersonRequest{RequestId: id(), PersonJwt: "a.b.c"})
	requireRefused(t, err, codes.Unauthenticated, v1.ErrorReason_PERSON_TOKEN_INVALID)
	out, err := devices.Logout(ctx, &v1.LogoutRequest{RequestId: id()})
	require.NoError(t, err)
	require.NotEqual(t, d.GetPersonId(), out.GetPersonId())
	fresh := tn.phone(out.GetDeviceToken())
	nothing, err := devices.ListConsents(fresh, &v1.ListConsentsRequest{})
	require.NoError(t, err)
	require.Empty(t, nothing.GetConsents())
	gone, err := devices.DeleteMe(fresh, &v1.DeleteMeRequest{RequestId: id()})
	require.NoError(t, err)
	require.NotEmpty(t, gone.GetReceipt().GetId())
	_, err = devices.ListConsents(fresh, &v1.ListConsentsRequest{})
	require.Equal(t, codes.Unauthenticated, status.Code(err), "%v", err)
}
