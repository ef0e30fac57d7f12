package app_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher/emulator"
)

// vapid uploads the emulators' key pair for web push and returns the public key, as a web app's operator gets it.
func (p *process) vapid() string {
	p.w.t.Helper()
	var pair map[string]string
	require.NoError(p.w.t, json.Unmarshal(p.w.emulators.VAPID(), &pair))
	made, err := v1.NewCredentialServiceClient(p.conn).UploadCredential(p.owner(), &v1.UploadCredentialRequest{RequestId: id(),
		Credential: &v1.UploadCredentialRequest_Vapid{Vapid: &v1.VapidKey{PrivateKey: pair["private_key"], Subject: pair["subject"]}}})
	require.NoError(p.w.t, err)
	return made.GetCredential().GetVapidPublicKey()
}

// credentialOf is the brand's credential at a provider, as it is listed.
func (p *process) credentialOf(provider v1.PushAddress_Provider) *v1.Credential {
	p.w.t.Helper()
	list, err := v1.NewCredentialServiceClient(p.conn).ListCredentials(p.owner(), &v1.ListCredentialsRequest{})
	require.NoError(p.w.t, err)
	for _, c := range list.GetCredentials() {
		if c.GetProvider() == provider {
			return c
		}
	}
	p.w.t.Fatalf("no credential of %s", provider)
	return nil
}

// A browser gets its coupon through its maker's push service. A key that Apple refuses is the brand's alarm; what waits
// for it goes out when the right one is uploaded.
func TestBrowserAndAKeyThatIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.serve("--web-push-services", w.emulators.Addresses.WebPush)
	p.settings()
	p.credentials()
	p.stores(2)
	subscription, err := w.emulators.WebPush.Subscribe("browser", p.vapid())
	require.NoError(t, err)
	browser := p.register(v1.Device_WEB, &v1.PushAddress{Provider: v1.PushAddress_WEB_PUSH, Kind: v1.PushAddress_SUBSCRIPTION,
		Value: subscription, Permission: v1.PushAddress_GRANTED})
	apple := p.register(v1.Device_IOS, &v1.PushAddress{Provider: v1.PushAddress_APNS, Kind: v1.PushAddress_TOKEN,
		Value: strings.Repeat("ab", 32), Environment: v1.PushAddress_PRODUCTION, Permission: v1.PushAddress_GRANTED})
	browser.consent(p)
	apple.consent(p)

	_, err = browser.enter(p, 0, v1.Ping_BACKGROUND)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.emulators.WebPush.Counts().Accepted == 1 }, patience, eachLook)
	require.Equal(t, "browser", w.emulators.WebPush.Accepted(0)[0].Address)
	require.Contains(t, w.emulators.WebPush.Accepted(0)[0].Title, "(광고)")

	require.NoError(t, w.emulators.APNs.SetDefault(emulator.Outcome{Status: 403, Code: "InvalidProviderToken"}))
	_, err = apple.enter(p, 1, v1.Ping_BACKGROUND)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return p.credentialOf(v1.PushAddress_APNS).GetState() == v1.Credential_REFUSED }, patience, eachLook)
	require.Equal(t, "InvalidProviderToken", p.credentialOf(v1.PushAddress_APNS).GetDetail())
	require.Equal(t, v1.Credential_ACTIVE, p.credentialOf(v1.PushAddress_WEB_PUSH).GetState())
	_, metrics := p.page("/metrics")
	require.Contains(t, metrics, `wantgo_push_credential_refused{brand="`+w.brand.BrandID+`",provider="apns"} 1`)

	require.NoError(t, w.emulators.APNs.SetDefault(emulator.Outcome{}))
	p.credentials()
	require.Eventually(t, func() bool { return w.emulators.APNs.Counts().Accepted == 1 }, patience, eachLook)
	require.Eventually(t, func() bool { return p.credentialOf(v1.PushAddress_APNS).GetLastAcceptedTime() != nil }, patience, eachLook)
	require.Equal(t, v1.Credential_ACTIVE, p.credentialOf(v1.PushAddress_APNS).GetState())
	_, metrics = p.page("/metrics")
	require.NotContains(t, metrics, "wantgo_push_credential_refused{")
	p.stop()
	require.NotContains(t, p.log.String(), "/push/browser", "no push address is logged")
}

// eachLook is how often what must happen is looked for.
const eachLook = 50 * time.Millisecond
